import { BPF_F_INNER_MAP, BPF_F_LOCK, BPF_F_MMAPABLE, BPF_F_NUMA_NODE } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { badMap } from '../diagnostics.ts';
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../errno.ts';
import type { Memory } from '../memory.ts';
import {
  BPF_EXIST,
  BPF_F_ACCESS,
  BPF_NOEXIST,
  checkMapFlags,
  copyValue,
  getValue,
  indexKey,
  type MapLayout,
  mapAddress,
  roundUp8,
  type SpecialField,
  setValue,
  type VmMap,
} from './map.ts';

/** `BPF_MAP_TYPE_ARRAY` and `BPF_MAP_TYPE_PERCPU_ARRAY` (kernel/bpf/arraymap.c): values side by side, zero at first. */
export class ArrayMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize: number;
  readonly layout: MapLayout;
  /** Where the values lie; a per-CPU map has one such area a CPU. */
  readonly values: number;
  private readonly memory: Memory;
  private readonly stride: number;
  private readonly cpus: number;
  private readonly area: number;
  readonly special: readonly SpecialField[];
  private readonly locked: boolean;
  frozen = false;

  constructor(memory: Memory, spec: MapSpec, cpus: number | undefined, special: readonly SpecialField[] = []) {
    checkMapFlags(spec, BPF_F_ACCESS | (cpus === undefined ? BPF_F_NUMA_NODE | BPF_F_MMAPABLE | BPF_F_INNER_MAP : 0));
    if (spec.keySize !== 4) throw badMap(spec.name, `an array's key has 4 bytes, not ${spec.keySize}`);
    if (spec.maxEntries === 0) throw badMap(spec.name, 'max_entries is 0');
    if (spec.valueSize === 0) throw badMap(spec.name, 'its values have no bytes');
    // PCPU_MIN_UNIT_SIZE.
    if (cpus !== undefined && spec.valueSize > 32768)
      throw badMap(spec.name, `values of ${spec.valueSize} bytes a CPU are too large`);
    this.memory = memory;
    this.spec = spec;
    this.special = special;
    this.locked = special.some((one) => one.kind === 'bpf_spin_lock');
    this.cpus = cpus ?? 1;
    this.stride = roundUp8(spec.valueSize);
    this.area = this.stride * spec.maxEntries;
    this.userValueSize = cpus === undefined ? spec.valueSize : this.stride * cpus;
    this.address = mapAddress(memory);
    this.values = memory.allocate(this.area * this.cpus);
    this.layout = {
      kind: 'array',
      keySize: 4,
      valueSize: spec.valueSize,
      values: this.values,
      stride: this.stride,
      cpuStride: this.cpus > 1 ? this.area : 0,
      entries: spec.maxEntries,
      plain: special.length === 0,
    };
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
    copyValue(this.memory, this.lookup(key, cpu), value, this.spec.valueSize, this.special);
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
      getValue(this.memory, at, target, cpu * this.stride, this.spec.valueSize, this.special);
    }
    return 0;
  }

  userUpdate(key: number, value: Uint8Array, flags: number): number {
    const refused = this.refuse(key, flags);
    if (refused !== 0) return refused;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = cpu * this.stride;
      const to = this.values + cpu * this.area + this.index(key) * this.stride;
      setValue(this.memory, to, value.subarray(at, at + this.spec.valueSize), this.special);
    }
    return 0;
  }

  keys(): Uint8Array[] {
    return Array.from({ length: this.spec.maxEntries }, (_, i) => indexKey(i));
  }

  private index(key: number): number {
    return this.memory.view.getUint32(key, true);
  }

  private refuse(key: number, flags: number): number {
    if ((flags & ~BPF_F_LOCK) > BPF_EXIST) return EINVAL;
    if (this.index(key) >= this.spec.maxEntries) return E2BIG;
    if ((flags & BPF_NOEXIST) !== 0) return EEXIST;
    return (flags & BPF_F_LOCK) !== 0 && !this.locked ? EINVAL : 0;
  }
}
