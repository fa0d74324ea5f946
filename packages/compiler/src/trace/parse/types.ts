import type { Expression, TypeName } from '../ast.ts';
import { nameEnd } from '../lexer.ts';
import { parseExpression } from './expressions.ts';
import type { TokenReader } from './token-reader.ts';

/** Whether `(` begins a cast: a type, `)`, and something that can be cast. */
export function startsCast(p: TokenReader): boolean {
  const { text } = p.file;
  let at = p.token.end;
  const skip = () => {
    while (/\s/.test(text[at] ?? '')) at++;
  };
  skip();
  const tag = /^(struct|union|enum)\s+\w+/.exec(text.slice(at, at + 200));
  let known = false;
  if (tag) {
    at += tag[0].length;
    known = true;
  } else if (/^typeof\s*\(/.test(text.slice(at, at + 20))) {
    at = text.indexOf('(', at);
    let depth = 0;
    do {
      if (text[at] === '(') depth++;
      else if (text[at] === ')') depth--;
      at++;
    } while (depth > 0 && at < text.length);
    known = true;
  } else {
    const words = /^(const\s+)?((unsigned|signed|long|short|int|char)\b\s*)+/.exec(text.slice(at, at + 100));
    if (words && words[0].trim() !== '') {
      at += words[0].length;
      known = true;
    } else {
      const end = nameEnd(text, at);
      const name = text.slice(at, end);
      if (!/^[A-Za-z_]/.test(name)) return false;
      known = TYPE_NAMES.has(name);
      at = end;
    }
  }
  let modified = false;
  for (;;) {
    skip();
    if (text[at] === '*') at++;
    else if (text[at] === '[') {
      const inside = /^\[\s*\w*\s*\]/.exec(text.slice(at, at + 30));
      if (!inside) return false;
      at += inside[0].length;
    } else break;
    modified = true;
  }
  if (text[at] !== ')') return false;
  at++;
  skip();
  if (known) return true;
  const rest = text.slice(at, at + 8);
  // `(name) * x` multiplies; `(name *)x` casts.
  if (modified) return /^[\w$@("\-&*!~{]/.test(rest);
  return /^(\*(arg|\$|@|\()|[A-Za-z_$@0-9("])/.test(rest);
}

export function parseTypeArgument(p: TokenReader): TypeName | Expression {
  p.mark('(');
  const of = parseTypeOrExpression(p);
  p.mark(')');
  return of;
}

/** A bare name is a type here; a name with a call, a variable and so on are expressions. */
export function parseTypeOrExpression(p: TokenReader): TypeName | Expression {
  if (p.token.kind !== 'name') return parseExpression(p);
  const { text } = p.token;
  if (/^(struct|union|enum|unsigned|signed|const)$/.test(text)) return parseTypeName(p);
  if (text === 'typeof') return parseTypeName(p);
  if (/^(true|false|if|comptime|sizeof|offsetof|typeinfo)$/.test(text)) return parseExpression(p);
  const rest = p.file.text.slice(p.token.end, p.token.end + 100);
  if (/^\s*(\*|\[\s*\w*\s*\]|\s)*\s*[,)]/.test(rest)) return parseTypeName(p);
  return parseExpression(p);
}

export function parseTypeName(p: TokenReader): TypeName {
  const start = p.token.start;
  let base: string | undefined;
  let typeofExpression: Expression | undefined;
  if (p.token.kind !== 'name') p.fail('a type');
  while (p.token.text === 'const' || p.token.text === 'volatile') p.advance();
  const { text } = p.token;
  if (text === 'typeof') {
    p.advance();
    const of = parseTypeArgument(p);
    if (of.kind === 'type') {
      const modifiers = parseModifiers(p);
      return { ...of, modifiers: [...of.modifiers, ...modifiers], span: p.from(start) };
    }
    typeofExpression = of;
  } else if (/^(struct|union|enum)$/.test(text)) {
    p.advance();
    base = `${text} ${p.expect('name', `the name of the ${text}`).text}`;
  } else {
    p.advance();
    base = text;
    if (C_WORDS.has(text)) {
      while (p.token.kind === 'name' && C_WORDS.has(p.token.text)) {
        base += ` ${p.token.text}`;
        p.advance();
      }
    }
  }
  return { kind: 'type', base, typeofExpression, modifiers: parseModifiers(p), span: p.from(start) };
}

function parseModifiers(p: TokenReader): ('*' | number | undefined)[] {
  const found: ('*' | number | undefined)[] = [];
  for (;;) {
    if (p.take('*')) found.push('*');
    else if (p.at('[')) {
      p.advance();
      if (p.take(']')) found.push(undefined);
      else {
        const count =
          p.token.kind === 'positional' ? BigInt(p.positional[Number(p.token.text.slice(1)) - 1] ?? 0) : p.token.value;
        if (p.token.kind !== 'int' && p.token.kind !== 'positional') p.fail('a number of elements');
        p.advance();
        found.push(Number(count));
        p.mark(']');
      }
    } else return found;
  }
}

const C_WORDS: ReadonlySet<string> = new Set(['unsigned', 'signed', 'long', 'short', 'int', 'char']);

/** Names that are types wherever they stand in parentheses. */
const TYPE_NAMES: ReadonlySet<string> = new Set([
  ...[
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'bool',
    'void',
    'string',
    'buffer',
    'inet',
  ],
  ...['int8_t', 'int16_t', 'int32_t', 'int64_t', 'uint8_t', 'uint16_t', 'uint32_t', 'uint64_t', 'size_t', 'ssize_t'],
  ...['int', 'char', 'long', 'short', 'unsigned', 'signed', 'u8', 'u16', 'u32', 'u64', 's8', 's16', 's32', 's64'],
  ...['username_t', 'usym_t', 'ksym_t', 'kstack_t', 'ustack_t', 'timestamp_t', 'macaddr_t', 'cgroup_path_t'],
]);
