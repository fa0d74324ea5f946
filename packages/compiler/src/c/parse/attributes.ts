import type { DeclAttributes } from '../ast.ts';
import { integerConstant } from '../constant.ts';
import { type StringError, stringBytes } from '../literal.ts';
import { T } from '../token.ts';
import { badAttribute, badLiteral, notConstant, unknownAttribute, unsupportedAttribute } from './diagnostics.ts';
import { constantExpression } from './expressions.ts';
import type { Parser } from './parser.ts';

/** What `__attribute__` and `_Alignas` said, for whatever it turns out to stand on. */
export interface Attributes extends DeclAttributes {
  packed: boolean;
  preserveAccessIndex: boolean;
  typeTags: string[];
  /** `mode(DI)`: bytes. */
  mode: number | undefined;
  /** `address_space(1)` */
  arena: boolean;
  gnuInline: boolean;
  /** Anything was written at all. */
  written: boolean;
}

// Written out without spreads: every declarator and every member makes some of these.

const NO_TAGS: string[] = [];

export function noAttributes(): DeclAttributes {
  return {
    section: undefined,
    alwaysInline: false,
    noinline: false,
    naked: false,
    weak: false,
    hidden: false,
    used: false,
    unused: false,
    noreturn: false,
    align: undefined,
    declTags: NO_TAGS,
    cleanup: undefined,
    symbol: undefined,
  };
}

export function newAttributes(): Attributes {
  return {
    section: undefined,
    alwaysInline: false,
    noinline: false,
    naked: false,
    weak: false,
    hidden: false,
    used: false,
    unused: false,
    noreturn: false,
    align: undefined,
    declTags: NO_TAGS,
    cleanup: undefined,
    symbol: undefined,
    packed: false,
    preserveAccessIndex: false,
    typeTags: NO_TAGS,
    mode: undefined,
    arena: false,
    gnuInline: false,
    written: false,
  };
}

/** Only what belongs to the declaration. */
export function declAttributes(from: Attributes): DeclAttributes {
  const made = noAttributes();
  if (from.written) mergeAttributes(made, from);
  return made;
}

export function mergeAttributes(into: DeclAttributes, from: DeclAttributes): void {
  into.section ??= from.section;
  into.cleanup ??= from.cleanup;
  into.symbol ??= from.symbol;
  into.alwaysInline ||= from.alwaysInline;
  into.noinline ||= from.noinline;
  into.naked ||= from.naked;
  into.weak ||= from.weak;
  into.hidden ||= from.hidden;
  into.used ||= from.used;
  into.unused ||= from.unused;
  into.noreturn ||= from.noreturn;
  if (from.align !== undefined) into.align = Math.max(into.align ?? 1, from.align);
  for (const tag of from.declTags) if (!into.declTags.includes(tag)) into.declTags = [...into.declTags, tag];
}

/** Adds what specifiers said to what the declarator said; type tags belong to the type that they stood at. */
export function mergeSpecifiers(into: Attributes, from: Attributes): void {
  if (!from.written) return;
  into.written = true;
  mergeAttributes(into, from);
  into.packed ||= from.packed;
  into.preserveAccessIndex ||= from.preserveAccessIndex;
  into.mode ??= from.mode;
  into.gnuInline ||= from.gnuInline;
}

/** Takes every `__attribute__((…))` and `[[…]]` that stands here, into `into`. */
export function attributes(p: Parser, into: Attributes): void {
  while (p.kind === T.Attribute || atStandardAttribute(p)) {
    into.written = true;
    if (p.kind === T.Attribute) gnu(p, into);
    else standard(p, into);
  }
}

/** Whether `[[` stands here: not an array declarator nor a designator. */
export function atStandardAttribute(p: Parser): boolean {
  return p.kind === T.LBracket && p.peek() === T.LBracket;
}

function gnu(p: Parser, into: Attributes): void {
  const opened = p.at;
  p.next();
  p.expect(T.LParen, "'('");
  p.expect(T.LParen, "'('");
  list(p, into, T.RParen);
  p.expect(T.RParen, "')'", opened);
  p.expect(T.RParen, "')'", opened);
}

function standard(p: Parser, into: Attributes): void {
  const opened = p.at;
  p.next();
  p.next();
  list(p, into, T.RBracket);
  p.expect(T.RBracket, "']'", opened);
  p.expect(T.RBracket, "']'", opened);
}

function list(p: Parser, into: Attributes, end: number): void {
  while (p.kind !== end && p.kind !== T.Eof) {
    if (p.accept(T.Comma)) continue;
    attribute(p, into);
    if (p.kind !== end && p.kind !== T.Comma) p.fail("','");
  }
}

/** What says nothing about the code that is generated, or what skep does anyway. */
const HARMLESS = new Set(
  `format format_arg nonnull returns_nonnull pure const malloc alloc_size alloc_align warn_unused_result nothrow leaf
  cold hot flatten artificial nonstring no_sanitize no_sanitize_address no_stack_protector no_instrument_function
  deprecated error warning unavailable fallthrough may_alias optnone minsize bpf_fastcall preserve_static_offset
  externally_visible assume_aligned align_value designated_init no_builtin noclone nodebug sentinel transparent_union
  enum_extensibility flag_enum overloadable nocf_check no_profile_instrument_function noipa maybe_unused nodiscard
  likely unlikely counted_by access no_caller_saved_registers diagnose_if noescape no_icf retain musttail`
    .split(/\s+/)
    .concat('counted_by_or_null'),
);
/** What changes the meaning in ways that are not there yet. */
const REFUSED = new Set(
  `vector_size ext_vector_type alias ifunc constructor destructor weakref tls_model regparm
  ms_struct ms_abi sysv_abi interrupt target_clones scalar_storage_order`.split(/\s+/),
);
const MODES: Record<string, number | undefined> = { QI: 1, HI: 2, SI: 4, DI: 8, TI: 16, word: 8, pointer: 8, byte: 1 };

function attribute(p: Parser, into: Attributes): void {
  const span = p.span();
  const nameAt = p.at;
  if (p.kind !== T.Identifier && p.kind < T.Auto) p.fail('the name of an attribute');
  let name = bare(p.text());
  p.next();
  if (p.kind === T.Colon && p.peek() === T.Colon) {
    // `gnu::packed`, `clang::noinline`
    p.next();
    p.next();
    name = bare(p.text());
    p.next();
  }
  const opened = p.at;
  const hasArguments = p.kind === T.LParen;
  switch (name) {
    case 'section':
      into.section = stringArgument(p, name);
      return;
    case 'btf_decl_tag':
      into.declTags = [...into.declTags, stringArgument(p, name)];
      return;
    case 'btf_type_tag':
      into.typeTags = [...into.typeTags, stringArgument(p, name)];
      return;
    case 'visibility': {
      const value = stringArgument(p, name);
      into.hidden = value === 'hidden' || value === 'internal';
      return;
    }
    case 'aligned': {
      if (!hasArguments) {
        into.align = Math.max(into.align ?? 1, 16);
        return;
      }
      p.next();
      const value = alignment(p);
      p.expect(T.RParen, "')'", opened);
      if (value !== undefined) into.align = Math.max(into.align ?? 1, value);
      return;
    }
    case 'mode': {
      p.expect(T.LParen, "'('");
      const mode = MODES[bare(p.text())];
      if (mode === undefined) p.report(unsupportedAttribute(span, `mode(${p.text()})`));
      into.mode = mode;
      p.next();
      p.expect(T.RParen, "')'", opened);
      return;
    }
    case 'address_space': {
      p.expect(T.LParen, "'('");
      const space = integerConstant(constantExpression(p));
      if (space !== 0n && space !== 1n) p.report(unsupportedAttribute(span, `address_space(${space ?? '…'})`));
      into.arena ||= space === 1n;
      p.expect(T.RParen, "')'", opened);
      return;
    }
    case 'cleanup': {
      p.expect(T.LParen, "'('");
      if (!p.is(T.Identifier)) p.fail('the name of a function');
      const entity = p.lookup(p.nameId());
      if (entity?.kind === 'function') {
        p.useFunction(entity);
        into.cleanup = entity;
      } else p.report(badAttribute(p.span(), `'${p.text()}', which 'cleanup' names, is no function`));
      p.next();
      p.expect(T.RParen, "')'", opened);
      return;
    }
    case 'packed':
      into.packed = true;
      break;
    case 'preserve_access_index':
      into.preserveAccessIndex = true;
      break;
    case 'always_inline':
      into.alwaysInline = true;
      break;
    case 'gnu_inline':
      into.gnuInline = true;
      break;
    case 'noinline':
      into.noinline = true;
      break;
    case 'naked':
      into.naked = true;
      break;
    case 'weak':
      into.weak = true;
      break;
    case 'used':
      into.used = true;
      break;
    case 'unused':
    case 'maybe_unused':
      into.unused = true;
      break;
    case 'noreturn':
    case '_Noreturn':
      into.noreturn = true;
      break;
    default:
      if (REFUSED.has(name)) p.report(unsupportedAttribute(span, name));
      else if (!HARMLESS.has(name)) p.report(unknownAttribute(p.tokens.span(nameAt), name));
  }
  if (hasArguments) p.skipBalanced();
}

/** `__packed__` is `packed`. */
function bare(name: string): string {
  return name.length > 4 && name.startsWith('__') && name.endsWith('__') ? name.slice(2, -2) : name;
}

/** The value of an alignment in bytes, checked to be a power of two; undefined after a report. */
export function alignment(p: Parser): number | undefined {
  const expr = constantExpression(p);
  const value = integerConstant(expr);
  if (value === undefined) {
    p.report(notConstant(expr.span, 'an alignment'));
    return undefined;
  }
  if (value <= 0n || value > 1n << 28n || (value & (value - 1n)) !== 0n) {
    p.report(badAttribute(expr.span, `an alignment must be a power of two, not ${value}`));
    return undefined;
  }
  return Number(value);
}

function stringArgument(p: Parser, name: string): string {
  const opened = p.at;
  p.expect(T.LParen, "'('");
  // Macros write `section((NAME))`.
  let inner = 0;
  while (p.accept(T.LParen)) inner += 1;
  if (p.kind !== T.String) p.fail(`a string, which '${name}' takes`);
  const span = p.span();
  const text = plainString(p);
  // Of wide characters, or with an end in its middle: it becomes a name, of a section or in BTF.
  if (text.includes('\0')) p.report(unsupportedAttribute(span, `${name}(${JSON.stringify(text)})`));
  for (; inner >= 0; inner--) p.expect(T.RParen, "')'", opened);
  return text;
}

/** Adjacent string literals as text, without the terminating NUL. */
export function plainString(p: Parser): string {
  const { bytes } = stringLiteral(p);
  return new TextDecoder().decode(bytes.subarray(0, bytes.length - 1));
}

/** Takes all adjacent string literals. */
export function stringLiteral(p: Parser): { bytes: Uint8Array; unitSize: 1 | 2 | 4 } {
  const first = p.at;
  const texts: string[] = [];
  const at: number[] = [];
  while (p.kind === T.String) {
    texts.push(p.text());
    at.push(p.at);
    p.next();
  }
  const made = stringBytes(texts);
  if (made.kind === 'error') {
    const index = (made as StringError).index;
    p.report(badLiteral(p.tokens.span(at[index] ?? first), made.message));
    return { bytes: new Uint8Array(1), unitSize: 1 };
  }
  return { bytes: made.bytes, unitSize: made.unitSize };
}

/** `asm("name")` behind a declarator: the name of the symbol. */
export function asmLabel(p: Parser, into: Attributes): void {
  if (p.kind !== T.Asm) return;
  p.next();
  into.symbol = stringArgument(p, 'asm');
  into.written = true;
}
