/** Functions that helpers call back: each gets a frame of its own, once now or at some other time. */
import { MAP } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import type { MapInfo } from '../program/maps.ts';
import { type Frame, newFrame } from '../state/frame.ts';
import {
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
} from '../state/kinds.ts';
import { pointer, unknown } from '../state/reg.ts';
import { State } from '../state/state.ts';
import { enter } from './calls.ts';
import { DYNPTR } from './dynptr.ts';
import { FOR_EACH_MAP_ELEM, TIMER_SET_CALLBACK } from './helper-ids.ts';

const FIND_VMA = 180;
const LOOP = 181;
const USER_RINGBUF_DRAIN = 209;
const WALKED = new Set<number>([
  MAP.BPF_MAP_TYPE_HASH,
  MAP.BPF_MAP_TYPE_PERCPU_HASH,
  MAP.BPF_MAP_TYPE_LRU_HASH,
  MAP.BPF_MAP_TYPE_LRU_PERCPU_HASH,
  MAP.BPF_MAP_TYPE_ARRAY,
  MAP.BPF_MAP_TYPE_PERCPU_ARRAY,
]);

export function callbackOf(x: Explorer, helper: number, subprogram: number, map: MapInfo | undefined): void {
  if (subprogram < 0) return;
  const caller = x.frame;
  const ofMap = (callee: Frame, which: MapInfo): void => {
    [CONST_PTR_TO_MAP, PTR_TO_MAP_KEY, PTR_TO_MAP_VALUE].forEach((type, i) => {
      const reg = pointer(type);
      reg.map = which;
      if (type === PTR_TO_MAP_VALUE) reg.id = 0;
      callee.regs[i + 1] = reg;
    });
  };
  switch (helper) {
    case FOR_EACH_MAP_ELEM:
      push(x, subprogram, (callee) => {
        if (!WALKED.has(map!.type)) x.refuse('callback function not allowed for map');
        ofMap(callee, map!);
        callee.regs[4] = caller.regs[3]!;
      });
      return;
    case LOOP: {
      markPrecise(x, 1);
      const rounds = caller.regs[1]!;
      if (rounds.uxh === 0 && caller.callbackDepth >= rounds.uxl >>> 0) {
        caller.callbackDepth = 0;
        return;
      }
      push(x, subprogram, (callee) => {
        callee.regs[1] = unknown();
        callee.regs[2] = caller.regs[3]!;
      });
      return;
    }
    case FIND_VMA:
      push(x, subprogram, (callee) => {
        callee.regs[1] = caller.regs[1]!;
        const vma = pointer(PTR_TO_BTF_ID);
        const id = x.kernelBtf?.find('vm_area_struct', 'struct');
        if (id === undefined) x.unsupported("bpf_find_vma without the kernel's types");
        vma.btf = x.kernelBtf;
        vma.btfId = id;
        callee.regs[2] = vma;
        callee.regs[3] = caller.regs[4]!;
      });
      return;
    case USER_RINGBUF_DRAIN:
      push(x, subprogram, (callee) => {
        const dynptr = pointer(CONST_PTR_TO_DYNPTR);
        dynptr.aux = DYNPTR.local;
        dynptr.aux2 = 1;
        dynptr.id = x.freshId();
        callee.regs[1] = dynptr;
        callee.regs[2] = caller.regs[3]!;
      });
      return;
    case TIMER_SET_CALLBACK:
      pushAsync(x, subprogram, (callee) => ofMap(callee, caller.regs[1]!.map!));
  }
}

/** Runs the callback on a second path; this one goes on as if it ran no more. */
function push(x: Explorer, subprogram: number, fill: (callee: Frame) => void): void {
  const sub = x.program.subprograms[subprogram]!;
  sub.isCallback = true;
  const state = x.fork(sub.start, x.insn);
  const callee = enter(x, state, sub, x.insn);
  callee.callback = true;
  callee.returnLeast = 0;
  callee.returnMost = 1;
  fill(callee);
  state.callbackUnrollDepth += 1;
  state.frames[state.frames.length - 2]!.callbackDepth += 1;
  x.frame.callbackDepth = 0;
}

/** The callback runs when the program is long gone. */
export function pushAsync(x: Explorer, subprogram: number, fill: (callee: Frame) => void, sleepable = false): void {
  const sub = x.program.subprograms[subprogram]!;
  sub.isCallback = true;
  sub.isAsyncCallback = true;
  const state = new State();
  state.sleepable = sleepable;
  state.firstInsn = sub.start;
  const callee = newFrame(0, subprogram);
  callee.asyncCallback = true;
  callee.asyncEntries = x.frame.asyncEntries + 1;
  fill(callee);
  state.frames.push(callee);
  x.pushState(state, sub.start, x.insn);
  x.trace?.touchAll();
}
