import { cString, utf8Text } from '@skep/base';
import type { Machine } from '../machine.ts';

/**
 * The text of `bpf_trace_printk` and `bpf_trace_vprintk` (bpf_bprintf_prepare in kernel/bpf/helpers.c): `%d %i %u %x %X
 * %o %c %p %s %ks %us` with widths, flags and `l` / `ll`; a directive that the kernel refuses is left as it stands.
 */
export function formatPrintk(machine: Machine, format: Uint8Array, args: readonly bigint[]): string {
  let next = 0;
  return cString(format).replace(
    /%(%|([-+ #0]*)(\d*)(?:\.(\d+))?(ll|l|hh|h|z)?(p[ksx]?|[ku]s|[diuxXoscp]))/g,
    (whole, body, flags = '', width = '', precision, length = '', conversion = '') => {
      if (body === '%') return '%';
      const value = args[next++] ?? 0n;
      const text = convert(machine, value, conversion, length, flags.includes('#'), precision);
      if (text === undefined) return whole;
      const want = Number(width || 0);
      if (flags.includes('-')) return text.padEnd(want);
      if (flags.includes('0') && conversion !== 's') return zeros(text, want);
      return text.padStart(want);
    },
  );
}

function convert(
  machine: Machine,
  value: bigint,
  conversion: string,
  length: string,
  alternate: boolean,
  precision: string | undefined,
): string | undefined {
  const bits = length === 'l' || length === 'll' || length === 'z' ? 64 : 32;
  switch (conversion) {
    case 'd':
    case 'i':
      return String(BigInt.asIntN(bits, value));
    case 'u':
      return String(BigInt.asUintN(bits, value));
    case 'x':
      return (alternate ? '0x' : '') + BigInt.asUintN(bits, value).toString(16);
    case 'X':
      return (alternate ? '0X' : '') + BigInt.asUintN(bits, value).toString(16).toUpperCase();
    case 'o':
      return (alternate ? '0' : '') + BigInt.asUintN(bits, value).toString(8);
    case 'c':
      return String.fromCharCode(Number(value & 0xffn));
    case 'p':
    case 'px':
    case 'pk':
      return value.toString(16).padStart(16, '0');
    case 's':
    case 'ks':
    case 'us':
    case 'ps':
      return string(machine, value).slice(0, precision === undefined ? undefined : Number(precision));
    default:
      return undefined;
  }
}

function string(machine: Machine, address: bigint): string {
  const { memory, world } = machine;
  if (address >= 0x10000n && address < BigInt(memory.size)) return cString(memory.bytes, Number(address)).slice(0, 511);
  const bytes = world.readString(address, 512, 'kernel') ?? world.readString(address, 512, 'user');
  return bytes === undefined ? '' : utf8Text(bytes.subarray(0, -1));
}

function zeros(text: string, width: number): string {
  const sign = text.startsWith('-') ? '-' : '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}
