import type { Expression, Statement } from '../ast.ts';
import { isCallback } from '../check/scopes.ts';
import type { Emitter } from '../emit.ts';
import { isCastable, layoutOf, sizeOf } from '../type.ts';
import { convert, storeScalar, zero } from './bytes.ts';
import { sumUp } from './maps.ts';

type ForLoop = Statement & { kind: 'for' };
type MapNode = Expression & { kind: 'map' };

/** `for`: a loop of C where that is enough, else a function that the kernel calls for every round. */
export function forLoop(e: Emitter, one: ForLoop): void {
  const { over } = one;
  if (over.kind === 'map') overMap(e, one, over.map as MapNode);
  else if (isCallback(one)) overRangeByCallback(e, one, over);
  else overRange(e, one, over);
}

interface Range {
  readonly from: Expression;
  readonly to: Expression;
}

function overRange(e: Emitter, one: ForLoop, { from, to }: Range): void {
  const index = e.scratchVariable('s64', e.value(from));
  const end = e.scratchVariable('s64', e.value(to));
  e.emit(`  for (; ${index} < ${end}; ${index}++) {`);
  setLoopVariable(e, one, index);
  e.loops.push('c');
  e.block(one.body, undefined);
  e.loops.pop();
  e.emit('  }');
}

function overRangeByCallback(e: Emitter, one: ForLoop, { from, to }: Range): void {
  const name = e.functionName('loop');
  const start = e.local('s64', 8, true);
  e.emit(`  ${start} = ${e.value(from)};`);
  const end = e.scratchVariable('s64', e.value(to));
  const rounds = e.scratchVariable('u32', `${end} > ${start} ? (u32)(${end} - ${start}) : 0`);
  const head = `static long ${name}(u64 skep_i, struct skep_loop *skep_loop)`;
  const usesContext = e.callback(one, head, () => {
    setLoopVariable(e, one, `${start} + (s64)skep_i`);
    e.block(one.body, undefined);
  });
  const context = passContext(e, usesContext);
  e.emit(`  bpf_loop(${rounds}, ${name}, &${context}, 0);`);
  e.leaveIfReturned();
}

function overMap(e: Emitter, one: ForLoop, map: MapNode): void {
  const name = e.functionName('loop');
  const head = `static long ${name}(void *skep_map, char *skep_key, char *skep_value, struct skep_loop *skep_loop)`;
  const usesContext = e.callback(one, head, () => {
    setEntry(e, one, map);
    e.block(one.body, undefined);
  });
  const context = passContext(e, usesContext);
  e.emit(`  bpf_for_each_map_elem(&${e.mapSymbol(map.name)}, ${name}, &${context}, 0);`);
  e.leaveIfReturned();
}

/** What the callback is given of the function around it. */
function passContext(e: Emitter, usesContext: boolean): string {
  const context = e.local('struct skep_loop', 8);
  if (usesContext) e.emit(`  ${context}.ctx = ${e.context()};`);
  return context;
}

function setLoopVariable(e: Emitter, one: ForLoop, value: string): void {
  const { symbol } = one.variable;
  if (symbol?.type) e.emit(`  ${e.variable(symbol)} = ${value};`);
}

/** The key and the value that a loop over a map is at, as a tuple. */
function setEntry(e: Emitter, one: ForLoop, node: MapNode): void {
  const { symbol } = one.variable;
  const map = e.checker.mapOf(node);
  if (symbol?.type?.kind !== 'tuple' || !map.key || !map.value) return;
  const variable = e.variable(symbol);
  const { offsets, padded } = layoutOf(symbol.type);
  const [keyType, valueType] = symbol.type.items;
  if (padded) zero(e, variable, sizeOf(symbol.type));
  convert(e, `${variable} + ${offsets[0]}`, keyType!, 'skep_key', map.key);
  const at = `${variable} + ${offsets[1]}`;
  if (isCastable(map.value)) storeScalar(e, at, valueType!, sumUp(e, map.value, node.name, 'skep_key'));
  else convert(e, at, valueType!, 'skep_value', map.value);
}
