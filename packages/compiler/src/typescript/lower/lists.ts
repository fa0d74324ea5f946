import { SkepError } from '@skep/base';
import { type Constant, listOf } from '../declarations.ts';
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
import { amongTexts } from './texts.ts';
import { constantValue, cTypeOf, type Value } from './value.ts';

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
  const binding = l.shared.module.bindings.get(node.name);
  return binding?.kind === 'list' && binding.values.length > 0 ? binding.values : undefined;
}

/** What lists have. */
export const LISTS = 'lists have `includes(x)`, `length` and `[0]`, and `for (const x of LIST)` goes through them';

/** `LIST.length`, and `LIST[0]` with a constant. */
export function memberOfList(l: Lowering, list: readonly Constant[], node: Member | OptionalMember): Value {
  if (!node.computed) {
    if (node.property.type === 'Identifier' && node.property.name === 'length') return constantValue(list.length);
    return l.fail(say.unsupported('library', l.span(node), `\`${l.text(node.property)}\` of a list`, LISTS));
  }
  const index = expression(l, node.property as Expression).constant;
  const value = typeof index === 'number' ? list[index] : undefined;
  if (value === undefined) return l.fail(say.unsupported('dynamic', l.span(node.property), undefined, LISTS));
  return constantValue(value);
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

/** `for (const x of [1, 2, 3])`, over constants that are no texts. */
export function forOf(l: Lowering, node: Statement & { type: 'ForOfStatement' }): void {
  const { left, right, body } = node;
  const list = node.await ? undefined : listIn(l, right);
  const declared = left.type === 'VariableDeclaration' && left.kind === 'const' ? left.declarations[0]?.id : undefined;
  if (list === undefined || declared?.type !== 'Identifier' || typeof list[0] === 'string')
    throw new SkepError(say.unsupported('loop', l.span({ ...node, end: body.start ?? node.end ?? null })));
  const values = list.map(constantValue);
  const type = values.map((one) => one.type).reduce(wider);
  const [index, c] = [l.name('i'), l.name(declared.name)];
  l.emit(`for (u32 ${index} = 0; ${index} < ${list.length}; ${index}++) {`);
  const picked = values.slice(0, -1).map((one, i) => `${index} == ${i} ? (${cTypeOf(type)})${one.c} : `);
  l.emit(`${cTypeOf(type)} ${c} = ${picked.join('')}(${cTypeOf(type)})${values.at(-1)!.c};`);
  const known = new Set(l.known);
  l.scopes.push(new Map());
  l.bind(declared.name, { kind: 'const', value: { type, c } });
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
