import type { MapSpec } from '@skep/object';
import { badMap } from '../diagnostics.ts';
import type { Memory } from '../memory.ts';
import { BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT, mapAddress, roundUp8, type VmMap } from './map.ts';

/** `BPF_MAP_TYPE_ARRAY` and `BPF_MAP_TYPE_PERCPU_ARRAY` (kernel/bpf/arraymap.c): values side by side, zero at first. */
export class ArrayMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize: number;
  /** Where the values lie; a per-CPU map has one such area a CPU. */
  readonly values: number;
  private readonly memory: Memory;
  private readonly stride: number;
  private readonly cpus: number;
  private readonly area: number;

  constructor(memory: Memory, spec: MapSpec, cpus: number | undefined) {
    if (spec.keySize !== 4) throw badMap(spec.name, `an array's key has 4 bytes, not ${spec.keySize}`);
    if (spec.maxEntries === 0) throw badMap(spec.name, 'max_entries is 0');
    if (spec.valueSize === 0) throw badMap(spec.name, 'its values have no bytes');
    this.memory = memory;
    this.spec = spec;
    this.cpus = cpus ?? 1;
    this.stride = roundUp8(spec.valueSize);
    this.area = this.stride * spec.maxEntries;
    this.userValueSize = cpus === undefined ? spec.valueSize : this.stride * cpus;
    this.address = mapAddress(memory);
    this.values = memory.allocate(this.area * this.cpus);
    if (spec.initialValue) memory.bytes.set(spec.initialValue, this.values);
  }

  lookup(key: number, cpu: number): number {
    const index = this.index(key);
    if (index >= this.spec.maxEntries) return 0;
    return this.values + (this.cpus > 1 ? cpu * this.area : 0) + index * this.stride;
  }

  update(key: number, value: number, flags: number, cpu: number): number {
    const refused = this.refuse(key, flags);
    if (refused !== 0) return refused;
    this.memory.bytes.copyWithin(this.lookup(key, cpu), value, value + this.spec.valueSize);
    return 0;
  }

  delete(): number {
    return EINVAL;
  }

  userLookup(key: number, target: Uint8Array): number {
    const index = this.index(key);
    if (index >= this.spec.maxEntries) return ENOENT;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = this.values + cpu * this.area + index * this.stride;
      target.set(this.memory.bytes.subarray(at, at + this.spec.valueSize), cpu * this.stride);
    }
    return 0;
  }

  userUpdate(key: number, value: Uint8Array, flags: number): number {
    const refused = this.refuse(key, flags);
    if (refused !== 0) return refused;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = cpu * this.stride;
      this.memory.bytes.set(
        value.subarray(at, at + this.spec.valueSize),
        this.values + cpu * this.area + this.index(key) * this.stride,
      );
    }
    return 0;
  }

  keys(): Uint8Array[] {
    return Array.from({ length: this.spec.maxEntries }, (_, i) => Uint8Array.of(i, i >>> 8, i >>> 16, i >>> 24));
  }

  private index(key: number): number {
    return this.memory.view.getUint32(key, true);
  }

  private refuse(key: number, flags: number): number {
    if (flags > BPF_EXIST) return EINVAL;
    if (this.index(key) >= this.spec.maxEntries) return E2BIG;
    return flags === BPF_NOEXIST ? EEXIST : 0;
  }
}
