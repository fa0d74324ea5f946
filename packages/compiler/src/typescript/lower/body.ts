import * as say from '../diagnostics.ts';
import type { AnyFunction, Expression } from '../syntax.ts';
import type { Lowering } from './lowering.ts';
import { block, giveBack } from './statements.ts';

/** Whether control never comes out at its end. */
export function lowerBody(l: Lowering, node: AnyFunction): boolean {
  if (node.async || node.generator) l.fail(say.unsupported('async', l.span(node)));
  if (node.body.type === 'BlockStatement') return block(l, node.body.body);
  l.at(node.body);
  return l.attempt(() => giveBack(l, node.body as Expression)) ?? true;
}
