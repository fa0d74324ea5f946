import {
  FRAME_REGISTER,
  type MachineBlock,
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
  const names = exposedRegisters(fn);
  const words = (names.length + 31) >> 5;
  const indexOf = new Int32Array(registers).fill(-1);
  for (const [i, reg] of names.entries()) indexOf[reg] = i;
  const liveIn = dataflow(blocks, indexOf, words);

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
  const out = new Uint32Array(words);
  let at = total;
  for (let b = blocks.length - 1; b >= 0; b--) {
    const block = blocks[b]!;
    out.fill(0);
    for (const next of block.successors) {
      const set = liveIn[next.index]!;
      for (let w = 0; w < words; w++) out[w]! |= set[w]!;
    }
    const stop = 2 * at;
    eachBit(out, (i) => {
      end[names[i]!] = stop;
    });
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
    eachBit(liveIn[b]!, (i) => {
      // What only dead instructions read is not live.
      if (end[names[i]!] !== -1) close(names[i]!, start);
    });
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

/** Real registers that are written without being the destination. What calls and inline assembly read is set in their block. */
function destroyed(inst: MachineInst): readonly number[] {
  if (inst.op === 'call') return CALL_DESTROYS;
  return inst.asm?.writes ?? NOTHING;
}

const CALL_DESTROYS: readonly number[] = [0, 1, 2, 3, 4, 5];
const NOTHING: readonly number[] = [];

/** Registers that some block reads before it writes them: those live between blocks, and parameters at the entry. */
function exposedRegisters(fn: MachineFunction): number[] {
  const definedIn = new Int32Array(fn.registers).fill(-1);
  const exposed = new Uint8Array(fn.registers);
  const names: number[] = [];
  const use = (reg: number, block: number) => {
    if (reg >= 0 && reg !== FRAME_REGISTER && definedIn[reg] !== block && exposed[reg] === 0) {
      exposed[reg] = 1;
      names.push(reg);
    }
  };
  for (const [b, block] of fn.blocks.entries()) {
    for (const inst of block.insts) {
      use(inst.a, b);
      use(inst.b, b);
      for (const reg of destroyed(inst)) definedIn[reg] = b;
      if (inst.dst === NONE) continue;
      if (readsDestination(inst)) use(inst.dst, b);
      if (writesDestination(inst)) definedIn[inst.dst] = b;
    }
  }
  return names;
}

function dataflow(blocks: readonly MachineBlock[], indexOf: Int32Array, words: number): Uint32Array[] {
  const liveIn: Uint32Array[] = [];
  const kill: Uint32Array[] = [];
  for (const block of blocks) {
    const gen = new Uint32Array(words);
    const killed = new Uint32Array(words);
    const use = (reg: number) => {
      const i = reg === NONE ? -1 : indexOf[reg]!;
      if (i >= 0 && ((killed[i >> 5]! >>> (i & 31)) & 1) === 0) gen[i >> 5]! |= 1 << (i & 31);
    };
    const kills = (reg: number) => {
      const i = indexOf[reg]!;
      if (i >= 0) killed[i >> 5]! |= 1 << (i & 31);
    };
    for (const inst of block.insts) {
      use(inst.a);
      use(inst.b);
      for (const reg of destroyed(inst)) kills(reg);
      if (inst.dst === NONE) continue;
      if (readsDestination(inst)) use(inst.dst);
      if (writesDestination(inst)) kills(inst.dst);
    }
    liveIn.push(gen);
    kill.push(killed);
  }
  for (let changed = true; changed; ) {
    changed = false;
    for (let b = blocks.length - 1; b >= 0; b--) {
      const into = liveIn[b]!;
      const killed = kill[b]!;
      for (const next of blocks[b]!.successors) {
        const from = liveIn[next.index]!;
        for (let w = 0; w < words; w++) {
          const value = (into[w]! | (from[w]! & ~killed[w]!)) >>> 0;
          if (value !== into[w]) {
            into[w] = value;
            changed = true;
          }
        }
      }
    }
  }
  return liveIn;
}

function eachBit(set: Uint32Array, visit: (index: number) => void): void {
  for (let w = 0; w < set.length; w++) {
    for (let word = set[w]!; word !== 0; word &= word - 1) visit(w * 32 + 31 - Math.clz32(word & -word));
  }
}
