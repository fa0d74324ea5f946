import type { Diagnostics } from '@skep/base';
import { needsMoreRegisters } from './diagnostics.ts';
import { mergeRanges, overlap, type Ranges, rangesOf } from './live.ts';
import {
  FIRST_VIRTUAL,
  type FrameSlot,
  type MachineFunction,
  type MachineInst,
  NONE,
  readsDestination,
  type VReg,
  without,
} from './machine.ts';
import { spillRegisters, spillSlot } from './spill.ts';

/** Callers lose r0 … r5; r6 … r9 survive calls. Arguments and results want the low ones, so others take r5 first. */
const SCRATCH = [5, 4, 3, 2, 1, 0];
const SAVED = [6, 7, 8, 9];
const ALL = [...SCRATCH, ...SAVED];
const MAX_ROUNDS = 24;
const LOOP_FACTOR = 8;

/**
 * Gives every virtual register a real one. Registers joined by moves are merged where their ranges allow it; then the
 * densest ones choose first, each looking for a real register that is free over its whole range (holes included). What
 * finds none is taken apart into what it was merged from, and what still finds none moves to the stack, after which all
 * is done again. The blocks must be in their final order.
 */
export function allocateRegisters(fn: MachineFunction, diagnostics: Diagnostics): void {
  let temporaries = new Set<VReg>();
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const ranges = rangesOf(fn);
    const allocation = new Allocation(fn, ranges, temporaries);
    const spilled = allocation.run();
    if (spilled.size === 0) {
      if (fn.variables !== undefined) placeNotes(fn, ranges, allocation.assigned);
      rewrite(fn, allocation.assigned);
      return;
    }
    temporaries = new Set([...temporaries, ...spillRegisters(fn, spilled)]);
    for (const slot of new Set(spilled.values())) fn.slots.push(slot);
  }
  diagnostics.add(needsMoreRegisters(fn.func.name, fn.func.span));
}

class Allocation {
  /** By virtual register, once run. */
  readonly assigned: Int8Array;
  private readonly fn: MachineFunction;
  private readonly ranges: Ranges;
  private readonly temporaries: ReadonlySet<VReg>;
  /** Union-find over the registers. */
  private readonly parent: Int32Array;
  private readonly segments: number[][];
  private readonly weights: Float64Array;
  /** For each real register, by position: who holds it: 0 nobody, -1 the instruction set, else the virtual register. */
  private readonly table: Int32Array[] = [];
  private readonly moves: { inst: MachineInst; weight: number }[] = [];
  private readonly hints = new Map<VReg, Map<number, number>>();

  constructor(fn: MachineFunction, ranges: Ranges, temporaries: ReadonlySet<VReg>) {
    this.fn = fn;
    this.ranges = ranges;
    this.temporaries = temporaries;
    this.assigned = new Int8Array(fn.registers).fill(-1);
    this.parent = new Int32Array(fn.registers);
    for (let i = 0; i < fn.registers; i++) this.parent[i] = i;
    this.segments = ranges.segments.slice();
    this.weights = new Float64Array(fn.registers);
  }

  /** Returns what must go to the stack, and where. */
  run(): Map<VReg, FrameSlot> {
    const { fn, ranges } = this;
    this.weigh();
    for (let reg = 0; reg <= 9; reg++) {
      const line = new Int32Array(ranges.positions);
      fill(line, ranges.segments[reg]!, -1);
      this.table.push(line);
    }
    const alone = this.weights.slice();
    this.coalesce();
    const members = new Map<VReg, VReg[]>();
    for (let reg = FIRST_VIRTUAL; reg < fn.registers; reg++) {
      if (ranges.segments[reg]!.length === 0) continue;
      const root = this.find(reg);
      const list = members.get(root);
      if (list) list.push(reg);
      else members.set(root, [reg]);
    }
    this.collectHints();
    const order = [...members.keys()];
    const density = new Float64Array(fn.registers);
    for (const root of order) density[root] = this.density(root, this.weights[root]!, this.segments[root]!);
    order.sort((a, b) => density[b]! - density[a]! || a - b);
    const left: VReg[] = [];
    for (const root of order) if (!this.place(root, this.segments[root]!, root)) left.push(root);
    const spilled = new Map<VReg, FrameSlot>();
    /** What each slot is taken by so far: values that are never live at once share one. */
    const shared: { slot: FrameSlot; segments: readonly number[] }[] = [];
    for (const root of left) {
      const parts = members.get(root)!;
      const whole = this.segments[root]!;
      let slot: FrameSlot | undefined;
      parts.sort(
        (a, b) =>
          this.density(b, alone[b]!, ranges.segments[b]!) - this.density(a, alone[a]!, ranges.segments[a]!) || a - b,
      );
      for (const part of parts) {
        if (parts.length > 1 && this.place(part, ranges.segments[part]!, root)) continue;
        slot ??= slotFor(whole, shared);
        spilled.set(part, slot);
      }
    }
    if (spilled.size === 0) {
      for (const [root, parts] of members) {
        const at = this.assigned[root]!;
        for (const part of parts) if (!left.includes(root)) this.assigned[part] = at;
      }
    }
    return spilled;
  }

  private weigh(): void {
    const { weights } = this;
    const add = (reg: VReg, weight: number) => {
      if (reg !== NONE) weights[reg]! += weight;
    };
    for (const block of this.fn.blocks) {
      const weight = LOOP_FACTOR ** Math.min(block.depth, 6);
      for (const inst of block.insts) {
        add(inst.a, weight);
        add(inst.b, weight);
        add(inst.dst, readsDestination(inst) ? 2 * weight : weight);
        // A value that is compared and used later must stay in one place: old verifiers forget what a check of a
        // reloaded copy proved.
        if (inst.op === 'branch' || inst.op === 'branchi') add(inst.a, 2 * weight);
        if (inst.op === 'mov') this.moves.push({ inst, weight });
      }
    }
  }

  private coalesce(): void {
    this.moves.sort((a, b) => b.weight - a.weight);
    for (const { inst } of this.moves) {
      const a = this.find(inst.a);
      const b = this.find(inst.dst);
      if (a === b || a < FIRST_VIRTUAL || b < FIRST_VIRTUAL) continue;
      if (overlap(this.segments[a]!, this.segments[b]!)) continue;
      this.parent[b] = a;
      this.segments[a] = mergeRanges(this.segments[a]!, this.segments[b]!);
      this.weights[a]! += this.weights[b]!;
    }
  }

  private collectHints(): void {
    const hint = (reg: VReg, real: number, weight: number) => {
      for (const key of reg === this.find(reg) ? [reg] : [reg, this.find(reg)]) {
        let map = this.hints.get(key);
        if (map === undefined) {
          map = new Map();
          this.hints.set(key, map);
        }
        map.set(real, (map.get(real) ?? 0) + weight);
      }
    };
    for (const { inst, weight } of this.moves) {
      if (inst.a < FIRST_VIRTUAL && inst.dst >= FIRST_VIRTUAL) hint(inst.dst, inst.a, weight);
      else if (inst.dst < FIRST_VIRTUAL && inst.a >= FIRST_VIRTUAL) hint(inst.a, inst.dst, weight);
    }
  }

  private place(reg: VReg, segments: readonly number[], root: VReg): boolean {
    const crosses = this.crossesCall(segments);
    const hints = this.hints.get(reg) ?? (reg === root ? undefined : this.hints.get(root));
    if (hints) {
      const wished = [...hints].sort((a, b) => b[1] - a[1]);
      for (const [real] of wished) {
        if (real > 9 || (crosses && real < 6)) continue;
        if (this.isFree(real, segments)) {
          this.take(real, reg, segments);
          return true;
        }
      }
    }
    const candidates = crosses ? SAVED : ALL;
    for (const real of candidates) {
      if (this.isFree(real, segments)) {
        this.take(real, reg, segments);
        return true;
      }
    }
    for (const real of candidates) {
      if (this.makeRoom(real, segments)) {
        this.take(real, reg, segments);
        return true;
      }
    }
    return false;
  }

  /** Frees a register by moving those who hold it to others that are free for them. */
  private makeRoom(real: number, segments: readonly number[]): boolean {
    const line = this.table[real]!;
    const holders = new Set<VReg>();
    for (let i = 0; i < segments.length; i += 2) {
      for (let at = segments[i]!; at < segments[i + 1]!; at++) {
        const holder = line[at]!;
        if (holder === 0) continue;
        if (holder < 0) return false;
        holders.add(holder);
        if (holders.size > 4) return false;
      }
    }
    const moved: { holder: VReg; to: number }[] = [];
    for (const holder of holders) {
      const range = this.segments[holder]!;
      const choices = this.crossesCall(range) ? SAVED : ALL;
      const to = choices.find((other) => other !== real && this.isFree(other, range));
      if (to === undefined) {
        for (const one of moved.reverse()) this.move(one.holder, real);
        return false;
      }
      this.move(holder, to);
      moved.push({ holder, to });
    }
    return true;
  }

  private move(reg: VReg, to: number): void {
    const range = this.segments[reg]!;
    fill(this.table[this.assigned[reg]!]!, range, 0);
    this.take(to, reg, range);
  }

  private isFree(real: number, segments: readonly number[]): boolean {
    const line = this.table[real]!;
    for (let i = 0; i < segments.length; i += 2) {
      for (let at = segments[i]!, stop = segments[i + 1]!; at < stop; at++) if (line[at] !== 0) return false;
    }
    return true;
  }

  private take(real: number, reg: VReg, segments: readonly number[]): void {
    fill(this.table[real]!, segments, reg);
    this.assigned[reg] = real;
    if (segments !== this.segments[reg]) this.segments[reg] = segments as number[];
  }

  private crossesCall(segments: readonly number[]): boolean {
    const { callsBefore } = this.ranges;
    for (let i = 0; i < segments.length; i += 2) {
      // A call at instruction c overwrites at position 2c + 1.
      const first = segments[i]! >> 1;
      const last = segments[i + 1]! >> 1;
      if (callsBefore[last]! > callsBefore[first]!) return true;
    }
    return false;
  }

  private density(reg: VReg, weight: number, segments: readonly number[]): number {
    if (this.temporaries.has(reg)) return Number.POSITIVE_INFINITY;
    let length = 0;
    for (let i = 0; i < segments.length; i += 2) length += segments[i + 1]! - segments[i]!;
    return weight / (length + 2);
  }

  private find(reg: VReg): VReg {
    const { parent } = this;
    let at = reg;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at]!]!;
      at = parent[at]!;
    }
    return at;
  }
}

function slotFor(segments: readonly number[], shared: { slot: FrameSlot; segments: readonly number[] }[]): FrameSlot {
  for (const one of shared) {
    if (overlap(one.segments, segments)) continue;
    one.segments = mergeRanges(one.segments, segments);
    return one.slot;
  }
  const slot = spillSlot();
  shared.push({ slot, segments });
  return slot;
}

function fill(line: Int32Array, segments: readonly number[], value: number): void {
  for (let i = 0; i < segments.length; i += 2) line.fill(value, segments[i]!, segments[i + 1]!);
}

function rewrite(fn: MachineFunction, assigned: Int8Array): void {
  const real = (reg: VReg) => (reg < FIRST_VIRTUAL ? reg : assigned[reg]!);
  for (const block of fn.blocks) {
    for (const inst of block.insts) {
      inst.a = real(inst.a);
      inst.b = real(inst.b);
      inst.dst = real(inst.dst);
    }
    block.insts = without(block.insts, (inst) => inst.op === 'mov' && inst.dst === inst.a);
  }
}

/** Notes name the real register, as long as the value is in it: where it is not used any more something else may be. */
function placeNotes(fn: MachineFunction, ranges: Ranges, assigned: Int8Array): void {
  let position = 0;
  for (const block of fn.blocks) {
    for (const inst of block.insts) {
      inst.notes &&= inst.notes.map((note) => {
        if (note.reg < FIRST_VIRTUAL) return note;
        const reg = covers(ranges.segments[note.reg]!, position) ? assigned[note.reg]! : NONE;
        return { ...note, reg };
      });
      position += 2;
    }
  }
}

function covers(segments: readonly number[], position: number): boolean {
  for (let i = 0; i < segments.length; i += 2) if (segments[i]! <= position && position < segments[i + 1]!) return true;
  return false;
}
