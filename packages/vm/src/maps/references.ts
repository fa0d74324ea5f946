import { BPF_F_INNER_MAP, BPF_F_MMAPABLE, BPF_F_NUMA_NODE, BPF_F_RDONLY, BPF_F_WRONLY } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { badMap } from '../diagnostics.ts';
import { E2BIG, EBADF, EINVAL, ENOENT, ENOTSUPP } from '../errno.ts';
import type { Memory } from '../memory.ts';
import type { MachineObject, Objects } from '../objects.ts';
import type { VmProgram } from '../program.ts';
import { HashMap } from './hash.ts';
import { BPF_ANY, checkMapFlags, demand, indexKey, PlainMap, type VmMap } from './map.ts';

/**
 * Arrays of other objects (`fd_array_map_*` in kernel/bpf/arraymap.c): user space writes a descriptor and reads an id.
 * Each slot is a word of memory that holds what programs get: of an array of maps, the inner map's pointer.
 */
abstract class ReferenceArray extends PlainMap {
  readonly slots: number;
  protected readonly objects: Objects;

  constructor(memory: Memory, spec: MapSpec, objects: Objects) {
    checkMapFlags(spec, BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_NUMA_NODE);
    demand(
      spec,
      [spec.keySize === 4, `an array's key has 4 bytes, not ${spec.keySize}`],
      [spec.valueSize === 4, `its values are descriptors of 4 bytes, not ${spec.valueSize}`],
      [spec.maxEntries > 0, 'max_entries is 0'],
    );
    super(memory, spec, 4);
    this.objects = objects;
    this.slots = memory.allocate(spec.maxEntries * 4);
  }

  /** What a slot holds for an object, or an error number. */
  protected abstract wordOf(object: MachineObject): number;
  /** The id that user space reads of a slot, or an error number. */
  protected abstract idOf(word: number): number;

  override userUpdate(key: number, value: Uint8Array, flags: number): number {
    if (flags !== BPF_ANY) return EINVAL;
    if (this.index(key) >= this.spec.maxEntries) return E2BIG;
    const object = this.objects.get(u32(value));
    if (object === undefined) return EBADF;
    const word = this.wordOf(object);
    if (word < 0) return word;
    this.memory.view.setInt32(this.slots + 4 * this.index(key), word, true);
    return 0;
  }

  override userLookup(key: number, target: Uint8Array): number {
    const word = this.word(key);
    if (word === 0) return this.idOf(0) === ENOTSUPP ? ENOTSUPP : ENOENT;
    const id = this.idOf(word);
    if (id < 0) return id;
    target.set(indexKey(id));
    return 0;
  }

  override delete(key: number): number {
    if (this.index(key) >= this.spec.maxEntries) return E2BIG;
    if (this.word(key) === 0) return ENOENT;
    this.memory.view.setInt32(this.slots + 4 * this.index(key), 0, true);
    return 0;
  }

  override keys(): Uint8Array[] {
    return Array.from({ length: this.spec.maxEntries }, (_, i) => indexKey(i));
  }

  protected word(key: number): number {
    const index = this.index(key);
    return index < this.spec.maxEntries ? this.memory.view.getInt32(this.slots + 4 * index, true) : 0;
  }

  private index(key: number): number {
    return this.memory.view.getUint32(key, true);
  }
}

/** `BPF_MAP_TYPE_PROG_ARRAY`: where tail calls lead. All programs are of one type, that of the first. */
export class ProgramArrayMap extends ReferenceArray {
  private owner: string | undefined;

  protected wordOf(object: MachineObject): number {
    if (object.kind !== 'program') return EINVAL;
    const type = object.program.spec.hook?.programType;
    this.owner ??= type;
    return type === this.owner ? this.objects.numberOf(object.program) : EINVAL;
  }
  protected idOf(word: number): number {
    return word;
  }

  /** The program of a slot, for `bpf_tail_call`. */
  program(index: number): VmProgram | undefined {
    if (index >= this.spec.maxEntries) return undefined;
    const object = this.objects.get(this.memory.view.getInt32(this.slots + 4 * index, true));
    return object?.kind === 'program' ? object.program : undefined;
  }
}

/** `BPF_MAP_TYPE_ARRAY_OF_MAPS`. */
export class ArrayOfMaps extends ReferenceArray {
  constructor(memory: Memory, spec: MapSpec, objects: Objects) {
    demandInner(spec);
    super(memory, spec, objects);
  }

  override lookup(key: number): number {
    return this.word(key);
  }
  protected wordOf(object: MachineObject): number {
    return fits(this.spec.inner!, object) ? object.map.address : EINVAL;
  }
  protected idOf(word: number): number {
    return idAt(this.objects, word);
  }
}

/** `BPF_MAP_TYPE_CGROUP_ARRAY`. */
export class CgroupArrayMap extends ReferenceArray {
  protected wordOf(object: MachineObject): number {
    return object.kind === 'cgroup' ? this.objects.numberOf(object.cgroup) : EBADF;
  }
  protected idOf(): number {
    return ENOTSUPP;
  }

  cgroup(index: number): bigint | undefined {
    if (index >= this.spec.maxEntries) return undefined;
    const object = this.objects.get(this.memory.view.getInt32(this.slots + 4 * index, true));
    return object?.kind === 'cgroup' ? object.cgroup : undefined;
  }
}

/** `BPF_MAP_TYPE_HASH_OF_MAPS`: a hash table whose values are the inner maps' pointers. */
export class HashOfMaps implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize = 4;
  readonly table: HashMap;
  frozen = false;
  private readonly memory: Memory;
  private readonly objects: Objects;

  constructor(memory: Memory, spec: MapSpec, objects: Objects) {
    demandInner(spec);
    demand(spec, [spec.valueSize === 4, `its values are descriptors of 4 bytes, not ${spec.valueSize}`]);
    this.memory = memory;
    this.objects = objects;
    this.spec = spec;
    this.table = new HashMap(memory, { ...spec, valueSize: 8 }, undefined);
    this.address = this.table.address;
  }

  lookup(key: number, cpu: number): number {
    const cell = this.table.lookup(key, cpu);
    return cell === 0 ? 0 : this.memory.view.getInt32(cell, true);
  }
  update(): number {
    return EINVAL;
  }
  delete(key: number): number {
    return this.table.delete(key);
  }
  userLookup(key: number, target: Uint8Array): number {
    const inner = this.lookup(key, 0);
    if (inner === 0) return ENOENT;
    target.set(indexKey(idAt(this.objects, inner)));
    return 0;
  }
  userUpdate(key: number, value: Uint8Array, flags: number): number {
    const object = this.objects.get(u32(value));
    if (object === undefined) return EBADF;
    if (!fits(this.spec.inner!, object)) return EINVAL;
    const cell = new Uint8Array(8);
    cell.set(indexKey(object.map.address));
    return this.table.userUpdate(key, cell, flags);
  }
  keys(): Uint8Array[] {
    return this.table.keys();
  }
}

function demandInner(spec: MapSpec): void {
  if (spec.inner === undefined)
    throw badMap(spec.name, 'it does not say what its inner maps are (`__array(values, …)`)');
  if (spec.inner.inner !== undefined) throw badMap(spec.name, 'its inner maps hold maps, which is one level too many');
}

/** `bpf_map_meta_equal` (kernel/bpf/map_in_map.c); arrays also have a fixed size unless BPF_F_INNER_MAP says otherwise. */
function fits(wanted: MapSpec, object: MachineObject): object is Extract<MachineObject, { kind: 'map' }> {
  if (object.kind !== 'map') return false;
  const { spec } = object.map;
  if (spec.type !== wanted.type || spec.keySize !== wanted.keySize || spec.valueSize !== wanted.valueSize) return false;
  if (spec.flags !== wanted.flags) return false;
  const isArray = spec.type === 2;
  if (isArray && (wanted.flags & BPF_F_INNER_MAP) === 0) return spec.maxEntries === wanted.maxEntries;
  return (wanted.flags & BPF_F_MMAPABLE) === 0 || spec.maxEntries === wanted.maxEntries;
}

function idAt(objects: Objects, address: number): number {
  return objects.numberOf(address);
}

function u32(bytes: Uint8Array): number {
  return (bytes[0]! | (bytes[1]! << 8) | (bytes[2]! << 16) | (bytes[3]! << 24)) >>> 0;
}
