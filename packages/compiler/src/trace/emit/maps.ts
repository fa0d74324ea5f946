import type { Span } from '@skep/base';
import type { Expression } from '../ast.ts';
import type { MapInfo } from '../check.ts';
import type { Emitter } from '../emit.ts';
import { type AggregateType, asNumber, isCastable, isScalar, sameType, sizeOf, type TraceType } from '../type.ts';
import { copy, zero } from './bytes.ts';
import { cType } from './c-text.ts';

// Elements of maps: their keys, what is read, what is written.

/** The key of an access: a pointer. */
export function accessKey(e: Emitter, node: Expression & { kind: 'map' | 'element' }, map: MapInfo): string {
  const bucketed = map.value?.kind === 'aggregate' && BUCKETED.has(map.value.name);
  if (node.kind === 'map' || !map.key) {
    const room = e.room(bucketed ? 16 : 8);
    e.emit(`  *(u64 *)${room} = 0;`);
    return room;
  }
  return keyOf(e, node.key, map);
}

export function keyOf(e: Emitter, node: Expression, map: MapInfo): string {
  const type = map.key!;
  const size = sizeOf(type);
  const bucketed = map.value?.kind === 'aggregate' && BUCKETED.has(map.value.name);
  const whole = bucketed ? Math.ceil(size / 8) * 8 + 8 : size;
  if (!bucketed && node.kind === 'variable' && node.type && sameType(node.type, type) && !isScalar(type))
    return e.variable(node.symbol!);
  const room = e.room(whole);
  if (bucketed && size % 8 !== 0) zero(e, room, whole - 8);
  e.into(node, type, room);
  return room;
}

export function readMap(e: Emitter, node: Expression & { kind: 'map' | 'element' }): string {
  const map = e.checker.mapOf(node.kind === 'map' ? node : node.map);
  const key = accessKey(e, node, map);
  const value = map.value!;
  if (isCastable(value)) return sumUp(e, value, map.name, key);
  const type = asNumber(value);
  const pointer = lookup(e, map, key);
  const result = e.keep(type, '0');
  e.emit(`  if (${pointer}) ${result} = *(${cType(type)} *)${pointer};${missing(e, node)}`);
  return result;
}

export function readMapInto(
  e: Emitter,
  node: Expression & { kind: 'map' | 'element' },
  type: TraceType,
  dest: string,
): void {
  const map = e.checker.mapOf(node.kind === 'map' ? node : node.map);
  const pointer = lookup(e, map, accessKey(e, node, map));
  e.emit(`  if (${pointer}) {`);
  copy(e, dest, pointer, sizeOf(type));
  e.emit('  } else {');
  zero(e, dest, sizeOf(type));
  e.emit('  }');
}

export function lookup(e: Emitter, map: MapInfo, key: string): string {
  return e.scratchVariable('char *', `bpf_map_lookup_elem(&${e.mapSymbol(map.name)}, ${key})`);
}

function missing(e: Emitter, node: Expression): string {
  if (!e.out.helperErrors || node.kind === 'map') return '';
  return ` else ${e.helperError('map_lookup_elem', "Can't lookup map element because it does not exist.", node.span, false, '0')}`;
}

export function updateMap(e: Emitter, map: MapInfo, key: string, value: string, span: Span): void {
  const error = e.helperError(
    'map_update_elem',
    "Map full; can't update element. Try increasing max_map_keys config or manually setting the max entries in a map declaration e.g. `let @a = hash(5000)`",
    span,
    true,
  );
  e.emit(`  if (bpf_map_update_elem(&${e.mapSymbol(map.name)}, ${key}, ${value}, 0)) ${error}`);
}

/** What all CPUs have of `count()` and its kind. */
export function sumUp(e: Emitter, type: AggregateType, map: string, key: string): string {
  const result = e.scratchVariable(type.signed ? 's64' : 'u64', '0');
  const other = type.name === 'avg' || type.name === 'min' || type.name === 'max' ? e.scratchVariable('u64', '0') : '';
  const cpu = e.scratchVariable('u32', '0');
  const value = type.signed ? '(s64)' : '';
  e.emit(`  for (${cpu} = 0; ${cpu} < ${e.out.cpus}; ${cpu}++) {`);
  e.emit(`  u64 *skep_one = bpf_map_lookup_percpu_elem(&${e.mapSymbol(map)}, ${key}, ${cpu});`);
  switch (type.name) {
    case 'count':
    case 'sum':
      e.emit(`  if (skep_one) ${result} += skep_one[0];`);
      break;
    case 'avg':
      e.emit(`  if (skep_one) { ${result} += skep_one[0]; ${other} += skep_one[1]; }`);
      break;
    default: {
      const better = type.name === 'min' ? '<' : '>';
      e.emit(
        `  if (skep_one && skep_one[1] && (!${other} || ${value}skep_one[0] ${better} ${result})) { ${result} = skep_one[0]; ${other} = 1; }`,
      );
    }
  }
  e.emit('  }');
  if (type.name === 'avg')
    e.emit(
      `  if (${other}) ${result} = ${type.signed ? `skep_divide(${result}, (s64)${other})` : `${result} / ${other}`};`,
    );
  if (type.name === 'avg' && type.signed) e.out.helpers.add('divide');
  return result;
}

/** Aggregations with an element for every bucket: its number stands behind the key. */
const BUCKETED: ReadonlySet<string> = new Set(['hist', 'lhist', 'tseries']);
