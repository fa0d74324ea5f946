import { utf8Text } from '@skep/base';
import { EINVAL, EOVERFLOW, ERANGE } from '../errno.ts';
import type { Machine } from '../machine.ts';
import { formatAt, formatText, latin1Text } from './format.ts';
import { argument64, give, type Helper } from './helper.ts';

/** Helpers that make or read text. */
export const textHelpers: Record<string, Helper> = {
  // (fmt, size, a, b, c)
  bpf_trace_printk: (machine, r) => {
    const format = formatAt(machine, r[2]!, r[3]!, r[4]! >>> 0);
    trace(machine, r, format, [argument64(r, 3), argument64(r, 4), argument64(r, 5)]);
  },
  // (fmt, size, data, length)
  bpf_trace_vprintk: (machine, r) => {
    const format = formatAt(machine, r[2]!, r[3]!, r[4]! >>> 0);
    const args = argumentsAt(machine, r[6]!, r[7]!, r[8]! >>> 0);
    if (args === undefined) give(r, EINVAL);
    else trace(machine, r, format, args);
  },
  // (out, size, fmt, data, length): the length that the text has or would have, with its NUL
  bpf_snprintf: (machine, r) => {
    const size = r[4]! >>> 0;
    const target = machine.memory.slice(r[2]!, r[3]!, size, 'the target of a text');
    const format = formatAt(machine, r[6]!, r[7]!);
    const args = argumentsAt(machine, r[8]!, r[9]!, r[10]! >>> 0);
    const made = args === undefined || format === EINVAL ? EINVAL : formatText(machine, format, args, size);
    if (made === EINVAL) {
      give(r, EINVAL);
      return;
    }
    if (size > 0) {
      const bytes = Uint8Array.from(made.text.slice(0, size - 1), (one) => one.charCodeAt(0));
      target.set(bytes);
      target[bytes.length] = 0;
    }
    give(r, made.length + 1);
  },
  // (seq, fmt, size, data, length), (seq, data, length)
  bpf_seq_printf: (machine, r) => {
    const format = formatAt(machine, r[4]!, r[5]!, r[6]! >>> 0);
    const args = argumentsAt(machine, r[8]!, r[9]!, r[10]! >>> 0);
    const made = args === undefined || format === EINVAL ? EINVAL : formatText(machine, format, args);
    give(r, made === EINVAL ? EINVAL : write(machine, made.text));
  },
  bpf_seq_write: (machine, r) => {
    const data = machine.memory.slice(r[4]!, r[5]!, r[6]! >>> 0, 'the bytes for a sequence');
    give(r, write(machine, latin1Text(data.subarray(0, SEQUENCE + 1))));
  },
  // (buf, length, flags, result)
  bpf_strtol: (machine, r) => parseNumber(machine, r, true),
  bpf_strtoul: (machine, r) => parseNumber(machine, r, false),
};

function trace(machine: Machine, r: Int32Array, format: Uint8Array | typeof EINVAL, args: readonly bigint[]): void {
  const made = format === EINVAL ? EINVAL : formatText(machine, format, args);
  if (made === EINVAL) {
    give(r, EINVAL);
    return;
  }
  machine.onTrace?.(traceText(made.text));
  give(r, made.length);
}

/** A line of the trace has room for MAX_BPRINTF_BUF bytes. */
export function traceText(text: string): string {
  return utf8Text(Uint8Array.from(text.slice(0, MAX_BPRINTF_BUF - 1), (one) => one.charCodeAt(0)));
}

const MAX_BPRINTF_BUF = 1024;

/** An iterator's text has room for eight pages (bpf_seq_read, kernel/bpf/bpf_iter.c). */
function write(machine: Machine, text: string): number {
  const before = machine.outcome.text ?? '';
  if (before.length + text.length > SEQUENCE) return EOVERFLOW;
  machine.outcome.text = before + text;
  return 0;
}

const SEQUENCE = 8 * 4096;

/** At most twelve (MAX_BPRINTF_VARARGS). */
function argumentsAt(machine: Machine, low: number, high: number, length: number): bigint[] | undefined {
  if (length % 8 !== 0 || length > 96) return undefined;
  if (length === 0) return [];
  const at = machine.memory.check(low, high, length, 'the arguments of a format');
  return Array.from({ length: length / 8 }, (_, i) => machine.memory.view.getBigUint64(at + 8 * i, true));
}

/** `__bpf_strtoull` (kernel/bpf/helpers.c): how many bytes were read, or an error number. */
function parseNumber(machine: Machine, r: Int32Array, signed: boolean): void {
  const length = r[4]! >>> 0;
  const buffer = machine.memory.slice(r[2]!, r[3]!, length, 'a text');
  const result = machine.memory.check(r[8]!, r[9]!, 8, 'the place of a number');
  const base = r[6]! & 31;
  if (length === 0 || r[7] !== 0 || (r[6]! & ~31) !== 0 || ![0, 8, 10, 16].includes(base)) {
    give(r, EINVAL);
    return;
  }
  let at = 0;
  while (at < length && isSpace(buffer[at]!)) at += 1;
  const negative = buffer[at] === 0x2d;
  if (negative) at += 1;
  if (at >= length) {
    give(r, EINVAL);
    return;
  }
  // Copied to a buffer of 64 bytes there.
  const text = String.fromCharCode(...buffer.subarray(at, Math.min(length, at + 63)));
  const { radix, prefix } = radixOf(text, base);
  let value = 0n;
  let digits = 0;
  let overflow = false;
  for (let i = prefix; i < text.length; i++, digits++) {
    const digit = Number.parseInt(text[i]!, 36);
    if (Number.isNaN(digit) || digit >= radix) break;
    value = value * BigInt(radix) + BigInt(digit);
    if (value >= 1n << 64n) overflow = true;
  }
  if (overflow) give(r, ERANGE);
  else if (digits === 0) give(r, EINVAL);
  else if (!signed && negative) give(r, EINVAL);
  else if (signed && (negative ? BigInt.asIntN(64, -value) > 0n : value >= 1n << 63n)) give(r, ERANGE);
  else {
    machine.memory.view.setBigUint64(result, BigInt.asUintN(64, negative ? -value : value), true);
    give(r, at + prefix + digits);
  }
}

function radixOf(text: string, base: number): { radix: number; prefix: number } {
  const hex = /^0x/i.test(text);
  if (base === 0) {
    if (hex && /^0x[\da-f]/i.test(text)) return { radix: 16, prefix: 2 };
    return { radix: text.startsWith('0') ? 8 : 10, prefix: 0 };
  }
  return { radix: base, prefix: base === 16 && hex ? 2 : 0 };
}

function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13) || byte === 0xa0;
}
