import type { MapSpec } from '@skep/object';
import { badMap } from '../diagnostics.ts';
import type { Memory } from '../memory.ts';
import { BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT, mapAddress, roundUp8, type VmMap } from './map.ts';

/**
 * `BPF_MAP_TYPE_HASH` and `BPF_MAP_TYPE_PERCPU_HASH` (kernel/bpf/hashtab.c): chains of entries in the machine's memory.
 * An entry is the next entry's offset, the hash, the key rounded up to 8 bytes, then the value, or one for each CPU.
 * Entries are made as they are needed, whatever `BPF_F_NO_PREALLOC` says; the order of keys is nobody's business.
 */
export class HashMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize: number;
  private readonly memory: Memory;
  private readonly cpus: number;
  private readonly keyRoom: number;
  private readonly stride: number;
  private readonly entrySize: number;
  private buckets: Int32Array;
  private count = 0;

  constructor(memory: Memory, spec: MapSpec, cpus: number | undefined) {
    if (spec.maxEntries === 0) throw badMap(spec.name, 'max_entries is 0');
    if (spec.keySize === 0) throw badMap(spec.name, 'its keys have no bytes');
    if (spec.valueSize === 0) throw badMap(spec.name, 'its values have no bytes');
    // MAX_BPF_STACK bounds the key (htab_map_alloc_check).
    if (spec.keySize > 512) throw badMap(spec.name, `its keys have ${spec.keySize} bytes, more than 512`);
    this.memory = memory;
    this.spec = spec;
    this.cpus = cpus ?? 1;
    this.keyRoom = roundUp8(spec.keySize);
    this.stride = roundUp8(spec.valueSize);
    this.entrySize = HEAD + this.keyRoom + this.stride * this.cpus;
    this.userValueSize = cpus === undefined ? spec.valueSize : this.stride * cpus;
    this.address = mapAddress(memory);
    this.buckets = new Int32Array(16);
  }

  lookup(key: number, cpu: number): number {
    const entry = this.find(key, this.hash(key));
    if (entry === 0) return 0;
    return entry + HEAD + this.keyRoom + (this.cpus > 1 ? cpu * this.stride : 0);
  }

  update(key: number, value: number, flags: number, cpu: number): number {
    const hash = this.hash(key);
    let entry = this.find(key, hash);
    const refused = this.refuse(entry, flags);
    if (refused !== 0) return refused;
    if (entry === 0) entry = this.insert(key, hash);
    const to = entry + HEAD + this.keyRoom + (this.cpus > 1 ? cpu * this.stride : 0);
    this.memory.bytes.copyWithin(to, value, value + this.spec.valueSize);
    return 0;
  }

  delete(key: number): number {
    const hash = this.hash(key);
    const { view } = this.memory;
    const bucket = hash & (this.buckets.length - 1);
    let previous = 0;
    for (let entry = this.buckets[bucket]!; entry !== 0; entry = view.getInt32(entry, true)) {
      if (this.matches(entry, key, hash)) {
        const next = view.getInt32(entry, true);
        if (previous === 0) this.buckets[bucket] = next;
        else view.setInt32(previous, next, true);
        this.memory.release(entry, this.entrySize);
        this.count -= 1;
        return 0;
      }
      previous = entry;
    }
    return ENOENT;
  }

  userLookup(key: number, target: Uint8Array): number {
    const entry = this.find(key, this.hash(key));
    if (entry === 0) return ENOENT;
    const values = entry + HEAD + this.keyRoom;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = values + cpu * this.stride;
      target.set(this.memory.bytes.subarray(at, at + this.spec.valueSize), cpu * this.stride);
    }
    return 0;
  }

  userUpdate(key: number, value: Uint8Array, flags: number): number {
    const hash = this.hash(key);
    let entry = this.find(key, hash);
    const refused = this.refuse(entry, flags);
    if (refused !== 0) return refused;
    if (entry === 0) entry = this.insert(key, hash);
    const values = entry + HEAD + this.keyRoom;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = cpu * this.stride;
      this.memory.bytes.set(value.subarray(at, at + this.spec.valueSize), values + at);
    }
    return 0;
  }

  keys(): Uint8Array[] {
    const { bytes, view } = this.memory;
    const found: Uint8Array[] = [];
    for (const head of this.buckets) {
      for (let entry = head; entry !== 0; entry = view.getInt32(entry, true)) {
        found.push(bytes.slice(entry + HEAD, entry + HEAD + this.spec.keySize));
      }
    }
    return found;
  }

  private refuse(entry: number, flags: number): number {
    if (flags > BPF_EXIST) return EINVAL;
    if (entry !== 0) return flags === BPF_NOEXIST ? EEXIST : 0;
    if (flags === BPF_EXIST) return ENOENT;
    return this.count >= this.spec.maxEntries ? E2BIG : 0;
  }

  private insert(key: number, hash: number): number {
    const entry = this.memory.allocate(this.entrySize);
    const { bytes, view } = this.memory;
    if (this.count >= this.buckets.length) this.grow();
    const bucket = hash & (this.buckets.length - 1);
    view.setInt32(entry, this.buckets[bucket]!, true);
    view.setInt32(entry + 4, hash, true);
    bytes.copyWithin(entry + HEAD, key, key + this.spec.keySize);
    this.buckets[bucket] = entry;
    this.count += 1;
    return entry;
  }

  private grow(): void {
    const { view } = this.memory;
    const old = this.buckets;
    this.buckets = new Int32Array(old.length * 2);
    for (const head of old) {
      for (let entry = head; entry !== 0; ) {
        const next = view.getInt32(entry, true);
        const bucket = view.getInt32(entry + 4, true) & (this.buckets.length - 1);
        view.setInt32(entry, this.buckets[bucket]!, true);
        this.buckets[bucket] = entry;
        entry = next;
      }
    }
  }

  private find(key: number, hash: number): number {
    const { view } = this.memory;
    let entry = this.buckets[hash & (this.buckets.length - 1)]!;
    while (entry !== 0 && !this.matches(entry, key, hash)) entry = view.getInt32(entry, true);
    return entry;
  }

  private matches(entry: number, key: number, hash: number): boolean {
    if (this.memory.view.getInt32(entry + 4, true) !== hash) return false;
    const { bytes } = this.memory;
    const own = entry + HEAD;
    for (let i = 0; i < this.spec.keySize; i++) if (bytes[own + i] !== bytes[key + i]) return false;
    return true;
  }

  /** FNV-1a over words, then bytes, with a last mix so that the low bits depend on all. */
  private hash(key: number): number {
    const { view, bytes } = this.memory;
    const size = this.spec.keySize;
    let hash = 0x811c9dc5;
    let i = 0;
    for (; i + 4 <= size; i += 4) hash = Math.imul(hash ^ view.getInt32(key + i, true), 0x01000193);
    for (; i < size; i++) hash = Math.imul(hash ^ bytes[key + i]!, 0x01000193);
    hash ^= hash >>> 15;
    hash = Math.imul(hash, 0x2c1b3c6d);
    return hash ^ (hash >>> 13);
  }
}

/** Bytes before the key. */
const HEAD = 8;
