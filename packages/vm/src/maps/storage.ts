import { BPF_F_CLONE, BPF_F_LOCK, BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { EEXIST, EINVAL, ENOENT, ENOTSUPP } from '../errno.ts';
import type { Memory } from '../memory.ts';
import { BPF_EXIST, BPF_F_ACCESS, BPF_NOEXIST, checkMapFlags, demand, PlainMap, roundUp8 } from './map.ts';

/**
 * `BPF_MAP_TYPE_TASK_STORAGE`, `_SK_STORAGE`, `_INODE_STORAGE` and `_CGRP_STORAGE` (kernel/bpf/bpf_local_storage.c): a
 * value for each object of the kernel, named by its pointer in programs and by a descriptor in user space; here both are
 * numbers that {@link objectKey} makes.
 */
export class LocalStorageMap extends PlainMap {
  readonly noKeys = ENOTSUPP;
  private readonly values = new Map<string, number>();

  constructor(memory: Memory, spec: MapSpec) {
    checkMapFlags(spec, BPF_F_NO_PREALLOC | BPF_F_CLONE);
    demand(
      spec,
      [(spec.flags & BPF_F_NO_PREALLOC) !== 0, 'local storage needs map_flags BPF_F_NO_PREALLOC'],
      [spec.maxEntries === 0, 'local storage has no max_entries'],
      [spec.keySize === 4, `its keys have 4 bytes, not ${spec.keySize}`],
      [spec.valueSize > 0, 'its values have no bytes'],
    );
    super(memory, spec);
  }

  /** The value of an object; made, from the bytes at `initial` or of zeroes, when `create`; 0 when there is none. */
  get(object: string, create: boolean, initial: number): number {
    const found = this.values.get(object);
    if (found !== undefined || !create) return found ?? 0;
    const at = this.memory.allocate(roundUp8(this.spec.valueSize));
    if (initial !== 0) this.memory.bytes.copyWithin(at, initial, initial + this.spec.valueSize);
    this.values.set(object, at);
    return at;
  }

  drop(object: string): number {
    const at = this.values.get(object);
    if (at === undefined) return ENOENT;
    this.values.delete(object);
    this.memory.release(at, roundUp8(this.spec.valueSize));
    return 0;
  }

  override userLookup(key: number, target: Uint8Array): number {
    const at = this.values.get(this.keyAt(key));
    if (at === undefined) return ENOENT;
    target.set(this.memory.bytes.subarray(at, at + this.spec.valueSize));
    return 0;
  }

  override userUpdate(key: number, value: Uint8Array, flags: number): number {
    if ((flags & ~BPF_F_LOCK) > BPF_EXIST) return EINVAL;
    const object = this.keyAt(key);
    const there = this.values.has(object);
    if (there && (flags & BPF_NOEXIST) !== 0) return EEXIST;
    if (!there && (flags & BPF_EXIST) !== 0) return ENOENT;
    this.memory.bytes.set(value, this.get(object, true, 0));
    return 0;
  }

  override delete(key: number): number {
    return this.drop(this.keyAt(key));
  }

  private keyAt(key: number): string {
    return objectKey(this.memory.view.getUint32(key, true), 0);
  }
}

/** How local storage names an object: the halves of its pointer, or a descriptor. */
export function objectKey(low: number, high: number): string {
  return `${high >>> 0}:${low >>> 0}`;
}

/**
 * `BPF_MAP_TYPE_CGROUP_STORAGE` and its per-CPU sister (kernel/bpf/local_storage.c): the value of the cgroup that a
 * program is attached to, there from the moment of attaching; here from the first time that a program asks.
 */
export class CgroupStorageMap extends PlainMap {
  private readonly values = new Map<bigint, number>();
  private readonly stride: number;
  private readonly cpus: number;

  constructor(memory: Memory, spec: MapSpec, cpus: number | undefined) {
    checkMapFlags(spec, BPF_F_ACCESS | BPF_F_NUMA_NODE);
    demand(
      spec,
      [spec.maxEntries === 0, 'cgroup storage has no max_entries'],
      [spec.keySize === 8 || spec.keySize === 16, `its keys have 8 or 16 bytes, not ${spec.keySize}`],
      [spec.valueSize > 0, 'its values have no bytes'],
    );
    const stride = roundUp8(spec.valueSize);
    super(memory, spec, cpus === undefined ? spec.valueSize : stride * cpus);
    this.stride = stride;
    this.cpus = cpus ?? 1;
  }

  /** `bpf_get_local_storage`. */
  of(cgroup: bigint, cpu: number): number {
    let at = this.values.get(cgroup);
    if (at === undefined) {
      at = this.memory.allocate(this.stride * this.cpus);
      this.values.set(cgroup, at);
    }
    return at + (this.cpus > 1 ? cpu * this.stride : 0);
  }

  override userLookup(key: number, target: Uint8Array): number {
    const at = this.values.get(this.memory.view.getBigUint64(key, true));
    if (at === undefined) return ENOENT;
    target.set(this.memory.bytes.subarray(at, at + target.length));
    return 0;
  }

  override userUpdate(key: number, value: Uint8Array, flags: number): number {
    if ((flags & ~(BPF_F_LOCK | BPF_EXIST)) !== 0) return EINVAL;
    const at = this.values.get(this.memory.view.getBigUint64(key, true));
    if (at === undefined) return ENOENT;
    this.memory.bytes.set(value, at);
    return 0;
  }

  override keys(): Uint8Array[] {
    return [...this.values.keys()].map((cgroup) => {
      const key = new Uint8Array(this.spec.keySize);
      new DataView(key.buffer).setBigUint64(0, cgroup, true);
      return key;
    });
  }
}
