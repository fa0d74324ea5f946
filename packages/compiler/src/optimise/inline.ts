import type { Diagnostic } from '@skep/base';
import { createParam } from '../ir/build.ts';
import { typeOf } from '../ir/constant.ts';
import type { AllocaInst, Block, CallInst, Func, Module, Param, ScalarType, Target, Value } from '../ir/ir.ts';
import {
  cloneInst,
  cloneTerminator,
  forEachOperand,
  forEachUser,
  mapOperands,
  replaceValues,
  sizeOfBlock,
  targetsOf,
} from '../ir/uses.ts';
import { inlineTooLarge, mustBeInlined, recursiveInline } from './diagnostics.ts';

export interface InlineOptions {
  /** What is inlined that nobody asked for: functions that are called once, and small ones; `small`: only where that saves code. */
  readonly heuristics: 'none' | 'small' | 'fast';
  /**
   * Called for each function once its callees are in it, before it is put into its callers. `moves`: into the only place
   * where it is called, so that what is not done now is not done more often there.
   */
  readonly finish: (func: Func, moves: boolean) => void;
  readonly report: (diagnostic: Diagnostic) => void;
}

/** The most that one function may become. */
const MAX_INSTRUCTIONS = 1_000_000;
/** A function up to this weight is inlined wherever it is called; beyond, a call of it is the smaller program. */
const SMALL = 45;
/** A larger one is inlined where its caller calls it once only: the program that it is part of gets smaller. */
const MEDIUM = 90;
/** About what a call of it takes. */
const TINY = 8;
/** A call also makes registers be saved. */
const CALL_WEIGHT = 5;
/** Bytes of stack that a function may come to have by inlining what need not be inlined; the kernel grants 512. */
const MAX_FRAME = 384;
/** Registers r1 to r5. */
const MAX_ARGS = 5;

/** Puts functions into their callers, callees first. Afterwards no call of an `always` function is left, or an error. */
export function inlineFunctions(module: Module, options: InlineOptions): void {
  const { order, recursive } = bottomUp(module);
  const calls = countCalls(module);
  const sizes = new Map<Func, Size>();
  for (const func of order) {
    inlineInto(func, { options, calls, sizes, recursive });
    options.finish(func, func.inline === 'always' && func.linkage === 'static' && calls.get(func) === 1);
    sizes.set(func, measure(func));
  }
}

/** Callees before callers; `recursive` are functions that can reach themselves. */
function bottomUp(module: Module): { order: Func[]; recursive: Set<Func> } {
  const order: Func[] = [];
  const recursive = new Set<Func>();
  const state = new Map<Func, 'open' | 'done'>();
  for (const root of module.functions) {
    if (state.has(root)) continue;
    const path: { func: Func; callees: Func[]; next: number }[] = [];
    const open = (func: Func) => {
      state.set(func, 'open');
      path.push({ func, callees: [...calleesOf(func)], next: 0 });
    };
    open(root);
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const callee = top.callees[top.next++];
      if (callee === undefined) {
        state.set(top.func, 'done');
        order.push(top.func);
        path.pop();
      } else if (!state.has(callee)) {
        open(callee);
      } else if (state.get(callee) === 'open') {
        for (let i = path.length - 1; i >= 0; i--) {
          recursive.add(path[i]!.func);
          if (path[i]!.func === callee) break;
        }
      }
    }
  }
  return { order, recursive };
}

function calleesOf(func: Func): Set<Func> {
  const callees = new Set<Func>();
  for (const block of func.blocks) {
    for (const inst of block.insts)
      if (inst.kind === 'call' && inst.callee.kind === 'func') callees.add(inst.callee.func);
  }
  return callees;
}

/** How often each function is called; being referred to otherwise counts as many times. */
function countCalls(module: Module): Map<Func, number> {
  const counts = new Map<Func, number>();
  const count = (func: Func, by: number) => counts.set(func, (counts.get(func) ?? 0) + by);
  for (const func of module.functions) {
    forEachUser(func, (user) => {
      if (user.kind === 'call' && user.callee.kind === 'func') count(user.callee.func, 1);
      forEachOperand(user, (value) => {
        if (value.kind === 'func') count(value, 2);
      });
    });
  }
  for (const global of module.globals) {
    for (const one of global.relocations) if (one.target.kind === 'func') count(one.target, 2);
  }
  return counts;
}

interface State {
  readonly options: InlineOptions;
  readonly calls: ReadonlyMap<Func, number>;
  readonly sizes: ReadonlyMap<Func, Size>;
  readonly recursive: ReadonlySet<Func>;
}

interface Size {
  readonly instructions: number;
  /** What it costs in the program, about in machine instructions. */
  readonly weight: number;
  /** Bytes of stack. */
  readonly frame: number;
}

function measure(func: Func): Size {
  let instructions = 0;
  let weight = 0;
  let frame = 0;
  for (const block of func.blocks) {
    instructions += sizeOfBlock(block) + 1;
    if (block.term.kind !== 'jump') weight += 1;
    for (const inst of block.insts) {
      if (inst.kind === 'alloca') frame += Math.ceil(inst.size / 8) * 8;
      else if (inst.kind === 'call') weight += CALL_WEIGHT + inst.args.length;
      else if (inst.kind !== 'cast' && inst.kind !== 'note' && (inst.kind !== 'ptradd' || inst.offset.kind !== 'const'))
        weight += 1;
    }
  }
  return { instructions, weight, frame };
}

function inlineInto(func: Func, state: State): void {
  let { instructions, frame } = measure(func);
  const blocks = func.blocks;
  func.blocks = [];
  const allocas: AllocaInst[] = [];
  const results = new Map<Value, Value>();
  const calledOnce = onlyCalls(blocks);
  for (const block of blocks) {
    const { term } = block;
    let current = block;
    let insts = block.insts;
    func.blocks.push(current);
    for (let at = 0; at < insts.length; at++) {
      const inst = insts[at]!;
      if (inst.kind !== 'call' || inst.callee.kind !== 'func') continue;
      const callee = inst.callee.func;
      if (!shouldInline(callee, inst, frame, calledOnce.has(callee), state)) continue;
      const size = state.sizes.get(callee)!;
      instructions += size.instructions;
      frame += size.frame;
      if (instructions > MAX_INSTRUCTIONS) {
        state.options.report(inlineTooLarge(func, MAX_INSTRUCTIONS));
        break;
      }
      const rest: Block = { params: [], insts: insts.slice(at + 1), term };
      current.insts = insts.slice(0, at);
      const body = copyBody(callee, inst, rest, allocas);
      if (inst.type !== 'void') results.set(inst, body.result!);
      current.term = { kind: 'jump', target: { block: body.blocks[0]!, args: [] }, span: inst.span };
      for (const one of body.blocks) func.blocks.push(one);
      func.blocks.push(rest);
      current = rest;
      insts = rest.insts;
      at = -1;
    }
  }
  func.blocks[0]?.insts.unshift(...allocas);
  replaceValues(func, results);
}

function onlyCalls(blocks: readonly Block[]): Set<Func> {
  const once = new Set<Func>();
  const more = new Set<Func>();
  for (const block of blocks) {
    for (const inst of block.insts) {
      if (inst.kind !== 'call' || inst.callee.kind !== 'func') continue;
      (once.has(inst.callee.func) ? more : once).add(inst.callee.func);
    }
  }
  for (const func of more) once.delete(func);
  return once;
}

function shouldInline(callee: Func, call: CallInst, frame: number, onlyCall: boolean, state: State): boolean {
  const { options, sizes, recursive } = state;
  if (callee.blocks.length === 0) return false;
  const must = callee.inline === 'always' || call.args.length > MAX_ARGS;
  if (must && callee.inline === 'never') {
    options.report(mustBeInlined(callee, `${call.args.length} arguments do not fit into five registers`, call.span));
    return false;
  }
  if (recursive.has(callee)) {
    if (must) options.report(recursiveInline(callee, call.span));
    return false;
  }
  if (!isCompatible(callee, call)) {
    if (must) options.report(mustBeInlined(callee, 'it is called with other types than it is defined with', call.span));
    return false;
  }
  const size = sizes.get(callee);
  if (size === undefined) return false;
  if (must) return true;
  if (callee.inline === 'never' || callee.linkage === 'weak' || options.heuristics === 'none') return false;
  if (callee.section !== undefined) return false;
  const once = callee.linkage === 'static' && state.calls.get(callee) === 1;
  const most = options.heuristics === 'small' ? TINY : onlyCall ? MEDIUM : SMALL;
  return (once || size.weight <= most) && frame + size.frame <= MAX_FRAME;
}

/** Calls through declarations without a prototype may be of anything. */
function isCompatible(callee: Func, call: CallInst): boolean {
  if (call.type !== 'void' && call.type !== callee.result) return false;
  return callee.params.every((param, i) => call.args[i] === undefined || typeOf(call.args[i]!) === param.type);
}

/** The callee's blocks for one call; `return` leads to `rest`, by a parameter when there is a value. */
function copyBody(
  callee: Func,
  call: CallInst,
  rest: Block,
  allocas: AllocaInst[],
): { blocks: Block[]; result: Param | undefined } {
  const values = new Map<Value, Value>();
  const blocks = new Map<Block, Block>();
  for (const [i, param] of callee.params.entries()) {
    values.set(param, call.args[i] ?? { kind: 'undef', type: param.type });
  }
  let result: Param | undefined;
  if (call.type !== 'void') {
    result = createParam(call.type as ScalarType);
    rest.params.push(result);
  }
  for (const block of callee.blocks) {
    const copy: Block = { params: [], insts: [], term: block.term };
    for (const param of block.params) {
      const own = createParam(param.type, param.name);
      values.set(param, own);
      copy.params.push(own);
    }
    for (const inst of block.insts) {
      const own = cloneInst(inst);
      values.set(inst, own);
      if (own.kind === 'alloca') allocas.push(own);
      else copy.insts.push(own);
    }
    blocks.set(block, copy);
  }
  const map = (value: Value) => values.get(value) ?? value;
  for (const [block, copy] of blocks) {
    for (const inst of copy.insts) mapOperands(inst, map);
    const term = cloneTerminator(block.term);
    mapOperands(term, map);
    if (term.kind === 'return') {
      const value: Value | undefined =
        result === undefined ? undefined : (term.value ?? { kind: 'undef', type: result.type });
      const target: Target = { block: rest, args: value === undefined ? [] : [value] };
      copy.term = { kind: 'jump', target, span: term.span };
    } else {
      for (const target of targetsOf(term)) target.block = blocks.get(target.block)!;
      copy.term = term;
    }
  }
  return { blocks: [...blocks.values()], result };
}
