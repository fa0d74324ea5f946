import { bitsOf, isSpaceCast, typeOf } from './constant.ts';
import { dominatorsOf, graphOf } from './graph.ts';
import type { Block, CastInst, Func, Inst, Module, Param, Target, Terminator, Value } from './ir.ts';
import { forEachOperand, isLocal, targetsOf } from './uses.ts';

/** What is malformed in the module, as sentences; empty when nothing is. For programmers, not for users. */
export function verifyModule(module: Module): string[] {
  return module.functions.flatMap((func) => verifyFunction(func));
}

/** Throws when the module is malformed. */
export function assertValid(module: Module, after: string): void {
  const problems = verifyModule(module);
  if (problems.length > 0) throw new Error(`the IR is malformed after ${after}:\n${problems.slice(0, 10).join('\n')}`);
}

export function verifyFunction(func: Func): string[] {
  const problems: string[] = [];
  const entry = func.blocks[0];
  if (entry === undefined) return problems;
  const complain = (where: string, what: string) => problems.push(`${func.name}, ${where}: ${what}`);
  const label = new Map<Block, string>(func.blocks.map((block, i) => [block, `block ${i}`]));
  if (label.size !== func.blocks.length) complain('blocks', 'a block is listed twice');
  if (entry.params.length > 0) complain('entry', 'has parameters');

  const home = new Map<Inst | Param, { block: Block; at: number }>();
  for (const param of func.params) home.set(param, { block: entry, at: -1 });
  for (const block of func.blocks) {
    for (const param of block.params) {
      if (home.has(param)) complain(label.get(block)!, 'a parameter is listed twice');
      home.set(param, { block, at: -1 });
    }
    for (const [at, inst] of block.insts.entries()) {
      if (home.has(inst)) complain(label.get(block)!, `instruction ${at} (${inst.kind}) is listed twice`);
      home.set(inst, { block, at });
    }
  }
  for (const block of func.blocks) {
    for (const target of targetsOf(block.term)) {
      if (!label.has(target.block)) complain(label.get(block)!, 'leads to a block that is not in the function');
      if (target.block === entry) complain(label.get(block)!, 'leads to the entry');
    }
  }
  if (problems.length > 0) return problems;

  const graph = graphOf(func);
  const dominators = dominatorsOf(graph);
  for (const block of func.blocks) {
    const name = label.get(block)!;
    const index = graph.indexOf.get(block);
    const check = (user: Inst | Terminator, at: number) => {
      const where = `${name}, instruction ${at} (${user.kind})`;
      forEachOperand(user, (value) => {
        if (typeOf(value) === 'void') complain(where, 'uses an instruction that makes no value');
        if (!isLocal(value)) return;
        const made = home.get(value);
        if (made === undefined) {
          complain(where, `uses a ${value.kind} that is not in the function`);
        } else if (index !== undefined) {
          const from = graph.indexOf.get(made.block);
          const ok = made.block === block ? made.at < at : from !== undefined && dominators.dominates(from, index);
          if (!ok) complain(where, `uses a ${value.kind} of ${label.get(made.block)} that does not dominate it`);
        }
      });
      const wrong = user.kind in TERMINATORS ? checkTerminator(func, user as Terminator) : checkInst(user as Inst);
      if (wrong !== undefined) complain(where, wrong);
    };
    for (const [at, inst] of block.insts.entries()) {
      if (inst.kind === 'alloca' && block !== entry) complain(name, 'allocates outside of the entry');
      check(inst, at);
    }
    check(block.term, block.insts.length);
  }
  return problems;
}

const TERMINATORS = { jump: 0, branch: 0, switch: 0, 'asm-goto': 0, return: 0, unreachable: 0 };

function checkInst(inst: Inst): string | undefined {
  switch (inst.kind) {
    case 'binary':
      if (inst.type === 'ptr' || inst.type === 'void') return `makes ${inst.type}`;
      return same(inst.type, inst.a, inst.b);
    case 'compare':
      if (inst.type !== 'i1') return 'does not make i1';
      return same(typeOf(inst.a), inst.b);
    case 'cast':
      return checkCast(inst.op, typeOf(inst.value), inst.type);
    case 'select':
      return typeOf(inst.condition) !== 'i1' ? 'condition is not i1' : same(inst.type, inst.a, inst.b);
    case 'bswap':
      return inst.type === 'i16' || inst.type === 'i32' || inst.type === 'i64'
        ? same(inst.type, inst.value)
        : `swaps ${inst.type}`;
    case 'known':
      return inst.type === 'i1' ? undefined : 'does not make i1';
    case 'alloca':
      return inst.type === 'ptr' && inst.size >= 0 ? undefined : 'is not a ptr of a size';
    case 'ptradd':
      if (inst.type !== 'ptr' || typeOf(inst.base) !== 'ptr') return 'base is not ptr';
      return typeOf(inst.offset) === 'i64' ? undefined : 'offset is not i64';
    case 'load':
      if (inst.type === 'void') return 'loads void';
      return typeOf(inst.address) === 'ptr' ? undefined : 'address is not ptr';
    case 'store':
      return typeOf(inst.address) === 'ptr' && inst.type === 'void' ? undefined : 'address is not ptr';
    case 'atomic': {
      const type = inst.width === 32 ? 'i32' : 'i64';
      if (typeOf(inst.address) !== 'ptr') return 'address is not ptr';
      if (inst.type !== (inst.fetch ? type : 'void')) return `makes ${inst.type}`;
      if ((inst.op === 'cmpxchg') !== (inst.expected !== undefined)) return 'expected value and operation disagree';
      return same(type, inst.value, ...(inst.expected === undefined ? [] : [inst.expected]));
    }
    case 'memcpy':
      return same('ptr', inst.target, inst.source);
    case 'memset':
      return same('ptr', inst.target) ?? same('i8', inst.value);
    case 'call':
      return inst.callee.kind === 'pointer' ? same('ptr', inst.callee.pointer) : undefined;
    case 'core':
      return inst.type === 'i64' ? undefined : `makes ${inst.type}`;
    case 'barrier':
      return inst.value === undefined ? undefined : same(inst.type, inst.value);
    case 'asm':
      return inst.type === (inst.operands.some((one) => one.result !== undefined) ? 'i64' : 'void')
        ? undefined
        : `makes ${inst.type}`;
    case 'note':
      return inst.type === 'void' ? undefined : `makes ${inst.type}`;
    case 'asm-result':
      return typeof inst.asm === 'object' && inst.asm.kind === 'asm' && inst.index > 0 ? undefined : 'is of no asm';
  }
}

function checkCast(op: CastInst['op'], from: string, to: string): string | undefined {
  if (isSpaceCast(op)) return from === 'ptr' && to === 'ptr' ? undefined : `from ${from} to ${to}`;
  if (op === 'ptrtoint') return from === 'ptr' && to === 'i64' ? undefined : `from ${from} to ${to}`;
  if (op === 'inttoptr') return from === 'i64' && to === 'ptr' ? undefined : `from ${from} to ${to}`;
  if (from === 'ptr' || to === 'ptr' || from === 'void' || to === 'void') return `from ${from} to ${to}`;
  const wider = bitsOf(to as 'i64') - bitsOf(from as 'i64');
  return (op === 'trunc') === wider < 0 && wider !== 0 ? undefined : `from ${from} to ${to}`;
}

function checkTerminator(func: Func, term: Terminator): string | undefined {
  for (const target of targetsOf(term)) {
    const wrong = checkTarget(target);
    if (wrong !== undefined) return wrong;
  }
  if (term.kind === 'branch') return same('i1', term.condition);
  if (term.kind === 'switch' && (typeOf(term.value) === 'ptr' || typeOf(term.value) === 'void')) return 'on a pointer';
  if (term.kind !== 'return') return undefined;
  if (func.result === 'void') return term.value === undefined ? undefined : 'returns a value from void';
  return term.value === undefined ? 'returns nothing' : same(func.result, term.value);
}

function checkTarget({ block, args }: Target): string | undefined {
  if (block.params.length !== args.length) return `gives ${args.length} arguments for ${block.params.length}`;
  for (const [i, param] of block.params.entries()) {
    const wrong = same(param.type, args[i]!);
    if (wrong !== undefined) return `argument ${i}: ${wrong}`;
  }
  return undefined;
}

function same(type: string, ...values: Value[]): string | undefined {
  for (const value of values) {
    if (typeOf(value) !== type) return `has an operand of ${typeOf(value)}, not ${type}`;
  }
  return undefined;
}
