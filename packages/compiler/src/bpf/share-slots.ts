import { bytesOf, typeOf } from '../ir/constant.ts';
import type { AllocaInst, Block, Inst, Param, ScalarType, Terminator, Value } from '../ir/ir.ts';
import { forEachOperand, targetsOf } from '../ir/uses.ts';
import type { FrameSlot } from './machine.ts';

/**
 * Stack variables that are never in use at the same time get one slot: a variable is in use from where its address is
 * first mentioned to where it is last mentioned, on every way between; so is what its memory holds addresses of. What is
 * written as a whole was not in use just before: of a loop's variables, from one turn to the next. Those whose address is
 * stored anywhere else are in use all the time. `order` are the blocks that can be reached.
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

/** `fresh`: it is written as a whole before anything else is done to it. */
type Mentions = Map<number, { readonly first: number; last: number; fresh: boolean }>;

/** Where each variable is mentioned, through whatever its address was made into. */
class Uses {
  readonly escaped = new Set<number>();
  readonly mentions: Mentions[];
  private readonly indexOf: ReadonlyMap<Value, number>;
  private readonly pointers = new Map<Value, ReadonlySet<number>>();
  /** The variables whose addresses may lie in each variable. */
  private readonly contents = new Map<number, Set<number>>();
  private readonly held = new Map<number, ReadonlySet<number>>();

  constructor(order: readonly Block[], allocas: readonly AllocaInst[]) {
    this.indexOf = new Map(allocas.map((alloca, index) => [alloca, index]));
    for (const [index, alloca] of allocas.entries()) this.pointers.set(alloca, new Set([index]));
    while (this.spread(order)) {
      // Until nothing new is known: addresses go around loops through the parameters of blocks.
    }
    // What an escaped variable holds is reached through it at any time.
    for (const index of this.escaped) for (const one of this.contents.get(index) ?? []) this.escaped.add(one);
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
        if (this.keep(inst)) changed = true;
        if (inst.kind === 'load')
          for (const from of this.pointers.get(inst.address) ?? []) add(inst, this.contents.get(from));
        if (makesPointer(inst)) forEachOperand(inst, (value) => add(inst, this.pointers.get(value)));
      }
      for (const { block: to, args } of targetsOf(block.term))
        for (const [i, param] of to.params.entries()) add(param, this.pointers.get(args[i]!));
    }
    return changed;
  }

  /** Addresses that the instruction may leave in memory. Returns whether that is new. */
  private keep(inst: Inst): boolean {
    const of = (value: Value) => this.pointers.get(value) ?? NONE;
    switch (inst.kind) {
      case 'store':
      case 'atomic':
        return this.fill(of(inst.address), of(inst.value));
      case 'memcpy':
        return this.fill(
          of(inst.target),
          new Set([...of(inst.source)].flatMap((one) => [...(this.contents.get(one) ?? NONE)])),
        );
      case 'asm':
        return this.fill(NONE, new Set(inst.inputs.flatMap((value) => [...of(value)])));
      case 'call': {
        // A function may store one of its arguments in what another leads to; a helper does not.
        if (inst.callee.kind === 'helper') return false;
        const all = new Set(inst.args.flatMap((value) => [...of(value)]));
        return all.size > 1 && this.fill(all, all);
      }
      default:
        return false;
    }
  }

  /** `values` are stored in `targets`, or where none is known, anywhere. */
  private fill(targets: ReadonlySet<number>, values: ReadonlySet<number>): boolean {
    let changed = false;
    const into = (set: Set<number>) => {
      for (const value of values) {
        if (set.has(value)) continue;
        set.add(value);
        changed = true;
      }
    };
    if (targets.size === 0) into(this.escaped);
    for (const target of targets) {
      let set = this.contents.get(target);
      if (set === undefined) {
        set = new Set();
        this.contents.set(target, set);
      }
      into(set);
    }
    return changed;
  }

  /** What a variable leads to, through what that holds. */
  private heldIn(index: number): ReadonlySet<number> {
    let held = this.held.get(index);
    if (held !== undefined) return held;
    held = new Set(this.contents.get(index));
    for (const one of held) for (const next of this.contents.get(one) ?? NONE) (held as Set<number>).add(next);
    this.held.set(index, held);
    return held;
  }

  private mentionsOf(block: Block): Mentions {
    const found: Mentions = new Map();
    /** Of those that have only been written so far, the bytes that are; `USED` for the others. */
    const written = new Map<number, Set<number>>();
    const mention = (index: number, at: number, write: Write | undefined) => {
      let known = found.get(index);
      if (known === undefined) {
        known = { first: at, last: at, fresh: false };
        found.set(index, known);
      } else known.last = at;
      if (write?.index !== index) {
        written.set(index, USED);
        return;
      }
      let bytes = written.get(index);
      if (bytes === USED) return;
      if (bytes === undefined) {
        bytes = new Set();
        written.set(index, bytes);
      }
      for (let byte = write.start; byte < write.end; byte++) bytes.add(byte);
      if (bytes.size === write.alloca.size) known.fresh = true;
    };
    const visit = (user: Inst | Terminator, at: number) => {
      const write = this.writeOf(user);
      forEachOperand(user, (value) => {
        for (const index of this.pointers.get(value) ?? []) {
          mention(index, at, write);
          for (const held of this.heldIn(index)) mention(held, at, undefined);
        }
      });
    };
    for (const [at, inst] of block.insts.entries()) visit(inst, at);
    visit(block.term, block.insts.length);
    return found;
  }

  /** What an instruction does to a variable if all it does is to write a part of it that is known. */
  private writeOf(user: Inst | Terminator): Write | undefined {
    switch (user.kind) {
      case 'store':
        return user.volatile
          ? undefined
          : this.writeTo(user.address, user.offset, bytesOf(typeOf(user.value) as ScalarType), user.value);
      case 'memset':
        return this.writeTo(user.target, 0, user.size, user.value);
      case 'memcpy':
        return user.volatile ? undefined : this.writeTo(user.target, 0, user.size, user.source);
      case 'call': {
        if (user.callee.kind !== 'helper' || !PROBE_READS.has(user.callee.name)) return undefined;
        const [target, size, source] = user.args;
        return size?.kind === 'const' ? this.writeTo(target!, 0, Number(size.value), source!) : undefined;
      }
      default:
        return undefined;
    }
  }

  private writeTo(address: Value, offset: number, size: number, other: Value): Write | undefined {
    let start = offset;
    let at = address;
    for (; at.kind === 'ptradd' && at.offset.kind === 'const'; at = at.base) start += Number(at.offset.value);
    const index = this.indexOf.get(at);
    if (at.kind !== 'alloca' || index === undefined || this.pointers.get(other)?.has(index)) return undefined;
    return start >= 0 && start + size <= at.size ? { index, alloca: at, start, end: start + size } : undefined;
  }
}

interface Write {
  readonly index: number;
  readonly alloca: AllocaInst;
  readonly start: number;
  readonly end: number;
}

const USED = new Set<number>();
const NONE: ReadonlySet<number> = new Set();

/** They fill what they are given, with zeros where they fail. */
const PROBE_READS: ReadonlySet<string> = new Set(['bpf_probe_read', 'bpf_probe_read_kernel', 'bpf_probe_read_user']);

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
  const reached = flow(mentions, before, count, false);
  const wanted = flow(mentions, next, count, true);
  const conflicts: Set<number>[] = [];
  for (let i = 0; i < count; i++) conflicts.push(new Set());
  for (let b = 0; b < order.length; b++) {
    const alive: { index: number; start: number; end: number }[] = [];
    for (const [index, { first, last, fresh }] of mentions[b]!) {
      const start = has(reached[b]!, index) && !fresh ? -1 : first;
      alive.push({ index, start, end: has(wanted[b]!, index) ? Number.POSITIVE_INFINITY : last });
    }
    for (let word = 0; word < wanted[b]!.length; word++) {
      for (let bits = reached[b]![word]! & wanted[b]![word]!; bits !== 0; bits &= bits - 1) {
        const index = 32 * word + 31 - Math.clz32(bits & -bits);
        if (!mentions[b]!.has(index)) alive.push({ index, start: -1, end: Number.POSITIVE_INFINITY });
      }
    }
    for (const [i, one] of alive.entries()) {
      for (let j = i + 1; j < alive.length; j++) {
        const other = alive[j]!;
        if (one.start > other.end || other.start > one.end) continue;
        conflicts[one.index]!.add(other.index);
        conflicts[other.index]!.add(one.index);
      }
    }
  }
  return conflicts;
}

/** For each block what is mentioned in the blocks that its edges lead to, and in theirs: one bit a variable. */
function flow(
  mentions: readonly Mentions[],
  edges: readonly number[][],
  count: number,
  backward: boolean,
): Uint32Array[] {
  const blocks = mentions.length;
  const words = (count + 31) >> 5;
  const sets = mentions.map(() => new Uint32Array(words));
  const own = mentions.map((one) => {
    const set = new Uint32Array(words);
    for (const [index, { fresh }] of one) if (!backward || !fresh) set[index >> 5]! |= 1 << (index & 31);
    return set;
  });
  /** What comes from behind a block ends where the block writes it anew. */
  const kept = mentions.map((one) => {
    const set = new Uint32Array(words).fill(0xffff_ffff);
    if (backward) for (const [index, { fresh }] of one) if (fresh) set[index >> 5]! &= ~(1 << (index & 31));
    return set;
  });
  for (let changed = true; changed; ) {
    changed = false;
    for (let step = 0; step < blocks; step++) {
      const b = backward ? blocks - 1 - step : step;
      const set = sets[b]!;
      for (const other of edges[b]!) {
        for (let w = 0; w < words; w++) {
          const bits = set[w]! | (sets[other]![w]! & kept[other]![w]!) | own[other]![w]!;
          if (bits >>> 0 === set[w]) continue;
          set[w] = bits;
          changed = true;
        }
      }
    }
  }
  return sets;
}

function has(set: Uint32Array, index: number): boolean {
  return ((set[index >> 5]! >>> (index & 31)) & 1) !== 0;
}
