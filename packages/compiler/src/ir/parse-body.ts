import { SkepError } from '@skep/base';
import { CORE_KINDS, type CoreKind } from '@skep/object';
import { createBranch, createParam, type Unroll } from './build.ts';
import { bitsOf, bytesOf, constant, FALSE, NULL, TRUE, undef } from './constant.ts';
import { irMalformed } from './diagnostics.ts';
import type {
  AtomicInst,
  BinaryOp,
  Block,
  Callee,
  CastInst,
  CompareOp,
  Func,
  Inst,
  Param,
  ScalarType,
  Target,
  Terminator,
  Value,
} from './ir.ts';
import type { ModuleParser } from './parse.ts';
import { SCALARS, type Token } from './parse-tokens.ts';
import { replaceValues } from './uses.ts';
import { verifyFunction } from './verify.ts';

/** Reads what stands between the braces of a function. */
export class BodyParser {
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
