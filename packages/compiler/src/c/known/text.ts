import type { SourceFile } from '@skep/base';
import type { CType } from '../ctype.ts';
import { lex } from '../lexer.ts';
import { nameId } from '../names.ts';
import { typeName } from '../parse/declarators.ts';
import type { Entity, Parser } from '../parse/parser.ts';
import { TokenList } from '../token-list.ts';
import { BOOL, INT, LLONG, SCHAR, SHORT, UCHAR, UINT, ULLONG, ULONG, USHORT } from '../types.ts';

/**
 * The type that a C text such as `const struct bpf_map *` names in the program that is being parsed, with the program's
 * own structs; a struct that it does not have is declared, incomplete, at file scope.
 */
export function typeFromText(p: Parser, text: string): CType {
  const { tokens, at, scope } = p;
  p.fallback = KERNEL_INTEGERS;
  p.tokens = tokensOf(text);
  p.scope = p.fileScope;
  p.reset(0);
  try {
    return typeName(p).type;
  } finally {
    p.fallback = undefined;
    p.tokens = tokens;
    p.scope = scope;
    p.reset(at);
  }
}

/** What the tables call integers; a program that includes no header for them still knows the helpers. */
const KERNEL_INTEGERS: ReadonlyMap<number, Entity> = /* @__PURE__ */ (() => {
  const types: Record<string, CType> = {
    u8: UCHAR,
    u16: USHORT,
    u32: UINT,
    u64: ULLONG,
    s8: SCHAR,
    s16: SHORT,
    s32: INT,
    s64: LLONG,
  };
  const map = new Map<number, Entity>();
  for (const [short, type] of Object.entries(types))
    for (const name of [short, `__${short}`]) map.set(nameId(name), { kind: 'typedef', name, type, span: undefined });
  for (const [name, type] of Object.entries({
    size_t: ULONG,
    __be16: USHORT,
    __be32: UINT,
    __wsum: UINT,
    bool: BOOL,
    pid_t: INT,
  }))
    map.set(nameId(name), { kind: 'typedef', name, type, span: undefined });
  return map;
})();

const known = new Map<string, TokenList>();

function tokensOf(text: string): TokenList {
  let list = known.get(text);
  if (list === undefined) {
    const file: SourceFile = { name: '<helpers>', text };
    const lexed = lex(file);
    list = new TokenList(1);
    list.length = lexed.count;
    list.kinds = lexed.kinds;
    list.values = lexed.values;
    list.starts = lexed.starts;
    list.ends = lexed.ends;
    list.flags = lexed.flags;
    list.fileIndexes = new Uint16Array(lexed.count);
    list.origins = new Int32Array(lexed.count);
    list.files.push(file);
    list.texts.push(...lexed.texts);
    known.set(text, list);
  }
  return list;
}
