import { BPF_F_NUMA_NODE } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { E2BIG, EINVAL, ENOENT } from '../errno.ts';
import type { Memory } from '../memory.ts';
import { BPF_EXIST, BPF_F_ACCESS, BPF_NOEXIST, checkMapFlags, demand, PlainMap, roundUp8 } from './map.ts';

/** `BPF_MAP_TYPE_QUEUE` and `BPF_MAP_TYPE_STACK` (kernel/bpf/queue_stack_maps.c): values in a ring, first or last out first. */
export class QueueMap extends PlainMap {
  readonly noKeys = EINVAL;
  private readonly stack: boolean;
  private readonly values: number;
  private readonly stride: number;
  private head = 0;
  private count = 0;
  /** A place for values on their way from and to user space. */
  private readonly passage: number;

  constructor(memory: Memory, spec: MapSpec, stack: boolean) {
    checkMapFlags(spec, BPF_F_ACCESS | BPF_F_NUMA_NODE);
    demand(
      spec,
      [spec.maxEntries > 0, 'max_entries is 0'],
      [spec.keySize === 0, 'queues and stacks have no keys'],
      [spec.valueSize > 0, 'its values have no bytes'],
    );
    super(memory, spec);
    this.stack = stack;
    this.stride = roundUp8(spec.valueSize);
    this.values = memory.allocate(this.stride * spec.maxEntries);
    this.passage = memory.allocate(this.stride);
  }

  push(value: number, flags: number): number {
    // BPF_EXIST makes room by dropping the oldest value.
    if ((flags & BPF_NOEXIST) !== 0 || flags > BPF_EXIST) return EINVAL;
    if (this.count === this.spec.maxEntries) {
      if (flags !== BPF_EXIST) return E2BIG;
      this.head = (this.head + 1) % this.spec.maxEntries;
      this.count -= 1;
    }
    const at = this.at(this.count);
    this.memory.bytes.copyWithin(at, value, value + this.spec.valueSize);
    this.count += 1;
    return 0;
  }

  peek(value: number): number {
    const { bytes } = this.memory;
    if (this.count === 0) {
      bytes.fill(0, value, value + this.spec.valueSize);
      return ENOENT;
    }
    const at = this.at(this.stack ? this.count - 1 : 0);
    bytes.copyWithin(value, at, at + this.spec.valueSize);
    return 0;
  }

  pop(value: number): number {
    const result = this.peek(value);
    if (result !== 0) return result;
    if (!this.stack) this.head = (this.head + 1) % this.spec.maxEntries;
    this.count -= 1;
    return 0;
  }

  override userLookup(_key: number, target: Uint8Array): number {
    return this.out(this.peek(this.passage), target);
  }

  override userUpdate(_key: number, value: Uint8Array, flags: number): number {
    this.memory.bytes.set(value, this.passage);
    return this.push(this.passage, flags);
  }

  take(_key: number, target: Uint8Array): number {
    return this.out(this.pop(this.passage), target);
  }

  private out(result: number, target: Uint8Array): number {
    if (result === 0) target.set(this.memory.bytes.subarray(this.passage, this.passage + this.spec.valueSize));
    return result;
  }

  private at(index: number): number {
    return this.values + ((this.head + index) % this.spec.maxEntries) * this.stride;
  }
}
