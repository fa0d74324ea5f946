import type { AllocaInst, Block, Inst, Param, Terminator, Value } from '../ir/ir.ts';
import { forEachOperand, targetsOf } from '../ir/uses.ts';
import type { FrameSlot } from './machine.ts';

/**
 * Stack variables that are never in use at the same time get one slot: a variable is in use from where its address is
 * first mentioned to where it is last mentioned, on every way between. Those whose address is stored somewhere are in
 * use all the time. `order` are the blocks that can be reached.
 */
export function shareSlots(
  order: readonly Block[],
  alignOf: (alloca: AllocaInst) => number,
): Map<AllocaInst, FrameSlot> {
  const shared = new Map<AllocaInst, FrameSlot>();
  const allocas = order.flatMap((block) => block.insts.filter((inst) => inst.kind === 'alloca'));
  if (allocas.length < 2) return shared;
  const uses = new Uses(order, allocas);
  const conflicts = conflictsOf(order, uses, allocas.length);
  const groups: { slot: FrameSlot; members: number[] }[] = [];
  const bySize = allocas.map((_, index) => index).sort((a, b) => allocas[b]!.size - allocas[a]!.size || a - b);
  for (const index of bySize) {
    const alloca = allocas[index]!;
    const group = uses.escaped.has(index)
      ? undefined
      : groups.find(({ members }) => members.every((other) => !conflicts[index]!.has(other)));
    if (group === undefined) {
      const slot: FrameSlot = { size: alloca.size, align: alignOf(alloca), alloca, offset: 0 };
      shared.set(alloca, slot);
      if (!uses.escaped.has(index)) groups.push({ slot, members: [index] });
      continue;
    }
    group.members.push(index);
    const { slot } = group;
    const align = Math.max(slot.align, alignOf(alloca));
    if (align !== slot.align) {
      const wider: FrameSlot = { ...slot, align };
      for (const member of group.members) shared.set(allocas[member]!, wider);
      group.slot = wider;
    } else shared.set(alloca, slot);
  }
  return shared;
}

type Mentions = Map<number, { first: number; last: number }>;

/** Where each variable is mentioned, through whatever its address was made into. */
class Uses {
  readonly escaped = new Set<number>();
  readonly mentions: Mentions[];
  private readonly pointers = new Map<Value, ReadonlySet<number>>();

  constructor(order: readonly Block[], allocas: readonly AllocaInst[]) {
    for (const [index, alloca] of allocas.entries()) this.pointers.set(alloca, new Set([index]));
    while (this.spread(order)) {
      // Until nothing new is known: addresses go around loops through the parameters of blocks.
    }
    this.mentions = order.map((block) => this.mentionsOf(block));
  }

  private spread(order: readonly Block[]): boolean {
    let changed = false;
    const add = (value: Inst | Param, from: ReadonlySet<number> | undefined) => {
      if (from === undefined) return;
      const known = this.pointers.get(value);
      if (known === undefined) {
        this.pointers.set(value, new Set(from));
        changed = true;
        return;
      }
      const missing = [...from].filter((one) => !known.has(one));
      if (missing.length === 0) return;
      this.pointers.set(value, new Set([...known, ...missing]));
      changed = true;
    };
    for (const block of order) {
      for (const inst of block.insts) {
        if (inst.kind === 'alloca') continue;
        if (inst.kind === 'store' || inst.kind === 'atomic')
          for (const index of this.pointers.get(inst.value) ?? []) this.escaped.add(index);
        if (makesPointer(inst)) forEachOperand(inst, (value) => add(inst, this.pointers.get(value)));
      }
      for (const { block: to, args } of targetsOf(block.term))
        for (const [i, param] of to.params.entries()) add(param, this.pointers.get(args[i]!));
    }
    return changed;
  }

  private mentionsOf(block: Block): Mentions {
    const found: Mentions = new Map();
    const visit = (user: Inst | Terminator, at: number) =>
      forEachOperand(user, (value) => {
        for (const index of this.pointers.get(value) ?? []) {
          const known = found.get(index);
          if (known === undefined) found.set(index, { first: at, last: at });
          else known.last = at;
        }
      });
    for (const [at, inst] of block.insts.entries()) visit(inst, at);
    visit(block.term, block.insts.length);
    return found;
  }
}

/** Whether the result may lead to what the operands lead to. Helpers never give back the addresses they were given. */
function makesPointer(inst: Inst): boolean {
  switch (inst.kind) {
    case 'load':
    case 'store':
    case 'compare':
    case 'memcpy':
    case 'memset':
      return false;
    case 'call':
      return inst.callee.kind !== 'helper' && inst.type !== 'void';
    default:
      return inst.type !== 'void';
  }
}

function conflictsOf(order: readonly Block[], { mentions }: Uses, count: number): Set<number>[] {
  const indexOf = new Map(order.map((block, index) => [block, index]));
  const next = order.map((block) => targetsOf(block.term).map((target) => indexOf.get(target.block)!));
  const before: number[][] = order.map(() => []);
  for (const [from, list] of next.entries()) for (const to of list) before[to]!.push(from);
  /** Mentioned on some way to the block, and from its end on. */
  const reached = flow(mentions, before, order.length, false);
  const wanted = flow(mentions, next, order.length, true);
  const conflicts: Set<number>[] = [];
  for (let i = 0; i < count; i++) conflicts.push(new Set());
  for (let b = 0; b < order.length; b++) {
    const alive: { index: number; start: number; end: number }[] = [];
    for (const [index, { first, last }] of mentions[b]!) {
      const start = reached[b]!.has(index) ? -1 : first;
      alive.push({ index, start, end: wanted[b]!.has(index) ? Number.POSITIVE_INFINITY : last });
    }
    for (const index of reached[b]!) {
      if (!mentions[b]!.has(index) && wanted[b]!.has(index))
        alive.push({ index, start: -1, end: Number.POSITIVE_INFINITY });
    }
    for (const [i, one] of alive.entries()) {
      for (const other of alive.slice(i + 1)) {
        if (one.start > other.end || other.start > one.end) continue;
        conflicts[one.index]!.add(other.index);
        conflicts[other.index]!.add(one.index);
      }
    }
  }
  return conflicts;
}

/** For each block what is mentioned in the blocks that its edges lead to, and in theirs. */
function flow(
  mentions: readonly Mentions[],
  edges: readonly number[][],
  count: number,
  backward: boolean,
): Set<number>[] {
  const sets: Set<number>[] = mentions.map(() => new Set());
  for (let changed = true; changed; ) {
    changed = false;
    for (let step = 0; step < count; step++) {
      const b = backward ? count - 1 - step : step;
      const own = sets[b]!;
      const size = own.size;
      for (const other of edges[b]!) {
        for (const index of mentions[other]!.keys()) own.add(index);
        for (const index of sets[other]!) own.add(index);
      }
      changed ||= own.size !== size;
    }
  }
  return sets;
}
