import { suggest } from '@skep/base';
import type { Expression } from '../ast.ts';
import type { Checker } from '../check.ts';
import { badIndex, badOperand, mismatch, notConstant, unknownField, unknownType } from '../diagnostics.ts';
import type { AddressSpace } from '../type.ts';
import { int, NONE, pointer, showType, type TraceType } from '../type.ts';

// What `.` and `[]` give.

export function member(checker: Checker, node: Expression & { kind: 'member' }): TraceType | undefined {
  const base = checker.rvalue(node.base);
  if (!base) return undefined;
  const type = base.kind === 'pointer' ? base.to : base;
  const { name } = node;
  if (type.kind === 'tuple') {
    const item = type.items[Number(name)];
    if (item === undefined)
      return checker.report(
        badIndex(`Invalid tuple index: ${name}. Found ${type.items.length} elements in tuple.`, node.span),
      );
    return item;
  }
  if (type.kind === 'record') {
    const field = type.fields.find((one) => one.name === name);
    return (
      field?.type ??
      checker.report(
        unknownField(
          'the record',
          name,
          node.nameSpan,
          suggest(
            name,
            type.fields.map((one) => one.name),
          ),
        ),
      )
    );
  }
  if (type.kind === 'struct') {
    const field = type.fields().find((one) => one.name === name);
    if (field) return withSpace(checker, field.type, base, node);
    const names = type.fields().map((one) => one.name);
    if (names.length === 0) return checker.report(unknownType(type.name, node.span));
    return checker.report(unknownField(type.name, name, node.nameSpan, suggest(name, names)));
  }
  return checker.report(
    mismatch(
      `Can not access field '${name}' on expression of type '${showType(type)}'`,
      node.span,
      'cast it to a pointer to the struct that it is',
    ),
  );
}

/** Pointers in kernel memory point to kernel memory, unless they say otherwise. */
export function withSpace(checker: Checker, type: TraceType, base: TraceType, node: Expression): TraceType {
  if (type.kind !== 'pointer' || type.space !== 'none') return type;
  return pointer(type.to, spaceOf(checker, base, node));
}

export function spaceOf(checker: Checker, base: TraceType, node: Expression): AddressSpace {
  if (base.kind === 'pointer') return base.space === 'bpf' ? checker.unit.context.space : base.space;
  if (node.kind === 'member' || node.kind === 'index') {
    const inner = node.base.type;
    if (inner && node.base !== node) return spaceOf(checker, inner.kind === 'pointer' ? inner : NONE, node.base);
  }
  return checker.unit.context.space;
}

export function index(checker: Checker, node: Expression & { kind: 'index' }): TraceType | undefined {
  const base = checker.rvalue(node.base);
  const index = checker.rvalue(node.index);
  if (!base || !index) return undefined;
  if (index.kind !== 'int')
    return checker.report(
      badIndex(
        `The array index operator [] accepts positive (castable) integer indices only. Got type ${showType(index)}.`,
        node.index.span,
      ),
    );
  const at = checker.constant(node.index);
  if (at !== undefined && at < 0n)
    return checker.report(
      badIndex(`The array index operator [] accepts positive integer indices. Got ${at}.`, node.index.span),
    );
  switch (base.kind) {
    case 'pointer':
      if (base.to.kind === 'none')
        return checker.report(badOperand('[]', `'${showType(base)}'`, node.span, 'cast it to a pointer to something'));
      return withSpace(checker, base.to, base, node);
    case 'array':
      if (at !== undefined && at >= BigInt(base.count) && base.count > 0)
        return checker.report(badIndex(`the index ${at} is out of bounds for array of size ${base.count}`, node.span));
      return withSpace(checker, base.of, base, node);
    case 'string':
    case 'buffer':
      return base.kind === 'string' ? int(1, true) : int(1, false);
    case 'tuple': {
      if (at === undefined) return checker.report(notConstant('the index of a tuple', node.index.span));
      return (
        base.items[Number(at)] ??
        checker.report(badIndex(`Invalid tuple index: ${at}. Found ${base.items.length} elements in tuple.`, node.span))
      );
    }
    default:
      return checker.report(
        badOperand('[]', `'${showType(base)}'`, node.span, 'it works on arrays, pointers, strings and tuples'),
      );
  }
}
