/** What an address belongs to. */
export interface Found {
  readonly name: string;
  /** Bytes from its start. */
  readonly offset: number;
}

/**
 * Names by address, for looking up the one that an address lies in. Built once, then only searched; addresses are 64 bits
 * wide, so they are kept as such.
 */
export class SymbolTable {
  private readonly starts: BigUint64Array;
  private readonly ends: BigUint64Array;
  private readonly names: readonly string[];

  /** An `end` of 0 means: up to the next one. Of several at one address the first is kept. */
  constructor(symbols: readonly { readonly start: bigint; readonly end: bigint; readonly name: string }[]) {
    const sorted = [...symbols].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
    const kept = sorted.filter((one, i) => i === 0 || one.start !== sorted[i - 1]!.start);
    this.starts = BigUint64Array.from(kept, (one) => one.start);
    this.ends = BigUint64Array.from(kept, (one, i) => (one.end > one.start ? one.end : (kept[i + 1]?.start ?? LAST)));
    this.names = kept.map((one) => one.name);
  }

  get size(): number {
    return this.names.length;
  }

  find(address: bigint): Found | undefined {
    let low = 0;
    let high = this.starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.starts[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    const at = low - 1;
    if (at < 0 || address >= this.ends[at]!) return undefined;
    return { name: this.names[at]!, offset: Number(address - this.starts[at]!) };
  }
}

const LAST = 0xffff_ffff_ffff_ffffn;
