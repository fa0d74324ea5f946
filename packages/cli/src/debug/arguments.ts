import type { Debugger, Location } from '@skep/vm';
import { problem } from './problem.ts';
import { dumpText } from './show.ts';

interface Parts {
  readonly debugger: Debugger;
}

/** `12`, `file.c:12`, `function`, `*slot`, `program:*slot`, then maybe `if r1 == 5`. */
export function parseLocation(text: string, parts: Parts): { location: Location; when?: () => boolean } {
  const [, place = '', condition] = /^(.*?)(?:\s+if\s+(.+))?$/.exec(text.trim()) ?? [];
  const location = locationOf(place, parts.debugger);
  return condition === undefined ? { location } : { location, when: conditionOf(condition, parts) };
}

/** A register (`r1`, `$r1`, `fp`), a decimal or hexadecimal number, or two of them with + or - between. */
export function numberOf(text: string, { debugger: debugging }: Parts): bigint {
  const match = /^(\S+?)(?:\s*([+-])\s*(\S+))?$/.exec(text.trim());
  const left = match ? atom(match[1]!, debugging) : undefined;
  const right = match?.[3] === undefined ? 0n : atom(match[3], debugging);
  if (left === undefined || right === undefined)
    throw problem(`\`${text}\` is no number`, 'write a number, a register, or fp-8');
  return BigInt.asUintN(64, match![2] === '-' ? left - right : left + right);
}

/** An offset in the machine's memory. */
export function addressOf(text: string, debugging: Debugger): number {
  const value = numberOf(text, { debugger: debugging });
  if (value >= 1n << 31n) throw problem(`there is no memory at 0x${value.toString(16)}`);
  return Number(value);
}

/** A key as the bytes of a number, or as they are in `hex:0a0b`. */
export function keyOf(text: string, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const hex = /^hex:((?:[0-9a-fA-F]{2})+)$/.exec(text.trim());
  if (hex) {
    const given = Buffer.from(hex[1]!, 'hex');
    if (given.length !== size) throw problem(`a key of this map has ${size} bytes, not ${given.length}`);
    return Uint8Array.from(given);
  }
  if (!/^-?(\d+|0x[0-9a-fA-F]+)$/.test(text.trim()) || size > 8)
    throw problem(`\`${text}\` is no key`, 'write a number, or all bytes as in hex:0a0b');
  const negative = text.trim().startsWith('-');
  let value = BigInt.asUintN(64, negative ? -BigInt(text.trim().slice(1)) : BigInt(text.trim()));
  for (let i = 0; i < size; i++, value >>= 8n) bytes[i] = Number(value & 0xffn);
  return bytes;
}

/** `/4xg r10-32`, `/s r1`, `r1`. */
export function formatMemory(text: string, parts: Parts): string {
  const match = /^(?:\/(\d*)([xduscb]?)([bhwg]?))?\s*(.+)$/.exec(text);
  if (!match) throw problem('where?', 'write for example `x/4xg r10-32`');
  const [, many, format, unit, where] = match;
  const address = addressOf(where!, parts.debugger);
  const count = Math.min(many ? Number(many) : 1, 4096);
  if (format === 's') return stringAt(address, count, parts.debugger);
  if (unit === '' && (many === '' || many === undefined) && !format)
    return dumpText(address, parts.debugger.memory(address, 64));
  const size = { b: 1, h: 2, w: 4, g: 8 }[unit || (format === 'b' ? 'b' : 'w')]!;
  const bytes = parts.debugger.memory(address, count * size);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const cells: string[] = [];
  for (let at = 0; at + size <= bytes.length; at += size) cells.push(cell(view, at, size, format || 'x'));
  const perRow = 16 / size;
  const rows: string[] = [];
  for (let i = 0; i < cells.length; i += perRow)
    rows.push(`0x${(address + i * size).toString(16).padStart(8, '0')}: ${cells.slice(i, i + perRow).join(' ')}`);
  return rows.join('\n') || `There is no memory at 0x${address.toString(16)}.`;
}

function locationOf(text: string, debugging: Debugger): Location {
  const slot = /^(?:(\w+):)?\*(\d+)$/.exec(text);
  if (slot) {
    const program = slot[1] ?? debugging.place?.program.name;
    return { ...(program !== undefined && { program }), slot: Number(slot[2]) };
  }
  const line = /^(?:(.+):)?(\d+)$/.exec(text);
  if (line) return { ...(line[1] !== undefined && { file: line[1] }), line: Number(line[2]) };
  if (/^[A-Za-z_][\w.]*$/.test(text)) return { function: text };
  throw problem(`\`${text}\` is no place`, 'write a line, FILE:LINE, a function, or *SLOT');
}

function conditionOf(text: string, parts: Parts): () => boolean {
  const match = /^(\S+)\s*(==|!=|<=|>=|<|>|&)\s*(\S+)$/.exec(text);
  if (!match) throw problem(`\`${text}\` is no condition`, 'write for example `if r1 == 5`; numbers are unsigned');
  const [, left, operator, right] = match;
  numberOf(left!, parts);
  numberOf(right!, parts);
  return () => {
    const [a, b] = [numberOf(left!, parts), numberOf(right!, parts)];
    switch (operator) {
      case '==':
        return a === b;
      case '!=':
        return a !== b;
      case '<':
        return a < b;
      case '<=':
        return a <= b;
      case '>':
        return a > b;
      case '>=':
        return a >= b;
      default:
        return (a & b) !== 0n;
    }
  };
}

function atom(text: string, debugging: Debugger): bigint | undefined {
  const name = text.replace(/^\$/, '');
  if (/^(fp|r\d+)$/.test(name))
    return debugging.registers.find((one) => one.name === (name === 'fp' ? 'r10' : name))?.value;
  return /^(\d+|0x[0-9a-fA-F]+)$/.test(text) ? BigInt(text) : undefined;
}

function cell(view: DataView, at: number, size: number, format: string): string {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
  if (format === 'd') return String(BigInt.asIntN(size * 8, value));
  if (format === 'u') return String(value);
  return `0x${value.toString(16).padStart(size * 2, '0')}`;
}

function stringAt(address: number, count: number, debugging: Debugger): string {
  const rows: string[] = [];
  let at = address;
  for (let i = 0; i < count; i++) {
    const bytes = debugging.memory(at, 4096);
    const end = bytes.indexOf(0);
    const text = Buffer.from(bytes.subarray(0, end < 0 ? bytes.length : end)).toString('utf8');
    rows.push(`0x${at.toString(16).padStart(8, '0')}: ${JSON.stringify(text)}`);
    at += text.length + 1;
  }
  return rows.join('\n');
}
