/** Calls of functions of the kernel, judged by their BTF prototypes, the suffixes of their parameters and their flags. */
import { KFUNCS, type KfuncFlag } from '@skep/abi';
import type { Btf, BtfFuncProto } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import { CONST_PTR_TO_MAP, PTR_TO_MAP_VALUE } from '../state/kinds.ts';
import { pointer, type Reg, UNINIT } from '../state/reg.ts';
import { markRead } from '../state/state.ts';
import { pushAsync } from './callbacks.ts';
import { checkExit } from './calls.ts';
import { addToGraph, type GraphRoot, pushTreeCallback } from './graph.ts';
import { iteratorNext } from './iterators.ts';
import { checkKfuncArgument } from './kfunc-arguments.ts';
import { kfuncRegions } from './kfunc-regions.ts';
import { giveKfuncResult } from './kfunc-results.ts';
import { kfuncAllowed } from './kfunc-sets.ts';
import { checkReturnCode } from './return-code.ts';

/** What is known of one call. */
export interface KfuncCall {
  readonly name: string;
  readonly btf: Btf;
  readonly proto: BtfFuncProto;
  readonly has: (flag: KfuncFlag) => boolean;
  release: number;
  ref: number;
  constant: Reg | undefined;
  resultSize: number;
  resultReadOnly: boolean;
  dynptr: Reg | undefined;
  object: Reg | undefined;
  owning: boolean;
  root: GraphRoot | undefined;
  subprogram: number;
  map: Reg | undefined;
  iterator: { readonly frame: number; readonly slot: number } | undefined;
}

const flagsOf = new Map<string, readonly KfuncFlag[]>();

function kfuncFlags(name: string): readonly KfuncFlag[] {
  if (flagsOf.size === 0) for (const one of KFUNCS) flagsOf.set(one.name, one.flags);
  return flagsOf.get(name) ?? [];
}

export const kfuncMightSleep = (name: string): boolean => kfuncFlags(name).includes('sleepable');

export function checkKfuncCall(x: Explorer): 'on' | 'end' {
  const { program, insn } = x;
  const name = program.kfuncName(insn) ?? '';
  if (name === '') {
    if (program.imm[insn] === 0) return 'on';
    x.unsupported('calls of functions of the kernel by number');
  }
  if (x.state.lockOwner !== undefined && !GRAPH.has(name))
    x.refuse('function calls are not allowed while holding a lock');
  const btf = x.kernelBtf;
  if (btf === undefined) x.unsupported(`the kernel function ${name} without the kernel's types`);
  const { type, attachType } = program.input;
  const allowed = kfuncAllowed(name, type, attachType ?? 0, x.kernel.version);
  if (allowed === false) x.refuse(`calling kernel function ${name} is not allowed`);
  if (allowed === undefined) x.unsupported(`the kernel function ${name}`);
  const id = btf.kfunc(name) ?? btf.find(name, 'func');
  const func = id === undefined ? undefined : btf.type(id);
  const proto = func?.kind === 'func' ? btf.type(func.type) : undefined;
  if (proto?.kind !== 'func_proto') x.refuse(`kfunc '${name}' is referenced but wasn't resolved`);
  const flags = kfuncFlags(name);
  const call: KfuncCall = {
    name,
    btf,
    proto,
    has: (flag) => flags.includes(flag),
    release: 0,
    ref: 0,
    constant: undefined,
    resultSize: 0,
    resultReadOnly: false,
    dynptr: undefined,
    object: undefined,
    owning: false,
    root: undefined,
    subprogram: -1,
    map: undefined,
    iterator: undefined,
  };
  const sleepable = call.has('sleepable');
  if (sleepable && !x.sleepable) x.refuse(`program must be sleepable to call sleepable kfunc ${name}`);
  for (let i = 0; i < proto.params.length; i++) i += checkKfuncArgument(x, call, i);
  if (call.has('release') && call.release === 0)
    x.refuse(`release kernel function ${name} expects refcounted PTR_TO_BTF_ID`);
  if (name === 'bpf_rbtree_add_impl') pushTreeCallback(x, call.subprogram, call.root!);
  if (name === 'bpf_wq_set_callback_impl') workCallback(x, call);
  kfuncRegions(x, call, sleepable);
  if (call.release !== 0) {
    const { ref } = x.frame.regs[call.release]!;
    if (!x.release(ref)) x.refuse(`kfunc ${name} reference has not been acquired before`);
  }
  if (name === 'bpf_list_push_front_impl' || name === 'bpf_list_push_back_impl' || name === 'bpf_rbtree_add_impl')
    addToGraph(x, x.frame.regs[2]!.ref);
  if (name === 'bpf_throw' && !program.subprograms.some((one) => one.isExceptionCallback)) checkReturnCode(x, 1, 'R1');
  if (x.trace !== undefined) x.trace.touched |= 0b111111;
  for (let r = 0; r <= 5; r++) x.frame.regs[r] = UNINIT;
  giveKfuncResult(x, call);
  x.frame.written |= 1;
  for (let r = 1; r <= proto.params.length && r <= 5; r++) markRead(x.state, x.frame.number, r);
  if (call.has('iter_next')) iteratorNext(x, call.iterator!);
  if (name === 'bpf_throw') {
    checkExit(x, true);
    return 'end';
  }
  return 'on';
}

/** May be called while a spin lock is held. */
const GRAPH = new Set([
  'bpf_list_push_front_impl',
  'bpf_list_push_back_impl',
  'bpf_list_pop_front',
  'bpf_list_pop_back',
  'bpf_rbtree_add_impl',
  'bpf_rbtree_first',
  'bpf_rbtree_remove',
  'bpf_refcount_acquire_impl',
]);

function workCallback(x: Explorer, call: KfuncCall): void {
  const map = call.map!.map!;
  pushAsync(
    x,
    call.subprogram,
    (callee) => {
      [CONST_PTR_TO_MAP, 5, PTR_TO_MAP_VALUE].forEach((type, n) => {
        const reg = pointer(type);
        reg.map = map;
        callee.regs[n + 1] = reg;
      });
    },
    true,
  );
}
