import { ALU_OPS, ATOMIC_OPS, HELPERS, helperByName, JUMP_OPS } from '@skep/abi';
import { SkepError, suggest } from '@skep/base';
import { OperandReader, type Register, TYPES } from './asm-operands.ts';
import { spanOf, type Token } from './asm-tokens.ts';
import type { LabelUse, Statement } from './assemble.ts';
import {
  badAsmRegister,
  mixedWidths,
  noSuchForm,
  syntaxError,
  unknownStatement,
  unknownSymbol,
} from './diagnostics.ts';
import {
  type AccessSize,
  type AluOp,
  type Atomic,
  type Imm64,
  type Insn,
  imm as immediate,
  type JumpOp,
  type Operand,
  reg,
} from './model.ts';

/** One statement of assembly; what is wrong with it is thrown as SkepError. */
export class StatementParser extends OperandReader {
  private target: LabelUse | undefined;

  /** Labels, and at most one instruction behind them. */
  parse(): Statement[] {
    const out: Statement[] = [];
    while (this.isLabel()) {
      const token = this.next();
      this.at++;
      out.push({ kind: 'label', name: token.text, span: spanOf(this.file, token) });
    }
    this.skipOpcode();
    if (this.peek() === undefined) return out;
    const insn = this.instruction();
    const rest = this.peek();
    if (rest !== undefined) {
      throw new SkepError(
        syntaxError(spanOf(this.file, rest), `'${rest.text}' is too much here`, 'one instruction a line'),
      );
    }
    out.push({ kind: 'insn', insn, ...(this.target && { target: this.target }), span: this.span });
    return out;
  }

  private isLabel(): boolean {
    const kind = this.peek()?.kind;
    return (kind === 'name' || kind === 'number') && this.peek(1)?.text === ':';
  }

  /** `(bf)` of a verifier's log. */
  private skipOpcode(): void {
    if (this.peek()?.text !== '(' || this.peek(1)?.kind === 'sign') return;
    let close = this.at + 1;
    while (close < this.tokens.length && this.tokens[close]!.text !== ')') close++;
    const end = this.tokens[close]?.start;
    if (end !== undefined && /^[0-9a-f]{2}$/.test(this.file.text.slice(this.tokens[this.at]!.end, end)))
      this.at = close + 1;
  }

  private instruction(): Insn {
    const token = this.peek()!;
    if (token.kind === 'name') {
      switch (token.text) {
        case 'if':
          this.at++;
          return this.conditional();
        case 'goto':
        case 'gotol':
          this.at++;
          return { kind: 'goto', long: token.text === 'gotol', off: this.jumpTarget(token.text === 'gotol') };
        case 'may_goto':
          this.at++;
          return { kind: 'may_goto', off: this.jumpTarget(false) };
        case 'call':
          this.at++;
          return this.call();
        case 'callx':
          this.at++;
          return { kind: 'call', target: { kind: 'reg', reg: this.register64().number } };
        case 'exit':
          this.at++;
          return { kind: 'exit' };
        case 'lock':
          this.at++;
          return this.lock();
        case ATOMIC_OPS.store_rel.symbol:
          this.at++;
          return this.storeRelease();
      }
    }
    if (token.text === '*') return this.store();
    if (token.kind === 'operand' || this.isRegister(token)) return this.assignment(this.register());
    if (/^[rw]\d+$/.test(token.text)) this.register();
    throw new SkepError(unknownStatement(this.span));
  }

  private assignment(dst: Register): Insn {
    const sign = this.next('an operator such as = or +=');
    const op = ALU_BY_SYMBOL.get(sign.text as never);
    if (op === undefined) this.fail(sign, `'${sign.text}' is no operator of eBPF`);
    if (op !== 'mov') {
      const src = this.operand(dst.width, `the right side of ${sign.text}`);
      return { kind: 'alu', op, width: dst.width, dst: dst.number, src };
    }
    const token = this.peek();
    if (token === undefined) this.missing('a value');
    if (token.text === '(') return this.signExtend(dst);
    if (token.text === '*') return this.load(dst);
    if (token.text === '-' && this.peek(1) !== undefined && this.peek(1)!.kind !== 'number') {
      this.at++;
      const negated = this.register();
      if (negated.number !== dst.number || negated.width !== dst.width) {
        throw new SkepError(noSuchForm(this.span, 'negation has one register: the result goes where the value was'));
      }
      return { kind: 'alu', op: 'neg', width: dst.width, dst: dst.number, src: immediate(0) };
    }
    if (token.kind === 'name' && !this.isRegister(token)) return this.namedValue(dst, token);
    if (token.kind === 'number' || token.text === '-') return this.number(dst);
    return { kind: 'alu', op: 'mov', width: dst.width, dst: dst.number, src: this.operand(dst.width, 'a value') };
  }

  /** `r1 = 5`, `r1 = 5 ll`. */
  private number(dst: Register): Insn {
    const first = this.peek()!;
    const value = this.integer('a value');
    const end = this.tokens[this.at - 1]!;
    if (this.accept('ll')) {
      if (value < -(1n << 63n) || value >= 1n << 64n) this.range(first, 'the immediate', value, '64 bits wide', end);
      return { kind: 'ld_imm64', dst: this.whole(dst), imm: { kind: 'value', value: BigInt.asUintN(64, value) } };
    }
    return {
      kind: 'alu',
      op: 'mov',
      width: dst.width,
      dst: dst.number,
      src: immediate(this.fit(value, dst.width, first)),
    };
  }

  private signExtend(dst: Register): Insn {
    this.expect('(');
    const type = this.next('s8, s16 or s32');
    const known = TYPES[type.text];
    if (known === undefined || !known.signed)
      this.fail(type, `'${type.text}' cannot be cast to, only s8, s16 and s32 can`);
    this.expect(')');
    const src = this.register();
    if (src.width !== dst.width) throw new SkepError(mixedWidths(this.span));
    const bits = (known.size * 8) as 8 | 16 | 32;
    if (bits === 32 && dst.width === 32) throw new SkepError(noSuchForm(this.span, 'a lower half has 32 bits already'));
    return { kind: 'movsx', width: dst.width, bits, dst: dst.number, src: src.number };
  }

  private load(dst: Register): Insn {
    const type = this.pointerType();
    if (this.accept('skb')) {
      if (dst.number !== 0) this.fail(dst.token, 'a packet load goes to r0');
      if (type.signed || type.size === 8)
        throw new SkepError(noSuchForm(this.span, 'packet loads have u8, u16 and u32'));
      return this.packetLoad(type.size);
    }
    const { base, off } = this.address();
    if (dst.width === 32 && (type.size === 8 || type.signed)) throw new SkepError(mixedWidths(this.span));
    return { kind: 'load', size: type.size, signed: type.signed, dst: dst.number, src: base, off };
  }

  private packetLoad(size: 1 | 2 | 4): Insn {
    this.expect('[');
    let index: number | undefined;
    let imm = 0;
    const first = this.peek();
    if (first !== undefined && this.isRegister(first)) {
      index = this.register64().number;
      if (this.peek()?.text !== ']') imm = this.fit(this.signedSum('an offset'), 32, this.tokens[this.at - 1]!);
    } else imm = this.fit(this.integer('an offset'), 32, first ?? this.tokens.at(-1)!);
    this.expect(']');
    return { kind: 'ld_packet', size, index, imm };
  }

  /** Right sides of `=` that begin with a word that is no register. */
  private namedValue(dst: Register, token: Token): Insn {
    this.at++;
    const swap = SWAP.exec(token.text);
    if (swap !== null) {
      const src = this.register();
      if (src.number !== dst.number) throw new SkepError(noSuchForm(this.span, 'a byte swap has one register'));
      return {
        kind: 'endian',
        op: swap[1] as 'le' | 'be' | 'bswap',
        bits: Number(swap[2]) as 16 | 32 | 64,
        dst: dst.number,
      };
    }
    const atomic = ATOMIC_CALL.exec(token.text);
    if (atomic !== null) return this.fetch(dst, (atomic[2] ?? atomic[3]) as Atomic['op'], token);
    if (token.text === ATOMIC_OPS.load_acq.symbol) {
      this.expect('(');
      const { size, base, off } = this.place();
      this.expect(')');
      return { kind: 'atomic', op: 'load_acq', fetch: false, size, dst: dst.number, src: base, off };
    }
    if (token.text === 'addr_space_cast') {
      this.expect('(');
      const src = this.register64().number;
      this.expect(',');
      const to = this.small('an address space');
      this.expect(',');
      const from = this.small('an address space');
      this.expect(')');
      return { kind: 'addr_space_cast', dst: this.whole(dst), src, to, from };
    }
    if (this.peek()?.text === '[') return { kind: 'ld_imm64', dst: this.whole(dst), imm: this.bracketed(token) };
    if (this.accept('ll')) return this.symbol(dst, token);
    if (/^[rw]\d+$/.test(token.text)) throw new SkepError(badAsmRegister(spanOf(this.file, token), token.text));
    this.fail(token, `'${token.text}' is no value`, "write 'r1 = name ll' for the address of a symbol");
  }

  private symbol(dst: Register, token: Token): Insn {
    const imm = this.options.symbol?.(token.text);
    if (imm !== undefined) return { kind: 'ld_imm64', dst: this.whole(dst), imm };
    this.target = { name: token.text, span: spanOf(this.file, token) };
    return { kind: 'ld_imm64', dst: this.whole(dst), imm: { kind: 'func', offset: 0 } };
  }

  /** `map[fd:5]`, `map[idx:0][0]+16`, `btf[id:7]`, `btf[id:7@1]`, `subprog[+3]`, `subprog[name]`. */
  private bracketed(what: Token): Imm64 {
    this.expect('[');
    if (what.text === 'subprog') {
      const name = this.peek();
      if (name?.kind === 'name') {
        this.at++;
        this.target = { name: name.text, span: spanOf(this.file, name) };
        this.expect(']');
        return { kind: 'func', offset: 0 };
      }
      const offset = this.fit(this.integer('a distance in slots'), 32, name ?? what);
      this.expect(']');
      return { kind: 'func', offset };
    }
    const key = this.next('fd, idx or id');
    this.expect(':');
    const number = this.int32('a number');
    if (what.text === 'btf' && key.text === 'id') {
      const module = this.accept('@') ? this.int32('a module') : 0;
      this.expect(']');
      return { kind: 'btf_id', id: number, module };
    }
    this.expect(']');
    if (what.text !== 'map' || (key.text !== 'fd' && key.text !== 'idx')) {
      this.fail(
        what,
        `'${what.text}[${key.text}:…]' is not known`,
        'write map[fd:…], map[idx:…], btf[id:…] or subprog[…]',
      );
    }
    if (!this.accept('['))
      return key.text === 'fd' ? { kind: 'map_fd', fd: number } : { kind: 'map_idx', index: number };
    this.expect('0');
    this.expect(']');
    const offset = this.peek() === undefined ? 0 : this.fit(this.signedSum('an offset'), 32, this.tokens.at(-1)!);
    return key.text === 'fd'
      ? { kind: 'map_value', fd: number, offset }
      : { kind: 'map_idx_value', index: number, offset };
  }

  private store(): Insn {
    const { size, base, off } = this.place();
    this.expect('=');
    const token = this.peek();
    if (token !== undefined && this.isRegister(token)) {
      const src = this.register();
      if (src.width === 32 && size === 8) throw new SkepError(mixedWidths(this.span));
      return { kind: 'store', size, dst: base, off, src: reg(src.number) };
    }
    return { kind: 'store', size, dst: base, off, src: this.operand(size === 8 ? 64 : 32, 'a value') };
  }

  private lock(): Insn {
    const { size, base, off } = this.place();
    const sign = this.next('an operator such as +=');
    const op = LOCK_BY_SYMBOL.get(sign.text);
    if (op === undefined) this.fail(sign, `'${sign.text}' is no atomic operation`, 'there are +=, |=, &= and ^=');
    return {
      kind: 'atomic',
      op,
      fetch: false,
      size: this.atomicSize(size),
      dst: base,
      off,
      src: this.register().number,
    };
  }

  /** `r1 = atomic64_fetch_add((u64 *)(r2 +0), r1)`, `r0 = cmpxchg_64(r2 + 0, r0, r3)`. */
  private fetch(dst: Register, op: Atomic['op'], name: Token): Insn {
    this.expect('(');
    let size: AccessSize = name.text.includes('64') ? 8 : 4;
    let base: number;
    let off: number;
    if (this.peek()?.text === '(') ({ size, base, off } = this.place());
    else ({ base, off } = this.bareAddress());
    this.expect(',');
    if (op === 'cmpxchg') {
      const compared = this.register();
      if (compared.number !== 0 || dst.number !== 0)
        throw new SkepError(noSuchForm(this.span, 'cmpxchg compares with r0, and leaves the old value in r0'));
      this.expect(',');
    }
    const src = this.register();
    this.expect(')');
    if (op !== 'cmpxchg' && src.number !== dst.number) {
      throw new SkepError(noSuchForm(this.span, 'the old value goes to the register that the new one came from'));
    }
    return { kind: 'atomic', op, fetch: true, size: this.atomicSize(size), dst: base, off, src: src.number };
  }

  private storeRelease(): Insn {
    this.expect('(');
    const { size, base, off } = this.place();
    this.expect(',');
    const src = this.register();
    this.expect(')');
    return { kind: 'atomic', op: 'store_rel', fetch: false, size, dst: base, off, src: src.number };
  }

  private atomicSize(size: AccessSize): AccessSize {
    if (size < 4) throw new SkepError(noSuchForm(this.span, 'atomic operations work on u32 and u64'));
    return size;
  }

  private conditional(): Insn {
    const left = this.register();
    const sign = this.next('a comparison');
    const op = JUMP_BY_SYMBOL.get(sign.text as never);
    if (op === undefined) this.fail(sign, `'${sign.text}' is no comparison of eBPF`);
    const token = this.peek();
    let src: Operand;
    if (token?.kind === 'number' || token?.text === '-') {
      // The kernel prints these as unsigned, so that 0xffffffff stands for -1.
      src = immediate(this.fit(this.integer('a value'), 32, token));
    } else src = this.operand(left.width, 'a value');
    if (!this.accept('goto')) this.missing("'goto' and a target");
    return { kind: 'jump', op, width: left.width, dst: left.number, src, off: this.jumpTarget(false) };
  }

  /** `+2`, `pc+2`, `label`, `1b`; notes the label and gives 0 for it. */
  private jumpTarget(long: boolean): number {
    const token = this.peek();
    if (token === undefined) this.missing('a label or a distance');
    const label = this.labelName(token);
    if (label !== undefined) {
      this.at++;
      this.target = { name: label, span: spanOf(this.file, token) };
      this.skipPlace();
      return 0;
    }
    this.accept('pc');
    const off = this.integer('a label or a distance');
    this.skipPlace();
    if (off < (long ? -(2n ** 31n) : -32768n) || off > (long ? 2n ** 31n - 1n : 32767n)) {
      this.range(
        token,
        'the distance of the jump,',
        off,
        long ? '32 bits wide' : '-32768 to 32767; gotol goes further',
      );
    }
    return Number(off);
  }

  private labelName(token: Token): string | undefined {
    if (token.kind === 'operand') {
      const given = this.options.operand?.(token.text, token.modifier);
      return given?.kind === 'label' ? given.name : undefined;
    }
    if (token.kind === 'number' && /[bf]$/.test(token.text) && !token.text.startsWith('0x')) return token.text;
    if (token.kind !== 'name') return undefined;
    const next = this.peek(1)?.text;
    return token.text === 'pc' && (next === '+' || next === '-') ? undefined : token.text;
  }

  /** `<LBB0_2>` behind a target, as llvm-objdump has it. */
  private skipPlace(): void {
    if (this.peek()?.text === '<' && this.tokens.at(-1)?.text === '>') this.at = this.tokens.length;
  }

  private call(): Insn {
    const token = this.peek();
    if (token === undefined) this.missing('what to call');
    if (token.kind === 'number' || token.text === '-') {
      return { kind: 'call', target: { kind: 'helper', id: this.fit(this.integer('a helper'), 32, token) } };
    }
    if (token.text === '+' || (token.text === 'pc' && /^[+-]$/.test(this.peek(1)?.text ?? ''))) {
      this.accept('pc');
      return { kind: 'call', target: { kind: 'local', off: this.fit(this.integer('a distance'), 32, token) } };
    }
    this.at++;
    const helper = helperByName(token.text);
    if (this.accept('#')) {
      const id = this.int32('a number');
      if (helper?.id === id || NO_HELPER.has(token.text)) return { kind: 'call', target: { kind: 'helper', id } };
      const module = this.accept('@') ? this.small('a module') : 0;
      return { kind: 'call', target: { kind: 'kfunc', btfId: id, module } };
    }
    if (helper !== undefined) return { kind: 'call', target: { kind: 'helper', id: helper.id } };
    if (token.kind !== 'name') this.fail(token, `'${token.text}' cannot be called`);
    if (token.text.startsWith('bpf_')) {
      const nearest = suggest(
        token.text,
        HELPERS.map((one) => one.name),
      );
      if (nearest !== undefined)
        throw new SkepError(unknownSymbol(spanOf(this.file, token), 'helper', token.text, nearest));
    }
    this.target = { name: token.text, span: spanOf(this.file, token) };
    this.skipPlace();
    return { kind: 'call', target: { kind: 'local', off: 0 } };
  }
}

const ALU_BY_SYMBOL = /* @__PURE__ */ new Map(Object.entries(ALU_OPS).map(([op, { symbol }]) => [symbol, op as AluOp]));
const JUMP_BY_SYMBOL = /* @__PURE__ */ new Map(
  Object.entries(JUMP_OPS).map(([op, { symbol }]) => [symbol, op as JumpOp]),
);
const LOCK_BY_SYMBOL = /* @__PURE__ */ new Map(
  Object.entries(ATOMIC_OPS)
    .filter(([, { fetch }]) => fetch === 'may')
    .map(([op, { symbol }]) => [symbol as string, op as Atomic['op']]),
);
/** As the kernel writes them (`atomic64_fetch_add`, `atomic_xchg`), and as clang does (`xchg_64`, `cmpxchg32_32`). */
const ATOMIC_CALL = /^(?:atomic(64)?_(?:fetch_)?(add|or|and|xor|xchg|cmpxchg)|(xchg|cmpxchg)(?:_64|32_32))$/;
const SWAP = /^(le|be|bswap)(16|32|64)$/;
/** What the kernel calls helpers that do not exist. */
const NO_HELPER: ReadonlySet<string> = /* @__PURE__ */ new Set(['unknown', 'bpf_unspec']);
