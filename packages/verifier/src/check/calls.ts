/** Calls of the program's own functions, and returns. */
import { LIMITS } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import type { Subprogram } from '../program/program.ts';
import { type Frame, newFrame } from '../state/frame.ts';
import { PTR_TO_STACK, SCALAR } from '../state/kinds.ts';
import { UNINIT, unknown } from '../state/reg.ts';
import { markRead, type Reference, type State } from '../state/state.ts';
import { checkArguments } from './global-function.ts';
import { previousEntry, widenImprecise } from './loops.ts';
import { checkReturnCode, invalidScalar, resultWithin } from './return-code.ts';

/** True: the explorer stands at the first instruction of the function. */
export function checkLocalCall(x: Explorer): boolean {
  const { program, insn } = x;
  const target = insn + program.imm[insn]! + 1;
  const sub = program.subprogramAt(target);
  if (sub === undefined) x.refuse(`verifier bug. No program starts at insn ${target}`);
  if (sub.global) {
    if (x.state.lockOwner !== undefined)
      x.refuse('global function calls are not allowed while holding a lock,\nuse static function instead');
    if (x.kernel.sleepSummaries) {
      if (x.mightSleep.has(sub.index) && (x.state.preempt > 0 || x.state.rcu > 0 || !x.sleepable))
        x.refuse(
          'global functions that may sleep are not allowed in non-sleepable context,\ni.e., in a RCU/IRQ/preempt-disabled section, or in\na non-sleepable BPF program context',
        );
    } else if (x.state.preempt > 0)
      x.refuse('global function calls are not allowed with preemption disabled,\nuse static function instead');
    checkArguments(x, sub);
    sub.called = true;
    if (x.changesPacket.has(sub.index)) clearPackets(x);
    clearCallerSaved(x, x.frame);
    x.set(0, unknown());
    return false;
  }
  const caller = x.frame;
  const callee = enter(x, x.state, sub, insn);
  for (let r = 1; r <= 5; r++) callee.regs[r] = caller.regs[r]!;
  callee.written = caller.written & 0b111110;
  callee.links = caller.links.map((link, r) => (r >= 1 && r <= 5 ? link : -1));
  clearCallerSaved(x, caller);
  x.trace?.whole(x, 'caller:', caller);
  x.trace?.whole(x, 'callee:', callee);
  x.insn = sub.start;
  return true;
}

/** A new frame on top of the state; its registers are empty. */
export function enter(x: Explorer, state: State, sub: Subprogram, callsite: number): Frame {
  if (state.frames.length >= LIMITS.callDepth)
    x.refuse(`the call stack of ${state.frames.length + 1} frames is too deep`);
  const callee = newFrame(state.frames.length, sub.index);
  callee.callsite = callsite;
  x.trace?.touchAll();
  state.frames.push(callee);
  return callee;
}

export function clearCallerSaved(x: Explorer, frame: Frame): void {
  if (x.trace !== undefined) x.trace.touched |= 0b111111;
  for (let r = 0; r <= 5; r++) {
    frame.regs[r] = UNINIT;
    frame.written |= 1 << r;
  }
}

/** Packet pointers are void after something moved the packet. */
export function clearPackets(x: Explorer): void {
  x.eachReg(x.state, (reg) => {
    const base = reg.type & 0xff;
    return base === 7 || base === 8 || base === 9 || (base === 17 && (reg.type & PACKET_SLICE) !== 0)
      ? x.invalid()
      : reg;
  });
}
const PACKET_SLICE = (1 << 20) | (1 << 21);

/** The reference that would be lost here. */
export function checkReferenceLeak(x: Explorer, exception: boolean): Reference | undefined {
  const frame = x.frame;
  if (!exception && frame.number > 0 && !frame.callback) return undefined;
  return x.state.refs.find((ref) => exception || !frame.callback || ref.callback === frame.number);
}

/** What would be lost or stay locked behind an instruction, since Linux 6.13. */
export function checkLeaks(x: Explorer, exception: boolean, locks: boolean, what: string): void {
  const { state } = x;
  if (locks && state.lockOwner !== undefined) x.refuse(`${what} cannot be used inside bpf_spin_lock-ed region`);
  if (checkReferenceLeak(x, exception) !== undefined) x.refuse(`${what} would lead to reference leak`);
  if (locks && state.rcu > 0) x.refuse(`${what} cannot be used inside bpf_rcu_read_lock-ed region`);
  if (locks && state.preempt > 0) x.refuse(`${what} cannot be used inside bpf_preempt_disable-ed region`);
}

/** `exit` or an exception; true when the path ends. */
export function checkExit(x: Explorer, exception: boolean): boolean {
  const { state } = x;
  const outermost = state.frames.length === 1;
  if (x.kernel.leakTexts)
    checkLeaks(x, exception, exception || outermost, exception ? 'bpf_throw' : 'BPF_EXIT instruction in main prog');
  if (state.lockOwner !== undefined && (outermost || exception || x.kernel.early))
    x.refuse(exception ? 'bpf_throw cannot be used inside bpf_spin_lock-ed region' : 'bpf_spin_unlock is missing');
  if (state.rcu > 0 && (outermost || exception))
    x.refuse(
      exception ? 'bpf_throw cannot be used inside bpf_rcu_read_lock-ed region' : 'bpf_rcu_read_unlock is missing',
    );
  if (state.preempt > 0 && (outermost || exception))
    x.refuse(
      exception
        ? 'bpf_throw cannot be used inside bpf_preempt_disable-ed region'
        : `${state.preempt} bpf_preempt_enable${state.preempt === 1 ? ' is' : '(s) are'} missing`,
    );
  const leak = checkReferenceLeak(x, exception);
  if (leak !== undefined) x.refuse(`Unreleased reference id=${leak.id} alloc_insn=${leak.insn}`);
  if (exception) return true;
  if (!outermost) {
    leave(x);
    return false;
  }
  checkReturnCode(x, 0, 'R0');
  return true;
}

export function leave(x: Explorer): void {
  const { state } = x;
  const callee = state.frame;
  const caller = state.frames[state.frames.length - 2]!;
  const r0 = callee.regs[0]!;
  if (r0.type === PTR_TO_STACK) x.refuse('cannot return stack pointer to the caller');
  if (callee.callback) {
    if (r0.type !== SCALAR) x.refuse('R0 not a scalar value');
    markRead(state, callee.number, 0);
    markPrecise(x, 0);
    if (!resultWithin(r0, callee.returnLeast, callee.returnMost, false))
      invalidScalar(x, r0, [callee.returnLeast, callee.returnMost], 'At callback return', 'R0');
    if (!x.callsCallback[callee.callsite])
      x.refuse(`BUG: in callback at ${x.insn}, callsite ${callee.callsite} !calls_callback`);
  } else {
    caller.regs[0] = r0;
    caller.written = (caller.written & ~1) | (callee.written & 1);
    caller.links = caller.links.map((link, r) => (r === 0 ? callee.links[0]! : link));
  }
  x.insn = callee.callback ? callee.callsite : callee.callsite + 1;
  x.trace?.whole(x, 'returning from callee:', callee);
  x.trace?.whole(x, `to caller at ${x.insn}:`, caller);
  state.frames.pop();
  if (x.trace !== undefined) x.trace.fresh = true;
  if (callee.callback) {
    const before = previousEntry(x, state, x.insn);
    if (before !== undefined) widenImprecise(before, state);
  }
}
