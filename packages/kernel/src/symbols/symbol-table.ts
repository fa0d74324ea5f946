/** What an address belongs to. */
export interface Found {
  readonly name: string;
  /** Bytes from its start. */
  readonly offset: number;
}

/**
 * Names by address, for looking up the one that an address lies in. A kernel has 200,000 of them: addresses are kept as
 * pairs of 32-bit numbers, which compare and sort many times as fast as `bigint`.
 */
export class SymbolTable {
  /** Sorted: low and high half in turn. */
  private readonly starts: Uint32Array;
  private readonly ends: Uint32Array;
  private readonly names: readonly string[];

  /** See {@link SymbolList}. Of several symbols at one address the first is kept. */
  constructor(list: SymbolList) {
    const { starts, ends, names } = list;
    const order = sorted(starts, names.length);
    const kept = order.filter((one, i) => i === 0 || compare(starts, one, starts, order[i - 1]!) !== 0);
    this.starts = new Uint32Array(2 * kept.length);
    this.ends = new Uint32Array(2 * kept.length);
    for (let i = 0; i < kept.length; i++) {
      const one = kept[i]!;
      copy(this.starts, i, starts, one);
      if (compare(ends, one, starts, one) > 0) copy(this.ends, i, ends, one);
      else if (i + 1 < kept.length) copy(this.ends, i, starts, kept[i + 1]!);
      else this.ends.fill(0xffff_ffff, 2 * i);
    }
    this.names = Array.from(kept, (one) => names[one]!);
  }

  get size(): number {
    return this.names.length;
  }

  find(address: bigint): Found | undefined {
    const at = new Uint32Array([Number(address & LOW), Number(address >> 32n)]);
    let low = 0;
    let high = this.names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(this.starts, middle, at, 0) <= 0) low = middle + 1;
      else high = middle;
    }
    const found = low - 1;
    if (found < 0 || compare(at, 0, this.ends, found) >= 0) return undefined;
    const start = (BigInt(this.starts[2 * found + 1]!) << 32n) | BigInt(this.starts[2 * found]!);
    return { name: this.names[found]!, offset: Number(address - start) };
  }
}

/** Symbols in any order, in the making. */
export class SymbolList {
  starts = new Uint32Array(2048);
  ends = new Uint32Array(2048);
  readonly names: string[] = [];

  /** `end` not above `start` means: up to the next symbol. */
  add(start: bigint, end: bigint, name: string): void {
    this.addHalves(Number(start & LOW), Number(start >> 32n), Number(end & LOW), Number(end >> 32n), name);
  }

  addHalves(startLow: number, startHigh: number, endLow: number, endHigh: number, name: string): void {
    const at = 2 * this.names.length;
    if (at === this.starts.length) {
      this.starts = grown(this.starts);
      this.ends = grown(this.ends);
    }
    this.starts[at] = startLow;
    this.starts[at + 1] = startHigh;
    this.ends[at] = endLow;
    this.ends[at + 1] = endHigh;
    this.names.push(name);
  }
}

const LOW = 0xffff_ffffn;

function grown(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(2 * array.length);
  larger.set(array);
  return larger;
}

/** Stable: of equal ones the first stays the first. The kernel lists its own symbols in order already. */
function sorted(starts: Uint32Array, count: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const inOrder = order.every((one, i) => i === 0 || compare(starts, one - 1, starts, one) <= 0);
  return inOrder ? order : order.sort((a, b) => compare(starts, a, starts, b) || a - b);
}

function compare(a: Uint32Array, i: number, b: Uint32Array, j: number): number {
  return a[2 * i + 1]! - b[2 * j + 1]! || a[2 * i]! - b[2 * j]!;
}

function copy(to: Uint32Array, i: number, from: Uint32Array, j: number): void {
  to[2 * i] = from[2 * j]!;
  to[2 * i + 1] = from[2 * j + 1]!;
}
