import { E2BIG, EFAULT, EINVAL, ENOENT, ERANGE } from '../errno.ts';
import { give, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';

/**
 * Functions over strings of the kernel, Linux 6.17 and later (kernel/bpf/helpers.c): places are counted from 0, ENOENT
 * says that there is none, E2BIG that a string has no end within 64 KiB.
 */
export const stringKfuncs: Record<string, Helper> = {
  bpf_strcmp: (machine, r) => compare(machine, r, (byte) => byte),
  bpf_strcasecmp: (machine, r) => compare(machine, r, lower),
  bpf_strchr: (machine, r) => find(machine, r, MOST, r[4]! & 0xff, 'first'),
  bpf_strchrnul: (machine, r) => find(machine, r, MOST, r[4]! & 0xff, 'or end'),
  // (text, count, character)
  bpf_strnchr: (machine, r) => find(machine, r, r[4]! >>> 0, r[6]! & 0xff, 'first'),
  bpf_strrchr: (machine, r) => find(machine, r, MOST, r[4]! & 0xff, 'last'),
  bpf_strlen: (machine, r) => giveLength(machine, r, MOST),
  bpf_strnlen: (machine, r) => giveLength(machine, r, r[4]! >>> 0),
  bpf_strspn: (machine, r) => span(machine, r, true),
  bpf_strcspn: (machine, r) => span(machine, r, false),
  bpf_strstr: (machine, r) => search(machine, r, MOST, (byte) => byte),
  bpf_strcasestr: (machine, r) => search(machine, r, MOST, lower),
  bpf_strnstr: (machine, r) => search(machine, r, r[6]! >>> 0, (byte) => byte),
  bpf_strncasestr: (machine, r) => search(machine, r, r[6]! >>> 0, lower),

  // (target, size, address, flags)
  bpf_copy_from_user_str: (machine, r) => {
    const size = r[4]! >>> 0;
    const target = machine.memory.slice(r[2]!, r[3]!, size, 'the target of a read');
    if ((r[8]! & ~PAD_ZEROS) !== 0 || r[9] !== 0) {
      give(r, EINVAL);
      return;
    }
    const address = (BigInt(r[7]! >>> 0) << 32n) | BigInt(r[6]! >>> 0);
    const found = size === 0 ? new Uint8Array() : machine.world.readString(address, size, 'user');
    if (found === undefined) {
      if ((r[8]! & PAD_ZEROS) !== 0) target.fill(0);
      give(r, EFAULT);
      return;
    }
    target.set(found);
    if ((r[8]! & PAD_ZEROS) !== 0) target.fill(0, found.length);
    give(r, found.length);
  },
};

/** `XATTR_SIZE_MAX`. */
const MOST = 65536;
/** `BPF_F_PAD_ZEROS`. */
const PAD_ZEROS = 1;

/** The bytes of a string before its NUL, or an error number. */
function text(machine: Machine, r: Int32Array, n: number, most = MOST): Uint8Array | number {
  const { memory, world } = machine;
  const [low, high] = [r[2 * n]! >>> 0, r[2 * n + 1]!];
  let bytes: Uint8Array | undefined;
  if (high === 0) {
    if (low < 0x10000 || low >= memory.size) return ERANGE;
    bytes = memory.bytes.subarray(low, Math.min(low + most, memory.size));
  } else {
    if (high >= 0) return ERANGE;
    bytes = world.readString((BigInt(high >>> 0) << 32n) | BigInt(low), most, 'kernel');
    if (bytes === undefined) return EFAULT;
  }
  const end = bytes.indexOf(0);
  memory.work += end < 0 ? bytes.length : end;
  if (end >= 0) return bytes.subarray(0, end);
  return most === MOST ? E2BIG : bytes;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte;
}

function compare(machine: Machine, r: Int32Array, key: (byte: number) => number): void {
  const a = text(machine, r, 1);
  const b = text(machine, r, 2);
  if (typeof a === 'number' || typeof b === 'number') {
    give(r, typeof a === 'number' ? a : (b as number));
    return;
  }
  for (let i = 0; ; i++) {
    const [x, y] = [key(a[i] ?? 0), key(b[i] ?? 0)];
    if (x !== y) {
      give(r, x < y ? -1 : 1);
      return;
    }
    if (x === 0) {
      give(r, 0);
      return;
    }
  }
}

function find(machine: Machine, r: Int32Array, most: number, byte: number, which: 'first' | 'last' | 'or end'): void {
  const found = text(machine, r, 1, Math.min(most, MOST));
  if (typeof found === 'number') {
    give(r, found);
    return;
  }
  // The NUL belongs to the string.
  const at = byte === 0 ? found.length : which === 'last' ? found.lastIndexOf(byte) : found.indexOf(byte);
  if (byte === 0 && found.length >= most) give(r, ENOENT);
  else give(r, at >= 0 ? at : which === 'or end' ? found.length : ENOENT);
}

function giveLength(machine: Machine, r: Int32Array, most: number): void {
  const found = text(machine, r, 1, Math.min(most, MOST));
  give(r, typeof found === 'number' ? found : found.length);
}

function span(machine: Machine, r: Int32Array, accept: boolean): void {
  const subject = text(machine, r, 1);
  const set = text(machine, r, 2);
  if (typeof subject === 'number' || typeof set === 'number') {
    give(r, typeof subject === 'number' ? subject : (set as number));
    return;
  }
  let at = 0;
  while (at < subject.length && set.includes(subject[at]!) === accept) at += 1;
  give(r, at);
}

function search(machine: Machine, r: Int32Array, most: number, key: (byte: number) => number): void {
  const subject = text(machine, r, 1, Math.min(most, MOST));
  const wanted = text(machine, r, 2);
  if (typeof subject === 'number' || typeof wanted === 'number') {
    give(r, typeof subject === 'number' ? subject : (wanted as number));
    return;
  }
  if (wanted.length === 0) {
    give(r, 0);
    return;
  }
  // Knuth, Morris and Pratt's way: as long as both texts together, whatever they are.
  const back = new Int32Array(wanted.length);
  for (let i = 1, matched = 0; i < wanted.length; i++) {
    while (matched > 0 && key(wanted[i]!) !== key(wanted[matched]!)) matched = back[matched - 1]!;
    if (key(wanted[i]!) === key(wanted[matched]!)) matched += 1;
    back[i] = matched;
  }
  for (let at = 0, matched = 0; at < subject.length; at++) {
    while (matched > 0 && key(subject[at]!) !== key(wanted[matched]!)) matched = back[matched - 1]!;
    if (key(subject[at]!) === key(wanted[matched]!)) matched += 1;
    if (matched < wanted.length) continue;
    give(r, at + 1 - matched);
    return;
  }
  give(r, ENOENT);
}
