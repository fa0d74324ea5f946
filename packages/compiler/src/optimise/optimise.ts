import type { Diagnostic } from '@skep/base';
import { removeUnreachable } from '../ir/graph.ts';
import type { Func, Module } from '../ir/ir.ts';
import { sizeOfBlock } from '../ir/uses.ts';
import { assertValid, verifyFunction } from '../ir/verify.ts';
import { simplifyControlFlow } from './cfg.ts';
import { eliminateDeadCode } from './dce.ts';
import { removeDeadStores } from './dead-stores.ts';
import { decideEarly } from './decide-early.ts';
import { decideKnown } from './decide-known.ts';
import { expandMemory } from './expand-memory.ts';
import { foldGlobals, resolveCalls } from './globals.ts';
import { numberValues } from './gvn.ts';
import { hoistAddresses } from './hoist.ts';
import { inlineFunctions } from './inline.ts';
import { promoteAllocas } from './mem2reg.ts';
import { applyRanges } from './ranges.ts';
import { propagateConstants } from './sccp.ts';
import { simplifyInstructions } from './simplify.ts';
import { sinkInstructions } from './sink.ts';
import { sinkLoads } from './sink-loads.ts';
import { splitAccesses } from './split-access.ts';
import { splitAllocas } from './sroa.ts';
import { asksToUnroll, unrollLoops } from './unroll.ts';
import { removeUnusedFunctions, removeUnusedGlobals } from './unused.ts';
import { widenCompares } from './widen-compares.ts';

export interface OptimiseOptions {
  /**
   * 0: what a program needs to be loadable at all: forced inlining, constant addresses and calls, memory operations.
   * 1: also variables in registers, constants, common values, dead code.
   * 2: also inlining by size, and until nothing changes any more.
   */
  readonly level: 0 | 1 | 2;
  /** Prefers calls to copies of functions: the object counts, not each program in it. */
  readonly small?: boolean;
  /** The instruction set that the back end writes. */
  readonly cpu: 'v1' | 'v2' | 'v3' | 'v4';
  /** Checks the module after every pass, and throws with the name of the pass that broke it. */
  readonly debug?: boolean;
}

/** Brings the module, in place, into the form that the back end wants. Returns what is wrong with the program. */
export function optimise(module: Module, options: OptimiseOptions): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic) => diagnostics.push(diagnostic);
  if (options.debug) assertValid(module, 'lowering');
  foldGlobals(module);
  removeUnusedFunctions(module);
  const finish = (func: Func, moves = false) => {
    if (func.blocks.length > 0) optimiseFunction(func, options, moves);
  };
  inlineFunctions(module, {
    heuristics: options.level < 2 ? 'none' : options.small ? 'small' : 'fast',
    finish,
    report,
  });
  removeUnusedFunctions(module);
  // Constants that reached their places by inlining make loads of globals and pointers of calls known.
  if (foldGlobals(module)) for (const func of module.functions) finish(func);
  for (const func of module.functions) if (func.blocks.length > 0) lowerFunction(func, options, report);
  if (options.level > 0) removeUnusedGlobals(module);
  return diagnostics;
}

/** A pass changes a function in place and says whether it did. */
type Pass = readonly [name: string, run: (func: Func) => boolean];

const ENTER: readonly Pass[] = [['unreachable', removeUnreachable]];
const MINIMAL: readonly Pass[] = [
  ['simplify', simplifyInstructions],
  ['calls', resolveCalls],
  ['cfg', simplifyControlFlow],
];
/** What makes a function small, and says how much stack it takes. */
const FIRST: readonly Pass[] = [
  ['sroa', splitAllocas],
  ['mem2reg', promoteAllocas],
  ['simplify', simplifyInstructions],
  ['cfg', simplifyControlFlow],
  ['dce', eliminateDeadCode],
];
const SCALAR: readonly Pass[] = [
  ['sroa', splitAllocas],
  ['mem2reg', promoteAllocas],
  ['simplify', simplifyInstructions],
  ['sccp', propagateConstants],
  ['calls', resolveCalls],
  ['cfg', simplifyControlFlow],
  ['dce', eliminateDeadCode],
];
const COMMON: readonly Pass[] = [
  ['gvn', numberValues],
  ['ranges', applyRanges],
  ['simplify', simplifyInstructions],
  ['cfg', simplifyControlFlow],
  ['dce', eliminateDeadCode],
];
const SHARED: readonly Pass[] = [
  ['gvn', numberValues],
  ['ranges', applyRanges],
  ['dce', eliminateDeadCode],
];
const UNROLL: readonly Pass[] = [['unroll', unrollLoops]];
const KNOWN: readonly Pass[] = [['known', decideKnown]];
const DECIDE: readonly Pass[] = [['decide-early', decideEarly]];

/** Rounds of the pipeline; real functions settle after three or four. */
const ROUNDS = 6;

/** Instructions from which on another round has to be worth it. */
const LARGE = 4000;

function sizeOf(func: Func): number {
  let size = 0;
  for (const block of func.blocks) size += sizeOfBlock(block);
  return size;
}

function optimiseFunction(func: Func, options: OptimiseOptions, moves: boolean): void {
  const rounds = new Rounds(func, options);
  rounds.run(ENTER);
  if (options.level === 0) {
    rounds.run(MINIMAL);
    return;
  }
  // Copies of a loop's code are made of what is small already.
  if (moves && !asksToUnroll(func)) {
    rounds.run(FIRST);
    return;
  }
  // Without 32-bit comparisons values are extended for them; without common values what is checked is not what is used.
  const widen: readonly Pass[] = hasNarrowCompares(options.cpu) ? [] : [['widen-compares', widenCompares]];
  const passes = options.level === 1 ? [...SCALAR, ...widen, ...SHARED] : [...SCALAR, ...widen, ...COMMON];
  // What is copied into its callers is looked at again in each.
  const most = options.level === 1 ? 2 : func.inline === 'always' && func.linkage === 'static' ? 1 : ROUNDS;
  rounds.settle(passes, most);
  if (rounds.run(UNROLL)) rounds.settle(passes, most);
  // What its callers pass to a function that is copied into them may be known there.
  if (func.inline !== 'always' && rounds.run(KNOWN)) rounds.settle(passes, most);
  if (options.level === 2 && rounds.run(DECIDE)) rounds.settle(passes, most);
}

function hasNarrowCompares(cpu: OptimiseOptions['cpu']): boolean {
  return cpu === 'v3' || cpu === 'v4';
}

function lowerFunction(func: Func, options: OptimiseOptions, report: (diagnostic: Diagnostic) => void): void {
  const rounds = new Rounds(func, options);
  if (rounds.run(KNOWN)) rounds.run(MINIMAL);
  rounds.run([
    ['expand-memory', (one) => expandMemory(one, report)],
    ['split-access', splitAccesses],
    ...(options.level > 0 ? ([['dead-stores', removeDeadStores]] as const) : []),
  ]);
  rounds.run(
    options.level === 0
      ? MINIMAL
      : [
          ['simplify', simplifyInstructions],
          ['dce', eliminateDeadCode],
          ['hoist', hoistAddresses],
          ['sink-loads', sinkLoads],
          ['sink', sinkInstructions],
        ],
  );
}

/** Passes over one function. One that found nothing to do is not asked again before another has changed something. */
class Rounds {
  private readonly func: Func;
  private readonly options: OptimiseOptions;
  private changes = 0;
  /** How many changes a pass had seen when it last found nothing. */
  private readonly idle = new Map<Pass[1], number>();

  constructor(func: Func, options: OptimiseOptions) {
    this.func = func;
    this.options = options;
  }

  /** Until nothing changes any more, or `most` rounds have run. */
  settle(passes: readonly Pass[], most: number): void {
    for (let round = 0, size = sizeOf(this.func); round < most; round++) {
      if (!this.run(passes)) break;
      const now = sizeOf(this.func);
      // Of a large function the first round does nearly all, and each takes as long.
      if (size > LARGE && now > size * 0.98) break;
      size = now;
    }
  }

  /** Whether any of them changed the function. */
  run(passes: readonly Pass[]): boolean {
    const before = this.changes;
    for (const [name, pass] of passes) {
      if (this.idle.get(pass) === this.changes) continue;
      if (!pass(this.func)) {
        this.idle.set(pass, this.changes);
        continue;
      }
      this.changes += 1;
      if (!this.options.debug) continue;
      const problems = verifyFunction(this.func);
      if (problems.length > 0) throw new Error(`pass ${name} broke the IR:\n${problems.slice(0, 10).join('\n')}`);
    }
    return this.changes !== before;
  }
}
