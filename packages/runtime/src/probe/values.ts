declare const space: unique symbol;
declare const struct: unique symbol;

/** Text, with a NUL behind it in the kernel; it is stored and compared with constants, not put together. */
export type Text = string;

/** An address in a process's memory. */
export interface UserPointer {
  readonly [space]: 'user';
  /** The text there, at most `max` bytes with its NUL; empty when it cannot be read. */
  str(max: number): Text;
}
/** An address in the kernel's memory. */
export interface KernelPointer {
  readonly [space]: 'kernel';
  str(max: number): Text;
}
/** A struct of the kernel of this name. */
export interface Struct<Name extends string> {
  readonly [struct]: Name;
}

interface FieldTypes {
  u8: number;
  u16: number;
  u32: number;
  i8: number;
  i16: number;
  i32: number;
  u64: bigint;
  i64: bigint;
  bool: boolean;
  /** As a number: 10.0.0.1 is 0x0a000001. */
  ipv4: number;
  uptr: UserPointer;
  kptr: KernelPointer;
}

/** How a value is stored, by name; `char[16]` has room for 15 characters and a NUL. */
export type Field = keyof FieldTypes | `char[${number}]`;
/** What values look like in memory: one field, or several by name. */
export type Shape = Field | { readonly [name: string]: Field };

/** What a program and the user side have of a stored value. */
export type ValueOf<S> = S extends keyof FieldTypes
  ? FieldTypes[S]
  : S extends `char[${number}]`
    ? Text
    : S extends object
      ? { readonly [K in keyof S]: ValueOf<S[K]> }
      : never;

/** An address that programs in plain JavaScript can follow: `str()` gives this text. */
export function pointerTo(text: string, address = 0n): UserPointer & KernelPointer {
  const pointer: Pointer = { address, text, str: (max: number) => cut(text, max) };
  return pointer as unknown as UserPointer & KernelPointer;
}

interface Pointer {
  readonly address: bigint;
  readonly text: string;
  str(max: number): string;
}

/** As the kernel cuts text: at the first NUL, and to `size` bytes with one. */
export function cut(text: string, size: number): string {
  const bytes = new TextEncoder().encode(text);
  const end = bytes.indexOf(0);
  const length = Math.min(end < 0 ? bytes.length : end, size - 1);
  return length === bytes.length ? text : new TextDecoder().decode(bytes.subarray(0, length));
}

/** A value as it would be read again: numbers cut to their width, text to its room. */
export function stored(shape: Shape, value: unknown): unknown {
  if (typeof shape === 'object') {
    const given = value as { readonly [name: string]: unknown };
    return Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, stored(field, given[name])]));
  }
  const integer = /^([ui])(8|16|32|64)$/.exec(shape);
  if (integer) {
    const bits = Number(integer[2]);
    const wide = typeof value === 'bigint' ? value : BigInt(Number.isFinite(value) ? Math.trunc(value as number) : 0);
    const whole = integer[1] === 'i' ? BigInt.asIntN(bits, wide) : BigInt.asUintN(bits, wide);
    return bits === 64 ? whole : Number(whole);
  }
  if (shape === 'ipv4') return Number(BigInt.asUintN(32, BigInt(value as number)));
  const text = /^char\[(\d+)\]$/.exec(shape);
  if (text) return cut(String(value), Number(text[1]));
  return value;
}

/** From what the runtime decodes of a map or an event. */
export function fromKernel(shape: Shape, value: unknown): unknown {
  if (typeof shape === 'object') {
    const given = value as { readonly [name: string]: unknown };
    return Object.fromEntries(
      Object.entries(shape).map(([name, field]) => [name, fromKernel(field, given[cName(name)])]),
    );
  }
  if (shape === 'u64' || shape === 'i64') return BigInt(value as bigint);
  if (shape === 'ipv4') return swap(Number(value));
  if (shape === 'uptr' || shape === 'kptr') return pointerTo('', BigInt(value as bigint));
  return value;
}

/** To what the runtime encodes. */
export function toKernel(shape: Shape, value: unknown): never {
  if (typeof shape === 'object') {
    const given = value as { readonly [name: string]: unknown };
    return Object.fromEntries(
      Object.entries(shape).map(([name, field]) => [cName(name), toKernel(field, given[name])]),
    ) as never;
  }
  if (shape === 'ipv4') return swap(Number(value)) as never;
  if (shape === 'uptr' || shape === 'kptr') return (value as Pointer).address as never;
  return value as never;
}

/** The compiler writes `_` behind names that C has for itself; decoded records carry C's names. */
const C_WORDS = new Set(
  'auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false asm typeof ctx current NULL SEC'.split(
    ' ',
  ),
);
export function cName(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, '_');
  return C_WORDS.has(plain) || /^(__)?[us](8|16|32|64)$|^skep_|^bpf_/.test(plain) ? `${plain}_` : plain;
}

function swap(value: number): number {
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

/** `10.0.0.1` as a number; in programs of a constant only. */
export function ipv4(address: string): number {
  const parts = address.split('.').map(Number);
  if (parts.length !== 4 || parts.some((one) => !(Number.isInteger(one) && one >= 0 && one <= 255)))
    throw new TypeError(`\`${address}\` is no IPv4 address`);
  return parts.reduce((sum, one) => sum * 256 + one, 0);
}

/** `10.0.0.1`, of an address in host byte order. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}
