import { type AggregateType, bucketRange, traceSize as sizeOf, type TraceMap, type TraceType } from '@skep/compiler';
import type { TypedMap, Value } from 'skep';
import { intAt, keyJson, keyText, type Meanings, valueJson, valueText } from './values.ts';

/** One entry of a map with what all CPUs have of it put together. */
export interface Entry {
  readonly key: Uint8Array;
  /** Plain values: the bytes. */
  readonly bytes: Uint8Array;
  readonly numbers: { readonly count: bigint; readonly total: bigint; readonly value: bigint };
  /** Histograms and series: by bucket. */
  readonly buckets: Map<bigint, bigint>;
  readonly series: Map<bigint, { epoch: bigint; value: bigint; weight: bigint }>;
}

export interface PrintOptions {
  readonly top?: number | undefined;
  readonly div?: bigint | undefined;
  /** Only the entry with this key. */
  readonly key?: Uint8Array | undefined;
  readonly json: boolean;
}

/** A map as it is printed; undefined when there is nothing in it. */
export function mapText(map: TraceMap, host: TypedMap, meanings: Meanings, options: PrintOptions): string | undefined {
  let entries = readEntries(map, host);
  if (options.key) entries = entries.filter((one) => sameBytes(one.key.subarray(0, options.key!.length), options.key!));
  if (entries.length === 0) return undefined;
  sortEntries(map, entries);
  if (options.top !== undefined && options.top > 0) entries = entries.slice(-options.top);
  return options.json ? json(map, entries, meanings, options) : text(map, entries, meanings, options);
}

/** What `print()` shows of a map without keys that nothing was stored in. */
export function emptyText(map: TraceMap, meanings: Meanings, asJson: boolean): string | undefined {
  if (map.key !== undefined) return undefined;
  const entry: Entry = {
    key: new Uint8Array(map.keySize),
    bytes: new Uint8Array(sizeOf(map.value)),
    numbers: { count: 0n, total: 0n, value: 0n },
    buckets: new Map(),
    series: new Map(),
  };
  if (map.bucketAt !== undefined) return undefined;
  return asJson ? json(map, [entry], meanings, { json: true }) : text(map, [entry], meanings, { json: false });
}

export function clearMap(host: TypedMap): void {
  for (const [key] of host.entries()) host.delete(key as never);
}

export function zeroMap(host: TypedMap): void {
  for (const [key, value] of host.entries()) {
    const zero = (one: Value): Value =>
      (Array.isArray(one) ? one.map(zero) : new Uint8Array((one as Uint8Array).length)) as Value;
    host.set(key as never, zero(value) as never);
  }
}

type Shape = Pick<TraceMap, 'key' | 'value' | 'bucketAt'>;

/** What all CPUs have of a map. */
export function readEntries(map: Shape, host: TypedMap): Entry[] {
  const found = new Map<string, Entry>();
  const { value: type } = map;
  for (const [rawKey, rawValue] of host.entries()) {
    const whole = rawKey as Uint8Array;
    const key = map.bucketAt === undefined ? whole : whole.subarray(0, map.bucketAt);
    const id = String.fromCharCode(...key.subarray(0, 2048));
    const bucket = map.bucketAt === undefined ? 0n : view(whole).getBigUint64(map.bucketAt, true);
    if (type.kind !== 'aggregate') {
      found.set(id, { key, bytes: rawValue as Uint8Array, numbers: ZERO, buckets: new Map(), series: new Map() });
      continue;
    }
    const values = (Array.isArray(rawValue) ? rawValue : [rawValue]) as Uint8Array[];
    let entry = found.get(id);
    if (entry === undefined) {
      entry = { key, bytes: new Uint8Array(0), numbers: ZERO, buckets: new Map(), series: new Map() };
      found.set(id, entry);
    }
    if (type.name === 'tseries') addSeries(entry, type, bucket, values);
    else if (map.bucketAt !== undefined)
      entry.buckets.set(
        bucket,
        (entry.buckets.get(bucket) ?? 0n) + values.reduce((sum, one) => sum + view(one).getBigUint64(0, true), 0n),
      );
    else found.set(id, { ...entry, numbers: together(type, values) });
  }
  return [...found.values()];
}

const ZERO = { count: 0n, total: 0n, value: 0n };

function together(type: AggregateType, values: readonly Uint8Array[]): Entry['numbers'] {
  const words = values.map((one) => {
    const data = view(one);
    return {
      first: type.signed ? data.getBigInt64(0, true) : data.getBigUint64(0, true),
      second: one.length >= 16 ? data.getBigUint64(8, true) : 0n,
    };
  });
  const total = words.reduce((sum, one) => sum + one.first, 0n);
  const count = words.reduce((sum, one) => sum + one.second, 0n);
  const wrapped = type.signed ? BigInt.asIntN(64, total) : BigInt.asUintN(64, total);
  switch (type.name) {
    case 'min':
    case 'max': {
      const set = words.filter((one) => one.second !== 0n).map((one) => one.first);
      const value = set.reduce<bigint | undefined>(
        (best, one) => (best === undefined || (type.name === 'min' ? one < best : one > best) ? one : best),
        undefined,
      );
      return { count, total, value: value ?? 0n };
    }
    case 'avg':
    case 'stats':
      return { count, total: wrapped, value: count === 0n ? 0n : wrapped / count };
    default:
      return { count, total: wrapped, value: wrapped };
  }
}

/** Of each interval the newest time that a CPU has. */
function addSeries(entry: Entry, type: AggregateType, bucket: bigint, values: readonly Uint8Array[]): void {
  const how = type.args[2];
  for (const one of values) {
    const data = view(one);
    const epoch = data.getBigUint64(16, true);
    const weight = data.getBigUint64(8, true);
    if (weight === 0n && epoch === 0n && data.getBigUint64(0, true) === 0n) continue;
    const value = type.signed ? data.getBigInt64(0, true) : data.getBigUint64(0, true);
    const before = entry.series.get(bucket);
    if (before === undefined || epoch > before.epoch) entry.series.set(bucket, { epoch, value, weight });
    else if (epoch === before.epoch) {
      if (how === 'sum' || how === 'avg') before.value += value;
      if (how === 'avg') before.weight += weight;
      if (
        (how === 'min' && value < before.value) ||
        (how === 'max' && value > before.value) ||
        (how === undefined && weight > before.weight)
      )
        before.value = value;
    }
  }
}

/** Numbers by their value, histograms by how much is in them, all else by key. */
export function sortEntries(map: Shape, entries: Entry[]): void {
  const { value: type } = map;
  const weight = (one: Entry): bigint => {
    if (type.kind === 'aggregate') {
      if (map.bucketAt !== undefined) return [...one.buckets.values()].reduce((sum, each) => sum + each, 0n);
      return type.name === 'stats' ? one.numbers.total : one.numbers.value;
    }
    return type.kind === 'int' || type.kind === 'bool' ? intAt(type, view(one.bytes), 0) : 0n;
  };
  const byKey = (a: Entry, b: Entry) => compareKeys(map.key, a.key, b.key);
  const weights = new Map(entries.map((one) => [one, weight(one)]));
  entries.sort((a, b) => {
    const [x, y] = [weights.get(a)!, weights.get(b)!];
    return x < y ? -1 : x > y ? 1 : byKey(a, b);
  });
}

function compareKeys(type: TraceType | undefined, a: Uint8Array, b: Uint8Array): number {
  if (type?.kind === 'int') {
    const [x, y] = [intAt(type, view(a), 0), intAt(type, view(b), 0)];
    return x < y ? -1 : x > y ? 1 : 0;
  }
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

function text(map: TraceMap, entries: readonly Entry[], meanings: Meanings, options: PrintOptions): string {
  const div = options.div && options.div > 0n ? options.div : 1n;
  const newest = newestOf(entries);
  return entries
    .map((one) => {
      const key = map.key === undefined ? '' : `[${keyText(map.key, view(one.key), 0, meanings)}]`;
      const { value: type } = map;
      if (type.kind !== 'aggregate') {
        if (type.kind === 'int' && div !== 1n) return `${map.name}${key}: ${intAt(type, view(one.bytes), 0) / div}\n`;
        return `${map.name}${key}: ${valueText(type, view(one.bytes), 0, meanings)}\n`;
      }
      if (type.name === 'tseries') return `${map.name}${key}:\n${seriesText(type, one, newest, meanings)}\n`;
      if (map.bucketAt !== undefined) return `${map.name}${key}:\n${histogramText(type, one.buckets, div)}\n`;
      if (type.name === 'stats')
        return `${map.name}${key}: { .count = ${one.numbers.count}, .average = ${one.numbers.value}, .total = ${one.numbers.total} }\n`;
      return `${map.name}${key}: ${one.numbers.value / div}\n`;
    })
    .join('');
}

function json(map: TraceMap, entries: readonly Entry[], meanings: Meanings, options: PrintOptions): string {
  const div = options.div && options.div > 0n ? options.div : 1n;
  const newest = newestOf(entries);
  const { value: type } = map;
  const value = (one: Entry): string => {
    if (type.kind !== 'aggregate') {
      if (type.kind === 'int' && div !== 1n) return String(intAt(type, view(one.bytes), 0) / div);
      return valueJson(type, view(one.bytes), 0, meanings);
    }
    if (type.name === 'tseries') return seriesJson(type, one, newest, meanings);
    if (map.bucketAt !== undefined) return histogramJson(type, one.buckets, div);
    if (type.name === 'stats')
      return `{"count": ${one.numbers.count}, "average": ${one.numbers.value}, "total": ${one.numbers.total}}`;
    return String(one.numbers.value / div);
  };
  const kind =
    type.kind !== 'aggregate'
      ? 'map'
      : type.name === 'tseries'
        ? 'tseries'
        : map.bucketAt !== undefined
          ? 'hist'
          : type.name === 'stats' || type.name === 'avg'
            ? 'stats'
            : 'map';
  const inner =
    map.key === undefined
      ? value(entries[0]!)
      : `{${entries.map((one) => `${keyJson(map.key!, view(one.key), 0, meanings)}: ${value(one)}`).join(', ')}}`;
  return `{"type": "${kind}", "data": {${JSON.stringify(map.name)}: ${inner}}}\n`;
}

// Histograms

/** From the first bucket with something in it to the last. */
function* filled(buckets: ReadonlyMap<bigint, bigint>): Generator<readonly [bucket: bigint, count: bigint]> {
  const used = [...buckets].filter(([, count]) => count > 0n).map(([bucket]) => bucket);
  if (used.length === 0) return;
  const first = used.reduce(lesser);
  const last = used.reduce(greater);
  for (let bucket = first; bucket <= last; bucket++) yield [bucket, buckets.get(bucket) ?? 0n];
}

const BAR = 52;

function histogramText(type: AggregateType, buckets: ReadonlyMap<bigint, bigint>, div: bigint): string {
  const rows = [...filled(buckets)];
  const most = rows.map(([, count]) => count).reduce(greater, 0n);
  const step = type.name === 'lhist' ? (type.args[2] as bigint) : undefined;
  return rows
    .map(([bucket, count]) => {
      const { low, high } = bucketRange(type, bucket);
      const show = (value: bigint) => label(value, step);
      const range =
        low === undefined
          ? `(..., ${show(high!)})`
          : high === undefined
            ? `[${show(low)}, ...)`
            : high - low === 1n && step === undefined
              ? `[${show(low)}]`
              : `[${show(low)}, ${show(high)})`;
      const bar = '@'.repeat(most === 0n ? 0 : Number((count * BigInt(BAR)) / most));
      return `${range.padEnd(16)}${String(count / div).padStart(8)} |${bar.padEnd(BAR)}|\n`;
    })
    .join('');
}

const SUFFIXES = ['', 'K', 'M', 'G', 'T', 'P', 'E'];

/** `1K`, `2M`: where a number is a whole multiple of a power of 1024. */
function label(value: bigint, step: bigint | undefined): string {
  if (step !== undefined && (step % 1024n !== 0n || value % 1024n !== 0n)) return String(value);
  let power = 0;
  let number = value;
  while (number !== 0n && number % 1024n === 0n && power < SUFFIXES.length - 1) {
    number /= 1024n;
    power++;
  }
  return `${number}${SUFFIXES[power]}`;
}

function histogramJson(type: AggregateType, buckets: ReadonlyMap<bigint, bigint>, div: bigint): string {
  const rows = [...filled(buckets)].map(([bucket, count]) => {
    const { low, high } = bucketRange(type, bucket);
    const parts = [
      ...(low === undefined ? [] : [`"min": ${low}`]),
      ...(high === undefined ? [] : [`"max": ${high - 1n}`]),
      `"count": ${count / div}`,
    ];
    return `{${parts.join(', ')}}`;
  });
  return `[${rows.join(', ')}]`;
}

// Series

interface Point {
  readonly start: bigint;
  /** Undefined of an interval in which nothing came. */
  readonly value: bigint | undefined;
}

/** The newest interval of a map: all its series go on to there. */
function newestOf(entries: readonly Entry[]): bigint {
  return entries.flatMap((one) => [...one.series.values()]).reduce((most, one) => greater(most, one.epoch), 0n);
}

/** Of the last intervals, the oldest first. As in bpftrace, the one since 1970 counts as never used. */
function points(type: AggregateType, entry: Entry, newest: bigint, meanings: Meanings): Point[] {
  const [interval, count, how] = type.args as [bigint, bigint, string?];
  const oldest = newest - count + 1n;
  const known = new Map([...entry.series.values()].filter((one) => one.epoch >= oldest).map((one) => [one.epoch, one]));
  if (known.size === 0) return [];
  const first = [...known.keys()].reduce(lesser);
  const found: Point[] = [];
  for (let epoch = first; epoch <= newest; epoch++) {
    const one = known.get(epoch);
    const average = one === undefined || one.weight === 0n ? 0n : one.value / one.weight;
    const value = one === undefined ? undefined : epoch === 0n ? 0n : how === 'avg' ? average : one.value;
    found.push({ start: meanings.wallClock(epoch * interval, 0), value });
  }
  return found;
}

const GRAPH = 52;

function seriesText(type: AggregateType, entry: Entry, newest: bigint, meanings: Meanings): string {
  const list = points(type, entry, newest, meanings);
  if (list.length === 0) return '';
  const interval = type.args[0] as bigint;
  const fine = interval % 1_000_000_000n !== 0n;
  const values = list.flatMap((one) => one.value ?? []);
  const least = values.reduce(lesser);
  const most = values.reduce(greater);
  const [low, high] = least === most ? [least === 0n ? 0n : least - 1n, most + 1n] : [least, most];
  const [l, h] = [String(low), String(high)];
  const head = fine ? 'hh:mm:ss.ms' : 'hh:mm:ss';
  const margin = ' '.repeat(head.length + 2);
  const scale = `${margin}${l}${h.padStart(GRAPH + 1 - l.length)}\n`;
  const rows = list.map(({ start, value }) => {
    const row = [...`|${' '.repeat(GRAPH - 1)}|`];
    const column = (at: bigint) => Number(((at - low) * BigInt(GRAPH)) / (high - low));
    if (low < 0n && high > 0n) row[column(0n)] = '.';
    if (value !== undefined) row[column(value)] = '*';
    return `${clockText(start, fine)} ${row.join('')} ${value ?? '-'}\n`;
  });
  return `${scale}${head}  |${'_'.repeat(GRAPH - 1)}|\n${rows.join('')}${margin}v${'_'.repeat(GRAPH - 1)}v\n${scale}`;
}

function clockText(nanoseconds: bigint, fine: boolean): string {
  const date = new Date(Number(nanoseconds / 1_000_000n));
  const two = (value: number) => String(value).padStart(2, '0');
  const text = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return fine ? `${text}.${String(Number((nanoseconds / 1_000_000n) % 1000n)).padStart(3, '0')}` : text;
}

function seriesJson(type: AggregateType, entry: Entry, newest: bigint, meanings: Meanings): string {
  const rows = points(type, entry, newest, meanings).flatMap(({ start, value }) => {
    if (value === undefined) return [];
    const date = new Date(Number(start / 1_000_000n));
    const day = `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
    const time = `${clockText(start, false)}.${String(start % 1_000_000_000n).padStart(9, '0')}`;
    return `{"interval_start": "${day} ${time}", "value": ${value}}`;
  });
  return `[${rows.join(', ')}]`;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((one, i) => one === b[i]);
}

function lesser(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

function greater(a: bigint, b: bigint): bigint {
  if (a > b) return a;
  return b;
}
