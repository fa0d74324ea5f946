import { SkepError, type SourceFile, type Span } from '@skep/base';
import type { BtfBuilder } from '@skep/object';
import { createFunc, createParam } from './build.ts';
import { irSyntax } from './diagnostics.ts';
import type { Func, Global, IrType, Linkage, Module, Param, ScalarType } from './ir.ts';
import { BodyParser } from './parse-body.ts';
import { SCALARS, type Token, type TokenKind, tokenise } from './parse-tokens.ts';

/**
 * Reads the text form that `print.ts` writes. Instructions get the spans of their lines. Ids of types refer to `types`.
 * @throws SkepError with code E1390 where the text does not read, E1391 where the function is not well-formed
 */
export function parseModule(file: SourceFile, types: BtfBuilder): Module {
  return new ModuleParser(file).module(types);
}

/** The parts of a module; what stands in its functions is read by {@link BodyParser}. */
export class ModuleParser {
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
