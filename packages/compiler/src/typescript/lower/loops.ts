import * as say from '../diagnostics.ts';
import { bare, type Call, childrenOf, type Expression, type Node, type Statement } from '../syntax.ts';
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
  const { value: given, lines } = l.aside(() => l.number(expression(l, right), right));
  // JavaScript asks for the bound before each round.
  const again = given.constant === undefined && changes(l, right);
  if (!again) l.lines.push(...lines);
  const bound = again ? given : keepValue(l, given, 'bound');
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
  const goesOn = `${c} ${operator} ${wide(bound.c)}`;
  l.emit(`for (s64 ${c} = ${start.c}; ${again ? '' : goesOn}; ${c} += ${step}) {`);
  if (again) {
    l.lines.push(...lines);
    l.emit(`if (!(${goesOn})) break;`);
  }
  block(l, [node.body]);
  l.emit('}');
  l.scopes.pop();
  l.known = known;
}

/** Whether an expression may give something else when it is asked again: it reads variables, or calls what does. */
function changes(l: Lowering, node: Node): boolean {
  if (node.type === 'Identifier') return l.local((node as { name: string } & Node).name)?.kind === 'let';
  if (node.type === 'CallExpression' || node.type === 'OptionalCallExpression') {
    const { callee } = node as Call;
    const name = callee.type === 'MemberExpression' ? callee.object : callee;
    const steady = name.type === 'Identifier' && !l.local(name.name) && STEADY.has(libraryName(l, name.name));
    if (!steady) return true;
  }
  for (const one of childrenOf(node)) if (changes(l, one)) return true;
  return false;
}

export function stepOf(l: Lowering, node: Expression, name: string): number | undefined {
  if (node.type === 'UpdateExpression' && node.argument.type === 'Identifier' && node.argument.name === name)
    return node.operator === '++' ? 1 : -1;
  if (node.type !== 'AssignmentExpression' || node.left.type !== 'Identifier' || node.left.name !== name)
    return undefined;
  const by = bare(node.right);
  // `i = i + 2`
  const sum = node.operator === '=' && by.type === 'BinaryExpression' ? by : undefined;
  if (sum && !(sum.left.type === 'Identifier' && sum.left.name === name)) return undefined;
  const operator = sum ? `${sum.operator}=` : node.operator;
  const step = sum?.right ?? by;
  const amount = mentions(step, name) ? undefined : expression(l, step).constant;
  if (typeof amount !== 'number' || !Number.isInteger(amount) || amount === 0) return undefined;
  return operator === '+=' ? amount : operator === '-=' ? -amount : undefined;
}

function libraryName(l: Lowering, name: string): string {
  const binding = l.shared.home.bindings.get(name);
  return binding === undefined ? name : binding.kind === 'library' ? binding.name : '';
}

/** Calls that give the same throughout a run. */
const STEADY: ReadonlySet<string> = new Set(['Math', 'BigInt', 'Number', 'pid', 'tid', 'uid', 'gid', 'cgroupId']);

function mentions(node: Node, name: string): boolean {
  if (node.type === 'Identifier') return (node as { name: string } & Node).name === name;
  for (const one of childrenOf(node)) if (mentions(one, name)) return true;
  return false;
}

const MOST_ROUNDS = 1 << 16;
