import type { Span } from '@skep/base';
import type { BuiltinName, Expr, FunctionDecl } from '../ast.ts';
import type { CType, FunctionType } from '../ctype.ts';
import { T } from '../token.ts';
import { asFunction, INT, pointee, pointerTo, SIZE, strip, unqualified, VOID } from '../types.ts';
import { assignTo, errorExpr, isError, promote, rvalue } from './conversions.ts';
import {
  badOperand,
  notAFunction,
  recordByValue,
  sizeOfPointer,
  tooFewArguments,
  tooManyArguments,
} from './diagnostics.ts';
import { assignment } from './expressions.ts';
import type { Parser } from './parser.ts';

/** The arguments in parentheses, as written: places stay places. */
export function callArguments(p: Parser): Expr[] {
  const opened = p.at;
  p.expect(T.LParen, "'('");
  const args: Expr[] = [];
  p.enter();
  if (p.kind !== T.RParen) {
    do args.push(assignment(p));
    while (p.accept(T.Comma));
  }
  p.leave();
  p.expect(T.RParen, "')'", opened);
  return args;
}

/** `callee(…)`, at the `(`. */
export function call(p: Parser, callee: Expr, start: number): Expr {
  const given = callArguments(p);
  const span = p.from(start);
  if (isError(callee)) return errorExpr(span);
  let target = callee;
  let signature: FunctionType | undefined;
  if (callee.kind === 'func') signature = asFunction(callee.type);
  else {
    target = rvalue(p, callee);
    if (isError(target)) return target;
    const to = pointee(target.type);
    signature = to && asFunction(to);
  }
  if (signature === undefined) {
    p.report(notAFunction(callee.span, callee.type));
    return errorExpr(span);
  }
  // `(*f)(…)` and `(&f)(…)` call the function itself.
  if (target.kind === 'cast' && target.op === 'decay' && target.operand.kind === 'func') target = target.operand;
  const decl = target.kind === 'func' ? target.function : undefined;
  const name = decl ? `'${decl.name}'` : 'this function';
  const args = convertArguments(p, signature, given, name, decl, span);
  if (args === undefined) return errorExpr(span);
  if (signature.variadic && decl?.storage === 'static') dropVariable(args, signature.params.length);
  if (strip(signature.result).kind === 'record' && !takesRecords(decl)) {
    p.report(recordByValue(span, `${name} returns`));
    return errorExpr(span);
  }
  return { kind: 'call', callee: target, signature, args, type: unqualified(signature.result), span };
}

/** What is passed for `...` of a definition in this file, which has no `va_start` to read it by: evaluated, and let go. */
function dropVariable(args: Expr[], named: number): void {
  const [last, ...extra] = args.splice(named - 1);
  const comma = (right: Expr, left: Expr): Expr => ({ kind: 'comma', left, right, type: right.type, span: right.span });
  args.push(extra.reduce(comma, last!));
}

/** Records are passed by value only where the function is copied into its caller. */
export function takesRecords(decl: FunctionDecl | undefined): boolean {
  return decl !== undefined && decl.storage === 'static' && !decl.attributes.noinline;
}

function convertArguments(
  p: Parser,
  signature: FunctionType,
  given: readonly Expr[],
  name: string,
  decl: FunctionDecl | undefined,
  span: Span,
): Expr[] | undefined {
  const { params } = signature;
  if (!signature.unspecified) {
    const at = decl?.span.file.name.startsWith('<') ? undefined : decl?.span;
    if (given.length < params.length) {
      p.report(tooFewArguments(span, name, params.length, given.length, at));
      return undefined;
    }
    if (given.length > params.length && !signature.variadic) {
      p.report(tooManyArguments(given[params.length]!.span, name, params.length, given.length, at));
      return undefined;
    }
  }
  if (decl?.helper !== undefined) checkSizes(p, given);
  let failed = false;
  const args = given.map((one, i) => {
    const param = params[i];
    const doing = param?.name ? `passing argument '${param.name}' of ${name}` : `passing argument ${i + 1} of ${name}`;
    const value = param ? assignTo(p, one, param.type, doing) : promoteArgument(p, one);
    if (isError(value)) failed = true;
    else if (strip(value.type).kind === 'record' && !takesRecords(decl)) {
      p.report(recordByValue(one.span, `argument ${i + 1} of ${name} passes`));
      failed = true;
    }
    return value;
  });
  return failed ? undefined : args;
}

/** `memset(p, 0, sizeof(p))`: the size of a pointer next to the pointer itself. */
function checkSizes(p: Parser, given: readonly Expr[]): void {
  for (const size of given) {
    const variable = size.kind === 'int' ? size.sizeOfPointer : undefined;
    if (variable === undefined) continue;
    const itself = (e: Expr): boolean =>
      e.kind === 'cast' ? itself(e.operand) : e.kind === 'var' && e.variable === variable;
    if (given.some(itself)) p.report(sizeOfPointer(size.span, variable.name));
  }
}

function promoteArgument(p: Parser, expr: Expr): Expr {
  const value = rvalue(p, expr);
  if (isError(value)) return value;
  const bare = strip(value.type);
  if (bare.kind === 'void') {
    p.report(badOperand(expr.span, 'call', value.type));
    return errorExpr(expr.span);
  }
  return promote(value);
}

const MEMORY: Record<string, { readonly builtin: BuiltinName; readonly params: readonly CType[] } | undefined> = {
  memcpy: { builtin: 'memcpy', params: [pointerTo(VOID), pointerTo(constVoid()), SIZE] },
  memmove: { builtin: 'memmove', params: [pointerTo(VOID), pointerTo(constVoid()), SIZE] },
  memset: { builtin: 'memset', params: [pointerTo(VOID), INT, SIZE] },
  memcmp: { builtin: 'memcmp', params: [pointerTo(constVoid()), pointerTo(constVoid()), SIZE] },
};

/** `memcpy(…)` of a program that declares but does not define it is the builtin, as in clang. */
export function callMemoryFunction(p: Parser, decl: FunctionDecl, span: Span): Expr | undefined {
  if (decl.body !== undefined || decl.storage !== 'extern' || MEMORY[decl.name] === undefined) return undefined;
  return memoryBuiltin(p, decl.name, span);
}

/** One of memcpy, memmove, memset, memcmp, at the `(`. */
export function memoryBuiltin(p: Parser, name: string, span: Span): Expr {
  const start = p.at;
  const { builtin, params } = MEMORY[name]!;
  const given = callArguments(p);
  const whole = { ...span, end: Math.max(span.end, p.from(start).file === span.file ? p.from(start).end : span.end) };
  if (given.length !== params.length) {
    p.report(
      (given.length < params.length ? tooFewArguments : tooManyArguments)(
        whole,
        `'${name}'`,
        params.length,
        given.length,
        undefined,
      ),
    );
    return errorExpr(whole);
  }
  const args = given.map((one, i) => assignTo(p, one, params[i]!, `passing argument ${i + 1} of '${name}'`));
  checkSizes(p, given);
  if (args.some(isError)) return errorExpr(whole);
  return {
    kind: 'builtin',
    name: builtin,
    args,
    ofType: undefined,
    type: name === 'memcmp' ? INT : pointerTo(VOID),
    span: whole,
  };
}

function constVoid(): CType {
  return { kind: 'qualified', type: VOID, const: true, volatile: false, restrict: false };
}
