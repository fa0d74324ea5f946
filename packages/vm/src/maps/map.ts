import { BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY, BPF_F_WRONLY_PROG } from '@skep/abi';
import type { MapSpec } from '@skep/object';
import { badMap } from '../diagnostics.ts';
import { EINVAL, ENOTSUPP } from '../errno.ts';
import { Fault } from '../fault.ts';
import type { Memory } from '../memory.ts';

/** Flags of updates (include/uapi/linux/bpf.h). */
export const BPF_ANY = 0;
export const BPF_NOEXIST = 1;
export const BPF_EXIST = 2;

/** `BPF_F_ACCESS_MASK` (kernel/bpf/syscall.c and others). */
export const BPF_F_ACCESS = BPF_F_RDONLY | BPF_F_WRONLY | BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;

/**
 * A map as programs and user space see it. Keys and values are offsets in the machine's memory. Results are those of
 * the kernel: 0 or a negative error number; lookups give an offset, or 0 when there is nothing.
 */
export interface VmMap {
  readonly spec: MapSpec;
  /** What a program's `ld_imm64` of the map becomes. */
  readonly address: number;
  /** Bytes of one entry as user space reads and writes it: of per-CPU maps, all CPUs' values, each rounded up to 8. */
  readonly userValueSize: number;
  /** Where compiled code finds the entries without asking; maps that do not say are asked. */
  readonly layout?: MapLayout;
  lookup(key: number, cpu: number): number;
  update(key: number, value: number, flags: number, cpu: number): number;
  delete(key: number): number;
  /** Reads an entry into `target`; ENOENT and the like when there is none. */
  userLookup(key: number, target: Uint8Array): number;
  userUpdate(key: number, value: Uint8Array, flags: number): number;
  /** All keys, as bytes, in the kernel's order where it has one. */
  keys(): Uint8Array[];

  /** Set when user space may no longer write (`BPF_MAP_FREEZE`). */
  frozen?: boolean;
  /** Bytes of each value that updates leave alone and user space sees as zeroes: locks, timers, pointers. */
  readonly special?: readonly SpecialField[];
  /** What user space may do only, or gets other answers for than programs. */
  userDelete?(key: number): number;
  /** Maps without keys: what `bpf_map_push_elem` and its sisters do; offsets of values. */
  push?(value: number, flags: number): number;
  pop?(value: number): number;
  peek?(value: number): number;
  /** `BPF_MAP_LOOKUP_AND_DELETE_ELEM`; ENOTSUPP where it is not there. */
  take?(key: number, target: Uint8Array): number;
  /** Whether two keys mean the same entry, where that is not that of the same bytes. */
  sameKey?(a: Uint8Array, b: Uint8Array): boolean;
  /** Why keys cannot be walked: the error number of `BPF_MAP_GET_NEXT_KEY`. */
  readonly noKeys?: number;
  /** Told where a value lay that was deleted, so that its timers and pointers can be dropped. */
  onFree?: ((value: number) => void) | undefined;
}

/** A field of map values that the kernel keeps for itself (`enum btf_field_type`, include/linux/bpf.h). */
export interface SpecialField {
  readonly kind:
    | 'bpf_spin_lock'
    | 'bpf_res_spin_lock'
    | 'bpf_timer'
    | 'bpf_wq'
    | 'bpf_task_work'
    | 'kptr'
    | 'bpf_list_head'
    | 'bpf_list_node'
    | 'bpf_rb_root'
    | 'bpf_rb_node'
    | 'bpf_refcount';
  readonly offset: number;
  readonly size: number;
}

/** What most of a map's operations are where its type does not have them; types put their own in place. */
export class PlainMap implements VmMap {
  readonly spec: MapSpec;
  readonly address: number;
  readonly userValueSize: number;
  frozen = false;
  protected readonly memory: Memory;

  constructor(memory: Memory, spec: MapSpec, userValueSize = spec.valueSize) {
    this.memory = memory;
    this.spec = spec;
    this.userValueSize = userValueSize;
    this.address = mapAddress(memory);
  }

  lookup(_key: number, _cpu: number): number {
    return 0;
  }
  update(_key: number, _value: number, _flags: number, _cpu: number): number {
    return EINVAL;
  }
  delete(_key: number): number {
    return EINVAL;
  }
  userLookup(_key: number, _target: Uint8Array): number {
    return ENOTSUPP;
  }
  userUpdate(_key: number, _value: Uint8Array, _flags: number): number {
    return EINVAL;
  }
  keys(): Uint8Array[] {
    return [];
  }
}

/** E4003 unless the flags are among those that the type has, and not both of the ways a program could be kept out. */
export function checkMapFlags(spec: MapSpec, known: number): void {
  const wrong = spec.flags & ~known;
  if (wrong !== 0) throw badMap(spec.name, `its type has no flag 0x${(wrong >>> 0).toString(16)}`);
  const both = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG;
  if ((spec.flags & both) === both) throw badMap(spec.name, 'programs may neither read nor write it');
}

/** E4003 for the first demand that a spec does not meet. */
export function demand(spec: MapSpec, ...rules: readonly (readonly [ok: boolean, why: string])[]): void {
  for (const [ok, why] of rules) if (!ok) throw badMap(spec.name, why);
}

/** Copies a value, but for the fields that the kernel keeps for itself. */
export function copyValue(
  memory: Memory,
  to: number,
  from: number,
  size: number,
  special: readonly SpecialField[],
): void {
  const { bytes } = memory;
  let at = 0;
  for (const field of special) {
    bytes.copyWithin(to + at, from + at, from + field.offset);
    at = field.offset + field.size;
  }
  bytes.copyWithin(to + at, from + at, from + size);
}

/** The same from bytes of user space. */
export function setValue(memory: Memory, to: number, value: Uint8Array, special: readonly SpecialField[]): void {
  const { bytes } = memory;
  let at = 0;
  for (const field of special) {
    bytes.set(value.subarray(at, field.offset), to + at);
    at = field.offset + field.size;
  }
  bytes.set(value.subarray(at), to + at);
}

/** Into bytes of user space, which sees zeroes in place of locks and the like. */
export function getValue(
  memory: Memory,
  from: number,
  target: Uint8Array,
  at: number,
  size: number,
  special: readonly SpecialField[],
): void {
  target.set(memory.bytes.subarray(from, from + size), at);
  for (const field of special) target.fill(0, at + field.offset, at + field.offset + field.size);
}

/** What comes of a program that has written where a map keeps its entries. */
export function damaged(spec: MapSpec): Fault {
  return new Fault('map', `it has overwritten the entries of ${spec.name}`);
}

/** A number as the four bytes of a key. */
export function indexKey(i: number): Uint8Array {
  return Uint8Array.of(i, i >>> 8, i >>> 16, i >>> 24);
}

/**
 * How a map lies in memory. All numbers are bytes or offsets; `cpuStride` is 0 where CPUs share one value. Values of
 * `plain` maps are copied whole, others have fields that updates leave alone.
 */
export type MapLayout =
  | {
      readonly kind: 'array';
      readonly keySize: number;
      readonly valueSize: number;
      readonly values: number;
      readonly stride: number;
      readonly cpuStride: number;
      readonly entries: number;
      readonly plain: boolean;
    }
  /**
   * Chains of entries: the next entry's offset or 0, the hash, then at `keyOffset` and `valueOffset` what they say.
   * `heads` is an array of `mask + 1` offsets of first entries, by the hash. Lookups write 1 at `touched` of an entry,
   * unless that is 0, which it is of all but LRU maps, whose links lie in the two words before that.
   */
  | {
      readonly kind: 'hash';
      readonly keySize: number;
      readonly valueSize: number;
      readonly heads: number;
      readonly mask: number;
      readonly keyOffset: number;
      readonly valueOffset: number;
      readonly cpuStride: number;
      readonly plain: boolean;
      readonly touched: number;
      /** Where {@link CONTROL} lies, how many entries there may be, and the bytes of all values of one. */
      readonly control: number;
      readonly maxEntries: number;
      readonly values: number;
    }
  /**
   * A trie of nodes; see {@link LpmTrieMap}. `root` is the word with the first node, `bits` those of a key. `index` has
   * two words for each first byte of an address: the first node longer than that, and the best of those above or 0.
   */
  | {
      readonly kind: 'trie';
      readonly keySize: number;
      readonly valueSize: number;
      readonly root: number;
      readonly index: number;
      readonly joinOffset: number;
      readonly lengthOffset: number;
      readonly bitsOffset: number;
      readonly valueOffset: number;
    };

/** Every map has a place of its own in memory, so that its pointer is an ordinary number that nobody can write through. */
export function mapAddress(memory: Memory): number {
  return memory.allocate(8);
}

export function roundUp8(size: number): number {
  return (size + 7) & ~7;
}
