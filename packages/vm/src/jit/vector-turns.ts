import type { Linear, Until, VectorLoop } from './vector.ts';
import * as w from './wasm.ts';

/** What the code of {@link VectorTurns} is put into. */
export interface VectorSite {
  /** A new local of a type. */
  local(type: number): number;
  /** Leaves a register's low half on the stack. */
  get32(register: number): void;
}

/** The code of a {@link VectorLoop}, but for its last turns. */
export class VectorTurns {
  /** The local with the counter's value behind the turns. */
  readonly counter: number;
  private readonly code: w.Code;
  private readonly loop: VectorLoop;
  private readonly site: VectorSite;
  /** Vectors of sums, or of a condition. */
  private readonly vector: number;
  private readonly pointers = new Map<Linear, number>();

  constructor(code: w.Code, loop: VectorLoop, site: VectorSite) {
    this.code = code;
    this.loop = loop;
    this.site = site;
    this.counter = site.local(w.I32);
    this.vector = site.local(w.V128);
  }

  emit(): void {
    const { code, loop, site } = this;
    const { work, counter, step, size, limit } = loop;
    site.get32(counter);
    code.op1(w.LOCAL_SET, this.counter);
    for (const place of placesOf(loop)) this.pointer(place);
    code.op(w.BLOCK);
    code.op(w.VOID);
    if (work.kind === 'sum') {
      code.i32(0);
      code.simd(w.I32X4_SPLAT);
      code.op1(w.LOCAL_SET, this.vector);
    } else if (work.kind === 'copy') {
      // What is copied may be what was written a few turns ago.
      code.op1(w.LOCAL_GET, this.pointers.get(work.to)!);
      code.op1(w.LOCAL_GET, this.pointers.get(work.from)!);
      code.op(w.I32_SUB);
      code.i32(VECTOR);
      code.op(w.I32_LT_U);
      code.op1(w.BR_IF, 0);
    }
    for (const vectors of work.kind === 'search' ? [1] : [4, 1]) {
      const turns = (vectors * VECTOR * step) / size;
      if (limit <= turns) continue;
      code.op(w.BLOCK);
      code.op(w.VOID);
      code.op(w.LOOP);
      code.op(w.VOID);
      code.op1(w.LOCAL_GET, this.counter);
      code.i32(limit - turns);
      code.op(w.I32_GE_U);
      code.op1(w.BR_IF, 1);
      for (let i = 0; i < vectors; i++) this.turn(i * VECTOR);
      for (const pointer of this.pointers.values()) this.advance(pointer, vectors * VECTOR);
      this.advance(this.counter, turns);
      code.op1(w.BR, 0);
      code.op(w.END);
      code.op(w.END);
    }
    code.op(w.END);
  }

  /** Leaves the sum of the elements, as many bits as it is wanted in. */
  emitSum(): void {
    const { code } = this;
    for (let lane = 0; lane < 4; lane++) {
      code.op1(w.LOCAL_GET, this.vector);
      code.simd(w.I32X4_EXTRACT_LANE);
      code.op(lane);
      if (lane > 0) code.op(w.I32_ADD);
    }
    if (this.loop.work.kind === 'sum' && this.loop.work.wide) code.op(w.I64_EXTEND_U);
  }

  /** Takes from a budget what the turns cost. */
  emitCharge(budget: number): void {
    const { code, loop } = this;
    code.op1(w.LOCAL_GET, budget);
    code.op1(w.LOCAL_GET, this.counter);
    this.site.get32(loop.counter);
    code.op(w.I32_SUB);
    code.i32(loop.cost);
    code.op(w.I32_MUL);
    code.op(w.I32_SUB);
    code.op1(w.LOCAL_SET, budget);
  }

  private turn(offset: number): void {
    const { code, loop, vector } = this;
    const { work } = loop;
    if (work.kind === 'sum') {
      this.load(work.from, offset);
      if (loop.size === 1) code.simd(w.I16X8_EXTADD_I8X16_U);
      if (loop.size <= 2) code.simd(w.I32X4_EXTADD_I16X8_U);
      code.op1(w.LOCAL_GET, vector);
      code.simd(w.I32X4_ADD);
      code.op1(w.LOCAL_SET, vector);
    } else if (work.kind === 'copy') {
      code.op1(w.LOCAL_GET, this.pointers.get(work.to)!);
      this.load(work.from, offset);
      code.op(w.SIMD);
      code.access(w.V128_STORE, offset);
    } else {
      work.until.forEach((condition, i) => {
        this.condition(condition, offset);
        if (i > 0) code.simd(w.V128_OR);
      });
      code.simd(BITMASKS[loop.size]!);
      code.op1(w.LOCAL_TEE, this.mask());
      code.op(w.IF);
      code.op(w.VOID);
      // The element that fulfils it is left for the loop.
      code.op1(w.LOCAL_GET, this.counter);
      code.op1(w.LOCAL_GET, this.mask());
      code.op(w.I32_CTZ);
      code.i32(loop.step);
      code.op(w.I32_MUL);
      code.op(w.I32_ADD);
      code.op1(w.LOCAL_SET, this.counter);
      code.op1(w.BR, 3);
      code.op(w.END);
    }
  }

  private condition({ from, with: other, equal }: Until, offset: number): void {
    const { code, loop } = this;
    this.load(from, offset);
    if (typeof other !== 'number') this.load(other, offset);
    else {
      code.i32(other);
      code.simd(SPLATS[loop.size]!);
    }
    // Behind each comparison stands the one for the opposite.
    code.simd(EQUALS[loop.size]! + (equal ? 0 : 1));
  }

  private mask(): number {
    this.maskLocal ??= this.site.local(w.I32);
    return this.maskLocal;
  }
  private maskLocal: number | undefined;

  private load(place: Linear, offset: number): void {
    this.code.op1(w.LOCAL_GET, this.pointers.get(place)!);
    this.code.op(w.SIMD);
    this.code.access(w.V128_LOAD, offset);
  }

  private advance(local: number, by: number): void {
    const { code } = this;
    code.op1(w.LOCAL_GET, local);
    code.i32(by);
    code.op(w.I32_ADD);
    code.op1(w.LOCAL_SET, local);
  }

  /** The first address of an element, in a local of its own. */
  private pointer(place: Linear): void {
    if (this.pointers.has(place)) return;
    const { code, site } = this;
    code.i32(place.constant);
    for (const [register, factor] of place.terms) {
      site.get32(register);
      if (factor !== 1) {
        code.i32(factor);
        code.op(w.I32_MUL);
      }
      code.op(w.I32_ADD);
    }
    const local = site.local(w.I32);
    code.op1(w.LOCAL_SET, local);
    this.pointers.set(place, local);
  }
}

function placesOf({ work }: VectorLoop): Linear[] {
  switch (work.kind) {
    case 'sum':
      return [work.from];
    case 'copy':
      return [work.from, work.to];
    case 'search':
      return work.until.flatMap((one) => (typeof one.with === 'number' ? [one.from] : [one.from, one.with]));
  }
}

/** Bytes of a vector. */
const VECTOR = 16;

/** By the bytes of an element. */
const SPLATS: Record<number, number> = { 1: w.I8X16_SPLAT, 2: w.I16X8_SPLAT, 4: w.I32X4_SPLAT };
const EQUALS: Record<number, number> = { 1: w.I8X16_EQ, 2: w.I16X8_EQ, 4: w.I32X4_EQ };
const BITMASKS: Record<number, number> = { 1: w.I8X16_BITMASK, 2: w.I16X8_BITMASK, 4: w.I32X4_BITMASK };
