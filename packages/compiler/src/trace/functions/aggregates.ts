import type { Expression } from '../ast.ts';
import type { Checker, MapInfo } from '../check.ts';
import { badCall, notConstant } from '../diagnostics.ts';
import { accessKey, updateMap } from '../emit/maps.ts';
import type { Emitter } from '../emit.ts';
import { type AggregateName, type AggregateType, asNumber, type IntType, sizeOf, type TraceType } from '../type.ts';
import type { Call, FunctionSpec } from './spec.ts';

const SUMMARIES: Readonly<Record<AggregateName, readonly [signature: string, summary: string]>> = {
  count: ['count()', 'counts how often it is called'],
  sum: ['sum(int n)', 'adds up'],
  min: ['min(int n)', 'keeps the least'],
  max: ['max(int n)', 'keeps the greatest'],
  avg: ['avg(int n)', 'averages'],
  stats: ['stats(int n)', 'count, average and total'],
  hist: ['hist(int n [, bits])', 'a histogram by powers of two; `bits` (0 to 5) divides each into 2^bits'],
  lhist: ['lhist(int n, min, max, step)', 'a histogram with steps of one size'],
  tseries: [
    'tseries(int n, interval, count [, "avg"|"max"|"min"|"sum"])',
    'the last `count` intervals of a value over time',
  ],
};

/** What maps are only added to: each CPU has its own value, and user space puts them together. */
export const AGGREGATES: readonly FunctionSpec[] = (Object.keys(SUMMARIES) as AggregateName[]).map((name) => ({
  names: [name],
  arity:
    name === 'count'
      ? [0, 0]
      : name === 'hist'
        ? [1, 2]
        : name === 'lhist'
          ? [4, 4]
          : name === 'tseries'
            ? [3, 4]
            : [1, 1],
  signature: SUMMARIES[name][0],
  summary: SUMMARIES[name][1],
  onlyCalled: true,
  aggregate: true,
  check: (checker, call) => checkAggregate(checker, call, name),
  emit: () => undefined,
}));

function checkAggregate(checker: Checker, call: Call, name: AggregateName): TraceType | undefined {
  const [value, ...rest] = call.args;
  const type = value && checker.rvalue(value);
  if (value && !type) return undefined;
  if (type && type.kind !== 'int' && type.kind !== 'bool')
    return checker.report(
      badCall(`${name}() only supports int arguments (${type.kind} provided)`, value!.span, 'give it a number'),
    );
  const signed =
    name !== 'count' &&
    name !== 'hist' &&
    name !== 'lhist' &&
    type?.kind === 'int' &&
    (type.signed || type.flexible === true);
  const args: (bigint | string)[] = [];
  for (const one of rest) {
    checker.rvalue(one);
    const text = checker.textOf(one);
    const number = checker.constant(one);
    if (text === undefined && number === undefined)
      return checker.report(notConstant(`the argument of ${name}()`, one.span));
    args.push(text ?? number!);
  }
  const bad = (message: string, help: string) => checker.report(badCall(message, call.span, help));
  if (name === 'hist') {
    const bits = args[0] ?? 0n;
    if (typeof bits !== 'bigint' || bits < 0n || bits > 5n)
      return bad(`hist(): bits ${bits} must be 0..5`, 'more bits make finer buckets');
    return { kind: 'aggregate', name, signed, args: [bits] };
  }
  if (name === 'lhist') {
    const [min, max, step] = args as bigint[];
    if (min! > max!) return bad(`lhist() min must be less than max (provided min ${min} and max ${max})`, 'swap them');
    if (step! <= 0n) return bad(`lhist() step must be >= 1 (${step} provided)`, 'give it a positive step');
    if (max! - min! < step!)
      return bad(
        `lhist() step is too large for the given range (provided step ${step} for range ${max! - min!})`,
        'make it smaller',
      );
    if ((max! - min!) / step! > 1000n)
      return bad(
        `lhist() too many buckets, must be <= 1000 (would need ${(max! - min!) / step!})`,
        'make the step larger',
      );
  }
  if (name === 'tseries') {
    checker.unstable('unstable_tseries', 'tseries()', call.span);
    const [interval, count, how = 'none'] = args;
    if (typeof interval !== 'bigint' || interval <= 0n)
      return bad('tseries() interval_ns must be >= 1 (0 provided)', 'write 100ms or 1s');
    if (typeof count !== 'bigint' || count <= 0n)
      return bad('tseries() num_intervals must be >= 1 (0 provided)', 'say how many intervals are kept');
    if (count > 1_000_000n) return bad(`tseries() num_intervals must be < 1000000 (${count} provided)`, 'keep fewer');
    if (!['none', 'avg', 'max', 'min', 'sum'].includes(String(how)))
      return bad(
        `tseries() expects one of the following aggregation functions: avg, max, min, sum ("${how}" provided)`,
        'choose one',
      );
  }
  return { kind: 'aggregate', name, signed, args };
}

/** Adds a value to an element of a map. */
export function storeAggregate(
  e: Emitter,
  map: MapInfo,
  type: AggregateType,
  target: Expression & { kind: 'map' | 'element' },
  call: Call,
): void {
  const value = call.args[0];
  const number = value ? e.keep({ kind: 'int', size: 8, signed: true }, `(s64)(${e.value(value)})`) : '1';
  const key = accessKey(e, target, map);
  const symbol = e.mapSymbol(map.name);
  const entry = e.scratchVariable('u64 *', `bpf_map_lookup_elem(&${symbol}, ${key})`);
  const fresh = (words: readonly string[]) => {
    const room = e.room(8 * words.length);
    for (const [i, word] of words.entries()) e.emit(`  *(u64 *)(${room} + ${8 * i}) = ${word};`);
    updateMap(e, map, key, room, call.span);
  };
  const into = (update: readonly string[], words: readonly string[]) => {
    e.emit(`  if (${entry}) {`);
    for (const line of update) e.emit(`  ${line}`);
    e.emit('  } else {');
    fresh(words);
    e.emit('  }');
  };
  const sign = type.signed ? '(s64)' : '(u64)';
  switch (type.name) {
    case 'count':
    case 'sum':
      into([`${entry}[0] += ${number};`], [`(u64)${number}`]);
      return;
    case 'min':
    case 'max': {
      const better = type.name === 'min' ? '<' : '>';
      into(
        [
          `if (!${entry}[1] || ${sign}${number} ${better} ${sign}${entry}[0]) { ${entry}[0] = ${number}; ${entry}[1] = 1; }`,
        ],
        [`(u64)${number}`, '1', '0'],
      );
      return;
    }
    case 'avg':
    case 'stats':
      into([`${entry}[0] += ${number}; ${entry}[1] += 1;`], [`(u64)${number}`, '1', '0']);
      return;
    case 'hist': {
      e.out.helpers.add('log2');
      const bits = call.args[1] ? e.checker.constant(call.args[1]) : (type.args[0] as bigint);
      const own = value?.type && asNumber(value.type);
      const negative =
        own?.kind === 'int' && own.signed && !isPlainLiteral(value!)
          ? `${number} < 0`
          : value && e.checker.constant(value) !== undefined && e.checker.constant(value)! < 0n
            ? '1'
            : own?.kind === 'int' && own.signed
              ? `${number} < 0`
              : '0';
      bucket(e, map, key, `${negative} ? 0 : 1 + skep_log2((u64)${number}, ${bits ?? 0n})`, call);
      return;
    }
    case 'lhist': {
      const [min, max, step] = type.args as bigint[];
      const own = value?.type as IntType | undefined;
      const cast = own?.signed ? '' : '(u64)';
      bucket(
        e,
        map,
        key,
        `${cast}${number} < ${min}LL ? 0 : ${cast}${number} >= ${max}LL ? ${(max! - min!) / step! + 1n} : 1 + (u64)(${number} - ${min}LL) / ${step}ULL`,
        call,
      );
      return;
    }
    case 'tseries':
      series(e, map, type, key, number, call);
  }
}

function isPlainLiteral(value: Expression): boolean {
  return value.kind === 'int' && value.value >= 0n;
}

/** The last eight bytes of the key say which bucket. */
function bucket(e: Emitter, map: MapInfo, key: string, index: string, call: Call): void {
  const at = map.key ? Math.ceil(sizeOf(map.key) / 8) * 8 : 8;
  e.emit(`  *(u64 *)(${key} + ${at}) = ${index};`);
  const entry = e.scratchVariable('u64 *', `bpf_map_lookup_elem(&${e.mapSymbol(map.name)}, ${key})`);
  e.emit(`  if (${entry}) ${entry}[0] += 1; else {`);
  const room = e.room(8);
  e.emit(`  *(u64 *)${room} = 1;`);
  updateMap(e, map, key, room, call.span);
  e.emit('  }');
}

/** An element holds the value, how many values it is made of, and which interval it is for. */
function series(e: Emitter, map: MapInfo, type: AggregateType, key: string, number: string, call: Call): void {
  const [interval, count, how] = type.args as [bigint, bigint, string?];
  const at = map.key ? Math.ceil(sizeOf(map.key) / 8) * 8 : 8;
  const time = e.scratchVariable('u64', e.out.clockMap === undefined ? 'bpf_ktime_get_boot_ns()' : '0');
  if (e.out.clockMap !== undefined) {
    const clock = e.room(8);
    e.emit(`  *(u64 *)${clock} = 0;`);
    const found = e.scratchVariable('u64 *', `bpf_map_lookup_elem(&${e.mapSymbol(e.out.clockMap)}, ${clock})`);
    e.emit(`  if (${found}) ${time} = ${found}[0];`);
  }
  const epoch = e.scratchVariable('u64', `${time} / ${interval}ULL`);
  e.emit(`  *(u64 *)(${key} + ${at}) = ${epoch} % ${count}ULL;`);
  const entry = e.scratchVariable('u64 *', `bpf_map_lookup_elem(&${e.mapSymbol(map.name)}, ${key})`);
  const sign = type.signed ? '(s64)' : '(u64)';
  const merge: Readonly<Record<string, string>> = {
    none: `${entry}[0] = ${number}; ${entry}[1] = ${time};`,
    sum: `${entry}[0] += ${number};`,
    avg: `${entry}[0] += ${number}; ${entry}[1] += 1;`,
    min: `if (${sign}${number} < ${sign}${entry}[0]) ${entry}[0] = ${number};`,
    max: `if (${sign}${number} > ${sign}${entry}[0]) ${entry}[0] = ${number};`,
  };
  const first = how === undefined ? time : '1';
  e.emit(`  if (${entry} && ${entry}[2] == ${epoch}) { ${merge[how ?? 'none']} }`);
  e.emit(`  else if (${entry}) { ${entry}[0] = ${number}; ${entry}[1] = ${first}; ${entry}[2] = ${epoch}; } else {`);
  const room = e.room(24);
  e.emit(`  *(u64 *)${room} = ${number};`);
  e.emit(`  *(u64 *)(${room} + 8) = ${first};`);
  e.emit(`  *(u64 *)(${room} + 16) = ${epoch};`);
  updateMap(e, map, key, room, call.span);
  e.emit('  }');
}
