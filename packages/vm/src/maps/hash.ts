import { BPF_F_LOCK, BPF_F_NO_PREALLOC, BPF_F_NUMA_NODE, BPF_F_ZERO_SEED } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { badMap } from '../diagnostics.ts';
import { E2BIG, EEXIST, EINVAL, ENOENT } from '../errno.ts';
import { type Memory, NULL_END } from '../memory.ts';
import {
  BPF_EXIST,
  BPF_F_ACCESS,
  BPF_NOEXIST,
  checkMapFlags,
  copyValue,
  damaged,
  getValue,
  type MapLayout,
  mapAddress,
  roundUp8,
  type SpecialField,
  setValue,
  type VmMap,
} from './map.ts';

/**
 * `BPF_MAP_TYPE_HASH` and `BPF_MAP_TYPE_PERCPU_HASH` (kernel/bpf/hashtab.c): chains of entries in the machine's memory.
 * An entry is the next entry's offset, the hash, the key rounded up to 8 bytes, then the value, or one for each CPU.
 * Entries are made as they are needed, whatever `BPF_F_NO_PREALLOC` says; the order of keys is nobody's business. The
 * chains' heads lie in memory as well, more than there may be entries, so that compiled code walks the same chains; a
 * program without a verdict can write there, so that no walk trusts a chain to end.
 */
export class HashMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize: number;
  layout: MapLayout;
  protected readonly memory: Memory;
  protected readonly cpus: number;
  protected readonly keyRoom: number;
  protected readonly stride: number;
  protected readonly entrySize: number;
  private readonly heads: number;
  private readonly mask: number;
  /** Words that compiled code works on as well: see {@link CONTROL}. */
  protected readonly control: number;
  /** Entries that there is memory for. */
  private made = 0;
  readonly special: readonly SpecialField[];
  frozen = false;
  onFree: ((value: number) => void) | undefined;
  private readonly locked: boolean;

  /** `tail`: bytes behind the values that a subclass wants in each entry; `flags`: more flags that it takes. */
  constructor(
    memory: Memory,
    spec: MapSpec,
    cpus: number | undefined,
    special: readonly SpecialField[] = [],
    tail = 0,
    flags = BPF_F_NO_PREALLOC,
  ) {
    checkMapFlags(spec, BPF_F_ACCESS | flags | BPF_F_ZERO_SEED | (cpus === undefined ? BPF_F_NUMA_NODE : 0));
    if (spec.maxEntries === 0) throw badMap(spec.name, 'max_entries is 0');
    if (spec.keySize === 0) throw badMap(spec.name, 'its keys have no bytes');
    if (spec.valueSize === 0) throw badMap(spec.name, 'its values have no bytes');
    // An entry is one allocation of the kernel's (htab_map_alloc_check).
    if (spec.keySize + spec.valueSize >= KMALLOC_MAX - 48)
      throw badMap(spec.name, `a key and a value of ${spec.keySize + spec.valueSize} bytes are too large`);
    // PCPU_MIN_UNIT_SIZE.
    if (cpus !== undefined && spec.valueSize > 32768)
      throw badMap(spec.name, `values of ${spec.valueSize} bytes a CPU are too large`);
    this.memory = memory;
    this.spec = spec;
    this.special = special;
    this.locked = special.some((one) => one.kind === 'bpf_spin_lock');
    this.cpus = cpus ?? 1;
    this.keyRoom = roundUp8(spec.keySize);
    this.stride = roundUp8(spec.valueSize);
    this.entrySize = HEAD + this.keyRoom + this.stride * this.cpus + tail;
    this.userValueSize = cpus === undefined ? spec.valueSize : this.stride * cpus;
    this.address = mapAddress(memory);
    const wanted = Math.max(HEADS_AN_ENTRY * spec.maxEntries, LEAST_HEADS);
    const buckets = 2 ** Math.ceil(Math.log2(Math.min(wanted, MOST_HEADS)));
    this.mask = buckets - 1;
    this.heads = memory.allocate(4 * buckets);
    this.control = memory.allocate(CONTROL.size);
    this.layout = {
      kind: 'hash',
      keySize: spec.keySize,
      valueSize: spec.valueSize,
      heads: this.heads,
      mask: this.mask,
      keyOffset: HEAD,
      valueOffset: HEAD + this.keyRoom,
      cpuStride: this.cpus > 1 ? this.stride : 0,
      plain: special.length === 0,
      touched: 0,
      control: this.control,
      maxEntries: spec.maxEntries,
      values: this.stride * this.cpus,
    };
  }

  /** Entries that there are; never more than there may be, whatever a program has written there. */
  protected get count(): number {
    return Math.min(this.memory.view.getUint32(this.control + CONTROL.count, true), this.spec.maxEntries);
  }

  protected set count(count: number) {
    this.memory.view.setUint32(this.control + CONTROL.count, count, true);
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
    copyValue(this.memory, to, value, this.spec.valueSize, this.special);
    return 0;
  }

  delete(key: number): number {
    const hash = this.hash(key);
    const { view } = this.memory;
    // The place that holds an entry's offset: the head of the chain, then the start of each entry.
    let place = this.head(hash);
    let steps = this.count;
    for (let entry = view.getUint32(place, true); entry !== 0; entry = view.getUint32(place, true)) {
      if (this.matches(entry, key, hash)) {
        view.setInt32(place, view.getInt32(entry, true), true);
        this.onFree?.(entry + HEAD + this.keyRoom);
        this.unlinked(entry);
        this.release(entry);
        this.count -= 1;
        return 0;
      }
      if (--steps < 0) throw damaged(this.spec);
      place = entry;
    }
    return ENOENT;
  }

  userLookup(key: number, target: Uint8Array): number {
    const entry = this.find(key, this.hash(key));
    if (entry === 0) return ENOENT;
    const values = entry + HEAD + this.keyRoom;
    for (let cpu = 0; cpu < this.cpus; cpu++) {
      const at = values + cpu * this.stride;
      getValue(this.memory, at, target, cpu * this.stride, this.spec.valueSize, this.special);
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
      setValue(this.memory, values + at, value.subarray(at, at + this.spec.valueSize), this.special);
    }
    return 0;
  }

  take(key: number, target: Uint8Array): number {
    const result = this.userLookup(key, target);
    return result === 0 ? this.delete(key) : result;
  }

  keys(): Uint8Array[] {
    const { bytes, view } = this.memory;
    const found: Uint8Array[] = [];
    for (let bucket = 0; bucket <= this.mask && found.length < this.count; bucket++) {
      let entry = view.getUint32(this.heads + 4 * bucket, true);
      while (entry !== 0 && entry + this.entrySize <= bytes.length && found.length < this.count) {
        found.push(bytes.slice(entry + HEAD, entry + HEAD + this.spec.keySize));
        entry = view.getUint32(entry, true);
      }
    }
    return found;
  }

  private refuse(entry: number, flags: number): number {
    const rest = flags & ~BPF_F_LOCK;
    if (rest > BPF_EXIST || (rest !== flags && !this.locked)) return EINVAL;
    if (entry !== 0) return rest === BPF_NOEXIST ? EEXIST : 0;
    if (rest === BPF_EXIST) return ENOENT;
    return this.count >= this.spec.maxEntries && !this.makeRoom() ? E2BIG : 0;
  }

  /** What a full map does for a new entry: nothing, but LRU maps drop an old one. */
  protected makeRoom(): boolean {
    return false;
  }

  /** An entry is about to go. */
  protected unlinked(_entry: number): void {}

  protected insert(key: number, hash: number): number {
    const entry = this.fresh();
    const { bytes, view } = this.memory;
    const head = this.head(hash);
    view.setInt32(entry, view.getInt32(head, true), true);
    view.setInt32(entry + 4, hash, true);
    bytes.copyWithin(entry + HEAD, key, key + this.spec.keySize);
    view.setInt32(head, entry, true);
    this.count += 1;
    return entry;
  }

  /** A zeroed entry from those that are free; makes some when there are none, for compiled code makes none. */
  private fresh(): number {
    const free = this.control + CONTROL.free;
    if (this.memory.view.getUint32(free, true) === 0) this.more();
    const { view, bytes } = this.memory;
    const entry = view.getUint32(free, true);
    if (entry < NULL_END || entry % 8 !== 0 || entry + this.entrySize > bytes.length) throw damaged(this.spec);
    view.setInt32(free, view.getInt32(entry, true), true);
    bytes.fill(0, entry, entry + this.entrySize);
    return entry;
  }

  private more(): void {
    const left = this.spec.maxEntries - this.made;
    if (left <= 0) throw damaged(this.spec);
    const some = Math.max(1, Math.min(left, this.made, (MOST_BYTES / this.entrySize) | 0));
    const at = this.memory.allocate(some * this.entrySize);
    this.made += some;
    for (let i = some - 1; i >= 0; i--) this.release(at + i * this.entrySize);
  }

  private release(entry: number): void {
    // A program that nobody has verified may have changed the links from which this offset was read.
    if (entry < NULL_END || entry % 8 !== 0 || entry + this.entrySize > this.memory.size) throw damaged(this.spec);
    const { view } = this.memory;
    view.setInt32(entry, view.getInt32(this.control + CONTROL.free, true), true);
    view.setInt32(this.control + CONTROL.free, entry, true);
  }

  private find(key: number, hash: number): number {
    const { view } = this.memory;
    let entry = view.getUint32(this.head(hash), true);
    let steps = this.count;
    while (entry !== 0 && !this.matches(entry, key, hash)) {
      if (--steps < 0) throw damaged(this.spec);
      entry = view.getUint32(entry, true);
    }
    return entry;
  }

  private head(hash: number): number {
    return this.heads + 4 * (hash & this.mask);
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

/** So many chains for each entry that there may be: most have one entry, which lookups find at once. */
const HEADS_AN_ENTRY = 4;
/** How many chains there are at least and at most; beyond, chains grow longer. */
const LEAST_HEADS = 16;
const MOST_HEADS = 1 << 20;

/** Offsets of words: how many entries there are, the first that is free, and of LRU maps the newest and the oldest. */
export const CONTROL = { count: 0, free: 4, newest: 8, oldest: 12, size: 16 } as const;

/** Entries are made as many at a time as there are, but no more than so many bytes. */
const MOST_BYTES = 1 << 16;

/** `KMALLOC_MAX_SIZE`. */
const KMALLOC_MAX = 4 << 20;

/** Bytes before the key. */
export const HEAD = 8;
