import {
  FRAME_REGISTER,
  type MachineFunction,
  type MachineInst,
  NONE,
  readsDestination,
  without,
  writesDestination,
} from './machine.ts';

/**
 * Where each register is live. Instruction i of the layout reads at position 2i and writes at 2i + 1; a range is a list
 * of half-open segments `[start, end, start, end, …]`, the last segment first.
 */
export interface Ranges {
  /** By register; those of r0 … r5 say where the register itself is taken. */
  readonly segments: readonly number[][];
  /** Twice the number of instructions. */
  readonly positions: number;
  /** How many calls come before an instruction, by its index; one more entry than instructions. */
  readonly callsBefore: Uint32Array;
}

/** Computes the ranges, and removes the instructions whose result nobody reads. */
export function rangesOf(fn: MachineFunction): Ranges {
  const { blocks, registers } = fn;
  const liveIn = liveAtStart(fn);

  let total = 0;
  for (const block of blocks) total += block.insts.length;
  const segments: number[][] = [];
  for (let i = 0; i < registers; i++) segments.push([]);
  const end = new Int32Array(registers).fill(-1);
  const close = (reg: number, start: number) => {
    const list = segments[reg]!;
    const stop = end[reg]!;
    const last = list.length - 2;
    if (last >= 0 && list[last] === stop) list[last] = start;
    else list.push(start, stop);
    end[reg] = -1;
  };
  const use = (reg: number, position: number) => {
    if (reg !== NONE && end[reg] === -1) end[reg] = position + 1;
  };
  let at = total;
  for (let b = blocks.length - 1; b >= 0; b--) {
    const block = blocks[b]!;
    const stop = 2 * at;
    for (const next of block.successors) for (const reg of liveIn[next.index]!) end[reg] = stop;
    let dead = false;
    for (let j = block.insts.length - 1; j >= 0; j--) {
      at -= 1;
      const inst = block.insts[j]!;
      const position = 2 * at;
      if (writesDestination(inst)) {
        const { dst } = inst;
        if (end[dst] === -1) {
          if (isPure(inst)) {
            inst.op = 'jump';
            inst.imm = DEAD;
            dead = true;
            continue;
          }
          end[dst] = position + 2;
        }
        if (!readsDestination(inst)) close(dst, position + 1);
      } else if (inst.dst !== NONE) use(inst.dst, position);
      if (inst.op === 'call') {
        for (let reg = 0; reg <= 5; reg++) {
          if (end[reg] === -1) end[reg] = position + 2;
          close(reg, position + 1);
        }
        for (let reg = 1; reg <= inst.imm; reg++) use(reg, position);
      } else if (inst.asm !== undefined) {
        for (const reg of inst.asm.writes) {
          if (end[reg] === -1) end[reg] = position + 2;
          close(reg, position + 1);
        }
        for (const reg of inst.asm.reads) use(reg, position);
      } else if (inst.op === 'exit') {
        if (inst.imm !== 0) use(0, position);
      }
      use(inst.a, position);
      use(inst.b, position);
    }
    const start = 2 * at;
    // What only dead instructions read is not live.
    for (const reg of liveIn[b]!) if (end[reg] !== -1) close(reg, start);
    if (dead) block.insts = without(block.insts, (inst) => inst.op === 'jump' && inst.imm === DEAD);
  }
  // Positions of removed instructions stay as gaps only if there were any: then everything is counted anew.
  let left = 0;
  for (const block of blocks) left += block.insts.length;
  if (left !== total) return rangesOf(fn);

  const callsBefore = new Uint32Array(total + 1);
  let index = 0;
  let calls = 0;
  for (const block of blocks) {
    for (const inst of block.insts) {
      callsBefore[index++] = calls;
      if (inst.op === 'call') calls += 1;
    }
  }
  callsBefore[index] = calls;
  return { segments, positions: 2 * total, callsBefore };
}

/** Whether two ranges have a position in common. */
export function overlap(a: readonly number[], b: readonly number[]): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i]! >= b[j + 1]!) i += 2;
    else if (b[j]! >= a[i + 1]!) j += 2;
    else return true;
  }
  return false;
}

/** The union of two ranges that do not overlap. */
export function mergeRanges(a: readonly number[], b: readonly number[]): number[] {
  const out: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const fromA = j >= b.length || (i < a.length && a[i]! > b[j]!);
    const start = fromA ? a[i]! : b[j]!;
    const stop = fromA ? a[i + 1]! : b[j + 1]!;
    if (fromA) i += 2;
    else j += 2;
    const last = out.length - 2;
    if (last >= 0 && out[last] === stop) out[last] = start;
    else out.push(start, stop);
  }
  return out;
}

const DEAD = -1;

function isPure(inst: MachineInst): boolean {
  switch (inst.op) {
    case 'mov':
    case 'zext':
    case 'movsx':
    case 'space':
    case 'set':
    case 'set64':
    case 'address':
    case 'frame':
    case 'alu':
    case 'alui':
    case 'endian':
      return true;
    default:
      return false;
  }
}

/**
 * By block: the registers that are live where it starts. For each register that some block reads before it writes it,
 * blocks are walked backwards from there until one writes it.
 */
function liveAtStart({ blocks, registers }: MachineFunction): number[][] {
  const before: number[][] = blocks.map(() => []);
  for (const [b, block] of blocks.entries()) for (const next of block.successors) before[next.index]!.push(b);
  /** The blocks that read a register first, by register. */
  const readers = new Map<number, number[]>();
  const writers: number[][] = Array.from({ length: registers }, () => []);
  const lastWrite = new Int32Array(registers).fill(-1);
  const lastRead = new Int32Array(registers).fill(-1);
  for (const [b, block] of blocks.entries()) {
    const read = (reg: number) => {
      if (reg < 0 || reg === FRAME_REGISTER || lastWrite[reg] === b || lastRead[reg] === b) return;
      lastRead[reg] = b;
      const list = readers.get(reg);
      if (list) list.push(b);
      else readers.set(reg, [b]);
    };
    const write = (reg: number) => {
      if (lastWrite[reg] === b) return;
      lastWrite[reg] = b;
      writers[reg]!.push(b);
    };
    for (const inst of block.insts) {
      read(inst.a);
      read(inst.b);
      for (const reg of destroyed(inst)) write(reg);
      if (inst.dst === NONE) continue;
      if (readsDestination(inst)) read(inst.dst);
      if (writesDestination(inst)) write(inst.dst);
    }
  }
  const live: number[][] = blocks.map(() => []);
  const seen = new Int32Array(blocks.length).fill(-1);
  const written = new Int32Array(blocks.length).fill(-1);
  for (const [reg, from] of readers) {
    for (const b of writers[reg]!) written[b] = reg;
    const work = from.slice();
    for (const b of from) seen[b] = reg;
    for (let b = work.pop(); b !== undefined; b = work.pop()) {
      live[b]!.push(reg);
      for (const previous of before[b]!) {
        if (seen[previous] === reg || written[previous] === reg) continue;
        seen[previous] = reg;
        work.push(previous);
      }
    }
  }
  return live;
}

/** Real registers that are written without being the destination. What calls and inline assembly read is set in their block. */
function destroyed(inst: MachineInst): readonly number[] {
  if (inst.op === 'call') return CALL_DESTROYS;
  return inst.asm?.writes ?? NOTHING;
}

const CALL_DESTROYS: readonly number[] = [0, 1, 2, 3, 4, 5];
const NOTHING: readonly number[] = [];
