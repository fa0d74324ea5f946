import { helperId, LIMITS } from '@skep/abi';
import { type Diagnostics, positionOf } from '@skep/base';
import type { Func } from '../ir/ir.ts';
import { callChainTooDeep, stackOfChainTooLarge } from './diagnostics.ts';
import type { EmittedFunction } from './emit.ts';

/**
 * What a call may need beyond its own frame, as the verifier counts it (check_max_stack_depth in kernel/bpf/verifier.c):
 * all frames of a chain of calls share 512 bytes, or 256 where a caller makes tail calls, and there are at most 8 of
 * them. Each frame is counted by the smallest unit that any kernel rounds to.
 */
export function checkCallDepth(functions: ReadonlyMap<Func, EmittedFunction>, diagnostics: Diagnostics): void {
  for (const { func } of functions.values()) {
    // Static functions are looked at from those who call them, global ones on their own.
    if (func.linkage !== 'static' || func.section !== undefined) new Walk(functions, diagnostics).from(func);
  }
}

const FRAME_UNIT = 16;
const TAIL_CALL = helperId('bpf_tail_call');

/**
 * Since Linux 6.13 programs of these kinds have stacks of their own, and only the single frame is limited: what their
 * chain takes is left to the verifier of the kernel at hand.
 */
const PRIVATE_STACK =
  /^\??(k(ret)?probe|u(ret)?probe|k(ret)?syscall|usdt|tp|tracepoint|raw_tp|raw_tracepoint|tp_btf|f(entry|exit|mod_ret)|perf_event|iter|struct_ops|lsm)\b/;

class Walk {
  private readonly functions: ReadonlyMap<Func, EmittedFunction>;
  private readonly diagnostics: Diagnostics;
  private reported = false;

  constructor(functions: ReadonlyMap<Func, EmittedFunction>, diagnostics: Diagnostics) {
    this.functions = functions;
    this.diagnostics = diagnostics;
  }

  from(func: Func): void {
    this.visit([func], 0, false);
  }

  /** `above`: bytes of the callers; `tails`: one of them makes tail calls. */
  private visit(chain: readonly Func[], above: number, tails: boolean): void {
    const emitted = this.functions.get(chain[chain.length - 1]!);
    if (this.reported || emitted === undefined) return;
    const depth = above + roundUp(emitted.touched);
    // What is written in assembly is the author's to count.
    if (emitted.func.naked) return;
    const callees = new Set<Func>();
    let tailCalls = false;
    for (const { kind, symbol } of emitted.fixups) if (kind === 'call' && symbol.kind === 'func') callees.add(symbol);
    for (const insn of emitted.insns) {
      if (insn.kind === 'call' && insn.target.kind === 'helper' && insn.target.id === TAIL_CALL) tailCalls = true;
    }
    const [first] = chain;
    const limited = !PRIVATE_STACK.test(first!.section ?? '');
    if (chain.length > LIMITS.callDepth) this.report(() => callChainTooDeep(first!.name, names(chain), first!.span));
    else if (depth > LIMITS.stack && limited && chain.length > 1) this.tooLarge(chain, depth, LIMITS.stack);
    else if (tails && above >= LIMITS.stackAboveTailCalls) this.tooLarge(chain, above, LIMITS.stackAboveTailCalls);
    else for (const callee of callees) this.visit([...chain, callee], depth, tails || tailCalls);
  }

  private tooLarge(chain: readonly Func[], depth: number, limit: number): void {
    const frames = chain.map((func) => {
      const { touched, variables } = this.functions.get(func)!;
      const largest = variables.map(({ name, size, span }) => {
        const line = span ? ` (line ${positionOf(span.file, span.start).line})` : '';
        return `${name ?? 'a temporary'}${line} ${size}`;
      });
      const detail = largest.length > 0 ? `: ${largest.slice(0, 3).join(', ')}` : '';
      return { message: `${func.name} takes ${touched} bytes${detail}`, span: func.span };
    });
    this.report(() => stackOfChainTooLarge(chain[0]!.name, names(chain), depth, limit, chain[0]!.span, frames));
  }

  private report(diagnostic: () => Parameters<Diagnostics['add']>[0]): void {
    this.reported = true;
    this.diagnostics.add(diagnostic());
  }
}

function names(chain: readonly Func[]): string {
  return chain.map((func) => func.name).join(' → ');
}

function roundUp(stack: number): number {
  return Math.max(FRAME_UNIT, Math.ceil(stack / FRAME_UNIT) * FRAME_UNIT);
}
