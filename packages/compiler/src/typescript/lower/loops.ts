import * as say from '../diagnostics.ts';
import { bare, type Expression, type Statement } from '../syntax.ts';
import type { Type } from '../types.ts';
import { expression } from './expressions.ts';
import type { Lowering } from './lowering.ts';
import { block } from './statements.ts';
import { wide } from './value.ts';
import { keepValue } from './variables.ts';

/** `for (let i = a; i < b; i += c)`, where b - a has a bound. */
export function forStatement(l: Lowering, node: Statement & { type: 'ForStatement' }): void {
  const bad = (detail?: string): never =>
    l.fail(say.unsupported('loop', l.span({ ...node, end: node.body.start ?? node.end ?? null }), detail));
  const { init, test, update } = node;
  if (init?.type !== 'VariableDeclaration' || init.declarations.length !== 1 || !test || !update) bad();
  const declared = (init as Statement & { type: 'VariableDeclaration' }).declarations[0]!;
  if (declared.id.type !== 'Identifier' || !declared.init) bad();
  const name = (declared.id as { name: string }).name;
  const start = l.number(expression(l, declared.init as Expression), declared);
  const compared = bare(test as Expression);
  if (
    compared.type !== 'BinaryExpression' ||
    !['<', '<=', '>', '>='].includes(compared.operator) ||
    compared.left.type === 'PrivateName'
  )
    bad();
  const { operator, left, right } = compared as Expression & { type: 'BinaryExpression' };
  const leftBare = bare(left as Expression);
  if (leftBare.type !== 'Identifier' || leftBare.name !== name)
    bad(`the condition compares \`${name}\` with its bound`);
  const bound = keepValue(l, l.number(expression(l, right), right), 'bound');
  const step = stepOf(l, bare(update as Expression), name) ?? bad(`it counts with \`${name}++\`, \`${name} += 2\` …`);
  const up = operator === '<' || operator === '<=';
  if (up !== step > 0) bad('it does not come nearer to its bound');
  const [from, to] = [start.type, bound.type] as [Type & { kind: 'number' }, Type & { kind: 'number' }];
  const rounds = (up ? to.max - from.min : from.max - to.min) / Math.abs(step) + 1;
  if (!(rounds <= MOST_ROUNDS))
    bad(
      `it may go round ${rounds > 2 ** 40 ? 'without end' : `${Math.ceil(rounds)} times`}, ${MOST_ROUNDS} are allowed`,
    );
  const c = l.name(name);
  const known = new Set(l.known);
  l.scopes.push(new Map());
  const type: Type = { kind: 'number', min: Math.min(from.min, to.min), max: Math.max(from.max, to.max) };
  l.bind(name, { kind: 'counter', value: { type, c } });
  l.emit(`for (s64 ${c} = ${start.c}; ${c} ${operator} ${wide(bound.c)}; ${c} += ${step}) {`);
  block(l, [node.body]);
  l.emit('}');
  l.scopes.pop();
  l.known = known;
}

export function stepOf(l: Lowering, node: Expression, name: string): number | undefined {
  if (node.type === 'UpdateExpression' && node.argument.type === 'Identifier' && node.argument.name === name)
    return node.operator === '++' ? 1 : -1;
  if (node.type !== 'AssignmentExpression' || node.left.type !== 'Identifier' || node.left.name !== name)
    return undefined;
  const amount = expression(l, node.right).constant;
  if (typeof amount !== 'number' || !Number.isInteger(amount) || amount === 0) return undefined;
  return node.operator === '+=' ? amount : node.operator === '-=' ? -amount : undefined;
}

const MOST_ROUNDS = 1 << 16;
