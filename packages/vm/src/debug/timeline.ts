import { type Observer, outOfFuel, type Run, SAVED } from '../interpreter.ts';
import type { Machine } from '../machine.ts';
import type { VmProgram } from '../program.ts';
import { Checkpoint } from './checkpoint.ts';
import { Lines } from './lines.ts';

/** What the timeline did last: it stands before an instruction, or behind the last one. */
export type Standing =
  | { readonly kind: 'paused' }
  | { readonly kind: 'ended'; readonly result: unknown }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * The instructions of everything that `start` runs, numbered from 0: a test run, or a whole replay. To stand before
 * instruction n is to go back to the beginning and run n instructions, so that backwards is as easy as forwards, inside
 * of callbacks too, and memory is bounded: one copy of the machine. A million instructions take some tens of
 * milliseconds. `start` must do the same each time, as everything in the machine does.
 */
export class Timeline implements Observer {
  readonly machine: Machine;
  /** The number of the instruction that it stands before. */
  moment = 0;
  standing: Standing = { kind: 'paused' };
  /** The nestings of frames, outermost first: {@link depthOfNesting} of them count. */
  readonly levels: Level[] = [];
  nesting = 0;
  /** Frames below the running one, over all nestings. */
  depth = 0;
  /** How many runs of programs began so far. */
  runs = 0;
  /** Whether the instruction is the first of a line of source for its frame. */
  lineStart = false;
  /** Whether the instruction before may have changed memory. */
  wrote = true;
  /** r1 at the start of the current run. */
  context = 0;
  private readonly start: () => unknown;
  private readonly checkpoint: Checkpoint;
  private readonly places: number[] = [];
  private readonly lines = new WeakMap<VmProgram, Lines>();
  private visit: (moment: number) => boolean = () => false;
  private runStart = 0;
  private current: Run | undefined;
  /** Instructions that were seen already print nothing again. */
  private printed = 0;

  constructor(machine: Machine, start: () => unknown) {
    this.machine = machine;
    this.start = start;
    this.checkpoint = new Checkpoint(machine);
  }

  /** Whether the instruction is the first of its run. */
  get first(): boolean {
    return this.moment === this.runStart;
  }

  /** Runs from the beginning until `visit`, which is asked before each instruction, says to stop there. */
  run(visit: (moment: number) => boolean): Standing {
    const { machine } = this;
    const { onTrace } = machine;
    this.checkpoint.restore();
    this.visit = visit;
    this.moment = -1;
    this.runs = 0;
    this.nesting = 0;
    this.depth = 0;
    this.current = undefined;
    this.wrote = true;
    machine.observer = this;
    machine.onTrace = (text) => {
      if (this.moment >= this.printed) onTrace?.(text);
    };
    try {
      const result = this.start();
      this.moment += 1;
      this.nesting = 0;
      this.standing = { kind: 'ended', result };
    } catch (error) {
      this.standing = error === PAUSE ? { kind: 'paused' } : { kind: 'failed', error };
    } finally {
      machine.observer = undefined;
      machine.onTrace = onTrace;
      this.printed = Math.max(this.printed, this.moment);
    }
    return this.standing;
  }

  /** Puts the machine back to before everything. */
  reset(): void {
    this.checkpoint.restore();
  }

  before(run: Run, code: Int32Array, pc: number, frame: number): void {
    const { machine } = this;
    const { nesting } = machine;
    this.moment += 1;
    if (nesting === 1 && run !== this.current) this.begin(run);
    const before = this.levels[this.nesting - 1];
    // Helpers may write after their callback returned.
    this.wrote = before === undefined || nesting !== this.nesting || mayWrite(before);
    this.nesting = nesting;
    const program = machine.running!;
    let level = this.levels[nesting - 1];
    if (level === undefined) {
      level = { run, program, lines: this.linesOf(program), code, slot: pc, frame };
      this.levels[nesting - 1] = level;
    } else {
      if (level.program !== program) {
        level.lines = this.linesOf(program);
        // Programs number their lines by themselves.
        this.places.fill(-1);
      }
      level.run = run;
      level.program = program;
      level.code = code;
      level.slot = pc;
      level.frame = frame;
    }
    this.enterLine(level);
    if (this.moment - this.runStart >= machine.budget) throw outOfFuel(machine);
    if (this.visit(this.moment)) throw PAUSE;
  }

  /** The lines of a program, made once. */
  linesOf(program: VmProgram): Lines {
    let lines = this.lines.get(program);
    if (lines === undefined) {
      lines = new Lines(program.spec);
      this.lines.set(program, lines);
    }
    return lines;
  }

  /** The frames from the running one outwards. */
  frames(): FrameState[] {
    const found: FrameState[] = [];
    for (let nesting = this.nesting; nesting > 0; nesting--) {
      const { run, program, slot, frame } = this.levels[nesting - 1]!;
      found.push({ program, slot, run, frame, nesting });
      for (let outer = frame - 1; outer >= 0; outer--) {
        const caller = run.callers[outer]!;
        // The return address is behind the call.
        found.push({ program: caller.program!, slot: run.saved[outer * SAVED]! - 1, run, frame: outer, nesting });
      }
    }
    return found;
  }

  private begin(run: Run): void {
    this.current = run;
    this.runs += 1;
    this.runStart = this.moment;
    this.context = run.r[2]! >>> 0;
    this.nesting = 0;
    this.depth = -1;
  }

  private enterLine(level: Level): void {
    let depth = -1;
    for (let i = 0; i < this.nesting; i++) depth += this.levels[i]!.frame + 1;
    const { places } = this;
    if (depth > this.depth) places[depth] = -1;
    this.depth = depth;
    const { lines, slot } = level;
    const place = lines.placeAt(slot);
    this.lineStart = place !== places[depth] && lines.startsAt(slot);
    if (this.lineStart) places[depth] = place;
  }
}

/** A nesting of frames, as it was before its last instruction. */
export interface Level {
  run: Run;
  program: VmProgram;
  lines: Lines;
  code: Int32Array;
  slot: number;
  frame: number;
}

export interface FrameState {
  readonly program: VmProgram;
  /** Of the instruction that runs, or of the call that it waits for. */
  readonly slot: number;
  readonly run: Run;
  readonly frame: number;
  readonly nesting: number;
}

/** Ends a run from inside. It is no Fault, so that everybody passes it on. */
const PAUSE = new Error('paused');

/** ST, STX (atomics are among them) and calls. */
function mayWrite({ code, slot }: Level): boolean {
  const op = code[2 * slot]! & 0xff;
  return (op & 7) === 2 || (op & 7) === 3 || op === 0x85;
}
