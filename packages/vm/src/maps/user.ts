import { BPF_F_LOCK, BPF_F_RDONLY, BPF_F_WRONLY, dated, MAP_TYPES, type MapTypeName } from '@skep/abi';
import { overwritten } from '../diagnostics.ts';
import { EBUSY, EINVAL, ENOENT, ENOTSUPP, EPERM } from '../errno.ts';
import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import type { VmMap } from './map.ts';

/**
 * The commands of bpf(2) on one map, with the kernel's checks in the kernel's order (kernel/bpf/syscall.c). Keys and
 * values are bytes of user space; every result is 0 or a negative error number. Throws E4014 when an unverified program
 * has written over the map.
 */
export class UserMap {
  readonly map: VmMap;
  private readonly machine: Machine;
  private readonly key: number;

  constructor(machine: Machine, map: VmMap) {
    this.machine = machine;
    this.map = map;
    this.key = machine.memory.allocate(map.spec.keySize);
  }

  /** `BPF_MAP_LOOKUP_ELEM`; of a bloom filter, `target` holds the value to look for. */
  lookup(key: Uint8Array, target: Uint8Array, flags = 0): number {
    if ((flags & ~BPF_F_LOCK) !== 0) return EINVAL;
    if (!this.readable) return EPERM;
    if (!this.mayLock(flags)) return EINVAL;
    return this.whole(() => this.map.userLookup(this.place(key), target));
  }

  /** `BPF_MAP_UPDATE_ELEM`. */
  update(key: Uint8Array, value: Uint8Array, flags = 0): number {
    if (!this.writable) return EPERM;
    if (!this.mayLock(flags)) return EINVAL;
    return this.whole(() => this.map.userUpdate(this.place(key), value, flags));
  }

  /** `BPF_MAP_DELETE_ELEM`. */
  delete(key: Uint8Array): number {
    if (!this.writable) return EPERM;
    const at = this.place(key);
    return this.whole(() => (this.map.userDelete ? this.map.userDelete(at) : this.map.delete(at)));
  }

  /** `BPF_MAP_LOOKUP_AND_DELETE_ELEM`. */
  take(key: Uint8Array, target: Uint8Array, flags = 0): number {
    if ((flags & ~BPF_F_LOCK) !== 0) return EINVAL;
    if (!this.readable || !this.writable) return EPERM;
    if (flags !== 0 && this.map.push !== undefined) return EINVAL;
    if (!this.mayLock(flags)) return EINVAL;
    return this.whole(() => (this.map.take ? this.map.take(this.place(key), target) : ENOTSUPP));
  }

  /** `BPF_MAP_GET_NEXT_KEY`: after `key`, or the first; a hash map starts over after a key that is gone. */
  nextKey(key: Uint8Array | undefined, next: Uint8Array): number {
    if (!this.readable) return EPERM;
    if (this.map.noKeys !== undefined) return this.map.noKeys;
    const keys = this.keys();
    const same = (one: Uint8Array): boolean =>
      key !== undefined && (this.map.sameKey ? this.map.sameKey(one, key) : one.every((byte, i) => byte === key[i]));
    const at = keys.findIndex(same);
    const found = keys[at + 1];
    if (found === undefined) return ENOENT;
    next.set(found);
    return 0;
  }

  /** All keys, in the kernel's order where it has one. */
  keys(): Uint8Array[] {
    return this.whole(() => this.map.keys());
  }

  /** `BPF_MAP_FREEZE`: bpf(2) can no longer write; programs can. */
  freeze(): number {
    if (this.map.special && this.map.special.length > 0) return ENOTSUPP;
    if (this.map.frozen) return EBUSY;
    this.map.frozen = true;
    return 0;
  }

  /**
   * `BPF_MAP_LOOKUP_BATCH` from the start: keys and values behind each other into the arrays, as many as `count`. ENOENT
   * says that these were all, 0 that there may be more.
   */
  lookupMany(keys: Uint8Array, values: Uint8Array, count: number, flags = 0): Batch {
    return this.readMany(keys, values, count, flags, false);
  }

  /** `BPF_MAP_LOOKUP_AND_DELETE_BATCH`: the same, and what was read is gone. */
  takeMany(keys: Uint8Array, values: Uint8Array, count: number, flags = 0): Batch {
    return this.readMany(keys, values, count, flags, true);
  }

  /** `BPF_MAP_UPDATE_BATCH`: how many were written before `error` came up, 0 for none. */
  updateMany(keys: Uint8Array, values: Uint8Array, flags = 0): Batch {
    const size = this.map.userValueSize;
    return this.each(keys, flags, UPDATES_MANY, (key, i) =>
      this.update(key, values.subarray(i * size, (i + 1) * size), flags),
    );
  }

  /** `BPF_MAP_DELETE_BATCH`. */
  deleteMany(keys: Uint8Array, flags = 0): Batch {
    return this.each(keys, flags, DELETES_MANY, (key) => this.delete(key));
  }

  private readMany(keys: Uint8Array, values: Uint8Array, count: number, flags: number, remove: boolean): Batch {
    const { keySize, type } = this.map.spec;
    const hash = DELETES_MANY.has(type) && type !== LPM_TRIE;
    if (!this.readable || (remove && !this.writable)) return { count: 0, error: EPERM };
    if (remove ? !hash : !UPDATES_MANY.has(type)) return { count, error: ENOTSUPP };
    if ((flags & ~BPF_F_LOCK) !== 0 || !this.mayLock(flags)) return { count, error: EINVAL };
    if (count === 0) return { count: 0, error: 0 };
    const size = this.map.userValueSize;
    let read = 0;
    const all = this.keys();
    for (const [i, key] of all.entries()) {
      if (read === count) return { count: read, error: 0 };
      if (this.lookup(key, values.subarray(read * size, (read + 1) * size)) !== 0) continue;
      keys.set(key, read * keySize);
      read += 1;
      if (remove) this.delete(key);
      // Hashes are read to their end at once; others are asked for the key after the last one, or not, when full.
      if (hash && read === count && i + 1 < all.length) return { count: read, error: 0 };
    }
    return { count: read, error: !hash && read === count ? 0 : ENOENT };
  }

  private each(
    keys: Uint8Array,
    flags: number,
    types: ReadonlySet<number>,
    one: (key: Uint8Array, i: number) => number,
  ): Batch {
    const { keySize, type } = this.map.spec;
    const all = keySize === 0 ? 0 : Math.floor(keys.length / keySize);
    if (!this.writable) return { count: all, error: EPERM };
    if (!types.has(type)) return { count: all, error: ENOTSUPP };
    if ((flags & ~BPF_F_LOCK) !== 0 || !this.mayLock(flags)) return { count: all, error: EINVAL };
    for (let i = 0; i < all; i++) {
      const error = one(keys.subarray(i * keySize, (i + 1) * keySize), i);
      if (error !== 0) return { count: i, error };
    }
    return { count: all, error: 0 };
  }

  private get readable(): boolean {
    return (this.map.spec.flags & BPF_F_WRONLY) === 0;
  }
  private get writable(): boolean {
    return (this.map.spec.flags & BPF_F_RDONLY) === 0 && !this.map.frozen;
  }
  private mayLock(flags: number): boolean {
    return (flags & BPF_F_LOCK) === 0 || (this.map.special?.some((one) => one.kind === 'bpf_spin_lock') ?? false);
  }

  /** Only a program that no verifier has seen can leave a map in which its own operations fail: E4014. */
  private whole<T>(operation: () => T): T {
    try {
      return operation();
    } catch (error) {
      throw error instanceof Fault || error instanceof RangeError ? overwritten(this.map.spec.name) : error;
    }
  }

  private place(key: Uint8Array): number {
    this.machine.memory.bytes.set(key, this.key);
    return this.key;
  }
}

/** What a batch command came to: as many entries, and 0 or the error that ended it. */
export interface Batch {
  readonly count: number;
  readonly error: number;
}

const typesOf = (...names: readonly MapTypeName[]): ReadonlySet<number> =>
  new Set(names.map((name) => dated(MAP_TYPES, name).value));
const LPM_TRIE = dated(MAP_TYPES, 'BPF_MAP_TYPE_LPM_TRIE').value;
/** Types whose entries can be deleted, and those that can be read and written, in batches (`map_…_batch`, kernel/bpf). */
const DELETES_MANY = typesOf(
  ...(['BPF_MAP_TYPE_HASH', 'BPF_MAP_TYPE_PERCPU_HASH', 'BPF_MAP_TYPE_LRU_HASH'] as const),
  ...(['BPF_MAP_TYPE_LRU_PERCPU_HASH', 'BPF_MAP_TYPE_HASH_OF_MAPS', 'BPF_MAP_TYPE_LPM_TRIE'] as const),
);
const UPDATES_MANY = new Set([
  ...DELETES_MANY,
  ...typesOf('BPF_MAP_TYPE_ARRAY', 'BPF_MAP_TYPE_PERCPU_ARRAY', 'BPF_MAP_TYPE_ARRAY_OF_MAPS'),
]);
