import { FIRST_KEYWORD, T, type TokenKind } from './token.ts';

/**
 * All names (identifiers and keywords) that were ever read in this process, numbered from 0. The same name has the same
 * number and the same string object in every file, so that lexed headers can be kept and shared between compiles.
 */
export function nameText(id: number): string {
  return TEXTS[id]!;
}

/** The number of a name given as a string. */
export function nameId(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = step(hash, text.charCodeAt(i));
  return nameIdAt(text, 0, text.length, hash);
}

/** One step of the hash over UTF-16 units that {@link nameIdAt} expects, from 0. */
export function step(hash: number, unit: number): number {
  return (Math.imul(hash, 31) + unit) | 0;
}

/** The number of the name at `text[start, end)`; no string is made when the name is known. */
export function nameIdAt(text: string, start: number, end: number, hash: number): number {
  let slot = mix(hash) & mask;
  const length = end - start;
  for (;;) {
    const id = slots[slot]! - 1;
    if (id < 0) break;
    if (hashes[id] === hash) {
      const known = TEXTS[id]!;
      if (known.length === length && sameAt(known, text, start)) return id;
    }
    slot = (slot + 1) & mask;
  }
  // A long slice keeps the text it is cut from alive; copying each of the 60,000 names of a vmlinux.h costs more.
  return add(text.slice(start, end), hash, slot);
}

/** {@link T.Identifier} or the keyword that the name is. */
export function nameKind(id: number): TokenKind {
  return KINDS[id]!;
}

const TEXTS: string[] = [];
let KINDS = new Uint8Array(1 << 13);
let hashes = new Int32Array(1 << 13);
let slots = new Int32Array(1 << 14);
let mask = slots.length - 1;

function mix(hash: number): number {
  return hash ^ (hash >>> 15);
}

function sameAt(known: string, text: string, start: number): boolean {
  for (let i = 0; i < known.length; i++) if (known.charCodeAt(i) !== text.charCodeAt(start + i)) return false;
  return true;
}

function add(text: string, hash: number, slot: number): number {
  const id = TEXTS.length;
  TEXTS.push(text);
  if (id === hashes.length) {
    hashes = grown(hashes);
    const kinds = new Uint8Array(KINDS.length * 2);
    kinds.set(KINDS);
    KINDS = kinds;
  }
  hashes[id] = hash;
  KINDS[id] = T.Identifier;
  slots[slot] = id + 1;
  if (TEXTS.length * 2 > slots.length) rehash();
  return id;
}

function grown(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const bigger = new Int32Array(array.length * 2);
  bigger.set(array);
  return bigger;
}

function rehash(): void {
  slots = new Int32Array(slots.length * 2);
  mask = slots.length - 1;
  for (let id = 0; id < TEXTS.length; id++) {
    let slot = mix(hashes[id]!) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = id + 1;
  }
}

/** Alternative spellings share the kind of the first. */
const KEYWORDS: readonly (readonly [TokenKind, string])[] = [
  [T.Auto, 'auto'],
  [T.Break, 'break'],
  [T.Case, 'case'],
  [T.Char_, 'char'],
  [T.Const, 'const __const __const__'],
  [T.Continue, 'continue'],
  [T.Default, 'default'],
  [T.Do, 'do'],
  [T.Double, 'double'],
  [T.Else, 'else'],
  [T.Enum, 'enum'],
  [T.Extern, 'extern'],
  [T.Float, 'float'],
  [T.For, 'for'],
  [T.Goto, 'goto'],
  [T.If, 'if'],
  [T.Inline, 'inline __inline __inline__'],
  [T.Int, 'int'],
  [T.Long, 'long'],
  [T.Register, 'register'],
  [T.Restrict, 'restrict __restrict __restrict__'],
  [T.Return, 'return'],
  [T.Short, 'short'],
  [T.Signed, 'signed __signed __signed__'],
  [T.Sizeof, 'sizeof'],
  [T.Static, 'static'],
  [T.Struct, 'struct'],
  [T.Switch, 'switch'],
  [T.Typedef, 'typedef'],
  [T.Union, 'union'],
  [T.Unsigned, 'unsigned'],
  [T.Void, 'void'],
  [T.Volatile, 'volatile __volatile __volatile__'],
  [T.While, 'while'],
  [T.Alignas, '_Alignas'],
  [T.Alignof, '_Alignof __alignof __alignof__'],
  [T.Atomic, '_Atomic'],
  [T.Bool, '_Bool'],
  [T.Complex, '_Complex __complex__'],
  [T.Generic, '_Generic'],
  [T.Noreturn, '_Noreturn'],
  [T.StaticAssert, '_Static_assert'],
  [T.ThreadLocal, '_Thread_local __thread'],
  [T.Int128, '__int128'],
  [T.Asm, 'asm __asm __asm__'],
  [T.Attribute, '__attribute__ __attribute'],
  [T.AutoType, '__auto_type'],
  [T.Typeof, 'typeof __typeof __typeof__'],
  [T.TypeofUnqual, 'typeof_unqual __typeof_unqual __typeof_unqual__'],
  [T.Extension, '__extension__'],
  [T.Label, '__label__'],
  [T.Float16, '_Float16'],
  [T.Func, '__func__ __FUNCTION__ __PRETTY_FUNCTION__'],
];
for (const [kind, spellings] of KEYWORDS) {
  if (kind < FIRST_KEYWORD) throw new Error(`keyword ${spellings} has the number of a punctuator`);
  for (const spelling of spellings.split(' ')) KINDS[nameId(spelling)] = kind;
}
