import { MAP } from '@skep/abi';
import { SkepError } from '@skep/base';
import {
  type BpfMap,
  type Kernel,
  openMap,
  type PerfBuffer,
  pageSize,
  possibleCpus,
  type RingBuffer,
  UserRing,
} from '@skep/kernel';
import type { MapSpec } from '@skep/object';
import { pinnedOtherwise } from '../diagnostics.ts';
import type { HostLink, HostMap, HostRecords, HostWriter, UpdateMode } from '../host.ts';

/** A map of the kernel. */
export class KernelHostMap implements HostMap {
  readonly spec: MapSpec;
  private readonly kernel: Kernel;
  private readonly map: BpfMap;
  readonly attach: (() => HostLink) | undefined;

  constructor(kernel: Kernel, spec: MapSpec, map: BpfMap, attach?: () => HostLink) {
    this.kernel = kernel;
    this.spec = spec;
    this.map = map;
    this.attach = attach;
  }

  get valueBytes(): number {
    return this.map.rawValueSize;
  }
  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.map.lookup(key);
  }
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode): boolean {
    return this.map.update(key, value, mode);
  }
  delete(key: Uint8Array): boolean {
    return this.map.delete(key);
  }
  entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    return this.map.entries();
  }
  *batches(): Generator<{ keys: Uint8Array; values: Uint8Array; count: number }> {
    let isEmpty = true;
    for (const batch of this.map.batches()) {
      isEmpty = false;
      yield batch;
    }
    // Or without batches for this type of map.
    if (isEmpty) for (const [keys, values] of this.map.entries()) yield { keys, values, count: 1 };
  }
  nextKey(key?: Uint8Array): Uint8Array | undefined {
    return this.map.nextKey(key);
  }
  updateMany(keys: Uint8Array, values: Uint8Array): void {
    this.map.updateMany(keys, values);
  }
  push(value: Uint8Array): void {
    this.map.push(value);
  }
  pop(): Uint8Array | undefined {
    return this.map.pop();
  }
  freeze(): void {
    this.map.freeze();
  }
  get handle(): number {
    return this.map.fd;
  }
  pin(path: string): void {
    this.map.pin(path);
  }
  openWriter(): HostWriter {
    return new UserRing(this.map);
  }
  openRecords(): HostRecords {
    return this.spec.type === MAP.BPF_MAP_TYPE_PERF_EVENT_ARRAY
      ? perfRecords(this.kernel.openPerfBuffer(this.map))
      : ringRecords(() => this.kernel.openRing(this.map));
  }
}

function perfRecords(buffer: PerfBuffer): HostRecords {
  return {
    get lost() {
      return buffer.lost;
    },
    pending: undefined,
    drain: (take, max) => buffer.drain(take, max),
    batches: (options) => buffer.batches(options),
    close: () => buffer.close(),
  };
}

/** A ring holds what was sent until it is read, so that its pages are mapped no sooner: they are many, and cost much. */
function ringRecords(open: () => RingBuffer): HostRecords {
  let ring: RingBuffer | undefined;
  let ended = false;
  const opened = (): RingBuffer => {
    if (ended) throw new Error('the ring is closed');
    ring ??= open();
    return ring;
  };
  return {
    lost: 0, // programs fail to reserve
    get pending() {
      return opened().pending;
    },
    drain: (take, max) => opened().drain(take, max),
    drainBatches: (take, max) => opened().drainBatches(take, max),
    walk: (decode, take, max) => opened().walk(decode, take, max),
    batches: (options) => opened().batches(options),
    close() {
      ended = true;
      ring?.close();
    },
  };
}

/** An arena has no values: the variables at its start are read and written as if they were one. */
export class ArenaHostMap extends KernelHostMap {
  private readonly variables: Uint8Array;

  constructor(kernel: Kernel, spec: MapSpec, map: BpfMap, variables: Uint8Array) {
    super(kernel, spec, map);
    this.variables = variables;
  }

  override lookup(): Uint8Array {
    return this.variables.slice();
  }
  override update(_key: Uint8Array, value: Uint8Array): boolean {
    this.variables.set(value);
    return true;
  }
}

/** A map that is there from an earlier load. Throws E8022 where it is of another shape. */
export function reuse(path: string, spec: MapSpec): BpfMap {
  const map = openMap(path);
  const wanted = { ...spec, maxEntries: entriesOf(spec) };
  const differs = SHAPE.filter((one) => map[one] !== wanted[one]);
  if (differs.length === 0) return map;
  map.close();
  const list = differs.map((one) => `${one} ${map[one]} instead of ${wanted[one]}`);
  throw new SkepError(pinnedOtherwise(spec.name, path, list.join(', ')));
}

const SHAPE = ['type', 'keySize', 'valueSize', 'maxEntries', 'flags'] as const;

/**
 * As other loaders do: perf event arrays of no size get a slot for each CPU, and rings grow to a power of two of whole pages,
 * which are larger on some machines than on that of the author.
 */
export function entriesOf(spec: MapSpec): number {
  if (spec.type === MAP.BPF_MAP_TYPE_PERF_EVENT_ARRAY && spec.maxEntries === 0) return possibleCpus();
  if (!RINGS.has(spec.type)) return spec.maxEntries;
  let size = pageSize();
  while (size < spec.maxEntries && size < 2 ** 31) size *= 2;
  return size;
}

const RINGS: ReadonlySet<number> = new Set([MAP.BPF_MAP_TYPE_RINGBUF, MAP.BPF_MAP_TYPE_USER_RINGBUF]);

/** Four bytes, little endian: a value of a map. */
export function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}
