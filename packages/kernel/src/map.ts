import { BPF_F_MMAPABLE, BPF_F_VTYPE_BTF_OBJ_FD, MAP_TYPES, nameOfValue } from '@skep/abi';
import { bpf, bpfCall, returned } from './bpf/call.ts';
import { COMMANDS } from './bpf/commands.ts';
import { isPerCpu } from './bpf/constants.ts';
import { mapRefused, systemCallFailed } from './diagnostics.ts';
import { mapInfo, openMapHandle } from './inspect.ts';
import { pin } from './pin.ts';
import { possibleCpus } from './sys/cpus.ts';
import { ERRNO } from './sys/errno.ts';
import { Handle } from './sys/handle.ts';
import { allocate, type Memory, mapShared, pageSize, roundUp } from './sys/memory.ts';
import { missingMapType } from './unsupported.ts';

/** What BPF_MAP_CREATE is given. */
export interface MapOptions {
  readonly name: string;
  /** The kernel's number of `BPF_MAP_TYPE_…`. */
  readonly type: number;
  /** Bytes; 0 where the type has no keys (queues, stacks, ring buffers). */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_…`. */
  readonly flags?: number;
  /** Of map-in-map: any map of the shape that the inner ones have. */
  readonly inner?: BpfMap | undefined;
  /** Needs `flags` with BPF_F_NUMA_NODE. */
  readonly numaNode?: number | undefined;
  readonly mapExtra?: number | bigint;
  /** Types of key and value, for those who look at the map from outside. */
  readonly btf?: { readonly handle: Handle; readonly keyType: number; readonly valueType: number } | undefined;
  /** Of struct_ops: the type of the value in the kernel's own types, or in those of a module. */
  readonly kernelValueType?: number | undefined;
  readonly kernelValueModule?: Handle | undefined;
}

/** What update does with what is already there (include/uapi/linux/bpf.h). */
export const UPDATE = { any: 0, ifAbsent: 1, ifPresent: 2 } as const;
/** Whether an update makes a new entry, changes one, or either. */
export type UpdateMode = keyof typeof UPDATE;

/**
 * A map of the kernel, as bytes. Values of per-CPU maps are those of all {@link possibleCpus} behind each other, each
 * rounded up to eight bytes; {@link perCpu} takes them apart. Everything is synchronous: a call is one system call.
 */
export class BpfMap {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Bytes of a value as the system calls carry it. */
  readonly rawValueSize: number;
  private readonly handle: Handle;
  private readonly mapExtra: bigint;
  private scratch: Scratch | undefined;
  private noBatch = false;

  constructor(handle: Handle, shape: MapOptions) {
    this.handle = handle;
    this.name = shape.name;
    this.type = shape.type;
    this.keySize = shape.keySize;
    this.valueSize = shape.valueSize;
    this.maxEntries = shape.maxEntries;
    this.flags = shape.flags ?? 0;
    this.mapExtra = BigInt(shape.mapExtra ?? 0);
    this.rawValueSize = isPerCpu(shape.type) ? roundUp(shape.valueSize, 8) * possibleCpus() : shape.valueSize;
  }

  get fd(): number {
    return this.handle.fd;
  }

  get closed(): boolean {
    return this.handle.closed;
  }

  /** A copy of the value; undefined when there is none. */
  lookup(key: Uint8Array): Uint8Array | undefined {
    const scratch = this.prepare(key);
    const result = scratch.call(COMMANDS.BPF_MAP_LOOKUP_ELEM.number, this.fd, 0);
    if (result === 0) return scratch.value.slice();
    if (result === -ERRNO.ENOENT) return undefined;
    throw this.failed('BPF_MAP_LOOKUP_ELEM', -result);
  }

  /** Into bytes of the caller, without garbage: whether there was a value. */
  lookupInto(key: Uint8Array, value: Uint8Array): boolean {
    const scratch = this.prepare(key);
    const result = scratch.call(COMMANDS.BPF_MAP_LOOKUP_ELEM.number, this.fd, 0);
    if (result === 0) value.set(scratch.value);
    else if (result !== -ERRNO.ENOENT) throw this.failed('BPF_MAP_LOOKUP_ELEM', -result);
    return result === 0;
  }

  /** False when the mode forbade it: `ifAbsent` and there is one, `ifPresent` and there is none. */
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode = 'any'): boolean {
    if (value.length !== this.rawValueSize) throw new Error(this.wrongSize('value', value.length, this.rawValueSize));
    const scratch = this.prepare(key);
    scratch.value.set(value);
    const result = scratch.call(COMMANDS.BPF_MAP_UPDATE_ELEM.number, this.fd, UPDATE[mode]);
    if (result === 0) return true;
    if (mode === 'ifAbsent' && result === -ERRNO.EEXIST) return false;
    if (mode === 'ifPresent' && result === -ERRNO.ENOENT) return false;
    throw this.failed('BPF_MAP_UPDATE_ELEM', -result);
  }

  /** Whether there was one. */
  delete(key: Uint8Array): boolean {
    const result = this.prepare(key).delete(this.fd);
    if (result !== 0 && result !== -ERRNO.ENOENT) throw this.failed('BPF_MAP_DELETE_ELEM', -result);
    return result === 0;
  }

  /** Of queues and stacks: takes the next value. */
  pop(): Uint8Array | undefined {
    const scratch = this.prepare(NO_KEY);
    const result = scratch.call(COMMANDS.BPF_MAP_LOOKUP_AND_DELETE_ELEM.number, this.fd, 0);
    if (result === 0) return scratch.value.slice();
    if (result === -ERRNO.ENOENT) return undefined;
    throw this.failed('BPF_MAP_LOOKUP_AND_DELETE_ELEM', -result);
  }

  /** Of queues and stacks. */
  push(value: Uint8Array): void {
    this.update(NO_KEY, value);
  }

  /**
   * The key after `key`, the first one without it, undefined after the last. When `key` is gone meanwhile, a hash map
   * starts over.
   */
  nextKey(key?: Uint8Array): Uint8Array | undefined {
    const scratch = this.prepare(key ?? this.zeroKey());
    const result = scratch.nextKey(this.fd, key === undefined);
    if (result === 0) return scratch.next.slice();
    if (result === -ERRNO.ENOENT) return undefined;
    throw this.failed('BPF_MAP_GET_NEXT_KEY', -result);
  }

  /** At most {@link maxEntries} of them, so that it ends also while programs keep changing the map. */
  *keys(): Generator<Uint8Array> {
    let key = this.nextKey();
    for (let count = 0; key !== undefined && count < this.maxEntries; count++) {
      const next = this.nextKey(key);
      yield key;
      key = next;
    }
  }

  /** Key and raw value, in batches of system calls where the kernel has them for this type of map. */
  *entries(batchSize = 1024): Generator<[key: Uint8Array, value: Uint8Array]> {
    if (!this.noBatch) {
      const batches = this.batches(batchSize);
      let step = batches.next();
      if (!step.done || !this.noBatch) {
        for (; !step.done; step = batches.next()) {
          const { keys, values, count } = step.value;
          for (let i = 0; i < count; i++) {
            yield [
              keys.slice(i * this.keySize, (i + 1) * this.keySize),
              values.slice(i * this.rawValueSize, (i + 1) * this.rawValueSize),
            ];
          }
        }
        return;
      }
    }
    for (const key of this.keys()) {
      const value = this.lookup(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /**
   * Many entries a call: `count` keys and values behind each other, in buffers that the next step overwrites. Yields
   * nothing and leaves {@link entries} to go key by key where the kernel has no batches for this type.
   */
  *batches(batchSize = 1024): Generator<{ keys: Uint8Array; values: Uint8Array; count: number }> {
    let size = Math.max(1, Math.min(batchSize, this.maxEntries));
    let keys = new Uint8Array(size * this.keySize);
    let values = new Uint8Array(size * this.rawValueSize);
    let position: Uint8Array | undefined;
    for (;;) {
      const next = new Uint8Array(Math.max(this.keySize, 4));
      const result = bpf('BPF_MAP_LOOKUP_BATCH', {
        map_fd: this.fd,
        in_batch: position,
        out_batch: next,
        keys,
        values,
        count: size,
      });
      const count = returned('BPF_MAP_LOOKUP_BATCH', 'count');
      if (result === -ERRNO.ENOSPC && size < 1 << 24) {
        // A bucket of the hash table holds more than the buffers: the same place again, with larger ones.
        size *= 2;
        keys = new Uint8Array(size * this.keySize);
        values = new Uint8Array(size * this.rawValueSize);
        continue;
      }
      if (result !== 0 && result !== -ERRNO.ENOENT) {
        if (position === undefined && NO_BATCH.has(-result)) {
          this.noBatch = true;
          return;
        }
        throw this.failed('BPF_MAP_LOOKUP_BATCH', -result);
      }
      if (count > 0) yield { keys, values, count };
      if (result === -ERRNO.ENOENT) return;
      position = next;
    }
  }

  /** Many at once: `keys` and `values` behind each other. One by one where the kernel has no batches for this type. */
  updateMany(keys: Uint8Array, values: Uint8Array): void {
    const count = keys.length / this.keySize;
    if (!Number.isInteger(count) || values.length !== count * this.rawValueSize) {
      throw new Error(this.wrongSize('values', values.length, count * this.rawValueSize));
    }
    if (count === 0) return;
    const result = bpf('BPF_MAP_UPDATE_BATCH', { map_fd: this.fd, keys, values, count });
    if (result === 0) return;
    if (!NO_BATCH.has(-result)) throw this.failed('BPF_MAP_UPDATE_BATCH', -result);
    for (let i = 0; i < count; i++) {
      this.update(
        keys.subarray(i * this.keySize, (i + 1) * this.keySize),
        values.subarray(i * this.rawValueSize, (i + 1) * this.rawValueSize),
      );
    }
  }

  /** The values of each CPU, views into `raw`. */
  perCpu(raw: Uint8Array): Uint8Array[] {
    const stride = roundUp(this.valueSize, 8);
    return Array.from({ length: possibleCpus() }, (_, cpu) =>
      raw.subarray(cpu * stride, cpu * stride + this.valueSize),
    );
  }

  /** No system call may change it any more; programs still may unless it is BPF_F_RDONLY_PROG. */
  freeze(): void {
    const result = bpf('BPF_MAP_FREEZE', { map_fd: this.fd });
    if (result !== 0) throw this.failed('BPF_MAP_FREEZE', -result);
  }

  /**
   * The values themselves, shared with the programs, of an array that was made with BPF_F_MMAPABLE and is not frozen:
   * each value at `index * round_up(valueSize, 8)`. Stays mapped until the garbage collector finds the last view gone.
   */
  memory(): Uint8Array {
    if ((this.flags & BPF_F_MMAPABLE) === 0) throw new Error(`map ${this.name} was made without BPF_F_MMAPABLE`);
    const length = roundUp(this.valueSize, 8) * this.maxEntries;
    const mapping = mapShared(this.fd, roundUp(length, pageSize()), 0, true);
    unmapWhenCollected.register(mapping.bytes.buffer, mapping.free);
    return mapping.bytes.subarray(0, length);
  }

  /**
   * The pages of an arena, at the address that `mapExtra` asks for. Programs that use the arena load when it has been
   * mapped. Nobody may touch the bytes after `free`.
   */
  mapArena(): Memory {
    return mapShared(this.fd, pageSize() * this.maxEntries, 0, true, Number(this.mapExtra));
  }

  /** Makes it outlive this process, as a file on a mounted bpffs. */
  pin(path: string): void {
    pin(this.fd, path);
  }

  close(): void {
    if (this.handle.closed) return;
    this.handle.close();
    this.scratch?.memory.free();
    this.scratch = undefined;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private prepare(key: Uint8Array): Scratch {
    if (key.length !== this.keySize) throw new Error(this.wrongSize('key', key.length, this.keySize));
    this.scratch ??= new Scratch(this.fd, this.keySize, this.rawValueSize);
    this.scratch.key.set(key);
    return this.scratch;
  }

  private zeroKey(): Uint8Array {
    return new Uint8Array(this.keySize);
  }

  private failed(call: string, errno: number): Error {
    return systemCallFailed(call, errno, `map ${this.name}`, MAP_HINTS[errno]);
  }

  private wrongSize(what: string, size: number, wanted: number): string {
    return `the ${what} of map ${this.name} has ${wanted} bytes, not ${size}`;
  }
}

/** A map that somebody else made, by the number that the kernel gave it or by the file that it is pinned as. */
export function openMap(which: number | string): BpfMap {
  const handle = openMapHandle(which);
  const { name, type, keySize, valueSize, maxEntries, flags } = mapInfo(handle.fd);
  return new BpfMap(handle, { name, type, keySize, valueSize, maxEntries, flags });
}

/** Throws when the kernel does not want it: not permitted, too old for the type, or a shape that the type cannot have. */
export function createMap(options: MapOptions): BpfMap {
  const flags = (options.flags ?? 0) | (options.kernelValueModule ? BPF_F_VTYPE_BTF_OBJ_FD : 0);
  const result = bpf('BPF_MAP_CREATE', {
    map_type: options.type,
    key_size: options.keySize,
    value_size: options.valueSize,
    max_entries: options.maxEntries,
    map_flags: flags,
    inner_map_fd: options.inner?.fd,
    numa_node: options.numaNode,
    map_name: options.name,
    btf_fd: options.btf?.handle.fd,
    btf_key_type_id: options.btf?.keyType,
    btf_value_type_id: options.btf?.valueType,
    btf_vmlinux_value_type_id: options.kernelValueType,
    map_extra: options.mapExtra,
    value_type_btf_obj_fd: options.kernelValueModule?.fd,
  });
  if (result >= 0) return new BpfMap(new Handle(result, `map ${options.name}`), options);
  // Types that know no BTF refuse it with a number of their own; the map works without.
  if (
    options.btf !== undefined &&
    !options.kernelValueType &&
    (result === -ERRNO.ENOTSUPP || result === -ERRNO.EINVAL)
  ) {
    return createMap({ ...options, btf: undefined });
  }
  throw (
    missingMapType(options.type, -result) ??
    mapRefused(
      options.name,
      -result,
      `${nameOfValue(MAP_TYPES, options.type) ?? `type ${options.type}`}, key ${options.keySize}, value ${options.valueSize}, ${options.maxEntries} entries, flags ${flags}`,
    )
  );
}

const NO_KEY = new Uint8Array();
const NO_BATCH: ReadonlySet<number> = new Set([ERRNO.EINVAL, ERRNO.ENOTSUPP, ERRNO.EOPNOTSUPP]);
const MAP_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.E2BIG]: 'the map is full, or the index is past its end: give it more max_entries',
  [ERRNO.ENOTSUPP]: 'maps of this type cannot do that from user space',
  [ERRNO.EOPNOTSUPP]: 'maps of this type cannot do that from user space',
};

const unmapWhenCollected = new FinalizationRegistry<() => void>((unmap) => unmap());

/** Attribute, key, next key and value of one map in memory that does not move: a lookup is a copy and a call. */
class Scratch {
  readonly memory: Memory;
  readonly key: Uint8Array;
  readonly next: Uint8Array;
  readonly value: Uint8Array;
  private readonly nextAt: number;
  private readonly valueAt: number;

  constructor(fd: number, keySize: number, valueSize: number) {
    const keyAt = 64;
    this.nextAt = keyAt + roundUp(keySize, 8);
    this.valueAt = this.nextAt + roundUp(keySize, 8);
    this.memory = allocate(this.valueAt + valueSize);
    const { bytes, view, address } = this.memory;
    this.key = bytes.subarray(keyAt, keyAt + keySize);
    this.next = bytes.subarray(this.nextAt, this.nextAt + keySize);
    this.value = bytes.subarray(this.valueAt, this.valueAt + valueSize);
    view.setUint32(0, fd, true);
    // Maps without keys want no key at all.
    view.setBigUint64(8, keySize === 0 ? 0n : BigInt(address + keyAt), true);
    this.setValue(address + this.valueAt);
    this.target = address + this.valueAt;
  }

  private target: number;

  call(command: number, fd: number, flags: number): number {
    this.aim(this.memory.address + this.valueAt);
    this.memory.view.setUint32(0, fd, true);
    this.memory.view.setUint32(24, flags, true);
    return bpfCall(command, this.memory.address, 32);
  }

  /** The kernel insists that what lies behind the last field of a command is zero, or not given: here that is the key. */
  delete(fd: number): number {
    this.memory.view.setUint32(0, fd, true);
    return bpfCall(COMMANDS.BPF_MAP_DELETE_ELEM.number, this.memory.address, 16);
  }

  nextKey(fd: number, first: boolean): number {
    this.aim(this.memory.address + this.nextAt);
    const { view, address } = this.memory;
    view.setUint32(0, fd, true);
    view.setUint32(24, 0, true);
    if (!first) return bpfCall(COMMANDS.BPF_MAP_GET_NEXT_KEY.number, address, 24);
    const key = view.getBigUint64(8, true);
    view.setBigUint64(8, 0n, true);
    const result = bpfCall(COMMANDS.BPF_MAP_GET_NEXT_KEY.number, address, 24);
    view.setBigUint64(8, key, true);
    return result;
  }

  /** The same field holds the address of the value and of the next key. */
  private aim(target: number): void {
    if (this.target !== target) this.setValue(target);
    this.target = target;
  }

  private setValue(target: number): void {
    this.memory.view.setBigUint64(16, BigInt(target), true);
  }
}
