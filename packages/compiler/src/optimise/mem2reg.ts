import { createParam } from '../ir/build.ts';
import { bytesOf, typeOf, undef } from '../ir/constant.ts';
import { type Dominators, dominatorsOf, frontiersOf, type Graph, graphOf } from '../ir/graph.ts';
import type {
  AllocaInst,
  Block,
  CastInst,
  Func,
  Inst,
  LoadInst,
  Param,
  ScalarType,
  StoreInst,
  Value,
} from '../ir/ir.ts';
import { forEachOperand, forEachUser, replaceValues, targetsOf } from '../ir/uses.ts';

/**
 * Turns allocas that are only loaded and stored as a whole into values, with block parameters where paths meet and the
 * variable is still read (pruned SSA). What is read before it is written becomes `undef`.
 */
export function promoteAllocas(func: Func): boolean {
  const slots = findSlots(func);
  if (slots.size === 0) return false;
  const graph = graphOf(func);
  const dominators = dominatorsOf(graph);
  const inserted = placeParams(graph, dominators, slots);
  rename(func, graph, dominators, slots, inserted);
  return true;
}

interface Slot {
  readonly alloca: AllocaInst;
  readonly type: ScalarType;
  readonly accesses: (LoadInst | StoreInst)[];
}

function findSlots(func: Func): Map<Value, Slot> {
  const slots = new Map<Value, Slot>();
  const first = new Map<Value, ScalarType>();
  const accesses = new Map<Value, (LoadInst | StoreInst)[]>();
  for (const inst of func.blocks[0]?.insts ?? []) if (inst.kind === 'alloca') accesses.set(inst, []);
  if (accesses.size === 0) return slots;
  forEachUser(func, (user) => {
    const address = user.kind === 'load' || user.kind === 'store' ? user.address : undefined;
    const type =
      user.kind === 'load' ? (user.type as ScalarType) : user.kind === 'store' ? scalarOf(user.value) : 'i64';
    forEachOperand(user, (value) => {
      const list = accesses.get(value);
      if (list === undefined) return;
      const alloca = value as AllocaInst;
      const whole =
        value === address &&
        (user.kind === 'load' || (user.kind === 'store' && user.value !== value)) &&
        !user.volatile &&
        user.offset === 0 &&
        bytesOf(type) === alloca.size;
      if (!whole) {
        accesses.delete(value);
        return;
      }
      list.push(user);
      // Pointers win over integers: casting to `ptr` would hide from a reader what the variable is.
      const known = first.get(value);
      if (known === undefined || (type === 'ptr' && known === 'i64') || known === 'i1') first.set(value, type);
    });
  });
  for (const [value, list] of accesses) {
    slots.set(value, { alloca: value as AllocaInst, type: first.get(value) ?? 'i64', accesses: list });
  }
  return slots;
}

function scalarOf(value: Value): ScalarType {
  return typeOf(value) as ScalarType;
}

/** By block index: the variables that get a parameter there, in the order of the parameters added. */
function placeParams(graph: Graph, dominators: Dominators, slots: ReadonlyMap<Value, Slot>): Map<number, Placed[]> {
  const placed = new Map<number, Placed[]>();
  if (graph.order.length === 1) return placed;
  const writes = new Map<Slot, Set<number>>();
  const reads = new Map<Slot, Set<number>>();
  for (const [i, block] of graph.order.entries()) {
    const written = new Set<Slot>();
    for (const inst of block.insts) {
      if (inst.kind !== 'load' && inst.kind !== 'store') continue;
      const slot = slots.get(inst.address);
      if (slot === undefined) continue;
      if (inst.kind === 'store') {
        written.add(slot);
        add(writes, slot, i);
      } else if (!written.has(slot)) {
        add(reads, slot, i);
      }
    }
  }
  const frontiers = frontiersOf(graph, dominators);
  for (const slot of slots.values()) {
    const writers = writes.get(slot);
    const readers = reads.get(slot);
    if (writers === undefined || readers === undefined) continue;
    const live = liveIn(graph, readers, writers);
    const done = new Set<number>();
    const work = [...writers];
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      for (const join of frontiers[at]!) {
        if (done.has(join) || !live.has(join)) continue;
        done.add(join);
        work.push(join);
        const param = createParam(slot.type, slot.alloca.name);
        graph.order[join]!.params.push(param);
        const list = placed.get(join);
        if (list === undefined) placed.set(join, [{ slot, param }]);
        else list.push({ slot, param });
      }
    }
  }
  return placed;
}

interface Placed {
  readonly slot: Slot;
  readonly param: Param;
}

/** The blocks at whose start the variable may still be read. */
function liveIn(graph: Graph, readers: ReadonlySet<number>, writers: ReadonlySet<number>): Set<number> {
  const live = new Set<number>(readers);
  const work = [...readers];
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    for (const edge of graph.edges[at]!) {
      const from = graph.indexOf.get(edge.from)!;
      if (live.has(from) || writers.has(from)) continue;
      live.add(from);
      work.push(from);
    }
  }
  return live;
}

/** Walks the dominator tree with the current value of every variable; what a block changes is undone when it is left. */
function rename(
  func: Func,
  graph: Graph,
  dominators: Dominators,
  slots: ReadonlyMap<Value, Slot>,
  placed: ReadonlyMap<number, readonly Placed[]>,
): void {
  const current = new Map<Slot, Value>();
  const replacements = new Map<Value, Value>();
  const valueIn = (slot: Slot) => current.get(slot) ?? undef(slot.type);
  type Undo = { readonly slot: Slot; readonly before: Value | undefined };
  const path: { node: number; next: number; undo: Undo[] }[] = [{ node: 0, next: -1, undo: [] }];
  while (path.length > 0) {
    const top = path[path.length - 1]!;
    if (top.next === -1) {
      const set = (slot: Slot, value: Value) => {
        top.undo.push({ slot, before: current.get(slot) });
        current.set(slot, value);
      };
      const block = graph.order[top.node]!;
      const notes: Inst[] = [];
      for (const { slot, param } of placed.get(top.node) ?? []) {
        set(slot, param);
        note(slot, param, undefined, notes);
      }
      rewriteBlock(block, slots, valueIn, set, replacements);
      if (notes.length > 0) block.insts.unshift(...notes);
      top.next = 0;
      for (const { block: to, args } of targetsOf(block.term)) {
        for (const { slot } of placed.get(graph.indexOf.get(to)!) ?? []) args.push(valueIn(slot));
      }
    }
    const child = dominators.children[top.node]![top.next++];
    if (child !== undefined) {
      path.push({ node: child, next: -1, undo: [] });
      continue;
    }
    for (let undo = top.undo.pop(); undo !== undefined; undo = top.undo.pop()) {
      if (undo.before === undefined) current.delete(undo.slot);
      else current.set(undo.slot, undo.before);
    }
    path.pop();
  }
  // Blocks that cannot be reached may still name the variables.
  func.blocks = func.blocks.filter((block) => graph.indexOf.has(block));
  replaceValues(func, replacements);
}

function rewriteBlock(
  block: Block,
  slots: ReadonlyMap<Value, Slot>,
  valueIn: (slot: Slot) => Value,
  set: (slot: Slot, value: Value) => void,
  replacements: Map<Value, Value>,
): void {
  const kept: Inst[] = [];
  for (const inst of block.insts) {
    if (inst.kind === 'alloca' && slots.has(inst)) continue;
    const slot = inst.kind === 'load' || inst.kind === 'store' ? slots.get(inst.address) : undefined;
    if (slot === undefined) {
      kept.push(inst);
    } else if (inst.kind === 'load') {
      replacements.set(inst, coerce(valueIn(slot), inst.type as ScalarType, inst, kept));
    } else if (inst.kind === 'store') {
      const value = coerce(inst.value, slot.type, inst, kept);
      set(slot, value);
      note(slot, value, inst.span, kept);
    }
  }
  block.insts = kept;
}

function note({ alloca: { variable } }: Slot, value: Value, span: Inst['span'], into: Inst[]): void {
  if (variable !== undefined) into.push({ kind: 'note', type: 'void', variable, value, span });
}

/** Between types of one size in memory. */
function coerce(value: Value, type: ScalarType, at: Inst, into: Inst[]): Value {
  const from = scalarOf(value);
  if (from === type) return value;
  if (value.kind === 'undef') return undef(type);
  const op: CastInst['op'] =
    from === 'ptr' ? 'ptrtoint' : type === 'ptr' ? 'inttoptr' : type === 'i1' ? 'trunc' : 'zext';
  const cast: CastInst = { kind: 'cast', op, type, value, span: at.span };
  into.push(cast);
  return cast;
}

function add<K>(map: Map<K, Set<number>>, key: K, value: number): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}
