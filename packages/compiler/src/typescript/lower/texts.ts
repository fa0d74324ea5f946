import * as say from '../diagnostics.ts';
import type { Node } from '../syntax.ts';
import type { Lowering } from './lowering.ts';
import { guarded, type Value } from './value.ts';

/** A text that lies in a constant of the probe, or in a parameter: nobody changes it there. */
export function textAt(lvalue: string, size: number): Value {
  return {
    type: { kind: 'string', size },
    c: lvalue,
    into: (to, room) =>
      `${room > size ? `__builtin_memset(${to}, 0, ${room}); ` : ''}__builtin_memcpy(${to}, (void *)${lvalue}, ${Math.min(size, room)});${room < size ? ` ${to}[${room - 1}] = 0;` : ''}`,
  };
}

/** A text into `size` bytes. */
export function writeText(value: Value, to: string, size: number): string {
  if (typeof value.constant === 'string') {
    const bytes = [...new TextEncoder().encode(value.constant)].slice(0, size - 1);
    return `${[...bytes, 0].map((byte, i) => `${to}[${i}] = ${byte > 127 ? byte - 256 : byte};`).join(' ')}`;
  }
  return value.into!(to, size);
}

/** One text or the other. */
export function eitherText(test: string, a: Value, b: Value): Value {
  const [x, y] = [a.type, b.type] as { size?: number }[];
  const size = x!.size === undefined || y!.size === undefined ? undefined : Math.max(x!.size, y!.size);
  return {
    type: { kind: 'string', size },
    c: '@text',
    into: (to, room) => `if (${test}) { ${writeText(a, to, room)} } else { ${writeText(b, to, room)} }`,
  };
}

/** `text.startsWith('…')`, for a constant. */
export function startsWith(l: Lowering, text: Value, prefix: string, node: Node): string {
  const bytes = [...new TextEncoder().encode(prefix)];
  const { size } = text.type as { size?: number };
  if (size !== undefined && bytes.length >= size) return '0';
  if (bytes.length >= COMPARED) l.fail(say.outOfRange('the text', 'a comparison (63 bytes)', l.span(node)));
  return equalBytes(bufferOf(l, text, bytes.length + 1), bytes);
}

/** Byte for byte up to the end of the text. */
export function sameText(l: Lowering, text: Value, constant: string, node: Node): string {
  return amongTexts(l, text, [constant], node);
}

/** `[…].includes(text)` */
export function amongTexts(l: Lowering, text: Value, constants: readonly string[], node: Node): string {
  const tests = testsFor(l, text, constants, node).filter((one) => one !== '0');
  return tests.length === 0 ? '0' : `(${tests.join(' || ')})`;
}

/** The index of the first of these that a text is; -1 where it is none. */
export function whichText(l: Lowering, text: Value, constants: readonly string[], node: Node): string {
  return testsFor(l, text, constants, node).reduceRight((rest, test, i) => `(${test} ? ${i} : ${rest})`, '-1');
}

/** For each constant, whether it is the text. */
function testsFor(l: Lowering, text: Value, constants: readonly string[], node: Node): string[] {
  if (typeof text.constant === 'string') return constants.map((one) => (one === text.constant ? '1' : '0'));
  const { size } = text.type as { size?: number };
  const all = constants.map((one) => [...new TextEncoder().encode(one), 0]);
  if (all.some((one) => one.length > COMPARED))
    l.fail(say.outOfRange('the text', 'a comparison (63 bytes)', l.span(node)));
  const possible = size === undefined ? all : all.filter((one) => one.length <= size);
  if (possible.length === 0) return all.map(() => '0');
  // With one byte more than the longest, of what is longer the end is not taken for the end.
  const longest = Math.max(...possible.map((one) => one.length)) + 1;
  const buffer = bufferOf(l, text, Math.min(size ?? longest, longest));
  return all.map((one) => (possible.includes(one) ? equalBytes(buffer, one) : '0'));
}

/** Where the first `room` bytes of a text are: where it lies, or in a copy that ends with NUL where it is shorter. */
function bufferOf(l: Lowering, text: Value, room: number): string {
  if (liesThere(text) && text.ok === undefined && (text.type as { size: number }).size >= room) return text.c;
  const buffer = l.name('text');
  l.emit(`char ${buffer}[${room}] = {};`);
  l.emit(guarded(text.ok, writeText(text, buffer, room)));
  return buffer;
}

/** Whether it is in memory, by {@link textAt}, and not yet to be made. */
export function liesThere(text: Value): boolean {
  return text.constant === undefined && text.c !== '@text';
}

function equalBytes(buffer: string, bytes: readonly number[]): string {
  const tests = bytes.map((byte, i) => `${buffer}[${i}] == ${byte > 127 ? byte - 256 : byte}`);
  return tests.length === 0 ? '1' : `(${tests.join(' && ')})`;
}

/** Two texts of which none is a constant; one of them has to be short. */
export function sameTexts(l: Lowering, a: Value, b: Value, node: Node): string {
  const [x, y] = [a, b].map((text) => (text.type as { size?: number }).size ?? Number.POSITIVE_INFINITY) as [
    number,
    number,
  ];
  const shorter = Math.min(x, y);
  if (shorter > BOTH) l.fail(say.tooLong(BOTH - 1, l.span(node)));
  const room = x === y ? shorter : shorter + 1;
  const buffers = [a, b].map((text) => bufferOf(l, text, room));
  const same = l.declare('bool', 'same', '1');
  l.emit(`for (int i = 0; i < ${room}; i++) {`);
  l.emit(`if (${buffers[0]}[i] != ${buffers[1]}[i]) { ${same} = 0; break; }`);
  l.emit(`if (!${buffers[0]}[i]) break;`);
  l.emit('}');
  return same;
}

/** Text from memory that may not be there: then it is empty. */
export function readText(space: 'user' | 'kernel', to: string, size: number, from: string): string {
  return `if (bpf_probe_read_${space}_str(${to}, ${size}, ${from}) < 0) (${to})[0] = 0;`;
}

/** Bytes of texts that are copied to where they stay. */
export const KEPT_TEXT = 64;
/** Bytes of a constant that texts are compared with, its NUL with them. */
const COMPARED = 64;
/** Bytes of the shorter of two texts that are compared: both lie on the stack then. */
const BOTH = 128;
