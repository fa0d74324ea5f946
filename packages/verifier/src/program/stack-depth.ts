/** How much stack the chains of calls need. */
import { Refusal } from '../refusal.ts';
import type { Program, Subprogram } from './program.ts';

const MOST = 512;
const FRAMES = 8;

/** Bytes of each function as the kernel prints them. */
export function stackDepths(program: Program): number[] {
  return program.subprograms.map((sub) => sub.stackDepth);
}

/** What a frame costs, in units of the machine's stack; before Linux 6.8 in those of the kernel's interpreter, and at least one. */
const roundUp = (depth: number, fine: boolean): number => (fine ? (depth + 15) & -16 : (Math.max(depth, 1) + 31) & -32);

/** `fine`: {@link roundUp} of Linux 6.8 and later. */
export function checkStackDepth(program: Program, fine: boolean): void {
  for (let i = program.subprograms.length - 1; i >= 0; i--) {
    const sub = program.subprograms[i]!;
    if (i === 0 || sub.isAsyncCallback || sub.isExceptionCallback) walk(program, sub, fine);
  }
}

function walk(program: Program, root: Subprogram, fine: boolean): void {
  const path: { readonly sub: Subprogram; next: number }[] = [];
  let depth = 0;
  const enter = (sub: Subprogram): void => {
    if (sub.index !== 0 && sub.hasTailCall && depth >= 256)
      throw new Refusal(
        `tail_calls are not allowed when call stack of previous frames is ${depth} bytes. Too large`,
        sub.start,
      );
    path.push({ sub, next: sub.start });
    depth += roundUp(sub.stackDepth, fine);
    if (depth > MOST)
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
      depth -= roundUp(top.sub.stackDepth, fine);
      path.pop();
      continue;
    }
    if (path.length >= FRAMES)
      throw new Refusal(`the call stack of ${path.length} frames is too deep !`, top.sub.start);
    enter(called);
  }
}
