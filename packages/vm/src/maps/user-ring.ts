import { BPF_F_NUMA_NODE } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { ENOTSUPP } from '../errno.ts';
import type { Memory } from '../memory.ts';
import { checkMapFlags, demand, PlainMap, roundUp8 } from './map.ts';

/** `BPF_MAP_TYPE_USER_RINGBUF` (kernel/bpf/ringbuf.c): records on their way from user space to programs. */
export class UserRingMap extends PlainMap {
  readonly noKeys = ENOTSUPP;
  private queue: Uint8Array[] = [];
  private used = 0;
  /** Held while a program drains it, so that it cannot drain it again from inside. */
  draining = false;

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_NUMA_NODE);
    const size = spec.maxEntries;
    demand(
      spec,
      [spec.keySize === 0 && spec.valueSize === 0, 'a ring buffer has neither keys nor values'],
      [
        size >= 4096 && (size & (size - 1)) === 0,
        `max_entries is ${size}; a ring buffer's is its size in bytes, a power of two of at least 4096`,
      ],
    );
    super(memory, spec, 0);
  }

  /** User space sends a record; false when the ring is full. */
  write(record: Uint8Array): boolean {
    const size = roundUp8(record.length + 8);
    if (this.used + size > this.spec.maxEntries) return false;
    this.used += size;
    this.queue.push(record.slice());
    return true;
  }

  /** The next record, which is then gone. */
  next(): Uint8Array | undefined {
    const record = this.queue.shift();
    if (record !== undefined) this.used -= roundUp8(record.length + 8);
    return record;
  }

  override update(): number {
    return ENOTSUPP;
  }
  override delete(): number {
    return ENOTSUPP;
  }
  override userUpdate(): number {
    return ENOTSUPP;
  }
}
