import { BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { E2BIG, EEXIST, EINVAL, ENODEV, ENOENT, EOVERFLOW } from '../errno.ts';
import type { Memory } from '../memory.ts';
import type { Objects } from '../objects.ts';
import { HashMap } from './hash.ts';
import { BPF_EXIST, BPF_NOEXIST, checkMapFlags, demand, indexKey, PlainMap, type VmMap } from './map.ts';

/**
 * `BPF_MAP_TYPE_DEVMAP` and `BPF_MAP_TYPE_CPUMAP` (kernel/bpf/devmap.c, cpumap.c): where XDP programs send packets, an
 * interface's index or the length of a CPU's queue, with a program that sees the packet there. Every interface index
 * above 0 exists; a value of zeroes empties the slot.
 */
export class TargetArrayMap extends PlainMap {
  /** Of network devices, not of CPUs. */
  readonly devices: boolean;
  private readonly objects: Objects;
  private readonly cpus: number | undefined;
  private readonly values: number;

  /** `cpus` is given for a CPU map. */
  constructor(memory: Memory, spec: MapSpec, objects: Objects, cpus?: number) {
    checkTarget(spec, cpus === undefined);
    demand(spec, [cpus === undefined || spec.maxEntries <= 8192, `there are no ${spec.maxEntries} CPUs`]);
    super(memory, spec);
    this.objects = objects;
    this.cpus = cpus;
    this.devices = cpus === undefined;
    this.values = memory.allocate(spec.maxEntries * 8);
  }

  override lookup(key: number): number {
    const index = this.memory.view.getUint32(key, true);
    if (index >= this.spec.maxEntries) return 0;
    const at = this.values + 8 * index;
    return this.memory.view.getInt32(at, true) === 0 ? 0 : at;
  }

  override userLookup(key: number, target: Uint8Array): number {
    const at = this.lookup(key);
    if (at === 0) return ENOENT;
    target.set(this.memory.bytes.subarray(at, at + this.spec.valueSize));
    return 0;
  }

  override userUpdate(key: number, value: Uint8Array, flags: number): number {
    const { memory, spec } = this;
    const index = memory.view.getUint32(key, true);
    const first = word(value, 0);
    const program = spec.valueSize === 8 ? word(value, 4) | 0 : 0;
    if (flags > BPF_EXIST) return EINVAL;
    if (index >= spec.maxEntries) return E2BIG;
    if (flags === BPF_NOEXIST) return EEXIST;
    if (this.cpus !== undefined) {
      if (first > MAX_QUEUE) return EOVERFLOW;
      if (index >= this.cpus) return ENODEV;
      if (first !== 0 && program > 0 && this.objects.get(program)?.kind !== 'program') return EINVAL;
    } else if (first === 0) {
      if (program > 0) return EINVAL;
    } else if (program > 0 && this.objects.get(program)?.kind !== 'program') return EINVAL;
    const at = this.values + 8 * index;
    memory.view.setUint32(at, first, true);
    memory.view.setInt32(at + 4, first === 0 || program < 0 ? 0 : program, true);
    return 0;
  }

  override delete(key: number): number {
    const index = this.memory.view.getUint32(key, true);
    if (index >= this.spec.maxEntries) return EINVAL;
    this.memory.bytes.fill(0, this.values + 8 * index, this.values + 8 * index + 8);
    return 0;
  }

  override keys(): Uint8Array[] {
    return Array.from({ length: this.spec.maxEntries }, (_, i) => indexKey(i));
  }
}

/** `BPF_MAP_TYPE_DEVMAP_HASH` (kernel/bpf/devmap.c). */
export class DeviceHashMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize: number;
  frozen = false;
  private readonly table: HashMap;
  private readonly objects: Objects;

  constructor(memory: Memory, spec: MapSpec, objects: Objects) {
    checkTarget(spec, true);
    this.table = new HashMap(memory, { ...spec, flags: 0 }, undefined);
    this.objects = objects;
    this.spec = spec;
    this.address = this.table.address;
    this.userValueSize = spec.valueSize;
  }

  lookup(key: number, cpu: number): number {
    return this.table.lookup(key, cpu);
  }
  update(): number {
    return EINVAL;
  }
  delete(key: number): number {
    return this.table.delete(key);
  }
  userLookup(key: number, target: Uint8Array): number {
    return this.table.userLookup(key, target);
  }
  userUpdate(key: number, value: Uint8Array, flags: number): number {
    const program = this.spec.valueSize === 8 ? word(value, 4) | 0 : 0;
    if (flags > BPF_EXIST || word(value, 0) === 0) return EINVAL;
    if ((flags & BPF_NOEXIST) !== 0 && this.table.lookup(key, 0) !== 0) return EEXIST;
    if (program > 0 && this.objects.get(program)?.kind !== 'program') return EINVAL;
    const stored = value.slice();
    if (program < 0) stored.fill(0, 4);
    // The kernel does not ask here whether there is an entry to replace.
    return this.table.userUpdate(key, stored, 0);
  }
  keys(): Uint8Array[] {
    return this.table.keys();
  }
}

function checkTarget(spec: MapSpec, device: boolean): void {
  checkMapFlags(spec, device ? BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_NUMA_NODE : BPF_F_NUMA_NODE);
  demand(
    spec,
    [spec.keySize === 4, `its keys have 4 bytes, not ${spec.keySize}`],
    [spec.valueSize === 4 || spec.valueSize === 8, `its values have 4 or 8 bytes, not ${spec.valueSize}`],
    [spec.maxEntries > 0, 'max_entries is 0'],
  );
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Entries of a CPU's queue at most (cpu_map_update_elem). */
const MAX_QUEUE = 16384;
