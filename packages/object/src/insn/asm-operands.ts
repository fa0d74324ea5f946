import { REGISTERS } from '@skep/abi';
import { SkepError, type SourceFile, type Span } from '@skep/base';
import { type Range, spanOf, type Token, tokenize } from './asm-tokens.ts';
import type { AsmOperand, StatementOptions } from './assemble.ts';
import { badAsmRegister, mixedWidths, noSuchForm, outOfRange, syntaxError } from './diagnostics.ts';
import { type AccessSize, imm as immediate, type Operand, reg, type Width } from './model.ts';

/** The operands of a statement in assembly: registers, numbers, places in memory. */
export class OperandReader {
  protected readonly file: SourceFile;
  protected readonly tokens: readonly Token[];
  protected readonly options: StatementOptions;
  protected readonly span: Span;
  protected at = 0;

  constructor(file: SourceFile, text: string, range: Range, options: StatementOptions) {
    this.file = file;
    this.options = options;
    this.tokens = tokenize(text, range.start, range.end);
    this.span = {
      file,
      start: this.tokens[0]?.start ?? range.start,
      end: this.tokens.at(-1)?.end ?? range.end,
    };
  }

  /** `*(u32 *)(r1 +4)`; also without the star, as arguments of atomics have it. */
  protected place(): { size: AccessSize; base: number; off: number } {
    const type = this.pointerType();
    if (type.signed) throw new SkepError(noSuchForm(this.span, 'only loads have signed types'));
    return { size: type.size, ...this.address() };
  }

  protected pointerType(): { size: AccessSize; signed: boolean } {
    this.accept('*');
    this.expect('(');
    const token = this.next('a type: u8, u16, u32, u64');
    const type = TYPES[token.text];
    if (type === undefined)
      this.fail(token, `'${token.text}' is no type of memory`, 'there are u8, u16, u32, u64, s8, s16 and s32');
    this.expect('*');
    this.expect(')');
    return type;
  }

  protected address(): { base: number; off: number } {
    this.expect('(');
    const found = this.bareAddress();
    this.expect(')');
    return found;
  }

  protected bareAddress(): { base: number; off: number } {
    const base = this.register64().number;
    const next = this.peek();
    if (next === undefined || next.text === ')' || next.text === ',') return { base, off: 0 };
    const off = this.signedSum('an offset');
    if (off < -32768n || off > 32767n) this.range(next, 'the offset', off, '-32768 to 32767', this.tokens[this.at - 1]);
    return { base, off: Number(off) };
  }

  /** `+ 4`, `-8`, `+ -8`, `+ 4 + 4`. */
  protected signedSum(what: string): bigint {
    let sum = 0n;
    do sum += this.integer(what);
    while (this.peek()?.text === '+' || this.peek()?.text === '-');
    return sum;
  }

  /** An integer with its signs, or an operand that is one. */
  protected integer(what: string): bigint {
    let negative = false;
    for (;;) {
      if (this.accept('-')) negative = !negative;
      else if (!this.accept('+')) break;
    }
    const token = this.next(what);
    let value: bigint;
    if (token.kind === 'operand') {
      const given = this.operandOf(token);
      if (given.kind !== 'imm') this.fail(token, `%${token.text} is a register, and ${what} is wanted`);
      value = BigInt(given.imm);
    } else if (token.kind === 'number' && !(/[bf]$/.test(token.text) && !/^0x/i.test(token.text)))
      value = BigInt(token.text);
    else this.fail(token, `'${token.text}' is not ${what}`);
    return negative ? -value : value;
  }

  protected int32(what: string): number {
    const token = this.peek();
    return this.fit(this.integer(what), 32, token ?? this.tokens.at(-1)!);
  }

  /** 16 bits, of either sign. */
  protected small(what: string): number {
    const token = this.peek() ?? this.tokens.at(-1)!;
    const value = this.integer(what);
    if (value < -32768n || value > 65535n) this.range(token, what, value, '16 bits wide');
    return Number(value);
  }

  /** A register or an immediate of 32 bits, which operations of 64 bits extend by its sign. */
  protected operand(width: Width, what: string): Operand {
    const token = this.peek();
    if (token === undefined) this.missing(what);
    const given = token.kind === 'operand' ? this.operandOf(token) : undefined;
    if (given?.kind === 'reg' || this.isRegister(token)) {
      const src = this.register();
      if (src.width !== width && !(given !== undefined && token.modifier === ''))
        throw new SkepError(mixedWidths(this.span));
      return reg(src.number);
    }
    return immediate(this.fit(this.integer(what), width, token));
  }

  protected fit(value: bigint, width: Width, token: Token): number {
    const most = width === 32 ? 2n ** 32n : 2n ** 31n;
    if (this.options.cutImmediates) return Number(BigInt.asIntN(32, value));
    if (value < -(2n ** 31n) || value >= most) {
      this.range(
        token,
        'the immediate',
        value,
        `32 bits wide${width === 64 ? ", signed; 'rN = … ll' loads 64 bits" : ''}`,
      );
    }
    return Number(BigInt.asIntN(32, value));
  }

  protected isRegister(token: Token): boolean {
    if (token.kind === 'operand') return this.operandOf(token).kind === 'reg';
    return token.kind === 'name' && /^[rw](?:\d|10)$/.test(token.text);
  }

  protected register(): Register {
    const token = this.next('a register');
    if (token.kind === 'operand') {
      const given = this.operandOf(token);
      if (given.kind !== 'reg') this.fail(token, `%${token.text} is no register, and one is wanted`);
      return { number: given.reg, width: token.modifier === 'w' ? 32 : 64, token };
    }
    const found = /^([rw])(\d{1,2})$/.exec(token.text);
    const number = Number(found?.[2]);
    if (found === null || number >= REGISTERS || found[2] !== String(number)) {
      throw new SkepError(badAsmRegister(spanOf(this.file, token), token.text));
    }
    return { number, width: found[1] === 'w' ? 32 : 64, token };
  }

  protected register64(): Register {
    const found = this.register();
    this.whole(found);
    return found;
  }

  protected whole(found: Register): number {
    if (found.width !== 64) throw new SkepError(mixedWidths(spanOf(this.file, found.token)));
    return found.number;
  }

  protected operandOf(token: Token): AsmOperand {
    const given = this.options.operand?.(token.text, token.modifier);
    if (given === undefined) this.fail(token, `there is no operand %${token.text}`);
    return given;
  }

  protected peek(ahead = 0): Token | undefined {
    return this.tokens[this.at + ahead];
  }

  protected next(what = 'more'): Token {
    const token = this.tokens[this.at];
    if (token === undefined) this.missing(what);
    this.at++;
    return token;
  }

  protected accept(text: string): boolean {
    if (this.peek()?.text !== text || this.peek()?.kind === 'operand') return false;
    this.at++;
    return true;
  }

  protected expect(text: string): void {
    const token = this.next(`'${text}'`);
    if (token.text !== text) this.fail(token, `'${text}' is wanted before '${token.text}'`);
  }

  protected missing(what: string): never {
    throw new SkepError(
      syntaxError({ ...this.span, start: this.span.end }, `the statement ends where ${what} is wanted`),
    );
  }

  protected fail(token: Token, message: string, help?: string): never {
    throw new SkepError(syntaxError(spanOf(this.file, token), message, help));
  }

  protected range(token: Token, what: string, value: bigint, range: string, last: Token = token): never {
    throw new SkepError(
      outOfRange(
        { file: this.file, start: token.start, end: Math.max(last.end, token.end) },
        what,
        String(value),
        range,
      ),
    );
  }
}

export interface Register {
  readonly number: number;
  readonly width: Width;
  readonly token: Token;
}

/** Of memory. */
export const TYPES: Record<string, { size: AccessSize; signed: boolean }> = {
  u8: { size: 1, signed: false },
  u16: { size: 2, signed: false },
  u32: { size: 4, signed: false },
  u64: { size: 8, signed: false },
  s8: { size: 1, signed: true },
  s16: { size: 2, signed: true },
  s32: { size: 4, signed: true },
};
