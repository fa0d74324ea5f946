/** Calls of the program's own functions, returns, and what must hold at an exit. */
import { ATTACH, PROG } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { newFrame } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import { slt, toNumber } from '../number/int64.ts';
import type { Subprogram } from '../program/program.ts';
import type { Frame } from '../state/frame.ts';
import { PTR_TO_STACK, SCALAR, typeName } from '../state/kinds.ts';
import { type Reg, UNINIT, unknown } from '../state/reg.ts';
import { markRead, type Reference, type State } from '../state/state.ts';
import { targetOf } from './btf-access.ts';
import { checkArguments } from './global-function.ts';
import { previousEntry } from './jump.ts';
import { widenImprecise } from './loops.ts';

const MAX_FRAMES = 8;

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
  if (state.frames.length >= MAX_FRAMES) x.refuse(`the call stack of ${state.frames.length + 1} frames is too deep`);
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

function resultWithin(reg: Reg, least: number, most: number, narrow: boolean): boolean {
  if (narrow) return reg.tn >= least && reg.tx <= most;
  return toNumber(reg.snl, reg.snh) >= least && toNumber(reg.sxl, reg.sxh) <= most;
}

function invalidScalar(x: Explorer, reg: Reg, range: readonly [number, number], when: string, name: string): never {
  const least = slt(0, -2147483648, reg.snl, reg.snh);
  const most = slt(reg.sxl, reg.sxh, -1, 2147483647);
  const text =
    `${least ? ` smin=${toNumber(reg.snl, reg.snh)}` : ''}${most ? ` smax=${toNumber(reg.sxl, reg.sxh)}` : ''}` ||
    ' unknown scalar value';
  x.refuse(`${when} the register ${name} has${text} should have been in [${range[0]}, ${range[1]}]`);
}

/** LSM hooks that answer otherwise than with 0 or an errno. */
const LSM_VOID =
  /^(bpf_lsm_)?(task_free|inode_free_security|cred_free|sk_free_security|file_free_security|bprm_committing_creds|bprm_committed_creds|cred_transfer|d_instantiate|inet_csk_clone|inet_conn_established|sk_clone_security|sock_graft|task_to_inode|key_free|msg_msg_free_security|shm_free_security|sem_free_security|msg_queue_free_security|inode_post_setxattr|inode_getsecid|ipc_getsecid|release_secctx|current_getsecid_subj|task_getsecid_obj|cred_getsecid|req_classify_flow|sb_free_security|sb_delete|sb_free_mnt_opts|kernel_post_read_file|bpf_map_free|bpf_prog_free|bpf_token_free|perf_event_free|xfrm_policy_free_security|xfrm_state_free_security|secmark_refcount_inc|secmark_refcount_dec|tun_dev_free_security|inode_invalidate_secctx|audit_rule_free|ib_free_security|path_post_mknod|inode_post_create_tmpfile|inode_post_setattr|inode_post_removexattr|inode_post_set_acl|inode_post_remove_acl|file_post_open_void|file_release|file_set_fowner)$/;
const LSM_BOOLEAN = /^(bpf_lsm_)?(audit_rule_known|inode_xattr_skipcap)$/;
const LSM_ANY =
  /^(bpf_lsm_)?(inode_need_killpriv_any|getprocattr|setprocattr|inode_listsecurity|ismaclabel|inode_getsecurity|inode_copy_up_xattr|key_getsecurity|getselfattr_any)$/;

/** What a hook of a security module may answer; undefined where that is free. */
export function lsmResults(hook: string): readonly [number, number] | undefined {
  if (LSM_ANY.test(hook)) return undefined;
  return LSM_BOOLEAN.test(hook) ? [0, 1] : [-4095, 0];
}

export function checkReturnCode(x: Explorer, register: number, name: string): void {
  const { type, attachType } = x.program.input;
  const outer = x.state.frames[0]!;
  const isSub = outer.subprogram > 0;
  const voidHook = hookIsVoid(x);
  if (
    (!isSub || outer.exceptionCallback) &&
    voidHook &&
    ((type === PROG.BPF_PROG_TYPE_LSM && attachType !== ATTACH.BPF_LSM_CGROUP) ||
      type === PROG.BPF_PROG_TYPE_STRUCT_OPS)
  )
    return;
  const reg = x.read(register);
  if (x.leaks(reg)) x.refuse(`R${register} leaks addr as return value`);
  if (outer.asyncCallback) {
    enforce(x, reg, register, [0, 0], 'At async callback return', name, false);
    return;
  }
  if (isSub && !outer.exceptionCallback) {
    if (reg.type !== SCALAR)
      x.refuse(`At subprogram exit the register R${register} is not a scalar value (${typeName(reg.type)})`);
    return;
  }
  let range = x.context.result;
  let narrow = false;
  if (type === PROG.BPF_PROG_TYPE_TRACING) {
    if (attachType === ATTACH.BPF_TRACE_FENTRY || attachType === ATTACH.BPF_TRACE_FEXIT) range = [0, 0];
    else if (attachType === ATTACH.BPF_TRACE_ITER) range = [0, 1];
    else return;
  } else if (type === PROG.BPF_PROG_TYPE_LSM) {
    if (attachType === ATTACH.BPF_LSM_CGROUP) range = voidHook ? [1, 1] : [0, 1];
    else if (x.kernel.early) return;
    else {
      narrow = true;
      range = lsmResults(x.program.input.attachTarget ?? '');
    }
  } else if (type === PROG.BPF_PROG_TYPE_RAW_TRACEPOINT && x.program.input.attachTarget !== undefined) range = [0, 0];
  else if (type === PROG.BPF_PROG_TYPE_KPROBE && attachType === ATTACH.BPF_TRACE_KPROBE_SESSION) range = [0, 1];
  if (range === undefined) return;
  enforce(x, reg, register, range, 'At program exit', name, narrow);
}

function hookIsVoid(x: Explorer): boolean {
  const target =
    x.program.input.type === PROG.BPF_PROG_TYPE_LSM || x.program.input.type === PROG.BPF_PROG_TYPE_STRUCT_OPS
      ? targetOf(x)
      : undefined;
  if (target?.proto === undefined) return LSM_VOID.test(x.program.input.attachTarget ?? '');
  return target.btf.resolve(target.proto.result) === 0;
}

function enforce(
  x: Explorer,
  reg: Reg,
  register: number,
  range: readonly [number, number],
  when: string,
  name: string,
  narrow: boolean,
): void {
  if (reg.type !== SCALAR) x.refuse(`${when} the register R${register} is not a known value (${typeName(reg.type)})`);
  markPrecise(x, register);
  if (!resultWithin(reg, range[0], range[1], narrow)) invalidScalar(x, reg, range, when, name);
}
