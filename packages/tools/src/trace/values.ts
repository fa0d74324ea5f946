import {
  traceLayout as layoutOf,
  partsOf,
  type StructType,
  traceSize as sizeOf,
  type TraceConfig,
  type TraceType,
} from '@skep/compiler';
import { strftime } from './strftime.ts';

/** What values mean outside of themselves: names of addresses, users, stacks. */
export interface Meanings {
  kernelSymbol(address: bigint, offset: boolean): string;
  userSymbol(address: bigint, pid: number, offset: boolean): string;
  /** What a process runs at an address, innermost first; more than one where functions were inlined. */
  userFrames?(address: bigint, pid: number, called: boolean): readonly UserFrame[];
  /** Addresses of a stack by its id among those of that depth at most; undefined when it is not known any more. */
  stack(id: number, depth: number): readonly bigint[] | undefined;
  /** The same as build ids (hexadecimal) with offsets into their files. */
  buildIds?(id: number): readonly { readonly id: string; readonly offset: bigint }[] | undefined;
  /** Names of traced functions by their number, from 1. */
  readonly functions?: readonly string[];
  userName(uid: number): string | undefined;
  cgroupPath(id: bigint, filter: string): string;
  /** Nanoseconds since 1970 of a clock: 0 boot, 1 monotonic, 3 the time of day. */
  wallClock(nanoseconds: bigint, clock: number): bigint;
  /** Nanoseconds since 1970, now; the system's clock when it is not given. */
  timeOfDay?(): bigint;
  readonly config: TraceConfig;
}

export interface UserFrame {
  /** With the offset, where the function is the program's own and not inlined. */
  readonly name: string;
  readonly inlined: boolean;
  /** `file:line` of the source. */
  readonly source: string | undefined;
  /** The path of the binary. */
  readonly module: string | undefined;
}

/** A value as text, as it is printed. */
export function valueText(type: TraceType, data: DataView, at: number, meanings: Meanings): string {
  switch (type.kind) {
    case 'int': {
      const value = intAt(type, data, at);
      return type.names?.values.get(value) ?? String(value);
    }
    case 'bool':
      return data.getUint8(at) === 0 ? 'false' : 'true';
    case 'pointer':
      return `0x${data.getBigUint64(at, true).toString(16)}`;
    case 'string':
      return stringAt(type, data, at, meanings);
    case 'buffer':
      return bytesText(bufferAt(type, data, at), 'r');
    case 'array':
      return `[${elementsOf(type, at)
        .map((one) => valueText(type.of, data, one, meanings))
        .join(',')}]`;
    case 'struct':
      return `{ ${fieldsAt(type, data, at, (field, where) =>
        field.kind === 'none' ? '' : valueText(field, where.data, where.at, meanings),
      )
        .map(([name, text]) => `.${name} = ${text}`)
        .join(', ')} }`;
    case 'tuple': {
      const { offsets } = layoutOf(type);
      const items = type.items.map((one, i) => valueText(one, data, at + offsets[i]!, meanings));
      return `(${items.join(', ')}${items.length === 1 ? ',' : ''})`;
    }
    case 'record': {
      const { offsets } = layoutOf(type);
      return `{ ${type.fields.map((one, i) => `.${one.name} = ${valueText(one.type, data, at + offsets[i]!, meanings)}`).join(', ')} }`;
    }
    case 'special':
      return specialText(type, data, at, meanings);
    default:
      return '';
  }
}

/** A value as JSON. */
export function valueJson(type: TraceType, data: DataView, at: number, meanings: Meanings): string {
  switch (type.kind) {
    case 'int':
      return String(intAt(type, data, at));
    case 'pointer':
      return String(data.getBigUint64(at, true));
    case 'bool':
      return valueText(type, data, at, meanings);
    case 'array':
      return `[${elementsOf(type, at)
        .map((one) => valueJson(type.of, data, one, meanings))
        .join(',')}]`;
    case 'struct':
      return `{${fieldsAt(type, data, at, (field, where) =>
        field.kind === 'none' ? 'null' : valueJson(field, where.data, where.at, meanings),
      )
        .map(([name, text]) => `${JSON.stringify(name)}: ${text}`)
        .join(', ')}}`;
    case 'tuple': {
      const { offsets } = layoutOf(type);
      return `[${type.items.map((one, i) => valueJson(one, data, at + offsets[i]!, meanings)).join(',')}]`;
    }
    case 'record': {
      const { offsets } = layoutOf(type);
      return `{${type.fields.map((one, i) => `${JSON.stringify(one.name)}: ${valueJson(one.type, data, at + offsets[i]!, meanings)}`).join(', ')}}`;
    }
    case 'none':
      return 'null';
    default:
      return JSON.stringify(valueText(type, data, at, meanings));
  }
}

/** A key of a map: several stand side by side without parentheses. */
export function keyText(type: TraceType, data: DataView, at: number, meanings: Meanings): string {
  if (type.kind !== 'tuple') return valueText(type, data, at, meanings);
  const { offsets } = layoutOf(type);
  return type.items.map((one, i) => valueText(one, data, at + offsets[i]!, meanings)).join(', ');
}

/** The same as a name in JSON. */
export function keyJson(type: TraceType, data: DataView, at: number, meanings: Meanings): string {
  const plain = (one: TraceType, where: number): string =>
    one.kind === 'int' ? String(intAt(one, data, where)) : valueText(one, data, where, meanings);
  if (type.kind !== 'tuple') return JSON.stringify(plain(type, at));
  const { offsets } = layoutOf(type);
  return JSON.stringify(type.items.map((one, i) => plain(one, at + offsets[i]!)).join(','));
}

export function intAt(type: TraceType, data: DataView, at: number): bigint {
  if (type.kind === 'bool') return BigInt(data.getUint8(at));
  if (type.kind === 'pointer') return data.getBigUint64(at, true);
  if (type.kind !== 'int') return 0n;
  switch (type.size) {
    case 1:
      return BigInt(type.signed ? data.getInt8(at) : data.getUint8(at));
    case 2:
      return BigInt(type.signed ? data.getInt16(at, true) : data.getUint16(at, true));
    case 4:
      return BigInt(type.signed ? data.getInt32(at, true) : data.getUint32(at, true));
    case 8:
      return type.signed ? data.getBigInt64(at, true) : data.getBigUint64(at, true);
  }
}

const decoder = new TextDecoder();

/** Up to the NUL; text that fills all the room that there can be was cut, which the trailer says. */
export function stringAt(type: TraceType & { kind: 'string' }, data: DataView, at: number, meanings: Meanings): string {
  const bytes = new Uint8Array(data.buffer, data.byteOffset + at, Math.min(type.size, data.byteLength - at));
  const end = bytes.indexOf(0);
  const length = end < 0 ? bytes.length : end;
  const text = decoder.decode(bytes.subarray(0, length));
  const { max_strlen: limit, str_trunc_trailer: trailer } = meanings.config;
  return type.size === limit + 1 && length === limit ? text + trailer : text;
}

export function bufferAt(type: TraceType & { kind: 'buffer' }, data: DataView, at: number): Uint8Array {
  const length = Math.min(type.size, data.getUint32(at, true));
  return new Uint8Array(data.buffer, data.byteOffset + at + 4, length);
}

/** `r`: what can be printed as it is; `rx`: all as \x..; `rh`: as numbers side by side. */
export function bytesText(bytes: Uint8Array, how: string): string {
  const hex = (byte: number) => byte.toString(16).padStart(2, '0');
  if (how === 'rh') return Array.from(bytes, hex).join(' ');
  return Array.from(bytes, (byte) =>
    how === 'r' && byte >= 32 && byte <= 126 ? String.fromCharCode(byte) : `\\x${hex(byte)}`,
  ).join('');
}

function elementsOf(type: TraceType & { kind: 'array' }, at: number): number[] {
  const size = sizeOf(type.of);
  return Array.from({ length: type.count }, (_, i) => at + i * size);
}

function fieldsAt(
  type: StructType,
  data: DataView,
  at: number,
  show: (type: TraceType, where: { data: DataView; at: number }) => string,
): [string, string][] {
  return type.fields().map((field) => {
    if (!field.bits || field.type.kind !== 'int')
      return [field.name, show(field.type, { data, at: at + field.offset })];
    const bytes = new DataView(new ArrayBuffer(8));
    for (let i = 0; i < 8 && at + field.offset + i < data.byteLength; i++)
      bytes.setUint8(i, data.getUint8(at + field.offset + i));
    const whole = bytes.getBigUint64(0, true) >> BigInt(field.bits.offset);
    const value = BigInt.asUintN(field.bits.width, whole);
    bytes.setBigInt64(0, value, true);
    return [field.name, show(field.type, { data: bytes, at: 0 })];
  });
}

function specialText(type: TraceType & { kind: 'special' }, data: DataView, at: number, meanings: Meanings): string {
  switch (type.name) {
    case 'ksym':
      return meanings.kernelSymbol(data.getBigUint64(at, true), false);
    case 'usym':
      return (
        meanings.functions?.[data.getUint32(at + 12, true) - 1] ??
        meanings.userSymbol(data.getBigUint64(at, true), data.getUint32(at + 8, true), false)
      );
    case 'username': {
      const uid = Number(data.getBigUint64(at, true));
      return meanings.userName(uid) ?? String(uid);
    }
    case 'timestamp':
      return strftime(
        type.format ?? '%c',
        meanings.wallClock(data.getBigUint64(at, true), Number(data.getBigUint64(at + 8, true))),
      );
    case 'cgroup_path':
      return meanings.cgroupPath(data.getBigUint64(at, true), type.format ?? '*');
    case 'inet':
      return inetText(data.getUint8(at) === 10, new Uint8Array(data.buffer, data.byteOffset + at + 1, 16));
    case 'mac':
      return Array.from({ length: 6 }, (_, i) =>
        data
          .getUint8(at + i)
          .toString(16)
          .padStart(2, '0')
          .toUpperCase(),
      ).join(':');
    case 'kstack':
    case 'ustack':
      return stackText(type, data, at, meanings);
    default:
      return type.mode ?? '';
  }
}

/** One line for each address, innermost first; more where functions were inlined. */
function stackText(type: TraceType & { kind: 'special' }, data: DataView, at: number, meanings: Meanings): string {
  const id = data.getInt32(at, true);
  const depth = data.getInt32(at + 4, true);
  const pid = data.getUint32(at + 8, true);
  const limit = type.limit ?? 127;
  if (depth < 0) return '';
  const lines =
    type.mode === 'build_id'
      ? (meanings.buildIds?.(id) ?? []).slice(0, limit).map((one) => `${one.id} 0x${one.offset.toString(16)}`)
      : (meanings.stack(id, depth) ?? [])
          .slice(0, limit)
          .flatMap((address, i) =>
            type.name === 'kstack' || type.mode === 'raw'
              ? [kernelLine(type.mode, address, meanings)]
              : framesOf(address, pid, i > 0, meanings).map((frame) => userLine(type.mode, address, frame)),
          );
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

function framesOf(address: bigint, pid: number, called: boolean, meanings: Meanings): readonly UserFrame[] {
  return (
    meanings.userFrames?.(address, pid, called) ?? [
      { name: meanings.userSymbol(address, pid, true), inlined: false, source: undefined, module: undefined },
    ]
  );
}

function kernelLine(mode: string | undefined, address: bigint, meanings: Meanings): string {
  const hex = address.toString(16);
  if (mode === 'raw') return hex;
  const name = meanings.kernelSymbol(address, true);
  return mode === 'perf' ? `\t${hex} ${name}` : `        ${name}`;
}

function userLine(mode: string | undefined, address: bigint, frame: UserFrame): string {
  const { name, inlined, source, module } = frame;
  if (mode === 'perf')
    return `\t${address.toString(16)} ${name}${inlined ? ' (inlined)' : module ? ` (${module})` : ''}`;
  return `        ${inlined ? '[inlined] ' : ''}${name}${source === undefined ? '' : `@${source}`}`;
}

function inetText(six: boolean, bytes: Uint8Array): string {
  if (!six) return Array.from(bytes.subarray(0, 4)).join('.');
  const words = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  // The longest run of zeros is written as `::`.
  let best = { from: -1, length: 1 };
  for (let from = 0; from < 8; from++) {
    let length = 0;
    while (from + length < 8 && words[from + length] === 0) length++;
    if (length > best.length) best = { from, length };
  }
  const hex = (list: readonly number[]) => list.map((one) => one.toString(16)).join(':');
  if (best.from < 0) return hex(words);
  return `${hex(words.slice(0, best.from))}::${hex(words.slice(best.from + best.length))}`;
}

export { partsOf };
