import { SkepError, type SourceFile, type Span } from '@skep/base';
import { syntaxError } from './diagnostics.ts';

type Babel = typeof import('@babel/parser');
export type Program = ReturnType<Babel['parse']>['program'];
export type Statement = Program['body'][number];
export type Expression = Extract<Statement, { type: 'ExpressionStatement' }>['expression'];
export type ArrowFunction = Extract<Expression, { type: 'ArrowFunctionExpression' }>;
export type FunctionDeclaration = Extract<Statement, { type: 'FunctionDeclaration' }>;
export type FunctionExpression = Extract<Expression, { type: 'FunctionExpression' }>;
/** The body of a probe or of a function of the module. */
export type AnyFunction = ArrowFunction | FunctionExpression | FunctionDeclaration;
export type ObjectPattern = Extract<AnyFunction['params'][number], { type: 'ObjectPattern' }>;
export type Call = Extract<Expression, { type: 'CallExpression' }>;
export type OptionalCall = Extract<Expression, { type: 'OptionalCallExpression' }>;
export type Member = Extract<Expression, { type: 'MemberExpression' }>;
export type OptionalMember = Extract<Expression, { type: 'OptionalMemberExpression' }>;
export type ObjectLiteral = Extract<Expression, { type: 'ObjectExpression' }>;

/** What all nodes have; babel gives offsets to whatever it parsed. */
export interface Node {
  readonly type: string;
  readonly start?: number | null;
  readonly end?: number | null;
}

/**
 * The syntax tree of a TypeScript file. The parser is loaded when it is first needed: who compiles C does not pay for it.
 * Throws E1600 for every place that is no TypeScript.
 */
export async function parseTypeScript(file: SourceFile): Promise<Program> {
  const { parse } = await import('@babel/parser');
  let found: ReturnType<Babel['parse']>;
  try {
    found = parse(file.text, {
      sourceType: 'module',
      plugins: ['typescript', 'explicitResourceManagement'],
      errorRecovery: true,
      attachComment: false,
    });
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    throw new SkepError(problemOf(error as ParseProblem, file));
  }
  const problems = (found.errors ?? []) as unknown as ParseProblem[];
  if (problems.length > 0) throw new SkepError(problems.map((one) => problemOf(one, file)));
  return found.program;
}

interface ParseProblem {
  readonly message: string;
  readonly pos?: number;
}

function problemOf({ message, pos }: ParseProblem, file: SourceFile) {
  if (pos === undefined) return syntaxError('it is nested too deeply', { file, start: 0, end: 0 });
  const start = Math.min(pos, file.text.length);
  return syntaxError(message.replace(/\s*\(\d+:\d+\)$/, ''), {
    file,
    start,
    end: Math.min(start + 1, file.text.length),
  });
}

export function spanOf(file: SourceFile, node: Node): Span {
  return { file, start: node.start ?? 0, end: node.end ?? 0 };
}

/** What remains of an expression without parentheses, `as`, `satisfies` and `!`, which mean nothing when it runs. */
export function bare(node: Expression): Expression {
  switch (node.type) {
    case 'ParenthesizedExpression':
    case 'TSAsExpression':
    case 'TSSatisfiesExpression':
    case 'TSNonNullExpression':
    case 'TSTypeAssertion':
      return bare(node.expression);
    default:
      return node;
  }
}

/** The children of a node that are nodes. */
export function* childrenOf(node: Node): Generator<Node> {
  for (const [key, value] of Object.entries(node)) {
    if (key === 'loc' || key === 'extra' || key.endsWith('Comments') || typeof value !== 'object' || value === null)
      continue;
    if (Array.isArray(value)) {
      for (const one of value) if (isNode(one)) yield one;
    } else if (isNode(value)) yield value;
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';
}
