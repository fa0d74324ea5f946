import {
  createMachineBlock,
  type MachineBlock,
  type MachineFunction,
  MachineInst,
  type MachineNote,
  NONE,
  writesDestination,
} from './machine.ts';

/**
 * Blocks that go on at the same place and end in the same instructions share them: what inlining one function twice
 * leaves behind. An access through a pointer is shared only with the instruction that makes the pointer: reached with
 * two kinds of pointers it would be refused. Returns whether anything changed.
 */
export function shareTails(fn: MachineFunction): boolean {
  const groups = new Map<MachineBlock | undefined, MachineBlock[]>();
  for (const block of fn.blocks) {
    const { op } = block.insts[block.insts.length - 1]!;
    if (op !== 'jump' && op !== 'exit') continue;
    const list = groups.get(block.successors[0]);
    if (list) list.push(block);
    else groups.set(block.successors[0], [block]);
  }
  const sharing = new Sharing();
  for (const group of groups.values()) if (group.length > 1) sharing.split(group, 0, 0, 0, new Set());
  if (sharing.behind.size > 0) {
    fn.blocks = fn.blocks.flatMap((block) => [block, ...(sharing.behind.get(block) ?? [])]);
    for (const [i, block] of fn.blocks.entries()) block.index = i;
  }
  return sharing.shared.size > 0;
}

/** Fewer instructions are not worth the jump to them. */
const SHORTEST = 2;

class Sharing {
  /** New blocks, by the block that they stand behind, which falls into them. */
  readonly behind = new Map<MachineBlock, readonly MachineBlock[]>();
  readonly shared = new Set<MachineBlock>();
  private readonly keys = new Map<MachineInst, string>();
  private readonly identities = new Map<object, number>();

  /**
   * The last `depth` instructions of the blocks are the same; `usable` of them can be shared, and the blocks above share
   * `floor` of them anyway. `wanted` are the registers through which those instructions reach memory and which none of
   * them sets.
   */
  split(
    group: readonly MachineBlock[],
    depth: number,
    usable: number,
    floor: number,
    wanted: ReadonlySet<number>,
  ): void {
    const ways = new Map<string, MachineBlock[]>();
    for (const block of group) {
      const inst = block.insts[block.insts.length - 1 - depth];
      const key = inst === undefined ? undefined : this.keyOf(inst);
      if (key === undefined) continue;
      const list = ways.get(key);
      if (list) list.push(block);
      else ways.set(key, [block]);
    }
    for (const list of ways.values()) {
      if (list.length < 2) continue;
      const next = new Set(wanted);
      const inst = list[0]!.insts[list[0]!.insts.length - 1 - depth]!;
      if (writesDestination(inst)) next.delete(inst.dst);
      if (inst.op === 'call') next.delete(0);
      if (reachesMemory(inst)) next.add(inst.a);
      const all = list.length === group.length;
      this.split(list, depth + 1, next.size === 0 ? depth + 1 : usable, all ? floor : usable, next);
      if (all) return;
    }
    if (usable > floor) this.share(group, usable);
  }

  private share(group: readonly MachineBlock[], count: number): void {
    // Those that already share more end in a jump now.
    const blocks = group.filter((block) => !this.shared.has(block));
    const [first] = blocks;
    if (blocks.length < 2 || first === undefined) return;
    const jump = first.insts[first.insts.length - 1]!.op === 'jump';
    if (count - (jump ? 1 : 0) < SHORTEST) return;
    const tails = blocks.map((block) => block.insts.slice(block.insts.length - count));
    const whole = blocks.find((block) => block.insts.length === count);
    const tail = whole ?? createMachineBlock();
    tail.insts = mergedTail(tails);
    tail.successors = first.successors.slice();
    for (const block of blocks) {
      this.shared.add(block);
      if (block === tail) continue;
      const last = new MachineInst('jump', tails[0]![0]!.span);
      block.insts = [...block.insts.slice(0, block.insts.length - count), last];
      block.successors = [tail];
    }
    if (whole !== undefined) return;
    this.behind.set(first, [tail]);
  }

  /** The same for instructions that do the same; undefined for those that are never shared. */
  private keyOf(inst: MachineInst): string | undefined {
    if (inst.op === 'asm') return undefined;
    let key = this.keys.get(inst);
    if (key === undefined) {
      const { op, dst, a, b, imm, off, size, width, bits, flag, alu, jump, atomic, value, symbol, slot, core, target } =
        inst;
      const numbers = [dst, a, b, imm, off, size, width, bits];
      const call = target === undefined ? '' : target.kind === 'helper' ? target.id : this.idOf(target.func);
      const relocation = core === undefined ? '' : `${core.relocation} ${core.root} ${core.access}`;
      key = `${op} ${numbers.join(' ')} ${flag} ${alu} ${jump} ${atomic} ${value} ${this.idOf(symbol)} ${this.idOf(slot)} ${call} ${relocation} ${inst.span?.file.name} ${inst.span?.start}`;
      this.keys.set(inst, key);
    }
    return key;
  }

  private idOf(of: object | undefined): number | string {
    if (of === undefined) return '';
    let id = this.identities.get(of);
    if (id === undefined) {
      id = this.identities.size;
      this.identities.set(of, id);
    }
    return id;
  }
}

function reachesMemory({ op, slot }: MachineInst): boolean {
  return (op === 'load' || op === 'store' || op === 'storei' || op === 'atomic') && slot === undefined;
}

/** What all of them note holds; of other variables nothing is known. */
function mergedTail(tails: readonly (readonly MachineInst[])[]): MachineInst[] {
  return tails[0]!.map((inst, i) => {
    const notes = tails.map((tail) => tail[i]!.notes);
    if (notes.every((list) => list === undefined)) return inst;
    const [first] = notes;
    if (notes.every((list) => isSame(list, first))) return inst;
    const variables = new Set(notes.flatMap((list) => (list ?? []).map((note) => note.variable)));
    inst.notes = [...variables].map((variable) => ({ variable, reg: NONE, slot: undefined, number: undefined }));
    return inst;
  });
}

function isSame(a: readonly MachineNote[] | undefined, b: readonly MachineNote[] | undefined): boolean {
  if (a?.length !== b?.length) return false;
  return (a ?? []).every((note, i) => {
    const other = b![i]!;
    return (
      note.variable === other.variable &&
      note.reg === other.reg &&
      note.slot === other.slot &&
      note.number === other.number
    );
  });
}
