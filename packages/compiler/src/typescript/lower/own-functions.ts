import { SkepError } from '@skep/base';
import type { Binding } from '../declarations.ts';
import * as say from '../diagnostics.ts';
import { placed } from '../origins.ts';
import type { Call, OptionalCall } from '../syntax.ts';
import { describe, NUMBER, numberOf, type Type, UNDEFINED } from '../types.ts';
import { lowerBody } from './body.ts';
import { safe } from './c-names.ts';
import { argumentsOf } from './calls.ts';
import { expression } from './expressions.ts';
import { Lowering } from './lowering.ts';
import { cTypeOf, type Value } from './value.ts';

/** A function of the module, as a static one for the types that it is called with here. */
export function ownFunction(l: Lowering, binding: Binding & { kind: 'function' }, node: Call | OptionalCall): Value {
  const { name, node: definition, home } = binding;
  const there = new Lowering({ ...l.shared, home }, undefined, name);
  const args = argumentsOf(l, node).map((one) => ({
    node: one,
    value: l.defined(expression(l, one), 'the argument', one),
  }));
  // What is left out is what its default says, as far as that is a constant.
  for (const one of definition.params.slice(args.length))
    if (one.type === 'AssignmentPattern') {
      const value = expression(there, one.right);
      if (value.constant !== undefined) args.push({ node: one.right, value });
    }
  const params = definition.params.map((one) => (one.type === 'AssignmentPattern' ? one.left : one));
  const required = params.filter((one) => one.type === 'Identifier' && !one.optional);
  if (args.length !== params.length || required.length !== params.length)
    l.fail(say.wrongCount(`\`${name}\``, `${definition.params.length} arguments, each always`, l.span(node)));
  const types = args.map(({ value, node: at }) => {
    const { kind } = value.type;
    if (kind === 'number') return classOf(value.type as Type & { kind: 'number' });
    if (kind === 'bigint' || kind === 'boolean' || kind === 'pointer') return value.type;
    if (kind === 'kernel' && !value.c.startsWith('@')) return value.type;
    return l.fail(
      say.wrongType(
        describe(value.type),
        'a number, bigint, boolean, address or kernel struct as an argument',
        l.span(at),
      ),
    );
  });
  const key = `${home.index}:${name}(${types.map((one) => JSON.stringify(one)).join()})`;
  let made = l.shared.functions.get(key);
  if (made?.busy) l.fail(say.unsupported('recursion', l.span(node), `\`${name}\``));
  if (made === undefined) {
    const c = `${safe(name)}__${l.shared.functions.size}`;
    l.shared.functions.set(key, { name: c, result: undefined, busy: true });
    const lowering = there;
    const declared = params.map((one, i) => {
      if (one.type !== 'Identifier') return l.fail(say.unsupported('destructuring', l.span(one)));
      const type = types[i]!;
      lowering.bind(one.name, { kind: 'const', value: { type, c: safe(one.name) } });
      return `${type.kind === 'kernel' ? `${type.tag} *` : `${cTypeOf(type)} `}${safe(one.name)}`;
    });
    const ends = lowerBody(lowering, definition);
    const result = lowering.result ?? UNDEFINED;
    if (result.kind !== 'undefined' && !ends)
      l.shared.diagnostics.add(say.noReturn(`\`${name}\``, `a ${describe(result)}`, l.span(definition)));
    l.shared.texts.push(
      [
        placed(
          `static ${result.kind === 'undefined' ? 'void' : cTypeOf(result)} ${c}(${declared.join(', ') || 'void'})`,
          home.index,
          definition.start,
        ),
        '{',
        ...lowering.lines,
        '}',
        '',
      ].join('\n'),
    );
    made = { name: c, result, busy: false, broken: lowering.failed };
    l.shared.functions.set(key, made);
    l.at(node);
  }
  // What is wrong with it was said; that it gives nothing now is no news.
  if (made.broken) throw new SkepError([]);
  const call = `${made.name}(${args.map(({ value }) => value.c).join(', ')})`;
  const { result } = made;
  if (result === undefined || result.kind === 'undefined') {
    l.emit(`${call};`);
    return { type: UNDEFINED, c: '' };
  }
  const kept = l.name(name);
  l.emit(`${cTypeOf(result)} ${kept} = ${call};`);
  return { type: result, c: kept };
}

/** A function is made again for numbers of another width, so that it is known that what it calculates is exact. */
function classOf({ min, max }: Type & { kind: 'number' }): Type {
  const widths = [numberOf(16, false), numberOf(32, false), ...[32, 40, 48].map((bits) => numberOf(bits, true))];
  return (widths as (Type & { kind: 'number' })[]).find((one) => one.min <= min && max <= one.max) ?? NUMBER;
}
