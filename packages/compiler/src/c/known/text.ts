import type { SourceFile } from '@skep/base';
import type { CType } from '../ctype.ts';
import { lex } from '../lexer.ts';
import { typeName } from '../parse/declarators.ts';
import type { Parser } from '../parse/parser.ts';
import { TokenList } from '../token-list.ts';

/**
 * The type that a C text such as `const struct bpf_map *` names in the program that is being parsed, with the program's
 * own structs; a struct that it does not have is declared, incomplete, at file scope.
 */
export function typeFromText(p: Parser, text: string): CType {
  const { tokens, at, scope } = p;
  p.tokens = tokensOf(text);
  p.scope = p.fileScope;
  p.reset(0);
  try {
    return typeName(p).type;
  } finally {
    p.tokens = tokens;
    p.scope = scope;
    p.reset(at);
  }
}

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
