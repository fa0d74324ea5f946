import { EINVAL } from '../errno.ts';
import type { Machine } from '../machine.ts';

/** A text with one character a byte, as far as anybody can see it, and how long the kernel says it is. */
export interface Formatted {
  readonly text: string;
  readonly length: number;
}

/**
 * The text of `bpf_trace_printk`, `bpf_trace_vprintk` and `bpf_snprintf` (bpf_bprintf_prepare in kernel/bpf/helpers.c):
 * `%d %i %u %x %X` with `l` or `ll`, `%c %s %p %px %pK %ps %pS %pks %pus %pB %pi4 %pI4 %pi6 %pI6`, flags `0 + - space`
 * and a width. EINVAL for everything else, as in the kernel: no precision, no `#`, no `%o`. `room` is the size of what it
 * is for, which it may exceed.
 */
export function formatText(
  machine: Machine,
  format: Uint8Array,
  args: readonly bigint[],
  room = Number.POSITIVE_INFINITY,
): Formatted | typeof EINVAL {
  const template = byteString(format);
  for (let i = 0; i < template.length; i++) {
    const code = template.charCodeAt(i);
    if (code > 126 || (code < 32 && (code < 9 || code > 13))) return EINVAL;
  }
  let text = '';
  let length = 0;
  // Nobody sees more, and a width may be anything.
  const add = (part: string, width = part.length): void => {
    if (text.length < MOST_TEXT) text += part.slice(0, MOST_TEXT - text.length);
    length += width;
  };
  let used = 0;
  let at = 0;
  while (at < template.length) {
    const percent = template.indexOf('%', at);
    if (percent < 0) break;
    add(template.slice(at, percent));
    if (template[percent + 1] === '%') {
      add('%');
      at = percent + 2;
      continue;
    }
    const found = DIRECTIVE.exec(template.slice(percent, percent + MOST_DIRECTIVE));
    if (found === null || used >= args.length) return EINVAL;
    const [whole, flags = '', digits = '', body = ''] = found;
    const value = convert(machine, args[used++]!, body, flags);
    // Addresses are made beforehand: without padding, and not counted where there is no room (bstr_printf, lib/vsprintf.c).
    if (/^p[iI]/.test(body)) {
      if (length < room) add(value);
    } else {
      const width = Math.min(Number(digits || 0), FIELD_WIDTH_MAX);
      add(pad(value, flags, Math.min(width, MOST_TEXT), body), Math.max(value.length, width));
    }
    at = percent + whole.length;
  }
  add(template.slice(at));
  machine.memory.work += Math.min(length, MOST_TEXT);
  return { text, length };
}

/**
 * The bytes of a format up to its NUL, which has to be among the `size`; EINVAL where it is not. Without a size the
 * kernel's verifier has seen the end.
 */
export function formatAt(machine: Machine, low: number, high: number, size?: number): Uint8Array | typeof EINVAL {
  const { memory } = machine;
  const at = memory.check(low, high, size ?? 1, 'a format');
  const end = memory.bytes.subarray(at, at + Math.min(size ?? MOST_TEXT, MOST_TEXT)).indexOf(0);
  memory.work += end < 0 ? MOST_TEXT : end;
  return end < 0 ? EINVAL : memory.bytes.slice(at, at + end);
}

/** Bytes of a text, and of a format, that are looked at. */
const MOST_TEXT = 1 << 16;
/** A width has as many digits as somebody writes; what follows is short. */
const MOST_DIRECTIVE = 4096;
/** Of a width (lib/vsprintf.c). */
const FIELD_WIDTH_MAX = (1 << 23) - 1;

/** `%p` alone must be followed by a space, punctuation or the end. */
const DIRECTIVE = /^%([-+ 0]*)([1-9]\d*)?(p(?:[ku]s|[KxsSB]|[iI][46]|(?![A-Za-z0-9]))|s|c|(?:ll|l)?[diuxX])/;

function convert(machine: Machine, value: bigint, body: string, flags: string): string {
  const bits = body.startsWith('l') ? 64 : 32;
  switch (body.at(-1)) {
    case 'd':
    case 'i':
      if (body.startsWith('p')) return address(machine, value, body);
      return signed(BigInt.asIntN(bits, value), flags);
    case 'u':
      return String(BigInt.asUintN(bits, value));
    case 'x':
      if (body === 'px') return pointer(value);
      return BigInt.asUintN(bits, value).toString(16);
    case 'X':
      return BigInt.asUintN(bits, value).toString(16).toUpperCase();
    case 'c':
      return String.fromCharCode(Number(value & 0xffn));
    case 's':
      return body === 'ps' ? symbol(value) : string(machine, value, body === 'pus');
    case 'S':
    case 'B':
      return symbol(value);
    case '4':
    case '6':
      return address(machine, value, body);
    default:
      return pointer(value);
  }
}

function pad(text: string, flags: string, width: number, body: string): string {
  if (flags.includes('-')) return text.padEnd(width);
  const numeric = /[diuxX]$/.test(body) && !body.startsWith('p');
  if (!flags.includes('0') || !numeric) return text.padStart(width);
  const sign = /^[-+ ]/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}

function signed(value: bigint, flags: string): string {
  if (value < 0n) return String(value);
  return (flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '') + String(value);
}

/** Kernels hash the pointers of `%p`; here every run prints the same. */
function pointer(value: bigint): string {
  return value.toString(16).padStart(16, '0');
}

/** What kallsyms cannot name is a number there too. */
function symbol(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function address(machine: Machine, value: bigint, body: string): string {
  const size = body.endsWith('4') ? 4 : 16;
  const bytes = bytesAt(machine, value, size) ?? new Uint8Array(size);
  if (size === 4) return [...bytes].map((byte) => (body === 'pi4' ? String(byte).padStart(3, '0') : byte)).join('.');
  const words = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16).padStart(4, '0'),
  );
  return words.join(body === 'pi6' ? '' : ':');
}

function string(machine: Machine, at: bigint, user: boolean): string {
  const { memory, world } = machine;
  if (!user && at >= 0x10000n && at < BigInt(memory.size))
    return byteString(memory.bytes.subarray(Number(at), Number(at) + 511));
  const bytes = world.readString(at, 512, user ? 'user' : 'kernel');
  return bytes === undefined ? '' : byteString(bytes);
}

function bytesAt(machine: Machine, at: bigint, size: number): Uint8Array | undefined {
  const { memory, world } = machine;
  if (at >= 0x10000n && at + BigInt(size) <= BigInt(memory.size))
    return memory.bytes.subarray(Number(at), Number(at) + size);
  return world.read(at, size, 'kernel');
}

/** Up to the NUL. */
function byteString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return latin1Text(end < 0 ? bytes : bytes.subarray(0, end));
}

/** One character a byte. */
export function latin1Text(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}
