import { evaluateCompare } from '../ir/constant.ts';
import type { CompareOp } from '../ir/ir.ts';
import { JUMPS } from './jumps.ts';
import {
  addNotes,
  type MachineBlock,
  type MachineFunction,
  MachineInst,
  NONE,
  without,
  writesDestination,
} from './machine.ts';

/**
 * Cleans up once registers are chosen: jumps over blocks that became empty, jumps to a return that can stand here
 * itself, branches whose ways are the same, blocks that nobody reaches, and moves and constants that change nothing.
 */
export function tidy(fn: MachineFunction): void {
  for (const block of fn.blocks) removeRepeats(block);
  shareReturns(fn);
  for (const block of fn.blocks) {
    block.successors = block.successors.map(threaded);
    const last = block.insts[block.insts.length - 1]!;
    if ((last.op === 'branch' || last.op === 'branchi') && block.successors[0] === block.successors[1]) {
      const jump = new MachineInst('jump', last.span);
      jump.notes = last.notes;
      block.insts[block.insts.length - 1] = jump;
      block.successors = [block.successors[0]!];
    }
  }
  for (const block of fn.blocks) {
    returnHere(block);
    turnHere(block);
  }
  enterLoops(fn);
  const reached = new Set<MachineBlock>();
  const work = [fn.blocks[0]!];
  for (let block = work.pop(); block !== undefined; block = work.pop()) {
    if (reached.has(block)) continue;
    reached.add(block);
    work.push(...block.successors);
  }
  fn.blocks = fn.blocks.filter((block) => reached.has(block));
  for (const [i, block] of fn.blocks.entries()) block.index = i;
}

/** Of blocks that only return the same number one is enough. */
function shareReturns(fn: MachineFunction): void {
  const first = new Map<string, MachineBlock>();
  const same = new Map<MachineBlock, MachineBlock>();
  for (const block of fn.blocks) {
    const [set, exit] = block.insts;
    if (block.insts.length !== 2 || set!.op !== 'set' || set!.core !== undefined || exit!.op !== 'exit') continue;
    const key = `${set!.dst} ${set!.imm} ${set!.width} ${exit!.imm}`;
    const before = first.get(key);
    if (before) same.set(block, before);
    else first.set(key, block);
  }
  if (same.size === 0) return;
  for (const block of fn.blocks) block.successors = block.successors.map((to) => same.get(to) ?? to);
}

/** Where a jump to `block` ends up. */
function threaded(block: MachineBlock): MachineBlock {
  let at = block;
  // A loop that does nothing would lead around for ever.
  for (let steps = 0; steps < 64; steps++) {
    if (at.insts.length !== 1 || at.insts[0]!.op !== 'jump' || at.successors[0] === at) return at;
    const { notes } = at.insts[0]!;
    at = at.successors[0]!;
    // Who does not come by has not seen what is noted there.
    addNotes(
      at.insts[0]!,
      notes?.map(({ variable }) => ({ variable, reg: NONE, slot: undefined, number: undefined })),
    );
  }
  return at;
}

function returnHere(block: MachineBlock): void {
  const last = block.insts[block.insts.length - 1]!;
  if (last.op !== 'jump') return;
  const to = block.successors[0]!;
  const { insts } = to;
  if (to === block || insts.length !== 1 || insts[0]!.op !== 'exit') return;
  block.insts[block.insts.length - 1] = instead(last, insts[0]!);
  block.successors = [];
}

/** Another block's instruction where `before` stood. */
function instead(before: MachineInst, inst: MachineInst): MachineInst {
  if (before.notes === undefined) return inst;
  const copy = Object.assign(new MachineInst(inst.op, inst.span), inst);
  addNotes(copy, before.notes);
  return copy;
}

/** A loop whose header only asks whether to go on asks at its end instead, without the jump back to the question. */
function turnHere(block: MachineBlock): void {
  const last = block.insts[block.insts.length - 1]!;
  if (last.op !== 'jump') return;
  const header = block.successors[0]!;
  if (header.index > block.index || header.insts.length !== 1) return;
  const [question] = header.insts;
  if (question!.op !== 'branch' && question!.op !== 'branchi') return;
  block.insts[block.insts.length - 1] = instead(last, question!);
  block.successors = header.successors.slice();
  block.likely = header.likely;
}

/** Where it is entered such a loop does not ask when the answer is known there: `for (i = 0; i < 8; i++)` runs once. */
function enterLoops(fn: MachineFunction): void {
  const entries = new Map<MachineBlock, number>();
  for (const block of fn.blocks) for (const to of block.successors) entries.set(to, (entries.get(to) ?? 0) + 1);
  for (const block of fn.blocks) {
    const last = block.insts[block.insts.length - 1]!;
    const header = block.successors[0];
    // Were it entered from elsewhere too, there would be a jump over it instead.
    if (last.op !== 'jump' || header === undefined || header === block || entries.get(header) !== 1) continue;
    if (header === fn.blocks[0]) continue;
    const question = header.insts[0]!;
    if (header.insts.length !== 1 || question.op !== 'branchi') continue;
    const number = numberIn(block, question.a);
    const op = COMPARES.find((one) => JUMPS[one] === question.jump);
    if (number === undefined || op === undefined) continue;
    const value = BigInt.asIntN(question.width, number);
    const holds = evaluateCompare(op, `i${question.width}`, value, BigInt(question.imm));
    const jump = Object.assign(new MachineInst('jump', last.span), { notes: last.notes });
    if (question.notes !== undefined) jump.notes = [...(last.notes ?? []), ...question.notes];
    block.insts[block.insts.length - 1] = jump;
    block.successors = [header.successors[holds ? 0 : 1]!];
  }
}

const COMPARES = Object.keys(JUMPS) as CompareOp[];

/** What a register holds at the end of the block, where that was set in it. */
function numberIn(block: MachineBlock, reg: number): bigint | undefined {
  const at = block.insts.findLastIndex((inst) => {
    if (inst.op === 'asm' || (inst.op === 'call' && reg <= 5)) return true;
    return writesDestination(inst) && inst.dst === reg;
  });
  const inst = block.insts[at];
  if (inst?.op !== 'set' || inst.core !== undefined) return undefined;
  return inst.width === 32 ? BigInt.asUintN(32, BigInt(inst.imm)) : BigInt(inst.imm);
}

/** Within a block: `set` of what the register holds already, and a move back of what was just moved. */
function removeRepeats(block: MachineBlock): void {
  /** By register: the number it is known to hold. */
  const known: (number | undefined)[] = new Array(11).fill(undefined);
  const copyOf: number[] = new Array(11).fill(-1);
  const forget = (reg: number) => {
    known[reg] = undefined;
    copyOf[reg] = -1;
    for (let i = 0; i < 10; i++) if (copyOf[i] === reg) copyOf[i] = -1;
  };
  const changesNothing = (inst: MachineInst): boolean => {
    const { dst } = inst;
    if (inst.op === 'call') {
      for (let i = 0; i <= 5; i++) forget(i);
    } else if (inst.op === 'asm') {
      for (let i = 0; i <= 9; i++) forget(i);
    } else if (inst.op === 'set' && inst.core === undefined) {
      const value = inst.width === 32 ? inst.imm >>> 0 : inst.imm;
      if (known[dst] === value) return true;
      forget(dst);
      known[dst] = value;
    } else if (inst.op === 'mov') {
      if (copyOf[dst] === inst.a || copyOf[inst.a] === dst) return true;
      const value = known[inst.a];
      forget(dst);
      known[dst] = value;
      copyOf[dst] = inst.a;
    } else if (dst >= 0) {
      forget(dst);
    }
    return false;
  };
  block.insts = without(block.insts, changesNothing);
}
