import { SkepError, type SourceFile, type Span } from '@skep/base';
import { type BtfBuilder, CORE_KINDS, type CoreKind } from '@skep/object';
import { createBranch, createFunc, createParam, type Unroll } from './build.ts';
import { bitsOf, bytesOf, constant, FALSE, NULL, TRUE, undef } from './constant.ts';
import { irMalformed, irSyntax } from './diagnostics.ts';
import type {
  AtomicInst,
  BinaryOp,
  Block,
  Callee,
  CastInst,
  CompareOp,
  Func,
  Global,
  Inst,
  IrType,
  Linkage,
  Module,
  Param,
  ScalarType,
  Target,
  Terminator,
  Value,
} from './ir.ts';
import { replaceValues } from './uses.ts';
import { verifyFunction } from './verify.ts';

/**
 * Reads the text form that `print.ts` writes. Instructions get the spans of their lines. Ids of types refer to `types`.
 * @throws SkepError with code E1390 where the text does not read, E1391 where the function is not well-formed
 */
export function parseModule(file: SourceFile, types: BtfBuilder): Module {
  return new ModuleParser(file).module(types);
}

type TokenKind = 'word' | 'local' | 'symbol' | 'number' | 'string' | 'mark' | 'end';
interface Token {
  readonly kind: TokenKind;
  /** Without sigils and quotes. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

class ModuleParser {
  private readonly file: SourceFile;
  private readonly tokens: Token[];
  private at = 0;
  private readonly symbols = new Map<string, Global | Func>();
  readonly paramNames = new Map<Param, string>();

  constructor(file: SourceFile) {
    this.file = file;
    this.tokens = tokenise(file);
  }

  module(types: BtfBuilder): Module {
    this.word('module');
    const module: Module = { name: this.take('string').text, functions: [], globals: [], types };
    this.declare(module);
    while (!this.is('end')) {
      if (this.accept('global')) this.global();
      else if (this.accept('func')) this.func();
      else this.fail('expected `global` or `func`');
    }
    return module;
  }

  /** Makes the functions and globals by name first, since everything may refer to everything. */
  private declare(module: Module): void {
    const start = this.at;
    for (; !this.is('end'); this.at++) {
      const kind = this.tokens[this.at]!.text;
      if (this.tokens[this.at]!.kind !== 'word' || (kind !== 'global' && kind !== 'func')) continue;
      const name = this.tokens[this.at + 1]!;
      const colon = this.tokens[this.at + 2];
      if (name.kind !== 'symbol' || (kind === 'global' && colon?.text !== ':')) continue;
      if (this.isCallee(this.at)) continue;
      const symbol = kind === 'global' ? this.globalHeader() : this.funcHeader();
      this.at--;
      if (this.symbols.has(symbol.name)) this.fail(`@${symbol.name} is defined twice`, name);
      this.symbols.set(symbol.name, symbol);
      if (symbol.kind === 'global') module.globals.push(symbol);
      else module.functions.push(symbol);
    }
    this.at = start;
  }

  /** `call i64 func @f(…)` is not a definition. */
  private isCallee(at: number): boolean {
    return this.tokens[at - 2]?.text === 'call' && this.tokens[at - 2]?.kind === 'word';
  }

  private globalHeader(): Global {
    this.word('global');
    const name = this.take('symbol');
    this.mark(':');
    const linkage = this.linkage();
    const hidden = this.accept('hidden');
    const used = this.accept('used');
    const section = this.take('string').text;
    this.word('size');
    const size = this.integer();
    this.word('align');
    const align = this.integer();
    const type = this.accept('type') ? this.integer() : 0;
    const isConstant = this.accept('constant');
    const declTags = this.tags();
    let init: Uint8Array | undefined;
    if (this.accept('init')) {
      const text = this.take('string');
      if (!/^([0-9a-f]{2})*$/.test(text.text)) this.fail('expected bytes in hexadecimal', text);
      init = Uint8Array.from(text.text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
      if (init.length !== size) this.fail(`${init.length} bytes of contents for a size of ${size}`, text);
    }
    const span = this.spanFrom(name);
    return {
      kind: 'global',
      name: name.text,
      linkage,
      hidden,
      ...(used && { used }),
      section,
      size,
      align,
      init,
      relocations: [],
      type,
      declTags,
      constant: isConstant,
      span,
    };
  }

  /** The relocations, which may refer to what stands below. */
  private global(): void {
    const global = this.symbols.get(this.tokens[this.at]!.text) as Global;
    this.at--;
    this.globalHeader();
    const relocations = global.relocations as { offset: number; target: Global | Func; addend: number }[];
    while (this.accept('at')) {
      const offset = this.integer();
      relocations.push({ offset, target: this.symbol(), addend: this.plus() });
    }
  }

  private funcHeader(): Func {
    this.word('func');
    const name = this.take('symbol');
    const params: Param[] = [];
    this.mark('(');
    while (!this.acceptMark(')')) {
      if (params.length > 0) this.mark(',');
      params.push(this.param());
    }
    this.mark(':');
    const result = this.type();
    const linkage = this.linkage();
    const hidden = this.accept('hidden');
    const used = this.accept('used');
    const section = this.accept('section') ? this.take('string').text : undefined;
    let inline: Func['inline'] = 'auto';
    if (this.accept('inline')) inline = this.oneOf(['always', 'never', 'auto']);
    const type = this.accept('type') ? this.integer() : 0;
    const declTags = this.tags();
    const span = this.spanFrom(name);
    return createFunc(name.text, { params, result, linkage, hidden, used, section, inline, type, declTags, span });
  }

  private func(): void {
    const func = this.symbols.get(this.tokens[this.at]!.text) as Func;
    this.at--;
    this.funcHeader();
    if (!this.isMark('{')) return;
    this.at++;
    new BodyParser(this, func).body();
  }

  // What both parsers read.

  peek(ahead = 0): Token {
    return this.tokens[Math.min(this.at + ahead, this.tokens.length - 1)]!;
  }
  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.at++;
    return token;
  }
  is(kind: TokenKind): boolean {
    return this.peek().kind === kind;
  }
  isMark(text: string): boolean {
    return this.is('mark') && this.peek().text === text;
  }
  take(kind: TokenKind): Token {
    if (!this.is(kind)) this.fail(`expected a ${kind}`);
    return this.next();
  }
  accept(word: string): boolean {
    if (!this.is('word') || this.peek().text !== word) return false;
    this.at++;
    return true;
  }
  word(text: string): void {
    if (!this.accept(text)) this.fail(`expected \`${text}\``);
  }
  acceptMark(text: string): boolean {
    if (!this.isMark(text)) return false;
    this.at++;
    return true;
  }
  mark(text: string): void {
    if (!this.acceptMark(text)) this.fail(`expected \`${text}\``);
  }
  oneOf<T extends string>(words: readonly T[]): T {
    const text = this.peek().text as T;
    if (!this.is('word') || !words.includes(text)) this.fail(`expected one of ${words.join(', ')}`);
    this.at++;
    return text;
  }
  integer(): number {
    const token = this.take('number');
    const value = Number(token.text);
    if (!Number.isSafeInteger(value)) this.fail('the number is too large', token);
    return value;
  }
  type(): IrType {
    return this.oneOf(['void', 'i1', 'i8', 'i16', 'i32', 'i64', 'ptr']);
  }
  scalar(): ScalarType {
    return this.oneOf(SCALARS);
  }
  /** ` + 8`, ` - 8` or nothing. */
  plus(): number {
    if (this.acceptMark('+')) return this.integer();
    if (this.acceptMark('-')) return -this.integer();
    return 0;
  }
  /** The text's name of a parameter is kept apart, since numbers are not names. */
  param(): Param {
    const text = this.take('local').text;
    this.mark(':');
    const type = this.scalar();
    const name = /^\d/.test(text) ? undefined : text;
    const param = createParam(type, name, this.accept('context') ? 'context' : undefined);
    this.paramNames.set(param, text);
    return param;
  }
  symbol(): Global | Func {
    const token = this.take('symbol');
    return this.symbols.get(token.text) ?? this.fail(`@${token.text} is not defined`, token);
  }
  spanFrom(first: Token): Span {
    return { file: this.file, start: first.start, end: (this.tokens[this.at - 1] ?? first).end };
  }
  fail(message: string, token: Token = this.peek()): never {
    const span = { file: this.file, start: token.start, end: token.end };
    const found = token.kind === 'end' ? 'the end of the text' : `\`${token.text}\``;
    throw new SkepError(irSyntax(span, `${message}, at ${found}`));
  }

  private linkage(): Linkage {
    return this.oneOf(['global', 'static', 'weak', 'extern']);
  }
  private tags(): { component: number; value: string }[] {
    const tags = [];
    while (this.accept('tag')) tags.push({ component: this.integer(), value: this.take('string').text });
    return tags;
  }
}

/** Reads what stands between the braces of a function. */
class BodyParser {
  private readonly p: ModuleParser;
  private readonly func: Func;
  private readonly values = new Map<string, Value>();
  private readonly blocks = new Map<string, Block>();
  /** Values used before the text defines them, with stand-ins until it does. */
  private readonly awaited = new Map<string, { readonly stand: Param; readonly token: Token }>();
  private readonly entered = new Set<Block>();

  constructor(parser: ModuleParser, func: Func) {
    this.p = parser;
    this.func = func;
  }

  body(): void {
    const { p, func } = this;
    const header = p.peek();
    for (const param of func.params) this.defineParam(param);
    while (!p.acceptMark('}')) this.block();
    for (const [name, block] of this.blocks) {
      if (!this.entered.has(block)) p.fail(`block ${name} of @${func.name} is not defined`, header);
    }
    const found = new Map<Value, Value>();
    for (const [name, { stand, token }] of this.awaited) {
      found.set(stand, this.values.get(name) ?? p.fail(`%${name} is not defined`, token));
    }
    replaceValues(func, found);
    const problem = verifyFunction(func)[0];
    if (problem !== undefined) throw new SkepError(irMalformed(p.spanFrom(header), problem));
  }

  private block(): void {
    const { p } = this;
    const label = p.take('word');
    const block = this.blockOf(label.text);
    if (this.entered.has(block)) p.fail(`block ${label.text} is defined twice`, label);
    this.entered.add(block);
    this.func.blocks.push(block);
    if (p.acceptMark('(')) {
      while (!p.acceptMark(')')) {
        if (block.params.length > 0) p.mark(',');
        const param = p.param();
        this.defineParam(param);
        block.params.push(param);
      }
    }
    p.mark(':');
    for (;;) {
      const term = this.terminator();
      if (term !== undefined) {
        block.term = term;
        return;
      }
      block.insts.push(this.inst());
    }
  }

  private inst(): Inst {
    const { p } = this;
    const first = p.peek();
    let name: string | undefined;
    if (p.is('local')) {
      name = p.next().text;
      p.mark('=');
    }
    const inst = this.instBody(name);
    inst.span = p.spanFrom(first);
    if ((inst.type === 'void') !== (name === undefined)) {
      p.fail(name === undefined ? 'the value needs a name' : 'there is no value to name', first);
    }
    if (name !== undefined) this.define(name, inst);
    return inst;
  }

  private instBody(name: string | undefined): Inst {
    const { p } = this;
    const token = p.take('word');
    const op = token.text;
    const span = undefined;
    if (BINARY.has(op)) {
      const type = p.scalar();
      const [a, b] = this.pair(type);
      return { kind: 'binary', op: op as BinaryOp, type, a, b, span };
    }
    if (COMPARE.has(op)) {
      const [a, b] = this.pair(p.scalar());
      return { kind: 'compare', op: op as CompareOp, type: 'i1', a, b, span };
    }
    if (CAST.has(op)) {
      const value = this.operand(p.scalar());
      p.word('to');
      return { kind: 'cast', op: op as CastInst['op'], type: p.scalar(), value, span };
    }
    switch (op) {
      case 'select': {
        const type = p.scalar();
        const condition = this.operand('i1');
        p.mark(',');
        const [a, b] = this.pair(type);
        return { kind: 'select', type, condition, a, b, span };
      }
      case 'bswap': {
        const type = p.scalar();
        return { kind: 'bswap', type, value: this.operand(type), span };
      }
      case 'known':
        return { kind: 'known', type: 'i1', value: this.operand(p.scalar()), span };
      case 'alloca': {
        const size = p.integer();
        const own = name === undefined || /^\d/.test(name) ? undefined : name;
        return { kind: 'alloca', type: 'ptr', size, align: this.align(1), name: own, span };
      }
      case 'ptradd': {
        const base = this.operand('ptr');
        p.mark(',');
        return { kind: 'ptradd', type: 'ptr', base, offset: this.operand('i64'), span };
      }
      case 'load': {
        const type = p.scalar();
        const address = this.operand('ptr');
        return { kind: 'load', type, address, offset: p.plus(), ...this.access(type), span };
      }
      case 'store': {
        const type = p.scalar();
        const value = this.operand(type);
        p.mark(',');
        const address = this.operand('ptr');
        return { kind: 'store', type: 'void', value, address, offset: p.plus(), ...this.access(type), span };
      }
      case 'atomic':
        return this.atomic();
      case 'memcpy': {
        const [target, source] = this.pair('ptr');
        p.mark(',');
        const size = p.integer();
        const align = this.align(1);
        const overlap = p.accept('overlap');
        return {
          kind: 'memcpy',
          type: 'void',
          target,
          source,
          size,
          align,
          overlap,
          volatile: p.accept('volatile'),
          span,
        };
      }
      case 'memset': {
        const target = this.operand('ptr');
        p.mark(',');
        const value = this.operand('i8');
        p.mark(',');
        return { kind: 'memset', type: 'void', target, value, size: p.integer(), align: this.align(1), span };
      }
      case 'call': {
        const type = p.type();
        const callee = this.callee();
        p.mark('(');
        return { kind: 'call', type, callee, args: this.operands(), span };
      }
      case 'core': {
        const relocation: CoreKind = p.oneOf(CORE_KINDS);
        const root = p.integer();
        const access = p.take('string').text;
        return { kind: 'core', type: 'i64', relocation, root, access, value: BigInt(p.take('number').text), span };
      }
      case 'barrier': {
        if (!p.is('word') || !SCALARS.includes(p.peek().text as ScalarType)) {
          return { kind: 'barrier', type: 'void', value: undefined, span };
        }
        const type = p.scalar();
        return { kind: 'barrier', type, value: this.operand(type), span };
      }
      default:
        return p.fail('there is no such instruction', token);
    }
  }

  private atomic(): Inst {
    const { p } = this;
    const fetch = p.accept('fetch');
    const op: AtomicInst['op'] = p.oneOf(['add', 'or', 'and', 'xor', 'xchg', 'cmpxchg']);
    const type = p.oneOf(['i32', 'i64']);
    const address = this.operand('ptr');
    p.mark(',');
    const value = this.operand(type);
    const expected = p.acceptMark(',') ? this.operand(type) : undefined;
    const width = type === 'i32' ? 32 : 64;
    return { kind: 'atomic', type: fetch ? type : 'void', op, fetch, width, address, value, expected, span: undefined };
  }

  private callee(): Callee {
    const { p } = this;
    if (p.accept('helper')) return { kind: 'helper', id: p.integer(), name: p.take('string').text };
    if (p.accept('pointer')) return { kind: 'pointer', pointer: this.operand('ptr') };
    p.word('func');
    const token = p.peek();
    const symbol = p.symbol();
    return symbol.kind === 'func' ? { kind: 'func', func: symbol } : p.fail('not a function', token);
  }

  private terminator(): Terminator | undefined {
    const { p } = this;
    const first = p.peek();
    if (first.kind !== 'word') return undefined;
    const end = <T extends Terminator>(term: T): T => {
      term.span = p.spanFrom(first);
      return term;
    };
    switch (first.text) {
      case 'jump': {
        p.next();
        const target = this.target();
        return end({ kind: 'jump', target, unroll: this.unroll(), span: undefined });
      }
      case 'branch': {
        p.next();
        const condition = this.operand('i1');
        p.mark(',');
        const then = this.target();
        p.mark(',');
        const otherwise = this.target();
        const likely = p.accept('likely') ? true : p.accept('unlikely') ? false : undefined;
        return end(createBranch(condition, then, otherwise, { likely, unroll: this.unroll(), span: undefined }));
      }
      case 'switch': {
        p.next();
        const value = this.operand(p.scalar());
        p.mark(',');
        const otherwise = this.target();
        const cases: { value: bigint; target: Target }[] = [];
        p.mark('[');
        while (!p.acceptMark(']')) {
          if (cases.length > 0) p.mark(',');
          const number = BigInt(p.take('number').text);
          p.mark(':');
          cases.push({ value: number, target: this.target() });
        }
        return end({ kind: 'switch', value, cases, otherwise, span: undefined });
      }
      case 'return': {
        p.next();
        const { result } = this.func;
        return end({ kind: 'return', value: result === 'void' ? undefined : this.operand(result), span: undefined });
      }
      case 'unreachable':
      case 'trap':
        return end({ kind: 'unreachable', trap: p.next().text === 'trap' || undefined, span: undefined });
      default:
        return undefined;
    }
  }

  private unroll(): Unroll | undefined {
    const { p } = this;
    if (!p.accept('unroll')) return undefined;
    return p.is('number') ? p.integer() : p.oneOf<'full' | 'disable'>(['full', 'disable']);
  }

  private target(): Target {
    const block = this.blockOf(this.p.take('word').text);
    return { block, args: this.p.acceptMark('(') ? this.operands() : [] };
  }

  private access(type: ScalarType): { align: number; volatile: boolean } {
    return { align: this.align(bytesOf(type)), volatile: this.p.accept('volatile') };
  }

  private align(natural: number): number {
    return this.p.accept('align') ? this.p.integer() : natural;
  }

  private pair(type: ScalarType): [Value, Value] {
    const a = this.operand(type);
    this.p.mark(',');
    return [a, this.operand(type)];
  }

  /** Up to and with the closing parenthesis. */
  private operands(): Value[] {
    const values: Value[] = [];
    while (!this.p.acceptMark(')')) {
      if (values.length > 0) this.p.mark(',');
      values.push(this.operand(undefined));
    }
    return values;
  }

  private operand(implied: ScalarType | undefined): Value {
    const { p } = this;
    if (p.is('symbol')) return p.symbol();
    if (p.is('local')) {
      const token = p.next();
      const value = this.values.get(token.text);
      if (value !== undefined) return value;
      let entry = this.awaited.get(token.text);
      if (entry === undefined) {
        entry = { stand: createParam('i64'), token };
        this.awaited.set(token.text, entry);
      }
      return entry.stand;
    }
    const type = implied ?? p.scalar();
    if (p.accept('undef')) return undef(type);
    if (p.accept('null')) return NULL;
    if (type === 'i1') return p.oneOf(['true', 'false']) === 'true' ? TRUE : FALSE;
    const token = p.take('number');
    const value = BigInt(token.text);
    if (BigInt.asIntN(bitsOf(type), value) !== value) p.fail(`the number does not fit into ${type}`, token);
    return constant(type, value);
  }

  private defineParam(param: Param): void {
    this.define(this.p.paramNames.get(param)!, param);
  }

  private define(name: string, value: Value): void {
    if (this.values.has(name)) this.p.fail(`%${name} is defined twice`);
    this.values.set(name, value);
  }

  private blockOf(label: string): Block {
    let block = this.blocks.get(label);
    if (block === undefined) {
      block = { params: [], insts: [], term: { kind: 'unreachable', span: undefined } };
      this.blocks.set(label, block);
    }
    return block;
  }
}

const SCALARS: readonly ScalarType[] = ['i1', 'i8', 'i16', 'i32', 'i64', 'ptr'];
const BINARY: ReadonlySet<string> = new Set<BinaryOp>([
  'add',
  'sub',
  'mul',
  'udiv',
  'sdiv',
  'urem',
  'srem',
  'and',
  'or',
  'xor',
  'shl',
  'lshr',
  'ashr',
]);
const COMPARE: ReadonlySet<string> = new Set<CompareOp>([
  'eq',
  'ne',
  'ult',
  'ule',
  'ugt',
  'uge',
  'slt',
  'sle',
  'sgt',
  'sge',
]);
const CAST: ReadonlySet<string> = new Set<CastInst['op']>([
  'trunc',
  'zext',
  'sext',
  'ptrtoint',
  'inttoptr',
  'cast_kern',
  'cast_user',
]);

const TOKEN =
  /([A-Za-z_][\w.$]*)|%([\w.$]+)|@([^\s(),:=[\]{}]+)|(-?\d+)|("(?:[^"\\\n]|\\.)*")|([(){}[\],:=+-])|(?:\s+|#[^\n]*)/y;
const KINDS: readonly TokenKind[] = ['word', 'local', 'symbol', 'number', 'string', 'mark'];

function tokenise(file: SourceFile): Token[] {
  const tokens: Token[] = [];
  const { text } = file;
  TOKEN.lastIndex = 0;
  for (let start = 0; start < text.length; ) {
    const match = TOKEN.exec(text);
    if (match === null) {
      const span = { file, start, end: start + 1 };
      throw new SkepError(irSyntax(span, `a character that means nothing here: ${JSON.stringify(text[start])}`));
    }
    const end = TOKEN.lastIndex;
    for (const [i, kind] of KINDS.entries()) {
      const found = match[i + 1];
      if (found !== undefined) tokens.push({ kind, text: kind === 'string' ? unquote(found) : found, start, end });
    }
    start = end;
  }
  tokens.push({ kind: 'end', text: '', start: text.length, end: text.length });
  return tokens;
}

function unquote(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1);
  }
}
