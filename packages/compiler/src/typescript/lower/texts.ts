import * as say from '../diagnostics.ts';
import type { Node } from '../syntax.ts';
import type { Lowering } from './lowering.ts';
import { guarded, type Value } from './value.ts';

export function textAt(lvalue: string, size: number): Value {
  return {
    type: { kind: 'string', size },
    c: lvalue,
    into: (to, room) =>
      `${room > size ? `__builtin_memset(${to}, 0, ${room}); ` : ''}__builtin_memcpy(${to}, (void *)${lvalue}, ${Math.min(size, room)});`,
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

/** Byte for byte up to the end of the text. */
export function sameText(l: Lowering, text: Value, constant: string, node: Node): string {
  const bytes = [...new TextEncoder().encode(constant), 0];
  const { size = 64 } = text.type as { size?: number };
  if (bytes.length > Math.min(size, 64))
    return bytes.length > size ? '0' : l.fail(say.outOfRange('the text', 'a comparison (63 bytes)', l.span(node)));
  const buffer = l.name('text');
  const room = Math.min(size, 64);
  l.emit(`char ${buffer}[${room}] = {};`);
  l.emit(guarded(text.ok, writeText(text, buffer, room)));
  return `(${bytes.map((byte, i) => `${buffer}[${i}] == ${byte > 127 ? byte - 256 : byte}`).join(' && ')})`;
}

/** Two texts of which none is a constant, as far as they are compared: 64 bytes. */
export function sameTexts(l: Lowering, a: Value, b: Value): string {
  const buffers = [a, b].map((text) => {
    const { size = COMPARED } = text.type as { size?: number };
    const buffer = l.name('text');
    l.emit(`char ${buffer}[${COMPARED}] = {};`);
    l.emit(guarded(text.ok, writeText(text, buffer, Math.min(size, COMPARED))));
    return buffer;
  });
  const [x, y] = buffers as [string, string];
  const same = l.declare('bool', 'same', '1');
  l.emit(`for (int i = 0; i < ${COMPARED}; i++) {`);
  l.emit(`if (${x}[i] != ${y}[i]) { ${same} = 0; break; }`);
  l.emit(`if (!${x}[i]) break;`);
  l.emit('}');
  return same;
}

/** Text from memory that may not be there: then it is empty. */
export function readText(space: 'user' | 'kernel', to: string, size: number, from: string): string {
  return `if (bpf_probe_read_${space}_str(${to}, ${size}, ${from}) < 0) (${to})[0] = 0;`;
}

/** Bytes of texts that are compared with each other. */
const COMPARED = 64;
