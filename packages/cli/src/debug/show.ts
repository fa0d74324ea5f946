import { existsSync, readFileSync } from 'node:fs';
import { UAPI_ENUMS } from '@skep/abi';
import type { LineInfo, ProgramSpec } from '@skep/object';
import type {
  Breakpoint,
  Frame,
  Instruction,
  Location,
  Meaning,
  Place,
  PlaceBreakpoint,
  Register,
  WatchTarget,
} from '@skep/vm';

/** Texts of the debugger: what stands where, in the words of gdb where it has any. */
export function registerText({ name, value, meaning }: Register): string {
  return `${name.padEnd(4)}0x${value.toString(16).padStart(16, '0')}  ${meaningText(meaning, value)}`;
}

export function meaningText(meaning: Meaning, value: bigint): string {
  switch (meaning.kind) {
    case 'number':
      return String(BigInt.asIntN(64, value));
    case 'null':
      return '0, or NULL';
    case 'stack':
      return `fp${signed(meaning.offset)}${meaning.frame > 0 ? ` of frame ${meaning.frame}` : ''}`;
    case 'context':
      return `ctx${signed(meaning.offset)}${meaning.field ? ` (${meaning.field})` : ''}`;
    case 'packet':
      return meaning.end ? `end of the packet (${meaning.offset} bytes)` : `packet${signed(meaning.offset)}`;
    case 'map':
      return `map ${meaning.map.spec.name}`;
    case 'value': {
      const { spec } = meaning.map;
      const cpu = meaning.cpu > 0 ? `, CPU ${meaning.cpu}` : '';
      const where = spec.data === undefined ? `value of ${spec.name}[${bytesText(meaning.key)}]` : spec.name;
      return `${where}${signed(meaning.offset)}${cpu}`;
    }
    case 'record':
      return `record of ${meaning.map.spec.name}${signed(meaning.offset)}, ${meaning.size} bytes`;
    case 'function':
      return `function ${meaning.name}`;
    case 'kernel':
      return 'memory of the traced machine';
  }
}

/** Short keys as the number that they most likely are. */
export function bytesText(bytes: Uint8Array): string {
  if (bytes.length === 0 || bytes.length > 8) return `hex:${Buffer.from(bytes).toString('hex')}`;
  return String(bytes.reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n));
}

export function placeText(place: Place): string {
  const { line } = place;
  return `${place.function} () at ${line ? `${line.file}:${line.line}` : `instruction ${place.slot}`}`;
}

export function lineText(line: LineInfo): string {
  return `${line.line}\t${line.text.replace(/\s+$/, '')}`;
}

export function instructionText({ slot, text, line, next }: Instruction): string {
  const source = line ? `; ${line.text.trim()} @ ${line.file}:${line.line}\n` : '';
  return `${source}${next ? '=> ' : '   '}${String(slot).padStart(4)}: ${text}`;
}

export function frameText(frame: Frame, index: number): string {
  return `#${index}  ${placeText(frame)}${frame.callback ? ' (called by a helper)' : ''}`;
}

export function breakpointText(one: Breakpoint): string {
  if (one.kind === 'watch') return `${one.number}  watch       ${watchText(one.what)}`;
  const places = one.places.map(({ program, slot }) => `${program.name}:*${slot}`).join(', ');
  return `${one.number}  breakpoint  ${locationText(one.location)} (${places})${movedText(one)}`;
}

/** Lines without code (declarations, braces) are stopped at where the next one with code is. */
function movedText({ location, places }: PlaceBreakpoint): string {
  const [first] = places;
  if (first === undefined || !('line' in location)) return '';
  const { line } = first.program.lineInfo.findLast((one) => one.slot <= first.slot) ?? location;
  return line === location.line ? '' : `: line ${location.line} has no code, line ${line} is next`;
}

export function watchText(what: WatchTarget): string {
  return 'map' in what ? `${what.map}[${bytesText(what.key)}]` : `${what.size} bytes at 0x${what.address.toString(16)}`;
}

function locationText(location: Location): string {
  if ('slot' in location) return `*${location.slot}`;
  if ('function' in location) return location.function;
  return location.file === undefined ? `line ${location.line}` : `${location.file}:${location.line}`;
}

/** Sixteen bytes a row. */
export function dumpText(address: number, bytes: Uint8Array): string {
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = row.map((byte) => (byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '.')).join('');
    rows.push(`0x${(address + at).toString(16).padStart(8, '0')}: ${hex.padEnd(47)}  ${text}`);
  }
  return rows.join('\n');
}

/** Lines of a source file around one; of what the object remembers where the file is not at hand. */
export function listing(file: string, around: number, programs: readonly ProgramSpec[]): string {
  const known = new Map<number, string>();
  if (existsSync(file)) {
    for (const [index, text] of readFileSync(file, 'utf8').split('\n').entries()) known.set(index + 1, text);
  } else {
    for (const { lineInfo } of programs)
      for (const one of lineInfo) if (one.file === file) known.set(one.line, one.text);
  }
  const from = Math.max(1, around - 5);
  return Array.from({ length: 11 }, (_, i) => from + i)
    .filter((line) => known.has(line))
    .map((line) => `${line === around ? '=>' : '  '} ${line}\t${known.get(line)!.replace(/\s+$/, '')}`)
    .join('\n');
}

/** `2 (XDP_PASS)`. */
export function returnText(value: number, program: ProgramSpec | undefined): string {
  if (program?.hook?.programType !== 'BPF_PROG_TYPE_XDP') return String(value | 0);
  const actions = Object.entries(UAPI_ENUMS.find((one) => one.name === 'xdp_action')?.values ?? {});
  const name = actions.find(([, number]) => number === value)?.[0];
  return name ? `${value} (${name})` : String(value);
}

function signed(offset: number): string {
  return offset === 0 ? '' : offset < 0 ? String(offset) : `+${offset}`;
}
