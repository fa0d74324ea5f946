import { Random } from '../../../test/support/random.mjs';
import type { IntegerType } from './program.ts';

/** What a seed decides: the same seed gives the same program. */
export class Chance {
  protected readonly name: string;
  /** Most programs are a few statements: many of them find more in the same time. One in sixteen is a large one. */
  protected readonly large: boolean;
  private readonly source: Random;
  protected counter = 0;

  constructor(seed: number) {
    this.name = `p${seed}`;
    this.large = seed % 16 === 0;
    this.source = new Random(seed);
  }

  protected random(): number {
    return this.source.fraction();
  }
  protected below(n: number): number {
    return this.source.below(n);
  }
  protected chance(probability: number): boolean {
    return this.random() < probability;
  }
  protected pick<T>(list: readonly T[]): T {
    return this.source.pick(list);
  }
  protected fresh(prefix: string): string {
    return `${prefix}${this.counter++}`;
  }

  protected literal(type: IntegerType): string {
    if (type.bits === 1) return this.pick(['0', '1']);
    const bits = type.signed ? type.bits - 1 : type.bits;
    let value = this.number(bits);
    if (this.chance(0.6))
      value = BigInt.asUintN(bits, BigInt(this.pick([0, 1, 2, 3, 7, 8, 15, 16, 31, 64, 100, 127, 128, 255, 256])));
    const minus = type.signed && this.chance(0.3) ? '-' : '';
    const suffix = type.bits === 64 ? (type.signed ? 'll' : 'ull') : type.bits === 32 && !type.signed ? 'u' : '';
    return type.bits < 32
      ? `((${type.name})${minus}${value})`
      : minus
        ? `(${minus}${value}${suffix})`
        : `${value}${suffix}`;
  }

  protected number(bits: number): bigint {
    const edge = [
      0n,
      1n,
      -1n,
      127n,
      128n,
      255n,
      0x7fffn,
      0x8000n,
      0xffffn,
      0x7fffffffn,
      0x80000000n,
      0xffffffffn,
      0x7fffffffffffffffn,
    ];
    const any = (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32));
    return BigInt.asUintN(bits, this.chance(0.4) ? this.pick(edge) : any >> BigInt(this.below(64)));
  }
}
