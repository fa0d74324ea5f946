import { typeOf } from '../ir/constant.ts';
import { type Dominators, dominatorsOf, type Graph, graphOf } from '../ir/graph.ts';
import type { Func, Inst, LoadInst, ScalarType, StoreInst, Value } from '../ir/ir.ts';
import { isLocal, mapOperands, replaceValues, resolve } from '../ir/uses.ts';
import { escapingRoots, type Region, regionOf, rootOf, takesContext } from './memory.ts';

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

/** For each kind of memory, the number of the state that it is in; equal numbers mean nothing was written between. */
type Versions = Record<'private' | 'stack' | 'context' | 'other', number>;

class Numbering {
  private readonly func: Func;
  private readonly graph: Graph;
  private readonly dominators: Dominators;
  private readonly replacements = new Map<Value, Value>();
  private readonly numbers = new Map<Value, number>();
  private readonly table = new Map<string, Value>();
  private readonly escaping: ReadonlySet<Value>;
  private readonly contextEscapes: boolean;
  private readonly leaving: (Versions | undefined)[] = [];
  private readonly statesAfter = new Map<Inst, [keyof Versions, number][]>();
  private clock = 0;

  constructor(func: Func, graph: Graph, dominators: Dominators) {
    this.func = func;
    this.graph = graph;
    this.dominators = dominators;
    this.escaping = escapingRoots(func);
    this.contextEscapes = func.params.some((param) => this.escaping.has(param));
  }

  run(): boolean {
    const entering = this.enteringVersions();
    const path: { node: number; next: number; added: string[] }[] = [{ node: 0, next: -1, added: [] }];
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      if (top.next === -1) {
        this.block(top.node, { ...entering[top.node]! }, top.added);
        top.next = 0;
      }
      const child = this.dominators.children[top.node]![top.next++];
      if (child !== undefined) {
        path.push({ node: child, next: -1, added: [] });
        continue;
      }
      for (const key of top.added) this.table.delete(key);
      path.pop();
    }
    replaceValues(this.func, this.replacements);
    return this.replacements.size > 0;
  }

  /**
   * The states of memory at the start of each block, in reverse post order: where paths meet with different states a
   * new one begins, and so it does at the head of a loop, unless nothing in the whole function writes that memory.
   */
  private enteringVersions(): Versions[] {
    const written = { private: false, stack: false, context: false, other: false };
    for (const block of this.graph.order) {
      for (const inst of block.insts) for (const region of this.written(inst)) written[region] = true;
    }
    const entering: Versions[] = [];
    for (const [i, block] of this.graph.order.entries()) {
      const own: Versions = { private: 0, stack: 0, context: 0, other: 0 };
      for (const region of REGIONS) {
        if (!written[region]) continue;
        const states = new Set<number | undefined>();
        for (const edge of this.graph.edges[i]!) {
          const from = this.graph.indexOf.get(edge.from)!;
          states.add(from < i ? this.leaving[from]![region] : undefined);
        }
        const [only] = states;
        own[region] = states.size === 1 && only !== undefined ? only : ++this.clock;
      }
      entering.push(own);
      const after = { ...own };
      for (const inst of block.insts) this.touch(inst, after);
      this.leaving[i] = after;
    }
    return entering;
  }

  private block(node: number, versions: Versions, added: string[]): void {
    const block = this.graph.order[node]!;
    const map = (value: Value) => (isLocal(value) ? resolve(this.replacements, value) : value);
    for (const inst of block.insts) {
      mapOperands(inst, map);
      if (inst.kind === 'load' && !inst.volatile) {
        this.reuse(this.loadKey(inst, inst.type as ScalarType, versions), inst, added);
      } else {
        const key = this.key(inst, node);
        if (key !== undefined) this.reuse(key, inst, added);
        this.touch(inst, versions);
        if (inst.kind === 'store' && !inst.volatile) this.remember(inst, versions, added);
      }
    }
    mapOperands(block.term, map);
  }

  private reuse(key: string, inst: Inst, added: string[]): void {
    const known = this.table.get(key);
    if (known !== undefined) {
      this.replacements.set(inst, known);
      return;
    }
    this.table.set(key, inst);
    added.push(key);
  }

  /** After a store, a load of the same bytes is the value that was stored. */
  private remember(inst: StoreInst, versions: Versions, added: string[]): void {
    const key = this.loadKey(inst, typeOf(inst.value) as ScalarType, versions);
    this.table.set(key, inst.value);
    added.push(key);
  }

  private loadKey(inst: LoadInst | StoreInst, type: ScalarType, versions: Versions): string {
    const region = this.region(inst.address);
    const version = region === 'constant' ? 0 : versions[region];
    return `load ${type} ${this.number(inst.address)} ${inst.offset} ${version}`;
  }

  /** A new state of every kind of memory that the instruction may write. */
  private touch(inst: Inst, versions: Versions): void {
    let list = this.statesAfter.get(inst);
    if (list === undefined) {
      list = [];
      for (const region of this.written(inst)) list.push([region, ++this.clock]);
      this.statesAfter.set(inst, list);
    }
    for (const [region, state] of list) versions[region] = state;
  }

  private written(inst: Inst): readonly (keyof Versions)[] {
    switch (inst.kind) {
      case 'store':
      case 'atomic':
        return this.writes(inst.address);
      case 'memcpy':
      case 'memset':
        return this.writes(inst.target);
      case 'load':
        // A volatile load is a point in time, which other reads of shared memory do not cross.
        return inst.volatile && this.region(inst.address) === 'other' ? ['other'] : [];
      case 'call':
        return takesContext(inst) || this.contextEscapes || inst.callee.kind !== 'helper' ? SHARED : ['stack', 'other'];
      case 'barrier':
        return inst.value === undefined ? REGIONS : [];
      default:
        return [];
    }
  }

  private writes(address: Value): readonly (keyof Versions)[] {
    switch (this.region(address)) {
      case 'private':
        return ['private'];
      case 'context':
        return this.contextEscapes ? ['context', 'other'] : ['context'];
      case 'stack':
        return ['stack', 'other'];
      default:
        return this.contextEscapes ? SHARED : ['stack', 'other'];
    }
  }

  private region(address: Value): keyof Versions | 'constant' {
    const region: Region = regionOf(address);
    return region === 'stack' && !this.escaping.has(rootOf(address)) ? 'private' : region;
  }

  private key(inst: Inst, node: number): string | undefined {
    switch (inst.kind) {
      case 'binary':
        return `${inst.op} ${inst.type} ${this.number(inst.a)} ${this.number(inst.b)}`;
      case 'compare':
        // Kept where it is: a condition in a register is worse than the compare that branches.
        return `${inst.op} ${this.number(inst.a)} ${this.number(inst.b)} in ${node}`;
      case 'cast':
        return `${inst.op} ${inst.type} ${this.number(inst.value)}`;
      case 'bswap':
        return `bswap ${inst.type} ${this.number(inst.value)}`;
      case 'select':
        return `select ${this.number(inst.condition)} ${this.number(inst.a)} ${this.number(inst.b)}`;
      case 'ptradd':
        // Constants are cheaper made again than kept in a register.
        return `ptradd ${this.number(inst.base)} ${this.number(inst.offset)}${inst.offset.kind === 'const' ? ` in ${node}` : ''}`;
      case 'core':
        return `core ${inst.relocation} ${inst.root} ${inst.access} in ${node}`;
      default:
        return undefined;
    }
  }

  private number(value: Value): number | string {
    if (value.kind === 'const') return `${value.type}:${value.value}`;
    if (value.kind === 'undef') return `${value.type}:undef`;
    let number = this.numbers.get(value);
    if (number === undefined) {
      number = this.numbers.size;
      this.numbers.set(value, number);
    }
    return number;
  }
}

const REGIONS = ['private', 'stack', 'context', 'other'] as const;
const SHARED = ['stack', 'context', 'other'] as const;
