import type { MapDeclaration } from '../declarations.ts';
import * as say from '../diagnostics.ts';
import { placed } from '../origins.ts';
import type { Call, Expression, Node, OptionalCall } from '../syntax.ts';
import { BOOLEAN, declareC, describe, type Storage, UNDEFINED } from '../types.ts';
import { cNameOf, safe } from './c-names.ts';
import { argumentsOf, exactly } from './calls.ts';
import { expression } from './expressions.ts';
import type { Lowering } from './lowering.ts';
import { checkRoom, fillField, fillWhole, membersOf, readStored } from './stored.ts';
import { type Value, wide } from './value.ts';

export function mapMethod(
  l: Lowering,
  map: MapDeclaration,
  name: string,
  node: Call | OptionalCall,
  isStatement: boolean,
): Value {
  const symbol = l.shared.symbols.get(map.name)!;
  const what = `\`${map.name}.${name}()\``;
  const has = METHODS[map.kind];
  if (!has.includes(name))
    return l.fail(
      USER_METHODS.has(name)
        ? say.notForUser(`${map.name}.${name}()`, l.span(node))
        : say.unknownMember(`a ${map.kind}`, name, has, l.span(node)),
    );
  const keyed = map.keyed || map.kind === 'lpm';
  const count = { get: 1, has: 1, take: 1, delete: 1, set: 2, add: keyed ? [1, 2] : [0, 1], log2: keyed ? 2 : 1 }[
    name
  ] as number | number[];
  const args = argumentsOf(l, node);
  if (Array.isArray(count) ? !count.includes(args.length) : args.length !== count)
    l.fail(say.wrongCount(what, `${[count].flat().join(' or ')} arguments`, l.span(node)));
  const rest = [...args];
  if (map.kind === 'histogram') {
    const key = l.name('key');
    const last = args.at(-1)!;
    l.emit(`struct ${symbol}_key ${key} = {};`);
    if (map.keyed) fillWhole(l, map.key, `${key}.key`, args[0]!);
    const value = l.defined(expression(l, last), 'the value', last);
    if (value.type.kind !== 'bigint' && value.type.kind !== 'number')
      l.fail(say.wrongType(describe(value.type), 'a number or bigint', l.span(last)));
    l.emit(`${key}.slot = skep_log2((u64)${wide(value.c)});`);
    l.emit(`${operationOn(l, 'add', map, symbol)}(&${key}, 1);`);
    return { type: UNDEFINED, c: '' };
  }
  const key = l.name('key');
  if (map.kind === 'lpm') {
    l.emit(`struct ${symbol}_key ${key} = { .prefix = 32 };`);
    fillField(l, map.key, `${key}.addr`, expression(l, rest[0]!), rest.shift()!);
  } else if (keyed) {
    const argument = rest.shift()!;
    l.emit(
      `${declareC(map.key, key, `${symbol}_key`)}${map.key.kind === 'string' || map.key.kind === 'record' ? ' = {}' : ' = 0'};`,
    );
    fillWhole(l, map.key, key, argument);
  } else l.emit(`u32 ${key} = 0;`);
  const address = `&${key}`;
  switch (name) {
    case 'delete':
      l.emit(`${isStatement ? '' : `bool ${key}_gone = !`}bpf_map_delete_elem(&${symbol}, ${address});`);
      return isStatement ? { type: UNDEFINED, c: '' } : { type: BOOLEAN, c: `${key}_gone` };
    case 'has':
      return { type: BOOLEAN, c: l.declare('bool', 'has', `bpf_map_lookup_elem(&${symbol}, ${address}) != 0`) };
    case 'add': {
      let amount = '1';
      if (rest[0]) {
        const value = l.defined(expression(l, rest[0]), 'the amount', rest[0]);
        if (value.type.kind !== 'bigint' && value.type.kind !== 'number')
          l.fail(say.wrongType(describe(value.type), 'a number or bigint', l.span(rest[0])));
        amount = value.c;
      }
      l.emit(`${operationOn(l, 'add', map, symbol)}(${address}, ${amount});`);
      return { type: UNDEFINED, c: '' };
    }
    case 'set': {
      const value = l.name('value');
      checkRoom(l, map.value, `the value of ${map.name}`, rest[0]!);
      l.emit(
        `${declareC(map.value, value, `${symbol}_value`)}${map.value.kind === 'string' || map.value.kind === 'record' ? ' = {}' : ' = 0'};`,
      );
      fillWhole(l, map.value, value, rest[0]!);
      l.emit(`bpf_map_update_elem(&${symbol}, ${address}, &${value}, BPF_ANY);`);
      return { type: UNDEFINED, c: '' };
    }
    default:
      return lookUp(l, map, symbol, address, name === 'take', node);
  }
}

/** `get` and `take` give what is there now: later changes of the map do not change it. */
export function lookUp(
  l: Lowering,
  map: MapDeclaration,
  symbol: string,
  key: string,
  take: boolean,
  node: Node,
): Value {
  checkRoom(l, map.value, `the value of ${map.name}`, node);
  const value = l.name(map.name);
  const found = `${value}_at`;
  const c =
    map.value.kind === 'record'
      ? `struct ${symbol}_value `
      : map.value.kind === 'string'
        ? 'char '
        : `${cNameOf(map.value)} `;
  l.emit(`${c}*${found} = bpf_map_lookup_elem(&${symbol}, ${key});`);
  l.emit(
    `${declareC(map.value, value, `${symbol}_value`)}${map.value.kind === 'string' || map.value.kind === 'record' ? '' : ' = 0'};`,
  );
  l.emit(`if (${found}) {`);
  l.emit(
    map.value.kind === 'string' ? `__builtin_memcpy(${value}, ${found}, ${map.value.size});` : `${value} = *${found};`,
  );
  if (take) l.emit(`bpf_map_delete_elem(&${symbol}, ${key});`);
  l.emit('}');
  return { ...readStored(map.value, value), ok: `(${found} != 0)` };
}

/** A counter goes up: there already, or from now on. */
function operationOn(l: Lowering, kind: 'add', map: MapDeclaration, symbol: string): string {
  const name = `${symbol}_${kind}`;
  if (!l.shared.operations.has(name)) {
    const key =
      map.kind === 'histogram'
        ? `struct ${symbol}_key *key`
        : `${declareC(map.key, '*key', `${symbol}_key`).replace(/\[\d+\]$/, '')}`;
    // Nobody else counts on this CPU, and an interrupt that does is a count more or less.
    const lines = [
      `static void ${name}(${key}, u64 amount)`,
      '{',
      `  u64 *count = bpf_map_lookup_elem(&${symbol}, key);`,
      '  if (count) *count += amount;',
      ...(map.keyed || map.kind === 'histogram'
        ? [`  else bpf_map_update_elem(&${symbol}, key, &amount, BPF_ANY);`]
        : []),
      '}',
      '',
    ];
    l.shared.operations.set(name, lines.map((line) => placed(line, l.shared.home.index, map.span.start)).join('\n'));
  }
  return name;
}

export function emitEvent(
  l: Lowering,
  event: string,
  storage: Storage & { kind: 'record' },
  method: string,
  node: Call | OptionalCall,
): Value {
  if (method !== 'emit') return l.fail(say.unknownMember('an event', method, ['emit'], l.span(node)));
  const [argument] = exactly(l, node, '`emit()`', 1) as [Expression];
  const values = membersOf(l, storage, argument);
  if (values === undefined)
    return l.fail(
      say.wrongType('something else', `an object with ${[...storage.fields.keys()].join(', ')}`, l.span(argument)),
    );
  const symbol = l.shared.symbols.get(event)!;
  const record = l.name('event');
  l.emit(`struct ${symbol}_event *${record} = bpf_ringbuf_reserve(&${symbol}, sizeof(struct ${symbol}_event), 0);`);
  l.emit(`if (${record}) {`);
  for (const { name, field, value, node: at } of values)
    l.within(at, () => fillField(l, field, `${record}->${safe(name)}`, value, at));
  l.emit(`bpf_ringbuf_submit(${record}, 0);`);
  l.emit('}');
  return { type: UNDEFINED, c: '' };
}

/** What probes can do with each kind of map. */
const METHODS: { readonly [kind in MapDeclaration['kind']]: readonly string[] } = {
  hash: ['get', 'has', 'set', 'take', 'delete'],
  lruHash: ['get', 'has', 'set', 'take', 'delete'],
  perCpuHash: ['get', 'has', 'set', 'take', 'delete'],
  array: ['get', 'set'],
  perCpuArray: ['get', 'set'],
  lpm: ['get', 'has'],
  counter: ['add'],
  histogram: ['log2'],
};

const USER_METHODS: ReadonlySet<string> = new Set(['entries', 'set', 'delete', 'get', 'clear', 'keys', 'values']);
