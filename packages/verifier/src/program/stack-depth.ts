/** How much stack the chains of calls need. */
import { ATTACH, LIMITS, PROG } from '@skep/abi';
import type { KernelProfile } from '../profile.ts';
import { Refusal } from '../refusal.ts';
import type { Program, Subprogram } from './program.ts';

/** Bytes of each function as the kernel prints them. */
export function stackDepths(program: Program): number[] {
  return program.subprograms.map((sub) => sub.stackDepth);
}

/** What a frame costs, in units of the machine's stack; before Linux 6.8 in those of the kernel's interpreter, and at least one. */
const roundUp = (depth: number, fine: boolean): number => (fine ? (depth + 15) & -16 : (Math.max(depth, 1) + 31) & -32);

/** From this many bytes on a function gets a stack of its own, where there are such. */
const PRIVATE_FROM = 64;
/** Types of programs that never run twice at a time on a processor: kprobe, tracepoint, perf event, raw tracepoint. */
const PRIVATE_TYPES = new Set([
  PROG.BPF_PROG_TYPE_KPROBE,
  PROG.BPF_PROG_TYPE_TRACEPOINT,
  PROG.BPF_PROG_TYPE_PERF_EVENT,
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT,
]);
/** Tracing and LSM: at functions of the kernel, where a trampoline sees to it. */
const TRAMPOLINES = new Set([PROG.BPF_PROG_TYPE_TRACING, PROG.BPF_PROG_TYPE_LSM]);

export function checkStackDepth(program: Program, kernel: Pick<KernelProfile, 'early' | 'privateStack'>): void {
  const { type, attachType } = program.input;
  const apart =
    kernel.privateStack &&
    !program.subprograms.some((sub) => sub.hasTailCall) &&
    (PRIVATE_TYPES.has(type) || (TRAMPOLINES.has(type) && attachType !== ATTACH.BPF_TRACE_ITER));
  /** Functions that callbacks run at another time share the kernel's stack. */
  const shared = new Set<Subprogram>();
  for (let i = program.subprograms.length - 1; i >= 0; i--) {
    const sub = program.subprograms[i]!;
    if (i === 0 || sub.isAsyncCallback || sub.isExceptionCallback)
      walk(program, sub, !kernel.early, i === 0 && apart, shared);
  }
}

function walk(program: Program, root: Subprogram, fine: boolean, apart: boolean, shared: Set<Subprogram>): void {
  const path: { readonly sub: Subprogram; next: number }[] = [];
  let depth = 0;
  const isPrivate = (sub: Subprogram): boolean =>
    apart && !shared.has(sub) && roundUp(sub.stackDepth, fine) >= PRIVATE_FROM;
  const enter = (sub: Subprogram): void => {
    if (sub.index !== 0 && sub.hasTailCall && depth >= LIMITS.stackAboveTailCalls)
      throw new Refusal(
        `tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`,
        sub.start,
      );
    path.push({ sub, next: sub.start });
    if (!apart) shared.add(sub);
    const own = roundUp(sub.stackDepth, fine);
    if (isPrivate(sub)) {
      if (own > LIMITS.stack) throw new Refusal(`stack size of subprog ${sub.index} is ${own}. Too large`, sub.start);
      return;
    }
    depth += own;
    if (depth > LIMITS.stack)
      throw new Refusal(`combined stack size of ${path.length} calls is ${depth}. Too large`, sub.start);
  };
  enter(root);
  while (path.length > 0) {
    const top = path[path.length - 1]!;
    let called: Subprogram | undefined;
    while (top.next < top.sub.end && called === undefined) {
      const i = top.next++;
      if (program.kfuncName(i) === 'bpf_throw' && path.some((one) => one.sub.isCallback || one.sub.isExceptionCallback))
        throw new Refusal(`bpf_throw kfunc (insn ${i}) cannot be called from callback subprog ${top.sub.index}`, i);
      if (!program.isCallTo(i) && !program.isFunctionAddress(i)) continue;
      const target = program.subprogramAt(i + program.imm[i]! + 1)!;
      if (target.isExceptionCallback) throw new Refusal(`insn ${i} cannot call exception cb directly`, i);
      if (target.isAsyncCallback && !program.isCallTo(i)) continue;
      called = target;
    }
    if (called === undefined) {
      if (!isPrivate(top.sub)) depth -= roundUp(top.sub.stackDepth, fine);
      path.pop();
      continue;
    }
    if (path.length >= LIMITS.callDepth)
      throw new Refusal(`the call stack of ${path.length} frames is too deep !`, top.sub.start);
    enter(called);
  }
}
