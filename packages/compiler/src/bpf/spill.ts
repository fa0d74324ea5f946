import {
  addNotes,
  type FrameSlot,
  type MachineFunction,
  MachineInst,
  NONE,
  readsDestination,
  type VReg,
  without,
  writesDestination,
} from './machine.ts';

/** Within so many instructions a value that was reloaded is taken from the same register again. */
const REUSE_DISTANCE = 8;

/**
 * Moves registers to the stack: `slots` says where each lives from now on. Every use gets a short-lived register of its
 * own, loaded right before; a definition is stored right after. Slots are 8 bytes and are always written whole, because
 * only then do all verifiers keep what they know of the value. Numbers and addresses are made again instead of loaded.
 * Returns the new registers, which must not be spilled again.
 */
export function spillRegisters(fn: MachineFunction, slots: ReadonlyMap<VReg, FrameSlot>): VReg[] {
  const made = remakable(fn, slots);
  const temporaries: VReg[] = [];
  const fresh = () => {
    const reg = fn.registers++;
    temporaries.push(reg);
    return reg;
  };
  for (const block of fn.blocks) {
    const out: MachineInst[] = [];
    /** By slot: the store that nobody has read yet, which the next one makes needless. */
    const unread = new Map<FrameSlot, MachineInst>();
    const needless = new Set<MachineInst>();
    /** Spilled registers that are in another register for the moment, with the index where that was last used. */
    const held = new Map<VReg, { reg: VReg; at: number }>();
    const fetch = (reg: VReg, inst: MachineInst, dst: VReg) => {
      const source = made.get(reg);
      const load = new MachineInst(source ? source.op : 'load', inst.span);
      if (source) {
        load.imm = source.imm;
        load.width = source.width;
        load.value = source.value;
        load.symbol = source.symbol;
        load.slot = source.slot;
        load.core = source.core;
      } else {
        load.slot = slots.get(reg)!;
        unread.delete(load.slot);
      }
      load.dst = dst;
      out.push(load);
    };
    const keep = (reg: VReg, inst: MachineInst, value: VReg) => {
      const store = new MachineInst('store', inst.span);
      const slot = slots.get(reg)!;
      const before = unread.get(slot);
      if (before) needless.add(before);
      unread.set(slot, store);
      store.slot = slot;
      store.b = value;
      out.push(store);
    };
    const spilled = (reg: VReg) => reg !== NONE && slots.has(reg);
    const read = (reg: VReg, inst: MachineInst): VReg => {
      if (!spilled(reg)) return reg;
      const known = held.get(reg);
      if (known && out.length - known.at <= REUSE_DISTANCE) {
        known.at = out.length;
        return known.reg;
      }
      const temporary = fresh();
      fetch(reg, inst, temporary);
      held.set(reg, { reg: temporary, at: out.length });
      return temporary;
    };
    let dropped: MachineInst[] = [];
    for (const inst of block.insts) {
      for (const one of dropped) addNotes(inst, one.notes);
      dropped = [];
      const { dst } = inst;
      if (inst.op === 'mov' && (spilled(dst) || spilled(inst.a))) {
        if (spilled(dst) && made.has(dst)) throw new Error('a remade register is not moved to');
        if (!spilled(dst)) {
          const known = held.get(inst.a);
          if (known && out.length - known.at <= REUSE_DISTANCE) {
            inst.a = known.reg;
            out.push(inst);
          } else {
            fetch(inst.a, inst, dst);
            dropped.push(inst);
          }
          continue;
        }
        if (spilled(inst.a) && !made.has(inst.a) && slots.get(inst.a) === slots.get(dst)) {
          dropped.push(inst);
          continue;
        }
        let value: VReg;
        if (spilled(inst.a)) {
          value = read(inst.a, inst);
          dropped.push(inst);
        } else {
          // The source may change before the copy is read again: it gets a register of its own, which goes when it can.
          value = fresh();
          inst.dst = value;
          out.push(inst);
        }
        keep(dst, inst, value);
        held.set(dst, { reg: value, at: out.length });
        continue;
      }
      if (spilled(dst) && made.has(dst) && writesDestination(inst)) {
        dropped.push(inst);
        continue;
      }
      inst.a = read(inst.a, inst);
      inst.b = read(inst.b, inst);
      if (!spilled(dst)) {
        out.push(inst);
      } else {
        const reads = readsDestination(inst);
        const writes = writesDestination(inst);
        if (!writes) {
          inst.dst = read(dst, inst);
          out.push(inst);
          continue;
        }
        // What is written gets a register of its own: the one before may still be needed as an operand.
        const temporary = fresh();
        if (reads) {
          const known = held.get(dst);
          if (known && out.length - known.at <= REUSE_DISTANCE) {
            const move = new MachineInst('mov', inst.span);
            move.dst = temporary;
            move.a = known.reg;
            out.push(move);
          } else fetch(dst, inst, temporary);
        }
        inst.dst = temporary;
        out.push(inst);
        keep(dst, inst, temporary);
        held.set(dst, { reg: temporary, at: out.length });
      }
      // What outlives these may find no register at all.
      if (inst.op === 'call' || (inst.asm !== undefined && inst.asm.writes.length > 2)) held.clear();
    }
    block.insts = needless.size === 0 ? out : without(out, (inst) => needless.has(inst));
    if (fn.variables !== undefined) moveNotes(out, needless, made, slots);
  }
  return temporaries;
}

/** Notes follow the values to the stack; what is not stored since nobody reads it there is still in a register. */
function moveNotes(
  insts: readonly MachineInst[],
  needless: ReadonlySet<MachineInst>,
  made: ReadonlyMap<VReg, MachineInst>,
  slots: ReadonlyMap<VReg, FrameSlot>,
): void {
  const unwritten = new Map<FrameSlot, VReg>();
  for (const inst of insts) {
    inst.notes &&= inst.notes.map((note) => {
      const slot = slots.get(note.reg);
      if (slot === undefined) return note;
      const source = made.get(note.reg);
      if (source === undefined) {
        const reg = unwritten.get(slot);
        return reg === undefined ? { ...note, reg: NONE, slot } : { ...note, reg };
      }
      const number = source.core === undefined ? numberIn(source) : undefined;
      return { ...note, reg: NONE, number };
    });
    if (inst.op !== 'store' || inst.slot === undefined) continue;
    if (needless.has(inst)) unwritten.set(inst.slot, inst.b);
    else unwritten.delete(inst.slot);
  }
}

function numberIn(inst: MachineInst): bigint | undefined {
  if (inst.op === 'set64') return inst.value;
  return inst.op === 'set' ? BigInt(inst.width === 32 ? inst.imm >>> 0 : inst.imm) : undefined;
}

/** The one definition of each register that is a number or an address. */
function remakable(fn: MachineFunction, slots: ReadonlyMap<VReg, FrameSlot>): Map<VReg, MachineInst> {
  const found = new Map<VReg, MachineInst>();
  const refused = new Set<VReg>();
  for (const block of fn.blocks) {
    for (const inst of block.insts) {
      const { dst } = inst;
      if (dst === NONE || !slots.has(dst) || !writesDestination(inst)) continue;
      const simple = inst.op === 'set' || inst.op === 'set64' || inst.op === 'address' || inst.op === 'frame';
      if (!simple || found.has(dst)) refused.add(dst);
      else found.set(dst, inst);
    }
  }
  for (const reg of refused) found.delete(reg);
  return found;
}

export function spillSlot(): FrameSlot {
  return { size: 8, align: 8, alloca: undefined, offset: 0 };
}
