import { decode, type LineInfo, type ProgramSpec, printInsn, slotStarts } from '@skep/object';
import type { Machine } from '../machine.ts';
import type { VmMap } from '../maps/map.ts';
import { UserMap } from '../maps/user.ts';
import { FRAME_SIZE } from '../memory.ts';
import { noSuchMap, noSuchPlace } from './diagnostics.ts';
import { Lines } from './lines.ts';
import { type Meaning, Pointers } from './pointer.ts';
import { type FrameState, type Standing, Timeline } from './timeline.ts';

/** What is debugged, and how far back it can go. */
export interface DebuggerOptions {
  /** The programs that may run, for finding places by name. */
  readonly programs: readonly ProgramSpec[];
  /**
   * What is debugged: runs programs of the machine, and does the same each time. A test run, a replay, several packets
   * one after another; its result is what {@link Debugger.standing} gives at the end.
   */
  readonly start: () => unknown;
}

/**
 * Steps the programs of a machine, forwards and backwards. Every command gives why it stopped; then registers, frames,
 * memory and maps are those of the moment before the instruction at {@link place}. Maps that are read through other
 * objects of the same machine show that moment too. Changing anything while it stands has no lasting effect: each
 * command starts from the beginning again.
 */
export class Debugger {
  readonly programs: readonly ProgramSpec[];
  readonly breakpoints: readonly Breakpoint[] = [];
  private readonly machine: Machine;
  private readonly timeline: Timeline;
  private readonly users = new Map<VmMap, UserMap>();
  private next = 1;

  constructor(machine: Machine, options: DebuggerOptions) {
    this.machine = machine;
    this.programs = options.programs;
    // They allocate room for keys, which is part of what every command goes back to.
    for (const map of machine.mapsByAddress.values()) this.users.set(map, new UserMap(machine, map));
    this.timeline = new Timeline(machine, options.start);
    this.timeline.run(() => true);
  }

  /** How many instructions ran before this moment. */
  get moment(): number {
    return this.timeline.moment;
  }
  get standing(): Standing {
    return this.timeline.standing;
  }

  /** To the next instruction; into functions and callbacks. */
  step(): Stop {
    return this.forward(() => true);
  }

  /** To the next instruction of this function, or of its caller when it returns. */
  stepOver(): Stop {
    const { depth } = this.timeline;
    return this.forward(() => this.timeline.depth <= depth, true);
  }

  /** Until this function returned; of the outermost one, until the next run or the end. */
  stepOut(): Stop {
    const { depth, runs } = this.timeline;
    return this.forward(() => this.timeline.depth < depth || this.timeline.runs > runs, true);
  }

  /** To the start of another line of source; into functions. */
  stepLine(): Stop {
    return this.forward(() => this.timeline.lineStart);
  }

  /** To the start of another line of source of this function or of its callers. */
  nextLine(): Stop {
    const { depth } = this.timeline;
    return this.forward(() => this.timeline.lineStart && this.timeline.depth <= depth, true);
  }

  /** To the next breakpoint or change of what is watched, or the end. */
  continue(): Stop {
    return this.forward(() => false, true);
  }

  /** One instruction back. */
  back(): Stop {
    return this.goTo(this.moment - 1);
  }

  /** To the instruction of this function (or its caller) before this one; calls are undone as one. */
  backOver(): Stop {
    const { depth } = this.timeline;
    return this.backward(() => this.timeline.depth <= depth, false);
  }

  /** To the start of the line of source before. */
  backLine(): Stop {
    return this.backward(() => this.timeline.lineStart, false);
  }

  /** The same over calls. */
  backLineOver(): Stop {
    const { depth } = this.timeline;
    return this.backward(() => this.timeline.lineStart && this.timeline.depth <= depth, false);
  }

  /** Back to the call of this function; of the outermost one, to its first instruction. */
  backOut(): Stop {
    const { depth } = this.timeline;
    return depth === 0
      ? this.backward(() => this.timeline.first, true)
      : this.backward(() => this.timeline.depth < depth, true);
  }

  /** To the last breakpoint before, or to before the last change of what is watched, or the beginning. */
  backContinue(): Stop {
    return this.backward(() => false, true);
  }

  /** To any moment: before instruction n of everything that runs; the end when there are fewer. */
  goTo(moment: number): Stop {
    const target = Math.max(0, moment);
    this.timeline.run((now) => now >= target);
    return this.stop({ kind: target === 0 ? 'beginning' : 'step' });
  }

  /** Stops before an instruction, of one program or of all; E4051 when there is no such place. */
  break(location: Location, options: { readonly when?: () => boolean } = {}): Breakpoint {
    const places = this.resolve(location);
    const made: Breakpoint = {
      kind: 'place',
      number: this.next++,
      location,
      places,
      ...(options.when && { when: options.when }),
    };
    this.add(made);
    return made;
  }

  /** Stops when the entry of a map appears, changes or goes; E4052 for names that no map has. */
  watchEntry(map: string, key: Uint8Array): Breakpoint {
    const user = this.users.get(this.map(map))!;
    const value = new Uint8Array(this.map(map).userValueSize);
    return this.watch({ map, key }, () => (user.lookup(key, value) === 0 ? value.slice() : undefined));
  }

  /** Stops when bytes of the machine's memory change: the value of a global variable, a place on the stack. */
  watchMemory(address: number, size: number): Breakpoint {
    return this.watch({ address, size }, () => this.machine.memory.bytes.slice(address, address + size));
  }

  /** False when there was none of this number. */
  remove(number: number): boolean {
    const list = this.breakpoints as Breakpoint[];
    const index = list.findIndex((one) => one.number === number);
    if (index >= 0) list.splice(index, 1);
    return index >= 0;
  }

  /** Where it stands; undefined when everything has run. */
  get place(): Place | undefined {
    return this.frames[0];
  }

  /** The frames from the running one outwards, through callbacks to the program. */
  get frames(): readonly Frame[] {
    return this.timeline.frames().map((state) => this.describe(state));
  }

  /** r0 … r10 of the running frame. */
  get registers(): readonly Register[] {
    const { timeline } = this;
    const top = timeline.levels[timeline.nesting - 1];
    if (top === undefined) return [];
    const pointers = new Pointers(timeline);
    return Array.from({ length: 11 }, (_, number) => {
      const low = BigInt(top.run.r[2 * number]! >>> 0);
      const value = (BigInt(top.run.r[2 * number + 1]! >>> 0) << 32n) | low;
      return { name: `r${number}`, value, meaning: pointers.meaning(value) };
    });
  }

  meaning(value: bigint): Meaning {
    return new Pointers(this.timeline).meaning(value);
  }

  /** The 512 bytes of a frame, lowest address first; frame 0 is the running one. */
  stack(frame = 0): { readonly address: number; readonly bytes: Uint8Array } | undefined {
    const state = this.timeline.frames()[frame];
    if (state === undefined) return undefined;
    const address = state.run.stack + state.frame * FRAME_SIZE;
    return { address, bytes: this.machine.memory.bytes.slice(address, address + FRAME_SIZE) };
  }

  /** Bytes of the machine's memory, fewer where it ends. */
  memory(address: number, size: number): Uint8Array {
    return this.machine.memory.bytes.slice(Math.max(0, address), Math.max(0, address + size));
  }

  /** The packet that the program runs on; undefined when there is none. */
  get packet(): Uint8Array | undefined {
    const range = new Pointers(this.timeline).packetRange;
    return range && this.machine.memory.bytes.slice(range.data, range.end);
  }

  /** The instructions around a slot of the running program, the one that comes next marked. */
  disassembly(before = 5, after = 8): readonly Instruction[] {
    const state = this.timeline.frames()[0];
    if (state === undefined) return [];
    const { spec } = state.program;
    const lines = this.timeline.linesOf(state.program);
    const insns = decode(spec.code);
    const starts = slotStarts(insns);
    const here = starts.indexOf(state.slot);
    const symbols = new Map(spec.references.map((one) => [one.slot, 'map' in one ? one.map : one.name]));
    const found: Instruction[] = [];
    for (let i = Math.max(0, here - before); i < Math.min(insns.length, here + after + 1); i++) {
      const slot = starts[i]!;
      const text = printInsn(insns[i]!, { symbol: (_, at) => symbols.get(at) }, slot);
      found.push({ slot, text, line: lines.startsAt(slot) ? lines.at(slot) : undefined, next: i === here });
    }
    return found;
  }

  /** Puts the machine back to before the first instruction. The debugger can still be used. */
  reset(): void {
    this.timeline.reset();
  }

  private forward(wanted: () => boolean, breaks = true): Stop {
    const { timeline } = this;
    if (timeline.standing.kind !== 'paused') return this.stop({ kind: 'step' });
    const from = timeline.moment;
    const watching = new Watching(this.breakpoints);
    let why = { kind: 'step' } as Reason;
    timeline.run((now) => {
      if (now <= from) {
        if (now === from) watching.begin();
        return false;
      }
      const changed = timeline.wrote ? watching.changed() : undefined;
      if (changed) {
        why = changed;
        return true;
      }
      const hit = breaks ? this.hit() : undefined;
      if (hit) {
        why = { kind: 'breakpoint', breakpoint: hit };
        return true;
      }
      return wanted();
    });
    return this.stop(why);
  }

  /** The last moment before this one that is wanted; found by running up to here once, and then up to there. */
  private backward(wanted: () => boolean, breaks: boolean): Stop {
    const { timeline } = this;
    const until = timeline.moment;
    const watching = new Watching(this.breakpoints);
    let target = 0;
    let why = { kind: 'beginning' } as Reason;
    timeline.run((now) => {
      if (now === 0) watching.begin();
      else if (breaks && timeline.wrote) {
        const changed = watching.changed();
        // The moment at which the old value is still there.
        if (changed && now - 1 < until) {
          target = now - 1;
          why = changed;
        }
      }
      if (now >= until) return true;
      const hit = breaks ? this.hit() : undefined;
      if (hit || wanted()) {
        target = now;
        why = hit ? { kind: 'breakpoint', breakpoint: hit } : { kind: 'step' };
      }
      return false;
    });
    timeline.run((now) => now >= target);
    return this.stop(target === 0 && why.kind === 'step' ? { kind: 'beginning' } : why);
  }

  /** The breakpoint at the instruction that comes next. */
  private hit(): Breakpoint | undefined {
    const { timeline } = this;
    if (this.breakpoints.length === 0) return undefined;
    const { program, slot } = timeline.levels[timeline.nesting - 1]!;
    for (const one of this.breakpoints) {
      if (one.kind !== 'place' || !one.places.some((at) => at.slot === slot && at.program === program.spec)) continue;
      if (one.when === undefined || one.when()) return one;
    }
    return undefined;
  }

  private stop(why: Reason): Stop {
    const { standing, moment } = this.timeline;
    const reason: Reason =
      standing.kind === 'ended'
        ? { kind: 'end', result: standing.result }
        : standing.kind === 'failed'
          ? { kind: 'fault', error: standing.error }
          : why;
    return { ...reason, moment };
  }

  private watch(what: WatchTarget, read: () => Uint8Array | undefined): Breakpoint {
    const made: Breakpoint = { kind: 'watch', number: this.next++, what, read };
    this.add(made);
    return made;
  }

  private add(breakpoint: Breakpoint): void {
    (this.breakpoints as Breakpoint[]).push(breakpoint);
  }

  private resolve(location: Location): readonly { readonly program: ProgramSpec; readonly slot: number }[] {
    const programs = this.programs.filter((one) => location.program === undefined || one.name === location.program);
    const places = programs.flatMap((program) => {
      const slots =
        'slot' in location
          ? [...slotStarts(decode(program.code))].slice(0, -1).filter((slot) => slot === location.slot)
          : 'function' in location
            ? program.functions.filter((one) => one.name === location.function).map((one) => one.slot)
            : new Lines(program).slotsOf(location.file, location.line);
      return slots.map((slot) => ({ program, slot }));
    });
    if (places.length === 0) throw noSuchPlace(location, this.programs);
    return places;
  }

  private map(name: string): VmMap {
    const maps = [...this.machine.mapsByAddress.values()];
    const found = maps.find((one) => one.spec.name === name);
    if (found === undefined)
      throw noSuchMap(
        name,
        maps.map((one) => one.spec.name),
      );
    return found;
  }

  private describe(state: FrameState): Frame {
    const lines = this.timeline.linesOf(state.program);
    return {
      program: state.program.spec,
      slot: state.slot,
      function: lines.functionAt(state.slot).name,
      line: lines.at(state.slot),
      address: state.run.stack + state.frame * FRAME_SIZE,
      callback: state.nesting > 1 && state.frame === 0,
    };
  }
}

/** What is watched, and what was there when it was looked at last. */
class Watching {
  private readonly watches: readonly WatchBreakpoint[];
  private readonly last: (Uint8Array | undefined)[] = [];

  constructor(breakpoints: readonly Breakpoint[]) {
    this.watches = breakpoints.filter((one) => one.kind === 'watch');
  }

  begin(): void {
    for (const [index, one] of this.watches.entries()) this.last[index] = one.read();
  }

  changed(): Reason | undefined {
    let found: Reason | undefined;
    for (const [index, one] of this.watches.entries()) {
      const before = this.last[index];
      const after = one.read();
      if (same(before, after)) continue;
      this.last[index] = after;
      found = { kind: 'watch', breakpoint: one, before, after };
    }
    return found;
  }
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === b || (a !== undefined && a.length === b?.length && a.every((byte, i) => byte === b[i]));
}

/** Where to stop; in all programs that have such a place unless one is named. */
export type Location = { readonly program?: string } & (
  | { readonly slot: number }
  | { readonly function: string }
  | { readonly file?: string; readonly line: number }
);

/** What the debugger stops at. */
export type Breakpoint = PlaceBreakpoint | WatchBreakpoint;
export interface PlaceBreakpoint {
  readonly kind: 'place';
  readonly number: number;
  readonly location: Location;
  readonly places: readonly { readonly program: ProgramSpec; readonly slot: number }[];
  readonly when?: () => boolean;
}
export interface WatchBreakpoint {
  readonly kind: 'watch';
  readonly number: number;
  readonly what: WatchTarget;
  /** What is there now; undefined when there is no such entry. */
  readonly read: () => Uint8Array | undefined;
}
export type WatchTarget =
  | { readonly map: string; readonly key: Uint8Array }
  | { readonly address: number; readonly size: number };

type Reason =
  | { readonly kind: 'step' }
  /** There is nothing before. */
  | { readonly kind: 'beginning' }
  | { readonly kind: 'breakpoint'; readonly breakpoint: Breakpoint }
  | {
      readonly kind: 'watch';
      readonly breakpoint: WatchBreakpoint;
      /** In the order of time, also when going back. */
      readonly before: Uint8Array | undefined;
      readonly after: Uint8Array | undefined;
    }
  | { readonly kind: 'end'; readonly result: unknown }
  /** It was stopped: E4010 says why. It stands at the instruction that was refused. */
  | { readonly kind: 'fault'; readonly error: unknown };

/** Why the debugger stopped, and at which instruction counted from the start. */
export type Stop = Reason & { readonly moment: number };

/** A place of the program: its slot, and where it stands in the source. */
export interface Place {
  readonly program: ProgramSpec;
  readonly slot: number;
  readonly function: string;
  readonly line: LineInfo | undefined;
}

/** A function that is running, and where it is. */
export interface Frame extends Place {
  /** Of its lowest byte. */
  readonly address: number;
  /** A helper called it. */
  readonly callback: boolean;
}

/** A register's value, and what it points to. */
export interface Register {
  readonly name: string;
  /** Unsigned. */
  readonly value: bigint;
  readonly meaning: Meaning;
}

/** An instruction as it is listed. */
export interface Instruction {
  readonly slot: number;
  readonly text: string;
  /** Of the source line that starts here. */
  readonly line: LineInfo | undefined;
  /** It is the one that comes next. */
  readonly next: boolean;
}
