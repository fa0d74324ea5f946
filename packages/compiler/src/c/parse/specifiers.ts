import { type Span, suggest } from '@skep/base';
import type { CType, IntType } from '../ctype.ts';
import { nameText } from '../names.ts';
import { T } from '../token.ts';
import {
  BOOL,
  CHAR,
  DOUBLE,
  FLOAT,
  INT,
  INT_TYPES,
  INT128,
  integerOf,
  LLONG,
  LONG,
  LONG_DOUBLE,
  qualify,
  SCHAR,
  SHORT,
  strip,
  UCHAR,
  UINT,
  UINT128,
  ULLONG,
  ULONG,
  USHORT,
  VOID,
} from '../types.ts';
import { type Attributes, alignment, atStandardAttribute, attributes, newAttributes } from './attributes.ts';
import { typeName } from './declarators.ts';
import {
  badSpecifiers,
  emptyDeclaration,
  statementOutside,
  undeclared,
  unknownType,
  unsupported,
} from './diagnostics.ts';
import { expression } from './expressions.ts';
import { type Parser, Recover } from './parser.ts';
import { enumSpecifier, recordSpecifier } from './records.ts';

export type Storage = 'typedef' | 'extern' | 'static' | 'auto' | 'register';

export interface Specifiers {
  readonly type: CType;
  readonly storage: Storage | undefined;
  readonly inline: boolean;
  readonly attributes: Attributes;
  /** `__auto_type`: the type follows from the initialiser. */
  readonly auto: boolean;
  /** A struct, union or enum was named, so that `struct s;` declares something. */
  readonly tagged: boolean;
  readonly span: Span;
}

/** Whether the current token begins a declaration or a type name. */
export function startsType(p: Parser, at: number = p.at): boolean {
  const kind = p.tokens.kinds[at]!;
  if (kind === T.Identifier) return p.isTypeName(p.tokens.values[at]!);
  return TYPE_STARTS[kind] === 1;
}

const TYPE_STARTS = /* @__PURE__ */ (() => {
  const table = new Uint8Array(256);
  for (const kind of [
    T.Void, T.Char_, T.Short, T.Int, T.Long, T.Float, T.Double, T.Signed, T.Unsigned, T.Bool, T.Complex, T.Int128,
    T.Struct, T.Union, T.Enum, T.Const, T.Volatile, T.Restrict, T.Atomic, T.Typeof, T.TypeofUnqual, T.AutoType,
    T.Float16, T.Typedef, T.Extern, T.Static, T.Auto, T.Register, T.Inline, T.Noreturn, T.Alignas, T.ThreadLocal,
    T.Attribute, T.Extension,
  ]) // biome-ignore format: one list
    table[kind] = 1;
  return table;
})();

/** The keywords of an arithmetic type, counted. */
interface Words {
  signed: number;
  unsigned: number;
  short: number;
  long: number;
  base: number | undefined;
}

/** Declaration specifiers, or (without storage) the specifier-qualifier list of a member or type name. */
export function specifiers(p: Parser, what: 'declaration' | 'member' | 'type-name' | 'parameter'): Specifiers {
  const start = p.at;
  const own = newAttributes();
  let words: Words | undefined;
  let type: CType | undefined;
  let storage: Storage | undefined;
  let inline = false;
  let auto = false;
  let tagged = false;
  let constant = false;
  let volatile = false;
  let restrict = false;
  for (;;) {
    const { kind } = p;
    switch (kind) {
      case T.Const:
        constant = true;
        p.next();
        continue;
      case T.Volatile:
        volatile = true;
        p.next();
        continue;
      case T.Restrict:
        restrict = true;
        p.next();
        continue;
      case T.Extension:
        p.next();
        continue;
      case T.Attribute:
        attributes(p, own);
        continue;
      case T.Typedef:
      case T.Extern:
      case T.Static:
      case T.Auto:
      case T.Register: {
        if (what === 'member' || what === 'type-name')
          p.report(badSpecifiers(p.span(), `'${p.text()}' does not belong here`));
        else if (storage !== undefined)
          p.report(badSpecifiers(p.span(), `'${p.text()}' after '${storage}': only one of them can stand here`));
        storage = p.text() as Storage;
        p.next();
        continue;
      }
      case T.Inline:
        inline = true;
        p.next();
        continue;
      case T.Noreturn:
        own.noreturn = true;
        own.written = true;
        p.next();
        continue;
      case T.ThreadLocal:
        p.report(unsupported(p.span(), 'thread-local storage'));
        p.next();
        continue;
      case T.Alignas: {
        p.next();
        own.written = true;
        const opened = p.at;
        p.expect(T.LParen, "'('");
        if (startsType(p)) {
          const named = typeName(p);
          own.align = Math.max(own.align ?? 1, alignOfType(named.type));
        } else own.align = Math.max(own.align ?? 1, alignment(p) ?? 1);
        p.expect(T.RParen, "')'", opened);
        continue;
      }
      case T.Signed:
      case T.Unsigned:
      case T.Short:
      case T.Long:
      case T.Int:
      case T.Char_:
      case T.Void:
      case T.Bool:
      case T.Float:
      case T.Double:
      case T.Int128:
        if (type !== undefined) {
          // The body of a record, and the next declaration on the next line: what is missing is clear.
          if (tagged && p.endsRecord()) p.fail("';'");
          p.report(badSpecifiers(p.span(), `'${p.text()}' after another type`));
          p.next();
          continue;
        }
        words ??= { signed: 0, unsigned: 0, short: 0, long: 0, base: undefined };
        word(p, words);
        p.next();
        continue;
      case T.Complex:
      case T.Float16:
        p.report(unsupported(p.span(), `the type '${p.text()}'`));
        p.next();
        type ??= DOUBLE;
        continue;
      case T.Atomic:
        p.report(unsupported(p.span(), "'_Atomic'", 'use the __sync_… and __atomic_… builtins on plain integers'));
        p.next();
        if (p.kind === T.LParen) {
          p.next();
          type = typeName(p).type;
          p.expect(T.RParen, "')'");
        }
        continue;
    }
    if (atStandardAttribute(p) && what !== 'type-name') {
      attributes(p, own);
      continue;
    }
    // Anything else can only be the type itself, once.
    if (type !== undefined || words !== undefined || auto) break;
    switch (kind) {
      case T.Struct:
      case T.Union:
        tagged = true;
        type = recordSpecifier(p);
        continue;
      case T.Enum:
        tagged = true;
        type = enumSpecifier(p);
        continue;
      case T.AutoType:
        auto = true;
        p.next();
        continue;
      case T.Typeof:
      case T.TypeofUnqual:
        type = typeofSpecifier(p);
        continue;
      case T.Identifier: {
        const entity = p.lookup(p.nameId());
        if (entity?.kind === 'typedef') {
          type = entity.type;
          p.next();
          continue;
        }
        break;
      }
    }
    break;
  }
  const span = p.from(start);
  if (words !== undefined) type = fromWords(p, words, span);
  if (type === undefined && !auto) type = missingType(p, start, what);
  if (own.mode !== undefined) type = fromMode(type!, own.mode);
  for (const tag of own.typeTags) type = { kind: 'tagged', tag, type: type! };
  const qualified =
    constant || volatile || restrict || own.arena
      ? qualify(type ?? INT, { const: constant, volatile, restrict, arena: own.arena })
      : (type ?? INT);
  return { type: qualified, storage, inline, attributes: own, auto, tagged, span };
}

function alignOfType(type: CType): number {
  const bare = strip(type);
  return bare.kind === 'int' ? bare.size : 8;
}

/** No type stands here: an unknown name, or nothing at all. */
function missingType(p: Parser, start: number, what: string): CType {
  if (p.kind === T.Identifier) {
    const name = p.text();
    const next = p.peek();
    const looksLikeType =
      next === T.Identifier || next === T.Star || what !== 'declaration' || (next >= T.Auto && next !== T.Attribute);
    if (looksLikeType) {
      const id = p.nameId();
      const tag = p.tag(id);
      const help =
        tag !== undefined
          ? `write '${tag.kind === 'enum' ? 'enum' : tag.union ? 'union' : 'struct'} ${name}'`
          : INCLUDES.has(name) && p.types === undefined
            ? `include "vmlinux.h" or <linux/types.h>`
            : undefined;
      p.report(
        unknownType(p.span(), name, help ? undefined : p.near(name, (entity) => entity.kind === 'typedef'), help),
      );
      if (next === T.LParen) throw new Recover();
      p.next();
      return INT;
    }
    if (p.at === start && next === T.LParen) {
      p.report(emptyDeclaration(p.span()));
      throw new Recover();
    }
    if (p.at !== start) {
      p.report(emptyDeclaration(p.span()));
      return INT;
    }
    p.report(
      p.fn === undefined && next >= T.Assign && next <= T.OrAssign && p.lookup(p.nameId()) !== undefined
        ? statementOutside(p.span(), name)
        : unknownType(
            p.span(),
            name,
            p.near(name, (entity) => entity.kind === 'typedef'),
          ),
    );
    throw new Recover();
  }
  p.fail('a type');
}
const INCLUDES = new Set([
  'u8',
  'u16',
  'u32',
  'u64',
  's8',
  's16',
  's32',
  's64',
  '__u8',
  '__u16',
  '__u32',
  '__u64',
  '__s32',
  '__s64',
  'bool',
  '__be16',
  '__be32',
  'size_t',
  'pid_t',
]);

function word(p: Parser, words: Words): void {
  switch (p.kind) {
    case T.Signed:
      words.signed += 1;
      break;
    case T.Unsigned:
      words.unsigned += 1;
      break;
    case T.Short:
      words.short += 1;
      break;
    case T.Long:
      words.long += 1;
      break;
    default:
      if (words.base !== undefined) p.report(badSpecifiers(p.span(), `'${p.text()}' after another type`));
      words.base ??= p.kind;
  }
}

/** C11 6.7.2p2: the keywords in any order. */
function fromWords(p: Parser, words: Words, span: Span): CType {
  const { signed, unsigned, short, long, base } = words;
  const bad = (): CType => {
    p.report(badSpecifiers(span, 'these keywords do not make a type together'));
    return INT;
  };
  if (signed + unsigned > 1 || short > 1 || long > 2 || (short > 0 && long > 0)) return bad();
  const sign = signed + unsigned > 0;
  switch (base) {
    case T.Void:
      return sign || short || long ? bad() : VOID;
    case T.Bool:
      return sign || short || long ? bad() : BOOL;
    case T.Char_:
      return short || long ? bad() : unsigned ? UCHAR : signed ? SCHAR : CHAR;
    case T.Int128:
      return short || long ? bad() : unsigned ? UINT128 : INT128;
    case T.Float:
      return sign || short || long ? bad() : FLOAT;
    case T.Double:
      return sign || short || long > 1 ? bad() : long ? LONG_DOUBLE : DOUBLE;
    default:
      if (short) return unsigned ? USHORT : SHORT;
      if (long === 2) return unsigned ? ULLONG : LLONG;
      if (long === 1) return unsigned ? ULONG : LONG;
      return unsigned ? UINT : INT;
  }
}

/** `mode(DI)` keeps the sign and changes the size. */
function fromMode(type: CType, size: number): CType {
  const int = integerOf(type);
  if (int === undefined) return type;
  return (
    INT_TYPES.find((one: IntType) => one.size === size && one.signed === int.signed && !one.bool && one !== CHAR) ??
    type
  );
}

function typeofSpecifier(p: Parser): CType {
  const unqual = p.kind === T.TypeofUnqual;
  p.enter();
  p.next();
  const opened = p.at;
  p.expect(T.LParen, "'('");
  let type: CType;
  if (startsType(p)) type = typeName(p).type;
  else {
    p.unevaluated += 1;
    try {
      type = expression(p).type;
    } finally {
      p.unevaluated -= 1;
    }
  }
  p.expect(T.RParen, "')'", opened);
  p.leave();
  if (!unqual) return type;
  let at = type;
  while (at.kind === 'qualified') at = at.type;
  return at;
}

/** Words that begin statements, for those who mistype them. */
const STATEMENTS = ['return', 'break', 'continue', 'switch', 'while', 'else', 'goto'];

/** What to write for functions of the C library that programs of other kinds have. */
function insteadOf(name: string): string | undefined {
  if (/^(f|s|sn|v)?printf$|^f?puts$|^perror$|^print[dk]$/.test(name))
    return name.startsWith('s') ? 'use BPF_SNPRINTF()' : 'use bpf_printk(), which writes to the trace pipe';
  if (/^(m|c|re)alloc$|^k[mz]alloc$|^free$|^kfree$|^new$/.test(name))
    return 'there is no heap: keep the data in a map, or reserve a record of a ring buffer';
  if (/^mem(cpy|set|move|cmp)$/.test(name)) return `use __builtin_${name}(), with a constant size`;
  if (/^str(n?cpy|n?cmp|n?cat|n?len|chr|str)$/.test(name))
    return 'there is no C library: use bpf_probe_read_kernel_str(), bpf_strncmp(), or a loop with a constant bound';
  if (/^u?sleep$|^nanosleep$/.test(name)) return 'programs cannot sleep: use a timer (bpf_timer_start)';
  if (/^(exit|abort|_exit|longjmp|setjmp|assert)$/.test(name)) return 'return from the program instead';
  if (/^p?thread_|^mutex_|^spin_lock$/.test(name)) return 'use bpf_spin_lock(), or an atomic operation';
  return undefined;
}

/** Tells a name that is not declared at all. */
export function reportUndeclared(p: Parser, id: number, span: Span, called: boolean): void {
  const name = nameText(id);
  const help =
    called && name.startsWith('bpf_') && p.helpers === undefined
      ? 'include <bpf/bpf_helpers.h> for the helper functions'
      : called
        ? insteadOf(name)
        : undefined;
  const near = () =>
    p.near(name, (entity) => entity.kind !== 'typedef') ?? (called ? undefined : suggest(name, STATEMENTS));
  p.report(undeclared(span, name, help === undefined ? near() : undefined, help));
}
