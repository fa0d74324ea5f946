import * as say from '../diagnostics.ts';
import type { AnyFunction, Expression } from '../syntax.ts';
import { expression } from './expressions.ts';
import type { Lowering } from './lowering.ts';
import { block, giveBack } from './statements.ts';

/** Whether control never comes out at its end. */
export function lowerBody(l: Lowering, node: AnyFunction): boolean {
  if (node.async || node.generator) l.fail(say.unsupported('async', l.span(node)));
  if (node.body.type === 'BlockStatement') return block(l, node.body.body);
  l.at(node.body);
  const value = l.attempt(() => expression(l, node.body as Expression, true));
  if (value === undefined) return true;
  return giveBack(l, value, node.body);
}
