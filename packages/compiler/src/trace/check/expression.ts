import { suggest } from '@skep/base';
import { COMPARES, type Expression } from '../ast.ts';
import type { CFunctionType } from '../c-functions.ts';
import type { Checker } from '../check.ts';
import { badCall, mismatch, notConstant, undefinedVariable, unknownFunction, unknownName } from '../diagnostics.ts';
import { FUNCTIONS, functionNames } from '../functions/index.ts';
import { shown } from '../macros.ts';
import {
  asNumber,
  BOOL,
  baseName,
  isScalar,
  literalType,
  NONE,
  promote,
  showType,
  sizeOf,
  string,
  type TraceType,
} from '../type.ts';
import { index, member } from './access.ts';
import { comptimeOf, isLiteral, positionalOf } from './constants.ts';
import { binary, cast, step, unary } from './operators.ts';
import { block } from './statements.ts';
import { offsetIn, typeNamed, typeOrExpression } from './written-types.ts';

// What type each kind of expression has.

export function typeOf(checker: Checker, node: Expression, statement: boolean): TraceType | undefined {
  switch (node.kind) {
    case 'int':
      return literalType(node.value);
    case 'string':
      return string(byteLength(node.value) + 1);
    case 'bool':
      return BOOL;
    case 'positional': {
      const literal = positionalOf(checker, node);
      return typeof literal === 'bigint' ? literalType(literal) : string(byteLength(literal) + 1);
    }
    case 'positionalCount':
      return literalType(BigInt(checker.options.positional.length));
    case 'variable': {
      if (node.symbol === undefined) return undefined;
      if (node.symbol.type === undefined && checker.final)
        return checker.follows(undefinedVariable(shown(node.name), node.span));
      return node.symbol.type;
    }
    case 'map':
    case 'element': {
      const map = checker.access(node);
      if (map?.value === undefined && map) checker.noValue(map, node.span);
      return map?.value;
    }
    case 'name':
      return named(checker, node);
    case 'call':
      return call(checker, node);
    case 'member':
      return member(checker, node);
    case 'index':
      return index(checker, node);
    case 'unary':
      return unary(checker, node);
    case 'step':
      return step(checker, node);
    case 'binary': {
      const left = checker.rvalue(node.left);
      const right = checker.rvalue(node.right);
      if (!left || !right) return undefined;
      const value = checker.constant(node);
      if (
        value !== undefined &&
        left.kind === 'int' &&
        right.kind === 'int' &&
        !COMPARES.has(node.op) &&
        isLiteral(node.left) &&
        isLiteral(node.right)
      )
        return literalType(value);
      return binary(checker, node.op, left, right, node.span);
    }
    case 'conditional': {
      checker.condition(node.condition);
      const then = node.consequent
        ? checker.rvalue(node.consequent)
        : node.condition.type && asNumber(node.condition.type);
      const otherwise = checker.rvalue(node.otherwise);
      if (!then || !otherwise) return then ?? otherwise;
      if (then.kind === 'none' && otherwise.kind === 'none') return NONE;
      return (
        promote(then, otherwise) ??
        checker.report(
          mismatch(
            `Branches must return the same type or compatible types: have '${showType(then)}' and '${showType(otherwise)}'`,
            node.span,
          ),
        )
      );
    }
    case 'cast':
      return cast(checker, node);
    case 'tuple': {
      const items = node.items.map((one) => checker.rvalue(one));
      for (const [i, item] of items.entries())
        if (item?.kind === 'none')
          checker.report(mismatch('Map type none cannot exist inside a tuple.', node.items[i]!.span));
      return items.includes(undefined) ? undefined : { kind: 'tuple', items: items as TraceType[] };
    }
    case 'record': {
      const fields = node.fields.map((one) => ({ name: one.name, type: checker.rvalue(one.value) }));
      return fields.some((one) => one.type === undefined)
        ? undefined
        : { kind: 'record', fields: fields as { name: string; type: TraceType }[] };
    }
    case 'block':
      return block(checker, node, statement);
    case 'ifElse': {
      const known = node.condition.kind === 'comptime' ? comptimeOf(checker, node.condition) : undefined;
      if (known !== undefined) {
        if (known) return block(checker, node.consequent, statement);
        return node.otherwise ? checker.visit(node.otherwise, statement) : NONE;
      }
      checker.condition(node.condition);
      const then = block(checker, node.consequent, statement);
      const otherwise = node.otherwise ? checker.visit(node.otherwise, statement) : NONE;
      if (statement || !otherwise) return statement ? NONE : undefined;
      if (then.kind === 'none' || otherwise.kind === 'none') return NONE;
      return (
        promote(then, otherwise) ??
        checker.report(
          mismatch(
            `Branches must return the same type or compatible types: have '${showType(then)}' and '${showType(otherwise)}'`,
            node.span,
          ),
        )
      );
    }
    case 'sizeof': {
      const type = typeOrExpression(checker, node.of);
      return type && literalType(BigInt(sizeOf(type)));
    }
    case 'offsetof': {
      const value = offsetIn(checker, node);
      return value === undefined ? undefined : literalType(BigInt(value));
    }
    case 'typeinfo': {
      checker.unstable('unstable_typeinfo', 'typeinfo()', node.span);
      const type = typeOrExpression(checker, node.of);
      return (
        type && {
          kind: 'record',
          fields: [
            { name: 'btf_id', type: literalType(0n) },
            { name: 'base_type', type: string(baseName(type).length + 1) },
            { name: 'full_type', type: string(showType(type).length + 1) },
          ],
        }
      );
    }
    case 'typeof':
      return typeNamed(checker, node.of, false);
    case 'comptime': {
      const type = checker.rvalue(node.operand);
      if (
        checker.final &&
        checker.constant(node.operand) === undefined &&
        node.operand.kind !== 'string' &&
        checker.textOf(node.operand) === undefined
      )
        checker.report(notConstant('what stands behind comptime', node.operand.span));
      return type;
    }
  }
}

function named(checker: Checker, node: Expression & { kind: 'name' }): TraceType | undefined {
  const { name } = node;
  const found = FUNCTIONS.get(name);
  if (found && !found.onlyCalled) return found.check(checker, { ...node, kind: 'call', args: [] });
  const parameter = /^(s?)arg(\d+)$/.exec(name);
  if (parameter) return FUNCTIONS.get('arg0')!.check(checker, { ...node, kind: 'call', args: [] });
  const constant = checker.options.types.constant(name);
  if (constant) return constant.kind === 'int' ? constant.type : string(byteLength(constant.value) + 1);
  return checker.report(unknownName(name, node.span, suggest(name, functionNames())));
}

function call(checker: Checker, node: Expression & { kind: 'call' }): TraceType | undefined {
  const found = FUNCTIONS.get(node.name);
  if (found === undefined) {
    const own = checker.options.functions.get(node.name);
    if (own !== undefined) return cCall(checker, node, own);
    for (const arg of node.args) checker.visit(arg);
    const names = [...functionNames(), ...checker.options.functions.keys()];
    return checker.report(unknownFunction(node.name, node.span, suggest(node.name, names)));
  }
  const [least, most] = found.arity;
  if (node.args.length < least || node.args.length > most) {
    const wanted =
      least === most
        ? `${least} argument${least === 1 ? '' : 's'}`
        : node.args.length < least
          ? `at least ${least} argument${least === 1 ? '' : 's'}`
          : `up to ${most} argument${most === 1 ? '' : 's'}`;
    return checker.report(
      badCall(
        `${node.name}() requires ${wanted} (${node.args.length} provided)`,
        node.span,
        `it is called as ${found.signature}`,
      ),
    );
  }
  return found.check(checker, node);
}

/** A function of imported C. */
function cCall(
  checker: Checker,
  node: Expression & { kind: 'call' },
  { params, result }: CFunctionType,
): TraceType | undefined {
  const signature = `${node.name}(${params.map(showType).join(', ')})`;
  const types = node.args.map((one) => checker.rvalue(one));
  if (types.length !== params.length)
    return checker.report(
      badCall(
        `${node.name}() requires ${params.length} argument${params.length === 1 ? '' : 's'} (${types.length} provided)`,
        node.span,
        `it is ${signature}`,
      ),
    );
  for (const [i, type] of types.entries()) {
    const wanted = params[i]!;
    const fits =
      type === undefined ||
      (wanted.kind === 'pointer' ? type.kind === 'pointer' || type.kind === 'string' : isScalar(asNumber(type)));
    if (!fits)
      checker.report(
        mismatch(`${node.name}() takes '${showType(wanted)}' here, not '${showType(type)}'`, node.args[i]!.span),
      );
  }
  if (result.kind !== 'none' && !isScalar(result))
    return checker.report(
      badCall(
        `${node.name}() gives '${showType(result)}', which scripts cannot take`,
        node.span,
        'give a number or a pointer',
      ),
    );
  return result;
}

/** `count()` and its kind, also as the value of a block. */
export function aggregateCall(value: Expression): (Expression & { kind: 'call' }) | undefined {
  if (value.kind === 'call') return FUNCTIONS.get(value.name)?.aggregate ? value : undefined;
  if (value.kind === 'block' && value.value) return aggregateCall(value.value);
  return undefined;
}

/** A string of the script holds a byte in each character. */
function byteLength(text: string): number {
  return text.length;
}
