import type { VariablePlace, VariableRange } from '@skep/object';
import type { Variable } from '../ir/ir.ts';
import { type MachineBlock, type MachineFunction, type MachineInst, NONE, writesDestination } from './machine.ts';

/**
 * Where each variable is while the instructions run: notes say where one begins to be, moves and spills are followed,
 * and it is no longer where something else is written. Where ways meet, only what all of them say holds.
 * `slots`: the first slot of each instruction, in the order of the blocks; `end`: the slot behind the last.
 */
export function variableRanges(fn: MachineFunction, slots: readonly number[], end: number): VariableRange[] {
  const entering = flow(fn);
  const out: VariableRange[] = [];
  const add = (variable: Variable, place: VariablePlace, from: number, to: number) => {
    const { name, type, declaration } = variable;
    if (from < to) out.push({ name, function: fn.func.name, type, from, to, place, declaration });
  };
  for (const { variable, slot } of fn.variables!) add(variable, { kind: 'stack', offset: slot.offset }, 0, end);
  const open = new Map<Variable, { readonly place: Place; readonly from: number }>();
  const close = (variable: Variable, at: number) => {
    const { place, from } = open.get(variable)!;
    open.delete(variable);
    add(variable, describe(place), from, at);
  };
  let index = 0;
  for (const block of fn.blocks) {
    const state = copyOf(entering.get(block) ?? new Map());
    for (const inst of block.insts) {
      take(state, inst);
      const at = slots[index++]!;
      for (const [variable, { place }] of open) if (!holds(state.get(variable), place)) close(variable, at);
      for (const [variable, places] of state) {
        if (!open.has(variable) && places.length > 0) open.set(variable, { place: places[0]!, from: at });
      }
      run(state, inst);
    }
  }
  for (const variable of [...open.keys()]) close(variable, end);
  return out.sort((a, b) => a.from - b.from);
}

/** A register, bytes from r10 (negative), or the number that it is. */
type Place = number | bigint;
/** The places where each variable is at once. */
type State = Map<Variable, readonly Place[]>;

function describe(place: Place): VariablePlace {
  if (typeof place === 'bigint') return { kind: 'constant', value: place };
  return place < 0 ? { kind: 'stack', offset: place } : { kind: 'register', register: place };
}

/** What holds at the start of each block that can be reached. */
function flow(fn: MachineFunction): Map<MachineBlock, State> {
  const entering = new Map<MachineBlock, State>([[fn.blocks[0]!, new Map()]]);
  const waiting = new Set<MachineBlock>([fn.blocks[0]!]);
  for (const block of waiting) {
    waiting.delete(block);
    const state = copyOf(entering.get(block)!);
    for (const inst of block.insts) {
      take(state, inst);
      run(state, inst);
    }
    for (const next of block.successors) {
      const known = entering.get(next);
      if (known === undefined) entering.set(next, copyOf(state));
      else if (!meet(known, state)) continue;
      waiting.add(next);
    }
  }
  return entering;
}

/** Leaves in `known` what `other` says too; whether that was less. */
function meet(known: State, other: State): boolean {
  let changed = false;
  for (const [variable, places] of known) {
    const there = other.get(variable);
    const common = places.filter((place) => holds(there, place));
    if (common.length === places.length) continue;
    changed = true;
    if (common.length === 0) known.delete(variable);
    else known.set(variable, common);
  }
  return changed;
}

/** What is noted before the instruction. */
function take(state: State, inst: MachineInst): void {
  for (const { variable, reg, slot, number } of inst.notes ?? []) {
    if (slot !== undefined) forget(state, slot.offset);
    if (slot !== undefined) state.set(variable, [slot.offset]);
    else if (number !== undefined) state.set(variable, [number]);
    else if (reg !== NONE) state.set(variable, [reg]);
    else state.delete(variable);
  }
}

/** What the instruction changes. */
function run(state: State, inst: MachineInst): void {
  if (state.size === 0) return;
  if (inst.op === 'call') {
    for (let reg = 0; reg <= 5; reg++) forget(state, reg);
    return;
  }
  if (inst.asm !== undefined) {
    for (const reg of inst.asm.writes) forget(state, reg);
    return;
  }
  const spill = inst.slot !== undefined && inst.slot.alloca === undefined ? inst.slot.offset : undefined;
  if (inst.op === 'store') {
    if (spill !== undefined) copy(state, inst.b, spill);
  } else if (inst.op === 'mov') copy(state, inst.a, inst.dst);
  else if (inst.op === 'load' && spill !== undefined) copy(state, spill, inst.dst);
  else if (writesDestination(inst)) forget(state, inst.dst);
}

function copy(state: State, from: Place, to: Place): void {
  if (from === to) return;
  forget(state, to);
  for (const [variable, places] of state) if (places.includes(from)) state.set(variable, [...places, to]);
}

function forget(state: State, place: Place): void {
  for (const [variable, places] of state) {
    if (!places.includes(place)) continue;
    if (places.length === 1) state.delete(variable);
    else
      state.set(
        variable,
        places.filter((one) => one !== place),
      );
  }
}

function holds(places: readonly Place[] | undefined, place: Place): boolean {
  return places?.includes(place) ?? false;
}

function copyOf(state: State): State {
  return new Map(state);
}
