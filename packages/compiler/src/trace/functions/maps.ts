import type { Expression } from '../ast.ts';
import type { Checker, MapInfo } from '../check.ts';
import { badCall, mapScalar } from '../diagnostics.ts';
import { convert, storeScalar } from '../emit/bytes.ts';
import { accessKey, keyOf, sumUp } from '../emit/maps.ts';
import { addressable } from '../emit/places.ts';
import type { Emitter } from '../emit.ts';
import { asNumber, BOOL, INT64, isScalar, NONE, type TraceType } from '../type.ts';
import type { Call, FunctionSpec } from './spec.ts';

type MapNode = Expression & { kind: 'map' };

/** Functions over whole maps, and over keys of them. */
export const MAPS: readonly FunctionSpec[] = [
  whole('clear', 'removes all entries'),
  whole('zero', 'sets all values to zero'),
  {
    names: ['delete'],
    arity: [1, 2],
    signature: 'delete(@map, key)',
    summary: 'removes an entry; says whether there was one',
    onlyCalled: true,
    discardable: true,
    check(checker, call) {
      const [first, key] = call.args;
      if (first!.kind === 'element' && !key) {
        checker.access(first!);
        return BOOL;
      }
      const map = mapOf(checker, call);
      if (!map) return undefined;
      if (!key) {
        if (map.scalar === false)
          return checker.report(
            mapScalar(
              'call to delete() with a single argument expects a map without explicit keys (scalar map)',
              call.span,
            ),
          );
        checker.access(first as MapNode);
        return BOOL;
      }
      return noteKey(checker, call, map, key, 'delete() with two arguments');
    },
    emit(e, call, _dest, discarded) {
      const [first, key] = call.args;
      const node = first as MapNode | (Expression & { kind: 'element' });
      const map = e.checker.mapOf(node.kind === 'map' ? node : node.map);
      const at = key ? keyOf(e, key, map) : accessKey(e, node, map);
      const code = e.scratchVariable('s64', `bpf_map_delete_elem(&${e.mapSymbol(map.name)}, ${at})`);
      if (discarded)
        e.emit(
          `  if (${code}) ${e.helperError('map_delete_elem', "Can't delete map element because it does not exist.", call.span, false, code)}`,
        );
      return e.keep(BOOL, `${code} == 0`);
    },
  },
  {
    names: ['has_key'],
    arity: [2, 2],
    signature: 'has_key(@map, key)',
    summary: 'whether there is such an entry',
    onlyCalled: true,
    check(checker, call) {
      const map = mapOf(checker, call);
      return map && noteKey(checker, call, map, call.args[1]!, 'has_key()');
    },
    emit(e, call) {
      return e.keep(BOOL, `${found(e, call)} != 0`);
    },
  },
  {
    names: ['find'],
    arity: [3, 3],
    signature: 'find(@map, key, $value)',
    summary: 'whether there is such an entry, whose value the variable then has',
    onlyCalled: true,
    check(checker, call) {
      const map = mapOf(checker, call);
      const variable = call.args[2]!;
      if (!map) return undefined;
      if (variable.kind !== 'variable')
        return checker.report(
          badCall(
            'find() puts the value into a variable',
            variable.span,
            'give it a variable: `let $v; if (find(@m, 1, $v)) …`',
          ),
        );
      const result = noteKey(checker, call, map, call.args[1]!, 'find()');
      if (map.value && variable.symbol) checker.setVariable(variable.symbol, asNumber(map.value), call.span);
      variable.type = variable.symbol?.type;
      return result;
    },
    emit(e, call) {
      const map = e.checker.mapOf(call.args[0] as MapNode);
      const entry = found(e, call);
      const type = asNumber(map.value!);
      const variable = call.args[2]!;
      const at = addressable(e, variable);
      e.emit(`  if (${entry}) {`);
      if (map.value!.kind === 'aggregate')
        storeScalar(e, at, type, sumUp(e, map.value!, map.name, keyOf(e, call.args[1]!, map)));
      else if (isScalar(type)) convert(e, at, variable.type!, entry, type);
      else convert(e, at, variable.type!, entry, type);
      e.emit('  }');
      return e.keep(BOOL, `${entry} != 0`);
    },
  },
  {
    names: ['len'],
    arity: [1, 1],
    signature: 'len(@map), len(stack)',
    summary: 'how many entries a map has, or addresses a stack',
    onlyCalled: true,
    check(checker, call) {
      const [value] = call.args;
      if (value!.kind === 'map') {
        const map = checker.mapOf(value as MapNode);
        if (map.scalar === true)
          return checker.report(
            mapScalar('call to len() expects a map with explicit keys (non-scalar map)', call.span),
          );
        return INT64;
      }
      const type = checker.rvalue(value!);
      if (!type) return undefined;
      if (type.kind !== 'special' || (type.name !== 'kstack' && type.name !== 'ustack'))
        return checker.report(badCall('call to len() expects a map, ustack, or kstack', call.span));
      return INT64;
    },
    emit(e, call) {
      const [value] = call.args;
      if (value!.kind === 'map') {
        const map = e.checker.mapOf(value as MapNode);
        const count = e.scratchVariable('s64', '0');
        const symbol = e.mapSymbol(map.name);
        const name = e.out.counter();
        e.emit(`  ${count} = bpf_for_each_map_elem(&${symbol}, ${name}, 0, 0);`);
        return e.keep(INT64, count);
      }
      const at = e.ref(value!);
      return e.keep(INT64, `*(u32 *)(${at} + 12)`);
    },
  },
  {
    names: ['is_scalar'],
    arity: [1, 1],
    signature: 'is_scalar(@map)',
    summary: 'whether a map has no keys',
    onlyCalled: true,
    check: () => BOOL,
    constant(checker, call) {
      const [map] = call.args;
      return map?.kind === 'map' ? (checker.mapOf(map as MapNode).scalar === true ? 1n : 0n) : 0n;
    },
    emit: () => '0',
  },
];

function whole(name: 'clear' | 'zero', summary: string): FunctionSpec {
  return {
    names: [name],
    arity: [1, 1],
    signature: `${name}(@map)`,
    summary,
    onlyCalled: true,
    check(checker, call) {
      return mapOf(checker, call) && NONE;
    },
    emit(e, call) {
      e.action({ kind: name, map: (call.args[0] as MapNode).name }, call.span);
      return undefined;
    },
  };
}

function mapOf(checker: Checker, call: Call): MapInfo | undefined {
  const [first] = call.args;
  if (first!.kind === 'map') return checker.mapOf(first as MapNode);
  for (const one of call.args) checker.visit(one);
  return checker.report(
    badCall(
      `${call.name}() expects a map to be provided`,
      call.span,
      `it is called as ${call.name}(@map${call.args.length > 1 ? ', key' : ''})`,
    ),
  );
}

function noteKey(checker: Checker, call: Call, map: MapInfo, key: Expression, what: string): TraceType | undefined {
  const type = checker.rvalue(key);
  if (map.scalar === true)
    return checker.report(mapScalar(`call to ${what} expects a map with explicit keys (non-scalar map)`, call.span));
  if (map.scalar === undefined) map.scalar = false;
  if (type) checker.noteKey(map, type, key.span);
  return BOOL;
}

/** The address of an entry, or 0. */
function found(e: Emitter, call: Call): string {
  const map = e.checker.mapOf(call.args[0] as MapNode);
  return e.scratchVariable('char *', `bpf_map_lookup_elem(&${e.mapSymbol(map.name)}, ${keyOf(e, call.args[1]!, map)})`);
}
