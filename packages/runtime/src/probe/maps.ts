import { callingUnit, type Declared, declare, type Home } from './unit.ts';
import { fromKernel, type Shape, stored, toKernel, type ValueOf } from './values.ts';

interface Options<K extends Shape, V extends Shape> {
  readonly key: K;
  readonly value: V;
  /** Entries at most; 10240 when not given. */
  readonly max?: number;
}

/** A map that programs and the user side share. Programs get `T | undefined`, and have to look. */
export function hash<const K extends Shape, const V extends Shape>(
  options: Options<K, V>,
): HashMap<ValueOf<K>, ValueOf<V>> {
  return declare(callingUnit(), new HashMap('hash', options.key, options.value));
}
/** The same; when it is full, what was not used for longest goes. */
export function lruHash<const K extends Shape, const V extends Shape>(
  options: Options<K, V>,
): HashMap<ValueOf<K>, ValueOf<V>> {
  return declare(callingUnit(), new HashMap('lruHash', options.key, options.value));
}
/** The same with a value of its own on every CPU. */
export function perCpuHash<const K extends Shape, const V extends Shape>(
  options: Options<K, V>,
): HashMap<ValueOf<K>, ValueOf<V>> {
  return declare(callingUnit(), new HashMap('perCpuHash', options.key, options.value));
}
/** `max` values, by number; there from the start. */
export function array<const V extends Shape>(options: {
  readonly value: V;
  readonly max?: number;
}): ArrayMap<ValueOf<V>> {
  return declare(callingUnit(), new ArrayMap('array', options.value, options.max ?? 1));
}
/** The same with values of its own on every CPU. */
export function perCpuArray<const V extends Shape>(options: {
  readonly value: V;
  readonly max?: number;
}): ArrayMap<ValueOf<V>> {
  return declare(callingUnit(), new ArrayMap('perCpuArray', options.value, options.max ?? 1));
}
/** Networks: the longest prefix that an address has. */
export function lpm<const V extends Shape>(options: {
  readonly addr: 'ipv4';
  readonly value: V;
  readonly max?: number;
}): PrefixMap<ValueOf<V>> {
  return declare(callingUnit(), new PrefixMap<ValueOf<V>>(options.value));
}
/** Counts, by key; on every CPU for itself, added up when they are read. */
export function counter(options?: { readonly max?: number }): Counter<void>;
export function counter<const K extends Shape>(options: {
  readonly key: K;
  readonly max?: number;
}): Counter<ValueOf<K>>;
export function counter(options: { readonly key?: Shape; readonly max?: number } = {}): unknown {
  return declare(callingUnit(), new Counter('counter', options.key));
}
/** How often values were in which power of two. `unit` is for whoever shows it. */
export function histogram(options?: { readonly unit?: string; readonly max?: number }): Histogram<void>;
export function histogram<const K extends Shape>(options: {
  readonly key: K;
  readonly unit?: string;
  readonly max?: number;
}): Histogram<ValueOf<K>>;
export function histogram(
  options: { readonly key?: Shape; readonly unit?: string; readonly max?: number } = {},
): unknown {
  return declare(callingUnit(), new Histogram(options.key, options.unit ?? ''));
}

/** Entries in JavaScript, until a home has them. */
class Store<K, V> implements Declared {
  readonly kind: string;
  protected home: Home | undefined;
  protected readonly entriesHere = new Map<string, readonly [K, V]>();
  protected readonly keyShape: Shape;
  protected readonly valueShape: Shape;

  constructor(kind: string, key: Shape, value: Shape) {
    this.kind = kind;
    this.keyShape = key;
    this.valueShape = value;
  }

  connect(home: Home | undefined): void {
    this.home = home;
    if (home && !/^perCpu|^counter|^histogram/.test(this.kind))
      for (const [key, value] of this.entriesHere.values()) this.write(key, value);
  }

  reset(): void {
    this.entriesHere.clear();
  }

  protected keyOf(key: unknown): unknown {
    return toKernel(this.keyShape, key);
  }

  protected read(key: K): V | undefined {
    if (!this.home) return this.entriesHere.get(textOf(stored(this.keyShape, key)))?.[1];
    const found = this.home.map().get(this.keyOf(key) as never);
    return found === undefined ? undefined : this.decode(found);
  }

  protected write(key: K, value: V): void {
    if (this.home) this.home.map().set(this.keyOf(key) as never, toKernel(this.valueShape, value));
    else {
      const whole = stored(this.keyShape, key);
      this.entriesHere.set(textOf(whole), [whole as K, stored(this.valueShape, value) as V]);
    }
  }

  protected remove(key: K): boolean {
    if (this.home) return this.home.map().delete(this.keyOf(key) as never);
    return this.entriesHere.delete(textOf(stored(this.keyShape, key)));
  }

  protected *all(): Generator<readonly [K, V]> {
    if (!this.home) yield* this.entriesHere.values();
    else for (const [key, value] of this.home.map()) yield [fromKernel(this.keyShape, key) as K, this.decode(value)];
  }

  /** Of per-CPU maps: the sum of bigints and numbers, the first of others. */
  private decode(value: unknown): V {
    if (!Array.isArray(value)) return fromKernel(this.valueShape, value) as V;
    const each = value.map((one) => fromKernel(this.valueShape, one));
    // As if one CPU had counted all: at 64 bits it begins anew.
    if (typeof each[0] === 'bigint')
      return stored(
        this.valueShape,
        each.reduce((sum, one) => (sum as bigint) + (one as bigint)),
      ) as V;
    if (typeof each[0] === 'number') return each.reduce((sum, one) => (sum as number) + (one as number)) as V;
    return each[0] as V;
  }
}

/** What {@link hash} gives. */
export class HashMap<K, V> extends Store<K, V> {
  /** What is there now; later changes do not change it. */
  get(key: K): V | undefined {
    return this.read(key);
  }
  has(key: K): boolean {
    return this.read(key) !== undefined;
  }
  set(key: K, value: V): void {
    this.write(key, value);
  }
  /** Gets it and takes it away. */
  take(key: K): V | undefined {
    const value = this.read(key);
    if (value !== undefined) this.remove(key);
    return value;
  }
  /** Whether it was there. */
  delete(key: K): boolean {
    return this.remove(key);
  }
  /** For the user side. */
  entries(): Iterable<readonly [K, V]> {
    return this.all();
  }
}

/** What {@link array} gives. */
export class ArrayMap<V> extends Store<number, V> {
  readonly length: number;

  constructor(kind: string, value: Shape, length: number) {
    super(kind, 'u32', value);
    this.length = length;
  }
  /** Undefined behind the end. */
  get(index: number): V | undefined {
    if (!(index >= 0 && index < this.length)) return undefined;
    return this.read(index) ?? (zero(this.valueShape) as V);
  }
  set(index: number, value: V): void {
    if (index >= 0 && index < this.length) this.write(index, value);
  }
  entries(): Iterable<readonly [number, V]> {
    return this.all();
  }
}

/** IPv4 networks; the user side writes them as `10.0.0.0/8`. */
export class PrefixMap<V> extends Store<{ prefix: number; addr: number }, V> {
  constructor(value: Shape) {
    super('lpm', { prefix: 'u32', addr: 'ipv4' }, value);
  }
  get(address: number): V | undefined {
    if (this.home) return this.read({ prefix: 32, addr: address });
    let best: readonly [{ prefix: number }, V] | undefined;
    for (const entry of this.entriesHere.values()) {
      const [{ prefix, addr }] = entry;
      const mask = prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0;
      if ((address & mask) >>> 0 === (addr & mask) >>> 0 && prefix >= (best?.[0].prefix ?? -1)) best = entry;
    }
    return best?.[1];
  }
  has(address: number): boolean {
    return this.get(address) !== undefined;
  }
  set(network: string, value: V): void {
    this.write(parseNetwork(network), value);
  }
  delete(network: string): boolean {
    return this.remove(parseNetwork(network));
  }
}

/** What {@link counter} gives. */
export class Counter<K> extends Store<K, bigint> {
  private readonly single: boolean;

  constructor(kind: string, key: Shape | undefined) {
    super(kind, key ?? 'u32', 'u64');
    this.single = key === undefined;
  }
  add(...args: K extends void ? [amount?: number | bigint] : [key: K, amount?: number | bigint]): void {
    const [key, amount] = (this.single ? [0, args[0]] : args) as [K, number | bigint | undefined];
    this.write(key, (this.read(key) ?? 0n) + BigInt(amount ?? 1));
  }
  /** For the user side. */
  get(...args: K extends void ? [] : [key: K]): bigint {
    return this.read((this.single ? 0 : args[0]) as K) ?? 0n;
  }
  entries(): Iterable<readonly [K, bigint]> {
    return this.all();
  }
}

/** What {@link histogram} gives. */
export class Histogram<K> extends Store<{ key?: unknown; slot: number }, bigint> {
  readonly unit: string;
  private readonly single: boolean;

  constructor(key: Shape | undefined, unit: string) {
    super('histogram', (key === undefined ? { slot: 'u32' } : { key, slot: 'u32' }) as Shape, 'u64');
    this.single = key === undefined;
    this.unit = unit;
  }
  /** One more in the slot of the value: n for 2^n to 2^(n+1) - 1, 0 for 0 and 1. */
  log2(...args: K extends void ? [value: number | bigint] : [key: K, value: number | bigint]): void {
    const value = BigInt.asUintN(64, BigInt(args.at(-1) as number | bigint));
    const key = { ...(!this.single && { key: args[0] }), slot: value < 2n ? 0 : value.toString(2).length - 1 };
    this.write(key, (this.read(key) ?? 0n) + 1n);
  }
  /** For the user side: counts by slot, for each key; without keys, of `undefined`. */
  slots(): Map<K, bigint[]> {
    const found = new Map<string, [K, bigint[]]>();
    for (const [{ key, slot }, count] of this.all()) {
      const name = textOf(key);
      const entry = found.get(name) ?? [key as K, []];
      for (let i = entry[1].length; i <= slot; i++) entry[1].push(0n);
      entry[1][slot] = count;
      found.set(name, entry);
    }
    return new Map(found.values());
  }
}

function parseNetwork(text: string): { prefix: number; addr: number } {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text);
  const parts = match?.slice(1, 5).map(Number) ?? [];
  const prefix = Number(match?.[5] ?? 32);
  if (!match || parts.some((one) => one > 255) || prefix > 32)
    throw new TypeError(`\`${text}\` is no network: 10.0.0.0/8`);
  return { prefix, addr: parts.reduce((sum, one) => sum * 256 + one, 0) };
}

function zero(shape: Shape): unknown {
  if (typeof shape === 'object')
    return Object.fromEntries(Object.entries(shape).map(([name, field]) => [name, zero(field)]));
  return shape === 'u64' || shape === 'i64' ? 0n : shape === 'bool' ? false : shape.startsWith('char') ? '' : 0;
}

function textOf(key: unknown): string {
  return JSON.stringify(key, (_name, value) => (typeof value === 'bigint' ? `${value}n` : value)) ?? '';
}
