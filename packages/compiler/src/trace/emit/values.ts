import type { Expression } from '../ast.ts';
import type { CFunctionType } from '../c-functions.ts';
import { comptimeOf, positionalOf } from '../check/constants.ts';
import { typeOrExpression } from '../check/written-types.ts';
import type { Emitter } from '../emit.ts';
import { FUNCTIONS } from '../functions/index.ts';
import { asNumber, baseName, INT64, isScalar, layoutOf, showType, sizeOf, type TraceType } from '../type.ts';
import { convert, copy, sameLayout, storeScalar, storeText, zero } from './bytes.ts';
import { cType, literal, plus } from './c-text.ts';
import { cast, castInto } from './casts.ts';
import { readMap, readMapInto } from './maps.ts';
import { binary, step, unary } from './operators.ts';
import { load, placeOf, readInto } from './places.ts';

// What an expression is: a value in a register, or bytes somewhere.

/** The value of an expression whose type fits a register: a C expression without effects. */
export function value(e: Emitter, node: Expression): string {
  const type = asNumber(node.type!);
  if (type.kind === 'int' || type.kind === 'bool') {
    const constant = e.checker.constant(node);
    if (constant !== undefined) return literal(constant, type);
  }
  switch (node.kind) {
    case 'variable':
      return e.keep(type, e.variable(node.symbol!));
    case 'map':
    case 'element':
      return readMap(e, node);
    case 'name':
    case 'call':
      return callFunction(e, node, undefined, false);
    case 'member':
    case 'index':
      return load(e, placeOf(e, node), type, node.span);
    case 'unary':
      return unary(e, node);
    case 'step':
      return step(e, node);
    case 'binary':
      return binary(e, node);
    case 'conditional':
      return conditional(e, node, type);
    case 'cast':
      return cast(e, node, type);
    case 'comptime':
      return e.value(node.operand);
    case 'block': {
      let result = '0';
      e.block(node, (value) => {
        result = e.value(value);
      });
      return result;
    }
    case 'ifElse': {
      const result = e.keep(type, '0');
      ifElse(e, node, (value) => e.emit(`  ${result} = ${e.valueAs(value, type)};`));
      return result;
    }
    default:
      throw new Error(`no value of ${node.kind}`);
  }
}

function conditional(e: Emitter, node: Expression & { kind: 'conditional' }, type: TraceType): string {
  const condition = e.value(node.condition);
  const result = e.keep(type, '0');
  e.emit(`  if (${condition}) {`);
  e.emit(`  ${result} = ${node.consequent ? e.valueAs(node.consequent, type) : `(${cType(type)})(${condition})`};`);
  e.emit('  } else {');
  e.emit(`  ${result} = ${e.valueAs(node.otherwise, type)};`);
  e.emit('  }');
  return result;
}

/** The bytes of an expression, in the layout of its type: a `char *`. */
export function ref(e: Emitter, node: Expression): string {
  const type = asNumber(node.type!);
  if (node.kind === 'variable') return e.variable(node.symbol!);
  if (node.kind === 'member' || node.kind === 'index') {
    const place = placeOf(e, node);
    if (place.space === 'here' && !place.field?.bits) return place.at;
    const room = e.room(sizeOf(type));
    readInto(e, place, type, room, node.span);
    return room;
  }
  const room = e.room(sizeOf(type));
  e.into(node, type, room);
  return room;
}

/** Puts the value of an expression somewhere, as a value of `type`. */
export function into(e: Emitter, node: Expression, type: TraceType, dest: string): void {
  const own = asNumber(node.type!);
  if (isScalar(type)) {
    storeScalar(e, dest, type, e.valueAs(node, type));
    return;
  }
  if (type.kind === 'string') {
    const text =
      e.checker.textOf(node) ?? (node.kind === 'positional' ? String(positionalOf(e.checker, node)) : undefined);
    if (text !== undefined) {
      storeText(e, dest, type.size, text);
      return;
    }
  }
  switch (node.kind) {
    case 'tuple':
      if (type.kind === 'tuple') {
        const { offsets, padded, size } = layoutOf(type);
        if (padded) zero(e, dest, size);
        for (const [i, item] of node.items.entries()) e.into(item, type.items[i]!, plus(dest, offsets[i]!));
        return;
      }
      break;
    case 'record':
      if (type.kind === 'record') {
        const { offsets, padded, size } = layoutOf(type);
        if (padded) zero(e, dest, size);
        for (const field of node.fields) {
          const at = type.fields.findIndex((one) => one.name === field.name);
          e.into(field.value, type.fields[at]!.type, plus(dest, offsets[at]!));
        }
        return;
      }
      break;
    case 'conditional':
      e.emit(`  if (${e.truth(node.condition)}) {`);
      if (node.consequent) e.into(node.consequent, type, dest);
      else e.into(node.condition, type, dest);
      e.emit('  } else {');
      e.into(node.otherwise, type, dest);
      e.emit('  }');
      return;
    case 'ifElse':
      ifElse(e, node, (value) => e.into(value, type, dest));
      return;
    case 'block':
      e.block(node, (value) => e.into(value, type, dest));
      return;
    case 'comptime':
      e.into(node.operand, type, dest);
      return;
  }
  if (!sameLayout(own, type)) {
    convert(e, dest, type, e.ref(node), own);
    return;
  }
  switch (node.kind) {
    case 'variable':
      copy(e, dest, e.variable(node.symbol!), sizeOf(type));
      return;
    case 'map':
    case 'element':
      readMapInto(e, node, type, dest);
      return;
    case 'name':
    case 'call':
      callFunction(e, node, dest, false);
      return;
    case 'member':
    case 'index':
      readInto(e, placeOf(e, node), type, dest, node.span);
      return;
    case 'unary':
      if (node.op === '*') {
        // `*args` is `args`.
        if (node.operand.type?.kind === 'struct') e.into(node.operand, type, dest);
        else readInto(e, placeOf(e, node), type, dest, node.span);
        return;
      }
      break;
    case 'cast':
      castInto(e, node, type, dest);
      return;
    case 'typeinfo': {
      if (type.kind !== 'record') break;
      const of = typeOrExpression(e.checker, node.of)!;
      const { offsets } = layoutOf(type);
      zero(e, dest, sizeOf(type));
      for (const [i, text] of [baseName(of), showType(of)].entries())
        storeText(e, plus(dest, offsets[i + 1]!), sizeOf(type.fields[i + 1]!.type), text);
      return;
    }
  }
  throw new Error(`no bytes of ${node.kind}`);
}

export function ifElse(
  e: Emitter,
  node: Expression & { kind: 'ifElse' },
  result: ((value: Expression) => void) | undefined,
): void {
  const known = node.condition.kind === 'comptime' ? comptimeOf(e.checker, node.condition) : undefined;
  const other = () => {
    if (!node.otherwise) return;
    if (node.otherwise.kind === 'ifElse') ifElse(e, node.otherwise, result);
    else if (node.otherwise.kind === 'block') e.block(node.otherwise, result);
  };
  if (known === true) e.block(node.consequent, result);
  else if (known === false) other();
  else {
    e.emit(`  if (${e.truth(node.condition)}) {`);
    e.block(node.consequent, result);
    if (node.otherwise) {
      e.emit('  } else {');
      other();
    }
    e.emit('  }');
  }
}

export function callFunction(
  e: Emitter,
  node: Expression & { kind: 'name' | 'call' },
  dest: string | undefined,
  discarded: boolean,
): string {
  const call = node.kind === 'call' ? node : { ...node, kind: 'call' as const, args: [] };
  const constant = e.checker.options.types;
  const found = FUNCTIONS.get(node.name) ?? (/^s?arg\d+$/.test(node.name) ? FUNCTIONS.get('arg0') : undefined);
  const own = e.checker.options.functions.get(node.name);
  if (!found && own) return callC(e, call, own);
  if (!found) {
    const value = constant.constant(node.name);
    if (value?.kind === 'string' && dest) storeText(e, dest, sizeOf(node.type!), value.value);
    return value?.kind === 'int' ? literal(value.value, INT64) : '0';
  }
  return found.emit(e, call, dest, discarded) ?? '0';
}

function callC(e: Emitter, call: Expression & { kind: 'call' }, { params, result }: CFunctionType): string {
  const args = call.args.map((one, i) => {
    const text = one.type?.kind === 'string' ? e.ref(one) : e.value(one);
    return params[i]!.kind === 'pointer' ? `(void *)(${text})` : text;
  });
  const text = `${call.name}(${args.join(', ')})`;
  if (result.kind !== 'none') return e.keep(result, result.kind === 'pointer' ? `(u64)${text}` : text);
  e.emit(`  ${text};`);
  return '0';
}
