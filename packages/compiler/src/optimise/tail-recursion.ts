import { createParam } from '../ir/build.ts';
import { bitsOf, typeOf, undef } from '../ir/constant.ts';
import { removeUnreachable } from '../ir/graph.ts';
import type {
  Block,
  CallInst,
  CastInst,
  Func,
  Inst,
  IrType,
  Param,
  ScalarType,
  Target,
  Terminator,
  Value,
} from '../ir/ir.ts';
import { forEachOperand, forEachUser, replaceValues } from '../ir/uses.ts';
import { simplifyControlFlow } from './cfg.ts';
import { promoteAllocas } from './mem2reg.ts';
import { simplifyInstructions } from './simplify.ts';
import { splitAllocas } from './sroa.ts';

/**
 * A function that returns what it calls itself for becomes a loop, at every level: eBPF has no stack for recursion. Calls
 * of itself whose value it needs for something else stay.
 */
export function loopTailRecursion(func: Func): boolean {
  if (!callsItself(func)) return false;
  // The value may go through variables before it is returned.
  for (const pass of [splitAllocas, promoteAllocas, simplifyInstructions, simplifyControlFlow]) pass(func);
  // All turns would share what each call has of its own.
  if (handsOutLocals(func)) return false;
  const sites = func.blocks.flatMap((block) => {
    const call = tailCallOf(func, block);
    return call === undefined ? [] : [{ block, call }];
  });
  const changing = func.params.filter((param, i) => sites.some(({ call }) => call.args[i] !== param));
  // Where the context is has to be known without running the program.
  if (sites.length === 0 || changing.some((param) => param.origin === 'context')) return false;

  const entry = func.blocks[0]!;
  const fresh = new Map<Value, Value>(changing.map((param) => [param, createParam(param.type, param.name)]));
  const header: Block = {
    params: [...fresh.values()] as Param[],
    insts: entry.insts.filter((inst) => inst.kind !== 'alloca'),
    term: entry.term,
  };
  replaceValues(func, fresh);
  for (const { block, call } of sites) {
    const from = block === entry ? header : block;
    from.insts = from.insts.slice(0, from.insts.indexOf(call));
    const args = changing.map((param) => call.args[func.params.indexOf(param)] ?? undef(param.type));
    from.term = jump({ block: header, args }, call);
  }
  entry.insts = entry.insts.filter((inst) => inst.kind === 'alloca');
  entry.term = { kind: 'jump', target: { block: header, args: [...changing] }, span: func.span };
  func.blocks.splice(1, 0, header);
  removeUnreachable(func);
  return true;
}

function jump(target: Target, { span }: CallInst): Terminator {
  return { kind: 'jump', target, span };
}

function isCallOf(inst: Inst, func: Func): inst is CallInst {
  return inst.kind === 'call' && inst.callee.kind === 'func' && inst.callee.func === func;
}

function callsItself(func: Func): boolean {
  return func.blocks.some((block) => block.insts.some((inst) => isCallOf(inst, func)));
}

/** The call of the function itself behind which the block only returns its value. */
function tailCallOf(func: Func, block: Block): CallInst | undefined {
  const at = block.insts.findLastIndex((inst) => isCallOf(inst, func));
  const call = block.insts[at] as CallInst | undefined;
  if (call === undefined) return undefined;
  const fits = func.params.every((param, i) => call.args[i] === undefined || typeOf(call.args[i]!) === param.type);
  return fits && isReturned(func, call, block, at + 1) ? call : undefined;
}

/** What comes from `block.insts[from]` on returns the value of `call`, perhaps widened and narrowed again. */
function isReturned(func: Func, call: CallInst, from: Block, start: number): boolean {
  const seen = new Set<Block>();
  let value: Value = call;
  for (let block = from, at = start; !seen.has(block); at = 0) {
    seen.add(block);
    for (const inst of block.insts.slice(at)) {
      if (inst.kind === 'note') continue;
      if (inst.kind !== 'cast' || inst.value !== value || !keepsBits(inst, call.type)) return false;
      value = inst;
    }
    const { term } = block;
    if (term.kind === 'return') return func.result === 'void' || (term.value === value && func.result === call.type);
    if (term.kind !== 'jump') return false;
    const index = term.target.args.indexOf(value);
    block = term.target.block;
    value = block.params[index] ?? value;
  }
  return false;
}

function keepsBits({ op, type }: CastInst, of: IrType): boolean {
  return op === 'zext' || op === 'sext' || (op === 'trunc' && bitsOf(type as ScalarType) >= bitsOf(of as ScalarType));
}

/** The address of a local variable goes where somebody may keep it. Helpers and kfuncs do not. */
function handsOutLocals(func: Func): boolean {
  const local = new Set<Value>();
  let out = false;
  // An address is made before it is used, but for parameters of blocks, and these count as handing it out.
  forEachUser(func, (user) => {
    if (user.kind === 'alloca') local.add(user);
    else if (user.kind === 'ptradd' && local.has(user.base)) local.add(user);
    else if (!staysHere(user)) forEachOperand(user, (value) => (out ||= local.has(value)));
    else if (user.kind === 'store' || user.kind === 'atomic') out ||= local.has(user.value);
  });
  return out;
}

function staysHere(user: Inst | Terminator): boolean {
  switch (user.kind) {
    case 'call':
      return user.callee.kind === 'helper' || (user.callee.kind === 'func' && user.callee.func.section === '.ksyms');
    case 'load':
    case 'store':
    case 'atomic':
    case 'memcpy':
    case 'memset':
    case 'compare':
    case 'note':
      return true;
    default:
      return false;
  }
}
