import { analyse, findLoops } from './dominators.ts';
import { type Block, type Graph, isLocalCall, width } from './graph.ts';
import { instructionAt } from './instruction.ts';

/**
 * A loop over neighbouring elements of memory that several turns of can be done by vector instructions, before the loop
 * itself does the last ones. What is known of it is in terms of the registers at the start of a turn.
 */
export interface VectorLoop {
  /** The register that counts, what a turn adds to it, and what it stays below. */
  readonly counter: number;
  readonly step: number;
  readonly limit: number;
  /** Bytes of an element. */
  readonly size: 1 | 2 | 4 | 8;
  /** Instructions of one turn. */
  readonly cost: number;
  /** Registers that the loop writes; beside the counter and a sum none may be looked at before a turn writes it. */
  readonly written: readonly number[];
  readonly work: VectorWork;
}

export type VectorWork =
  /** `sum += element`, in 32 or 64 bits. */
  | { readonly kind: 'sum'; readonly sum: number; readonly wide: boolean; readonly from: Linear }
  | { readonly kind: 'copy'; readonly from: Linear; readonly to: Linear }
  /** Elements until one fulfils a condition, which leaves the loop. */
  | { readonly kind: 'search'; readonly until: readonly Until[] };

export interface Until {
  readonly from: Linear;
  /** Another element or a number. */
  readonly with: Linear | number;
  readonly equal: boolean;
}

/** The low 32 bits of registers times numbers and a number. */
export interface Linear {
  readonly terms: ReadonlyMap<number, number>;
  readonly constant: number;
}

/** Puts a block for {@link VectorLoop} before each loop that is one. Only for programs whose accesses are safe. */
export function vectorise(code: Int32Array, graph: Graph): void {
  const { blocks } = graph;
  const successors = blocks.map((block) => block.next);
  const flow = analyse(successors);
  if (!flow.reducible || !flow.isHeader.includes(1)) return;
  const loops = findLoops(successors, flow, () => 1);
  const members = new Map<number, number[]>();
  for (const header of loops.leaves) members.set(header, []);
  for (const node of flow.order) members.get(loops.innermost[node]!)?.push(node);
  for (const [header, nodes] of members) {
    if (header === 0 || nodes.length > LONGEST) continue;
    const vector = new Chain(code, blocks, header, nodes).recognise();
    if (vector === undefined) continue;
    const { context, from } = blocks[header]!;
    const added = blocks.length;
    for (const node of flow.order) {
      if (nodes.includes(node)) continue;
      const { next } = blocks[node]!;
      next.forEach((to, i) => {
        if (to === header) next[i] = added;
      });
    }
    blocks[header] = { ...blocks[header]!, remainder: true };
    blocks.push({ context, from, to: from, before: undefined, end: 'goto', slot: from, next: [header], vector });
  }
}

/** Bytes that a loop goes through at least, from zero on: others are unrolled. */
const SHORTEST = 64;

/** Blocks of a loop that is looked at. */
const LONGEST = 6;

type Value =
  | { readonly kind: 'linear'; readonly linear: Linear }
  | { readonly kind: 'load'; readonly size: number; readonly from: Linear }
  /** A loaded byte or the like, shifted to the top of 32 or 64 bits, and back: then with its sign. */
  | { readonly kind: 'shifted'; readonly load: Load; readonly by: number; readonly wide: boolean }
  | { readonly kind: 'extended'; readonly load: Load; readonly wide: boolean }
  | { readonly kind: 'sum'; readonly register: number; readonly load: Load; readonly wide: boolean }
  | { readonly kind: 'unknown' };
type Load = Extract<Value, { kind: 'load' }>;

const UNKNOWN: Value = { kind: 'unknown' };

/** The blocks of a loop, one behind the other, followed once with what registers hold. */
class Chain {
  private readonly code: Int32Array;
  private readonly blocks: readonly Block[];
  private readonly header: number;
  private readonly nodes: ReadonlySet<number>;
  private readonly values: Value[] = Array.from({ length: 11 }, (_, register) => ({
    kind: 'linear',
    linear: { terms: new Map([[register, 1]]), constant: 0 },
  }));
  private readonly written = new Set<number>();
  private readonly stores: { readonly size: number; readonly to: Linear; readonly value: Value }[] = [];
  private readonly until: { readonly a: Value; readonly b: Value; readonly equal: boolean }[] = [];
  private loads = 0;
  private cost = 0;

  constructor(code: Int32Array, blocks: readonly Block[], header: number, nodes: readonly number[]) {
    this.code = code;
    this.blocks = blocks;
    this.header = header;
    this.nodes = new Set(nodes);
  }

  recognise(): VectorLoop | undefined {
    const { code, blocks, header, nodes } = this;
    const { context } = blocks[header]!;
    let node = header;
    for (let left = nodes.size; ; left--) {
      const block = blocks[node]!;
      if (block.context !== context || block.before !== undefined || block.end === 'exit') return undefined;
      for (let slot = block.from; slot < block.to; slot += width(code, slot)) if (!this.step(slot)) return undefined;
      this.cost += block.to - block.from + 1;
      const inside = block.next.findIndex((to) => nodes.has(to));
      if (inside < 0 || block.next.every((to) => nodes.has(to) && block.next.length > 1)) return undefined;
      const next = block.next[inside]!;
      if (next === header) return left === 1 && block.end === 'branch' ? this.counted(block, inside === 0) : undefined;
      if (left === 1) return undefined;
      if (block.end === 'branch' && !this.exit(block.slot, inside === 1)) return undefined;
      node = next;
    }
  }

  /** The branch back, taken while the counter is below a number; `taken` when it is the jump that leads back. */
  private counted(block: Block, taken: boolean): VectorLoop | undefined {
    const word = this.code[2 * block.slot]!;
    const imm = this.code[2 * block.slot + 1]!;
    const op = word & 0xff;
    if ((op & 8) !== 0 || imm <= 0) return undefined;
    const counter = (word >>> 8) & 15;
    const value = this.values[counter]!;
    if (value.kind !== 'linear' || value.linear.terms.size !== 1 || value.linear.terms.get(counter) !== 1)
      return undefined;
    const step = value.linear.constant;
    const limits: Record<number, number> = taken
      ? { 5: imm, 10: imm, 12: imm, 11: imm + 1, 13: imm + 1 }
      : { 1: imm, 3: imm, 7: imm, 2: imm + 1, 6: imm + 1 };
    const limit = limits[op >> 4];
    if (limit === undefined || limit > MOST_TURNS || step <= 0 || step > 64) return undefined;
    const sums = [...this.written].filter((register) => {
      const value = this.values[register]!;
      return value.kind === 'sum' && value.register === register;
    });
    const steady = (linear: Linear): boolean =>
      [...linear.terms.keys()].every(
        (register) => register === counter || (register < 10 && !this.written.has(register)),
      );
    /** Bytes from one turn's element to the next's. */
    const stride = (linear: Linear): number => (linear.terms.get(counter) ?? 0) * step;
    const one = (work: VectorWork, size: number, places: readonly Linear[]): VectorLoop | undefined => {
      if (limit * size < SHORTEST * step || !places.every((place) => steady(place) && stride(place) === size))
        return undefined;
      return {
        counter,
        step,
        limit,
        size: size as VectorLoop['size'],
        cost: this.cost,
        written: [...this.written],
        work,
      };
    };
    const { stores, until } = this;
    if (sums.length === 1 && stores.length === 0 && until.length === 0 && this.loads === 1) {
      const sum = this.values[sums[0]!]! as Extract<Value, { kind: 'sum' }>;
      if (!(sum.wide ? sum.load.size <= 2 : sum.load.size <= 4)) return undefined;
      const { from, size } = sum.load;
      return one({ kind: 'sum', sum: sum.register, wide: sum.wide, from }, size, [from]);
    }
    if (sums.length > 0) return undefined;
    if (stores.length === 1 && until.length === 0 && this.loads === 1) {
      const { size, to, value: stored } = stores[0]!;
      if (stored.kind !== 'load' || stored.size !== size) return undefined;
      return one({ kind: 'copy', from: stored.from, to }, size, [stored.from, to]);
    }
    if (stores.length === 0 && until.length > 0) {
      const conditions: Until[] = [];
      let size = 0;
      for (const { a, b, equal } of until) {
        const compared = comparison(a, b);
        if (compared === undefined || (size !== 0 && size !== compared.size)) return undefined;
        size = compared.size;
        conditions.push({ from: compared.from, with: compared.with, equal });
      }
      if (size > 4) return undefined;
      const places = conditions.flatMap((one) => (typeof one.with === 'number' ? [one.from] : [one.from, one.with]));
      return one({ kind: 'search', until: conditions }, size, places);
    }
    return undefined;
  }

  /** A branch out of the loop; `taken` when it is the jump that leaves. */
  private exit(slot: number, taken: boolean): boolean {
    const word = this.code[2 * slot]!;
    const op = word & 0xff;
    const operation = op >> 4;
    if (operation !== 1 && operation !== 5) return false;
    const imm = this.code[2 * slot + 1]!;
    const b: Value =
      (op & 8) !== 0
        ? this.values[(word >>> 12) & 15]!
        : { kind: 'linear', linear: { terms: new Map(), constant: imm } };
    const a = this.values[(word >>> 8) & 15]!;
    this.until.push({ a, b, equal: (operation === 1) === taken });
    return true;
  }

  /** Follows an instruction; false when the loop does something else than vectors can. */
  private step(slot: number): boolean {
    const { op, d, s, off, imm } = instructionAt(this.code, slot);
    const { values } = this;
    const set = (value: Value): true => {
      values[d] = value;
      this.written.add(d);
      return true;
    };
    switch (op & 7) {
      case 7:
      case 4:
        return set(this.arithmetic(op, d, s, off, imm));
      case 1: {
        const size = SIZES[op];
        const base = values[s]!;
        if (size === undefined || base.kind !== 'linear') return false;
        this.loads += 1;
        return set({ kind: 'load', size, from: plus(base.linear, constant(off)) });
      }
      case 3: {
        const size = SIZES[op ^ 2];
        const base = values[d]!;
        if (op >> 5 !== 3 || size === undefined || base.kind !== 'linear') return false;
        this.stores.push({ size, to: plus(base.linear, constant(off)), value: values[s]! });
        return true;
      }
      default:
        return (op & 7) === 5 && !isLocalCall(this.code, slot) && op !== 0x85;
    }
  }

  private arithmetic(op: number, d: number, s: number, off: number, imm: number): Value {
    const { values } = this;
    const wide = (op & 7) === 7;
    const register = (op & 8) !== 0;
    if (off !== 0 || op >> 4 === 0xd) return UNKNOWN;
    const source: Value = register ? values[s]! : { kind: 'linear', linear: constant(imm) };
    const before = values[d]!;
    switch (op >> 4) {
      case 0xb:
        if (wide || source.kind === 'linear' || (source.kind === 'load' && source.size < 8)) return source;
        return UNKNOWN;
      case 0x0: {
        if (before.kind === 'linear' && source.kind === 'linear')
          return { kind: 'linear', linear: plus(before.linear, source.linear) };
        for (const [sum, load] of [
          [before, source],
          [source, before],
        ] as const) {
          if (sum.kind !== 'linear' || load.kind !== 'load') continue;
          const [only] = sum.linear.terms;
          if (sum.linear.terms.size === 1 && sum.linear.constant === 0 && only![1] === 1)
            return { kind: 'sum', register: only![0], load, wide };
        }
        return UNKNOWN;
      }
      case 0x2:
        return before.kind === 'linear' && !register ? { kind: 'linear', linear: times(before.linear, imm) } : UNKNOWN;
      case 0x6:
        if (register || imm < 0 || imm > 63) return UNKNOWN;
        if (before.kind === 'linear' && imm < 31) return { kind: 'linear', linear: times(before.linear, 1 << imm) };
        return before.kind === 'load' ? { kind: 'shifted', load: before, by: imm, wide } : UNKNOWN;
      case 0x7:
      case 0xc:
        if (before.kind !== 'shifted' || register || before.by !== imm || before.wide !== wide) return UNKNOWN;
        if (imm !== (wide ? 64 : 32) - 8 * before.load.size) return UNKNOWN;
        return op >> 4 === 7 ? before.load : { kind: 'extended', load: before.load, wide };
      case 0x5:
        // A mask that leaves all of a loaded number.
        return before.kind === 'load' && !register && before.size < 4 && imm === (1 << (8 * before.size)) - 1
          ? before
          : UNKNOWN;
      default:
        return UNKNOWN;
    }
  }
}

/** An element and what it is compared with. */
function comparison(
  a: Value,
  b: Value,
): { readonly size: number; readonly from: Linear; readonly with: Linear | number } | undefined {
  if (a.kind === 'extended' && b.kind === 'extended') return a.wide === b.wide ? comparison(a.load, b.load) : undefined;
  if (a.kind !== 'load') return b.kind === 'load' ? comparison(b, a) : undefined;
  if (b.kind === 'load') return a.size === b.size ? { size: a.size, from: a.from, with: b.from } : undefined;
  if (b.kind !== 'linear' || b.linear.terms.size > 0) return undefined;
  const number = b.linear.constant;
  return number >= 0 && number < 2 ** Math.min(31, 8 * a.size)
    ? { size: a.size, from: a.from, with: number }
    : undefined;
}

const constant = (value: number): Linear => ({ terms: new Map(), constant: value });

function plus(a: Linear, b: Linear): Linear {
  const terms = new Map(a.terms);
  for (const [register, factor] of b.terms) terms.set(register, ((terms.get(register) ?? 0) + factor) | 0);
  return { terms, constant: (a.constant + b.constant) | 0 };
}

function times(a: Linear, factor: number): Linear {
  return {
    terms: new Map([...a.terms].map(([register, own]) => [register, Math.imul(own, factor)])),
    constant: Math.imul(a.constant, factor),
  };
}

/** Sums of so many 16-bit numbers fit into 32 bits. */
const MOST_TURNS = 1 << 15;

/** Bytes of loads without sign, by opcode. */
const SIZES: Record<number, number> = { 97: 4, 105: 2, 113: 1, 121: 8 };
