import { overwritten } from '../diagnostics.ts';
import { Fault } from '../fault.ts';
import type { Machine } from '../machine.ts';
import {
  BPF_F_LOCK,
  BPF_F_RDONLY,
  BPF_F_WRONLY,
  EBUSY,
  EINVAL,
  ENOENT,
  ENOSPC,
  ENOTSUPP,
  EPERM,
  type VmMap,
} from './map.ts';

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
   * `BPF_MAP_LOOKUP_BATCH` of everything: `entries` keys and values behind each other into the arrays; ENOSPC when they
   * do not fit. Gives the number of entries, or an error number.
   */
  lookupAll(keys: Uint8Array, values: Uint8Array): number {
    if (!this.readable) return EPERM;
    if (this.map.noKeys !== undefined) return ENOTSUPP;
    const { keySize } = this.map.spec;
    const valueSize = this.map.userValueSize;
    let count = 0;
    for (const key of this.keys()) {
      if ((count + 1) * keySize > keys.length || (count + 1) * valueSize > values.length) return ENOSPC;
      if (this.lookup(key, values.subarray(count * valueSize, (count + 1) * valueSize)) !== 0) continue;
      keys.set(key, count * keySize);
      count += 1;
    }
    return count;
  }

  /** `BPF_MAP_UPDATE_BATCH`: how many were written before `error` came up, 0 for none. */
  updateMany(keys: Uint8Array, values: Uint8Array, flags = 0): { count: number; error: number } {
    return this.each(keys, (key, i) => {
      const size = this.map.userValueSize;
      return this.update(key, values.subarray(i * size, (i + 1) * size), flags);
    });
  }

  /** `BPF_MAP_DELETE_BATCH`. */
  deleteMany(keys: Uint8Array): { count: number; error: number } {
    return this.each(keys, (key) => this.delete(key));
  }

  private each(keys: Uint8Array, one: (key: Uint8Array, i: number) => number): { count: number; error: number } {
    const size = this.map.spec.keySize;
    for (let i = 0; (i + 1) * size <= keys.length; i++) {
      const error = one(keys.subarray(i * size, (i + 1) * size), i);
      if (error !== 0) return { count: i, error };
    }
    return { count: keys.length / size, error: 0 };
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
