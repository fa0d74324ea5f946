import { BPF_F_NUMA_NODE, BPF_F_PRESERVE_ELEMS, BPF_F_RDONLY, BPF_F_WRONLY } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { E2BIG, EBADF, EINVAL, ENOENT, ENOSPC, ENOTSUPP } from '../errno.ts';
import type { Memory } from '../memory.ts';
import { BPF_ANY, checkMapFlags, demand, indexKey, mapAddress, type VmMap } from './map.ts';

/** `BPF_MAP_TYPE_PERF_EVENT_ARRAY`: what programs send is queued until it is read; nothing is lost here. */
export class PerfEventMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize = 4;
  frozen = false;
  private readonly memory: Memory;
  private queue: Uint8Array[] = [];
  onSubmit: (() => void) | undefined;

  /** Bytes that wait. */
  private queued = 0;

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_PRESERVE_ELEMS);
    demand(
      spec,
      [spec.keySize === 4, `its keys have 4 bytes, not ${spec.keySize}`],
      [spec.valueSize === 4, `its values have 4 bytes, not ${spec.valueSize}`],
      [spec.maxEntries > 0, 'max_entries is 0'],
    );
    this.memory = memory;
    this.spec = spec;
    this.address = mapAddress(memory);
  }

  output(bytes: Uint8Array): number {
    // The kernel's buffer of a CPU is as long as user space made it; here it has more room than anybody asks for.
    if (this.queued + bytes.length > MOST_QUEUED) return ENOSPC;
    this.queued += bytes.length + RECORD;
    this.queue.push(bytes.slice());
    this.onSubmit?.();
    return 0;
  }

  drain(take: (view: DataView, offset: number, length: number) => void, max: number): number {
    const now = this.queue.slice(0, max);
    this.queue = this.queue.slice(now.length);
    for (const bytes of now) this.queued -= bytes.length + RECORD;
    for (const bytes of now) take(new DataView(bytes.buffer), 0, bytes.length);
    return now.length;
  }

  lookup(): number {
    return 0;
  }
  update(): number {
    return EINVAL;
  }
  delete(key: number): number {
    return this.index(key) >= this.spec.maxEntries ? E2BIG : ENOENT;
  }
  userLookup(): number {
    return ENOTSUPP;
  }
  /** Slots take descriptors of perf events, of which there are none here: programs send without. */
  userUpdate(key: number, _value: Uint8Array, flags: number): number {
    if (flags !== BPF_ANY) return EINVAL;
    return this.index(key) >= this.spec.maxEntries ? E2BIG : EBADF;
  }
  keys(): Uint8Array[] {
    return Array.from({ length: this.spec.maxEntries }, (_, i) => indexKey(i));
  }

  private index(key: number): number {
    return this.memory.view.getUint32(key, true);
  }
}

const MOST_QUEUED = 64 << 20;
/** What an object for a record takes at least. */
const RECORD = 128;
