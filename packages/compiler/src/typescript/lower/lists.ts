import { SkepError } from '@skep/base';
import { listOf } from '../constants.ts';
import type { Constant } from '../declarations.ts';
import * as say from '../diagnostics.ts';
import {
  bare,
  type Call,
  type Expression,
  type Member,
  type OptionalCall,
  type OptionalMember,
  type Statement,
} from '../syntax.ts';
import { BOOLEAN, type Type } from '../types.ts';
import { sameness } from './arithmetic.ts';
import { exactly } from './calls.ts';
import { expression } from './expressions.ts';
import type { Lowering } from './lowering.ts';
import { block } from './statements.ts';
import { amongTexts, eitherText } from './texts.ts';
import { castC, constantValue, cTypeOf, type Value } from './value.ts';

/** The values of a list of constants: of the module, or written where it is used. */
export function listIn(l: Lowering, given: Expression): readonly Constant[] | undefined {
  const node = bare(given);
  if (node.type === 'ArrayExpression') {
    const values = listOf(node, (one) => {
      const { type } = bare(one);
      return /Literal$|^Identifier$|^UnaryExpression$/.test(type) ? expression(l, one).constant : undefined;
    });
    return values?.length === 0 ? undefined : values;
  }
  if (node.type !== 'Identifier' || l.local(node.name)) return undefined;
  const binding = l.shared.home.bindings.get(node.name);
  return binding?.kind === 'list' && binding.values.length > 0 ? binding.values : undefined;
}

/** What lists have. */
export const LISTS = 'lists have `includes(x)`, `length` and `[i]`, and `for (const x of LIST)` goes through them';

/** `LIST.length`, and `LIST[i]`, which may be undefined where it is not known that there is such an entry. */
export function memberOfList(l: Lowering, list: readonly Constant[], node: Member | OptionalMember): Value {
  if (!node.computed) {
    if (node.property.type === 'Identifier' && node.property.name === 'length') return constantValue(list.length);
    return l.fail(say.unsupported('library', l.span(node), `\`${l.text(node.property)}\` of a list`, LISTS));
  }
  const place = node.property as Expression;
  const index = l.number(expression(l, place), place);
  const { min, max } = index.type as Type & { kind: 'number' };
  if (max < 0 || min >= list.length)
    return l.fail(say.outOfRange(l.text(place), `the list, which ends at [${list.length - 1}]`, l.span(place)));
  if (typeof index.constant === 'number') return constantValue(list[index.constant]!);
  const at = l.declare('s64', 'at', index.c);
  const ok = min >= 0 && max < list.length ? undefined : `((u64)${at} < ${list.length})`;
  return { ...entry(l, list.map(constantValue), at, 'entry'), ok };
}

/** The one of these values that an index says, the last where it says none. */
function entry(l: Lowering, values: readonly Value[], index: string, name: string): Value {
  const last = values.at(-1)!;
  if (last.type.kind === 'string')
    return values.reduceRight((rest, one, i) => eitherText(`${index} == ${i}`, one, rest), last);
  const type = values.map((one) => one.type).reduce(wider);
  const tests = values.slice(0, -1).map((one, i) => `${index} == ${i} ? ${castC(type, one.c)} : `);
  return { type, c: l.declare(cTypeOf(type), name, `${tests.join('')}${castC(type, last.c)}`) };
}

/** `[80, 443].includes(port)` */
export function includes(l: Lowering, list: readonly Constant[], node: Call | OptionalCall): Value {
  const [argument] = exactly(l, node, '`includes()`', 1) as [Expression];
  const value = l.defined(expression(l, argument), 'this', argument);
  if (typeof list[0] === 'string' && value.type.kind === 'string')
    return { type: BOOLEAN, c: amongTexts(l, value, list as readonly string[], argument) };
  const tests = list.map((one) => sameness(l, value, constantValue(one), argument));
  return { type: BOOLEAN, c: `(${tests.join(' || ')})` };
}

/** `for (const x of [1, 2, 3])`, over constants. */
export function forOf(l: Lowering, node: Statement & { type: 'ForOfStatement' }): void {
  const { left, right, body } = node;
  const list = node.await ? undefined : listIn(l, right);
  const declared = left.type === 'VariableDeclaration' && left.kind === 'const' ? left.declarations[0]?.id : undefined;
  if (list === undefined || declared?.type !== 'Identifier')
    throw new SkepError(say.unsupported('loop', l.span({ ...node, end: body.start ?? node.end ?? null })));
  const values = list.map(constantValue);
  const index = l.name('i');
  l.emit(`for (u32 ${index} = 0; ${index} < ${list.length}; ${index}++) {`);
  const known = new Set(l.known);
  l.scopes.push(new Map());
  l.bind(declared.name, { kind: 'const', value: entry(l, values, index, declared.name) });
  block(l, [body]);
  l.scopes.pop();
  l.known = known;
  l.emit('}');
}

function wider(a: Type, b: Type): Type {
  if (a.kind === 'number' && b.kind === 'number')
    return { kind: 'number', min: Math.min(a.min, b.min), max: Math.max(a.max, b.max) };
  return a.kind === 'bigint' && b.kind === 'bigint' ? { kind: 'bigint', signed: a.signed || b.signed } : a;
}
