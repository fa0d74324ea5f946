import { typeOf } from '../ir/constant.ts';
import { type Dominators, dominatorsOf, type Graph, graphOf } from '../ir/graph.ts';
import type { CoreInst, Func, Inst, LoadInst, ScalarType, StoreInst, Value } from '../ir/ir.ts';
import { isLocal, mapOperands, replaceValues, resolve } from '../ir/uses.ts';
import { areApart } from './alias.ts';
import { type MemoryClass, MemoryModel } from './memory.ts';
import { Tuples } from './tuples.ts';

/**
 * Computes nothing twice: pure instructions that a dominating one has already computed, loads whose memory nobody can
 * have written since, and loads of what was just stored. So a check and the use of what was checked name one value,
 * even where the source reads it again.
 */
export function numberValues(func: Func): boolean {
  const graph = graphOf(func);
  const dominators = dominatorsOf(graph);
  return new Numbering(func, graph, dominators).run();
}

/** A store looks so far back for what it leaves as it was. */
const MAX_CARRIED = 24;

interface Content {
  readonly access: LoadInst | StoreInst;
  readonly value: Value;
  readonly memory: MemoryClass;
  /** The state of that memory. */
  readonly version: number;
}

class Numbering {
  private readonly func: Func;
  private readonly graph: Graph;
  private readonly dominators: Dominators;
  private readonly memory: MemoryModel;
  private readonly replacements = new Map<Value, Value>();
  private readonly numbers = new Map<Value, number>();
  private readonly constants = new Map<ScalarType, Map<bigint | undefined, number>>();
  private readonly names = new Map<string, number>();
  private readonly keys = new Tuples();
  /** By key. */
  private readonly table: (Value | undefined)[] = [];
  /** What an instruction writes has a new state, the same one each time it is come to. */
  private readonly states = new Map<Inst, readonly (readonly [MemoryClass, number])[]>();
  /** What memory is known to hold, the latest last. */
  private readonly contents: Content[] = [];
  private clock = 0;
  private next = 0;

  constructor(func: Func, graph: Graph, dominators: Dominators) {
    this.func = func;
    this.graph = graph;
    this.dominators = dominators;
    this.memory = new MemoryModel(func);
  }

  run(): boolean {
    const entering = this.enteringVersions();
    type Step = { node: number; next: number; added: number[]; contents: number };
    const path: Step[] = [{ node: 0, next: -1, added: [], contents: 0 }];
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      if (top.next === -1) {
        this.block(top.node, entering[top.node]!, top.added);
        top.next = 0;
      }
      const child = this.dominators.children[top.node]![top.next++];
      if (child !== undefined) {
        path.push({ node: child, next: -1, added: [], contents: this.contents.length });
        continue;
      }
      for (const key of top.added) this.table[key] = undefined;
      this.contents.length = top.contents;
      path.pop();
    }
    replaceValues(this.func, this.replacements);
    return this.replacements.size > 0;
  }

  /**
   * The states of memory at the start of each block, in reverse post order: where paths meet with different states a
   * new one begins, and so it does at the head of a loop, unless nothing in the whole function writes that memory.
   */
  private enteringVersions(): Int32Array[] {
    const count = this.memory.classes;
    const written = new Set<MemoryClass>();
    for (const block of this.graph.order) {
      for (const inst of block.insts) {
        const classes = this.memory.written(inst);
        if (classes.length === 0) continue;
        for (const one of classes) written.add(one);
        this.states.set(
          inst,
          classes.map((one) => [one, ++this.clock] as const),
        );
      }
    }
    const entering: Int32Array[] = [];
    const leaving: Int32Array[] = [];
    for (const [i, block] of this.graph.order.entries()) {
      const own = new Int32Array(count);
      const before = this.graph.edges[i]!.map((edge) => this.graph.indexOf.get(edge.from)!);
      const loop = before.some((from) => from >= i);
      for (const one of i === 0 ? [] : written) {
        const first = loop ? -1 : leaving[before[0]!]![one]!;
        const same = !loop && before.every((from) => leaving[from]![one] === first);
        own[one] = same ? first : ++this.clock;
      }
      entering.push(own);
      const after = own.slice();
      for (const inst of block.insts) this.touch(inst, after);
      leaving.push(after);
    }
    return entering;
  }

  private block(node: number, versions: Int32Array, added: number[]): void {
    const block = this.graph.order[node]!;
    const map = (value: Value) => (isLocal(value) ? resolve(this.replacements, value) : value);
    for (const inst of block.insts) {
      mapOperands(inst, map);
      if (inst.kind === 'load' && !inst.volatile) {
        this.reuse(this.loadKey(inst, inst.type as ScalarType, versions), inst, added);
        this.know(inst, resolve(this.replacements, inst), versions);
      } else {
        const key = this.key(inst, node);
        if (key !== undefined) this.reuse(key, inst, added);
        const before = inst.kind === 'store' ? versions.slice() : versions;
        this.touch(inst, versions);
        if (inst.kind === 'store') this.carry(inst, before, versions, added);
        if (inst.kind === 'store' && !inst.volatile) this.remember(inst, versions, added);
      }
    }
    mapOperands(block.term, map);
  }

  private reuse(key: number, inst: Inst, added: number[]): void {
    const known = this.table[key];
    if (known !== undefined) {
      this.replacements.set(inst, known);
      return;
    }
    this.table[key] = inst as Value;
    added.push(key);
  }

  /** After a store, a load of the same bytes is the value that was stored. */
  private remember(inst: StoreInst, versions: Int32Array, added: number[]): void {
    const key = this.loadKey(inst, typeOf(inst.value) as ScalarType, versions);
    this.table[key] = inst.value;
    added.push(key);
    this.know(inst, inst.value, versions);
  }

  private know(access: LoadInst | StoreInst, value: Value, versions: Int32Array): void {
    const memory = this.memory.classOf(access.address);
    this.contents.push({ access, value, memory, version: versions[memory]! });
  }

  /** What lies apart from what is stored is as it was. */
  private carry(store: StoreInst, before: Int32Array, after: Int32Array, added: number[]): void {
    const { contents } = this;
    const end = contents.length;
    for (let i = Math.max(0, end - MAX_CARRIED); i < end; i++) {
      const { access, value, memory, version } = contents[i]!;
      if (version !== before[memory] || version === after[memory] || !areApart(access, store)) continue;
      const type = (access.kind === 'load' ? access.type : typeOf(access.value)) as ScalarType;
      const key = this.loadKey(access, type, after);
      if (this.table[key] === undefined) {
        this.table[key] = value;
        added.push(key);
      }
      contents.push({ access, value, memory, version: after[memory]! });
    }
  }

  private loadKey(inst: LoadInst | StoreInst, type: ScalarType, versions: Int32Array): number {
    const version = versions[this.memory.classOf(inst.address)]!;
    return this.keys.numberOf(this.name('load'), this.name(type), this.number(inst.address), inst.offset, version);
  }

  private touch(inst: Inst, versions: Int32Array): void {
    const states = this.states.get(inst);
    if (states !== undefined) for (const [one, state] of states) versions[one] = state;
  }

  private key(inst: Inst, node: number): number | undefined {
    const { keys } = this;
    switch (inst.kind) {
      case 'binary':
        return keys.numberOf(
          this.name(inst.op),
          this.name(inst.type),
          this.number(inst.a),
          this.number(inst.b),
          EVERYWHERE,
        );
      case 'compare':
        // Kept where it is: a condition in a register is worse than the compare that branches.
        return keys.numberOf(this.name('compare'), this.name(inst.op), this.number(inst.a), this.number(inst.b), node);
      case 'cast':
        return keys.numberOf(this.name(inst.op), this.name(inst.type), this.number(inst.value), 0, EVERYWHERE);
      case 'bswap':
        return keys.numberOf(this.name('bswap'), this.name(inst.type), this.number(inst.value), 0, EVERYWHERE);
      case 'select': {
        const { condition, a, b } = inst;
        return keys.numberOf(this.name('select'), this.number(condition), this.number(a), this.number(b), EVERYWHERE);
      }
      case 'ptradd': {
        // Constants are cheaper made again than kept in a register.
        const where = inst.offset.kind === 'const' ? node : EVERYWHERE;
        return keys.numberOf(this.name('ptradd'), 0, this.number(inst.base), this.number(inst.offset), where);
      }
      case 'core':
        return this.coreKey(inst, node);
      default:
        return undefined;
    }
  }

  private coreKey({ relocation, root, access }: CoreInst, where: number): number {
    return this.keys.numberOf(this.name('core'), this.name(relocation), root, this.name(access), where);
  }

  /** Of what is made again rather than kept equal ones have one number all the same, so that loads from them meet. */
  private number(value: Value): number {
    if (value.kind === 'const') return this.constant(value.type, value.value);
    if (value.kind === 'undef') return this.constant(value.type, undefined);
    let number = this.numbers.get(value);
    if (number === undefined) {
      number = this.remadeKey(value) ?? this.next++;
      this.numbers.set(value, number);
    }
    return number;
  }

  private constant(type: ScalarType, value: bigint | undefined): number {
    let known = this.constants.get(type);
    if (known === undefined) {
      known = new Map();
      this.constants.set(type, known);
    }
    let number = known.get(value);
    if (number === undefined) {
      number = this.next++;
      known.set(value, number);
    }
    return number;
  }

  private name(text: string): number {
    let number = this.names.get(text);
    if (number === undefined) {
      number = this.names.size;
      this.names.set(text, number);
    }
    return number;
  }

  /** Negative: no other number is. */
  private remadeKey(value: Value): number | undefined {
    if (value.kind === 'core') return -1 - this.coreKey(value, REMADE);
    if (value.kind !== 'ptradd' || (value.offset.kind !== 'const' && value.offset.kind !== 'core')) return undefined;
    return -1 - this.keys.numberOf(this.name('ptradd'), 0, this.number(value.base), this.number(value.offset), REMADE);
  }
}

/** In the place of a block's index in a key. */
const EVERYWHERE = -1;
const REMADE = -2;
