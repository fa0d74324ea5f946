/** The verdict on a program. */
import { ATTACH, LIMITS, PROG } from '@skep/abi';
import type { Btf } from '@skep/object';
import { contextTable, type MeasuredTables } from './check/context.ts';
import { setUpArguments } from './check/global-function.ts';
import { helperMightSleep } from './check/helper-protos.ts';
import { changesPacket } from './check/helpers.ts';
import { kfuncMightSleep } from './check/kfuncs.ts';
import { explain } from './explain/explain.ts';
import type { Explanation } from './explain/model.ts';
import { type Budget, Explorer, type Observe } from './explore/explorer.ts';
import { useRules } from './number/range.ts';
import { type KernelProfile, PROFILES } from './profile.ts';
import { checkAttachment } from './program/attachment.ts';
import { markFastcalls, removeFastcalls } from './program/fastcall.ts';
import { Program, type ProgramInput } from './program/program.ts';
import { checkStackDepth, stackDepths } from './program/stack-depth.ts';
import { checkStructure, markPoints, resolveImmediates } from './program/structure.ts';
import { type PathStep, pathTo } from './record/path.ts';
import { type Limit, type Needs, needsOf } from './record/report.ts';
import { Refusal } from './refusal.ts';
import { PTR_TO_CTX } from './state/kinds.ts';
import { pointer } from './state/reg.ts';

/** A program with its kernel, and what is to be kept of the way through it. */
export interface VerifyInput extends ProgramInput {
  readonly kernel?: KernelProfile['version'];
  /** The types of that kernel; without them what depends on them cannot be judged. */
  readonly kernelBtf?: Btf | undefined;
  /** False: as for a user without CAP_BPF and CAP_PERFMON. */
  readonly privileged?: boolean;
  /** False: bytes of stack that were never written may not be read, whatever the kernel allows; results are certain then. */
  readonly uninitStack?: boolean | undefined;
  readonly budget?: Budget;
  /** Of a kernel that was asked itself, in place of those that are built in for {@link kernel}. */
  readonly tables?: MeasuredTables | undefined;
  /**
   * Keep the path to a refusal, for {@link Verdict.path}. The program is followed a second time for it when it is
   * refused; accepted ones cost nothing.
   */
  readonly path?: boolean;
  /** Called with each line of the log that the kernel prints at level 2, but for the lines about precision. */
  readonly trace?: (line: string) => void;
  /**
   * Called with what is known before every instruction of every path, for checks against runs. Pruning compares all
   * registers then, so that more paths are followed than the kernel follows.
   */
  readonly observe?: Observe;
}

/** What the verifier says of a program. */
export interface Verdict {
  readonly accepted: boolean;
  /** False where skep cannot tell: the program uses something that this verifier does not know yet, or the budget was used up. */
  readonly decided: boolean;
  /** `E2xxx` of a refusal. */
  readonly code?: string;
  /** In plain words; absent when accepted. */
  readonly message?: string;
  readonly help?: string;
  /** What the kernel of that version prints; absent when accepted. */
  readonly kernelMessage?: string;
  /** The slot at which it was refused. */
  readonly insn?: number;
  readonly source?: Explanation['source'];
  /** Instructions that the verifier went through, as the kernel counts them. */
  readonly processed: number;
  readonly totalStates: number;
  readonly peakStates: number;
  /** Bytes: each function's own, main first, as the kernel prints them. */
  readonly stackDepth: readonly number[];
  /** By slot: how often the verifier went through the instruction, and how many states it kept there. */
  readonly visits: Uint32Array;
  readonly statesKept: Uint32Array;
  /** What the program asks of a kernel. */
  readonly needs: Needs;
  /** How near its limits the program came. */
  readonly limits: readonly Limit[];
  /**
   * From the first instruction to the one that was refused, when it was asked for ({@link VerifyInput.path}). Empty
   * where the program was refused before any path was followed.
   */
  readonly path?: readonly PathStep[];
}

/** Whether the kernel takes the program, and if not, why. */
export function verify(input: VerifyInput): Verdict {
  const verdict = follow(input, false, input.trace);
  if (input.path !== true || verdict.accepted || !verdict.decided) return verdict;
  return { ...verdict, path: follow(input, true, undefined).path ?? [] };
}

function follow(input: VerifyInput, recordPath: boolean, trace: VerifyInput['trace']): Verdict {
  const profile = PROFILES[input.kernel ?? '6.12'];
  const kernel = input.uninitStack === false ? { ...profile, uninitStack: false } : profile;
  useRules(kernel);
  const privileged = input.privileged ?? true;
  const program = new Program(input);
  let explorer: Explorer | undefined;
  const counts = () => ({
    processed: explorer?.processed ?? 0,
    totalStates: explorer?.totalStates ?? 0,
    peakStates: explorer?.peakStates ?? 0,
    stackDepth: program.subprograms.length > 0 ? stackDepths(program) : [],
    visits: explorer?.visits ?? new Uint32Array(program.length),
    statesKept: explorer?.statesKept ?? new Uint32Array(program.length),
    needs: needsOf(input),
    limits: limitsOf(program, explorer?.processed ?? 0),
  });
  try {
    explore();
    explorer?.trace?.flush();
    return { accepted: true, decided: true, ...counts() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    explorer?.trace?.say(error.message);
    const path = explorer?.trail && pathTo(explorer.trail, program.off, program.code);
    return {
      accepted: false,
      decided: !error.unsupported,
      ...explain(input, kernel.version, error),
      ...counts(),
      ...(path && { path }),
    };
  }

  function explore(): void {
    const points = checkStructure(program, privileged);
    nameSubprograms(program);
    const maps = resolveImmediates(program, kernel);
    markPoints(program, points, privileged, kernel.early);
    checkAttachment(program, input, kernel);
    if (kernel.fastcall) markFastcalls(program, input.kernelBtf);
    const context = contextTable(
      input.type,
      input.attachTarget !== undefined && input.type === PROG.BPF_PROG_TYPE_RAW_TRACEPOINT
        ? ATTACH.BPF_TRACE_RAW_TP
        : (input.attachType ?? 0),
      kernel.version,
      input.tables,
    );
    explorer = new Explorer(program, kernel, {
      privileged,
      context:
        input.type === PROG.BPF_PROG_TYPE_RAW_TRACEPOINT && input.attachTarget !== undefined
          ? { ...context, measured: false }
          : context,
      kernelBtf: input.kernelBtf,
      maps,
      points,
      budget: input.budget ?? {},
      recordPath,
      trace,
      observe: input.observe,
    });
    findCallers(
      program,
      explorer.changesPacket,
      (slot) => program.isHelperCall(slot) && changesPacket(program.imm[slot]!),
    );
    if (kernel.sleepSummaries) findCallers(program, explorer.mightSleep, (slot) => callMightSleep(program, slot));
    explorer.run(0, 0, (frame) => {
      frame.regs[1] = pointer(PTR_TO_CTX);
    });
    exploreGlobals(explorer);
    if (kernel.fastcall) removeFastcalls(program);
    checkStackDepth(program, kernel);
    checkLeftovers(explorer);
  }
}

function limitsOf(program: Program, processed: number): Limit[] {
  return [
    { name: 'processed instructions', used: processed, most: LIMITS.complexity },
    { name: 'stack bytes', used: Math.max(0, ...program.subprograms.map((sub) => sub.stackDepth)), most: LIMITS.stack },
    { name: 'functions', used: program.subprograms.length, most: LIMITS.subprograms },
    { name: 'maps', used: new Set(program.input.mapAt?.values()).size, most: LIMITS.mapsOfProgram },
  ];
}

/** Global functions that something calls are checked by themselves, until no new ones appear. */
function exploreGlobals(x: Explorer): void {
  const done = new Set<number>();
  for (let more = true; more; ) {
    more = false;
    for (const sub of x.program.subprograms) {
      if (sub.index === 0 || !sub.global || done.has(sub.index)) continue;
      if (!sub.called && !sub.isExceptionCallback) continue;
      done.add(sub.index);
      more = true;
      x.run(sub.start, sub.index, (frame) => setUpArguments(x, sub, frame));
    }
  }
}

function nameSubprograms(program: Program): void {
  const { btf, funcInfo } = program.input;
  if (btf === undefined || funcInfo === undefined || funcInfo.length === 0) return;
  for (const info of funcInfo) {
    const sub = program.subprogramAt(info.slot);
    if (sub === undefined)
      throw new Refusal("func_info BTF section doesn't match subprog layout in BPF program", info.slot);
    const type = btf.type(info.type);
    if (type.kind !== 'func') throw new Refusal(`invalid type id ${info.type} in func info`, info.slot);
    sub.type = info.type;
    sub.name = type.name;
    sub.global = sub.index > 0 && type.linkage === 'global';
    const proto = btf.type(type.type);
    if (proto.kind !== 'func_proto') continue;
    const result = btf.resolve(proto.result);
    const scalar = result !== 0 && ['int', 'enum', 'enum64'].includes(btf.kind(result));
    if (sub.index > 0 && !scalar && sub.hasLdAbs)
      throw new Refusal("LD_ABS is only allowed in functions that return 'int'.", sub.start);
    if (sub.index > 0 && !scalar && sub.hasTailCall)
      throw new Refusal("tail_call is only allowed in functions that return 'int'.", sub.start);
  }
  if (funcInfo.length !== program.subprograms.length)
    throw new Refusal("number of funcs in func_info doesn't match number of subprogs", -1);
}

function callMightSleep(program: Program, slot: number): boolean {
  if (program.isHelperCall(slot)) return helperMightSleep(program.imm[slot]!);
  const kfunc = program.kfuncName(slot);
  return kfunc !== undefined && kfuncMightSleep(kfunc);
}

/** Functions in which some call does what `does` says of a slot, directly or through functions that they call. */
function findCallers(program: Program, found: Set<number>, does: (slot: number) => boolean): void {
  for (let changed = true; changed; ) {
    changed = false;
    for (const sub of program.subprograms) {
      if (found.has(sub.index)) continue;
      for (let i = sub.start; i < sub.end; i++) {
        const inner = program.isCallTo(i) ? program.subprogramAt(i + program.imm[i]! + 1) : undefined;
        if (!does(i) && (inner === undefined || !found.has(inner.index))) continue;
        found.add(sub.index);
        changed = true;
        break;
      }
    }
  }
}

/** What the kernel finds only when it rewrites the program. */
function checkLeftovers(x: Explorer): void {
  const { program } = x;
  if (!x.privileged)
    for (const [insn, map] of x.tailCallMaps)
      if (map === undefined) throw new Refusal('tail_call abusing map_ptr', insn);
  for (let i = 0; i < program.length; i++) {
    if (program.isKfuncCall(i) && program.imm[i] === 0 && x.visits[i] !== 0)
      throw new Refusal('invalid kernel function call not eliminated in verifier pass', i);
  }
}
