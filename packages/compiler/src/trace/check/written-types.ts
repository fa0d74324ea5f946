import { suggest } from '@skep/base';
import type { Expression, TypeName } from '../ast.ts';
import type { Checker } from '../check.ts';
import { fromDebugType } from '../debug-types.ts';
import { mismatch, unknownField, unknownType } from '../diagnostics.ts';
import { FUNCTIONS } from '../functions/index.ts';
import { asNumber, pointer, type StructType, showType, sizeOf, string, type TraceType } from '../type.ts';

// Types as scripts write them.

/** `report`: say so when there is none. `from` gives the size of `[]`. */
export function typeNamed(checker: Checker, name: TypeName, report: boolean, from?: TraceType): TraceType | undefined {
  let type: TraceType | undefined;
  if (name.typeofExpression) {
    type = checker.visit(name.typeofExpression);
    // The type of a map by itself is that of its keys.
    if (name.typeofExpression.kind === 'map') {
      const map = checker.maps.get(name.typeofExpression.name);
      type = map?.scalar === false ? map.key : type;
    }
    type = type && asNumber(type);
  } else if (name.base !== undefined) {
    type = baseType(checker, name.base);
    if (type === undefined && report)
      return checker.report(unknownType(name.base, name.span, checker.options.types.nearest(name.base)));
  }
  for (const modifier of name.modifiers) {
    if (type === undefined) return undefined;
    if (modifier === '*') type = pointer(type, 'none');
    else if (type.kind === 'string' && type.size === 0) type = string(modifier ?? 0);
    else if (type.kind === 'buffer' && type.size === 0) type = { kind: 'buffer', size: modifier ?? 0 };
    else {
      const size = sizeOf(type);
      const count: number = modifier ?? (from && size > 0 ? Math.floor(sizeForCast(from) / size) : 0);
      type = { kind: 'array', of: type, count };
    }
  }
  return type;
}

export function typeOrExpression(checker: Checker, of: TypeName | Expression): TraceType | undefined {
  const type = of.kind === 'type' ? typeNamed(checker, of, true) : checker.visit(of);
  return type && asNumber(type);
}

export function offsetIn(checker: Checker, node: Expression & { kind: 'offsetof' }): number | undefined {
  let type = typeOrExpression(checker, node.of);
  let at = 0;
  for (const name of node.path) {
    if (type === undefined) return undefined;
    if (type.kind === 'pointer') type = type.to;
    if (type.kind === 'record') {
      checker.report(mismatch('offsetof works on structs', node.span));
      return undefined;
    }
    if (type.kind !== 'struct') return checker.report(mismatch(`'${showType(type)}' is not a C type.`, node.span));
    const fields: ReturnType<StructType['fields']> = type.fields();
    const field = fields.find((one) => one.name === name);
    if (!field)
      return checker.report(
        unknownField(
          `'${type.name}'`,
          name,
          node.span,
          suggest(
            name,
            fields.map((one) => one.name),
          ),
        ),
      );
    at += field.offset;
    type = field.type;
  }
  return at;
}

function sizeForCast(from: TraceType): number {
  // A literal is as wide as the machine's integers when nothing says otherwise.
  return from.kind === 'int' && from.flexible ? 8 : sizeOf(from);
}

export function baseType(checker: Checker, base: string): TraceType | undefined {
  switch (base) {
    case 'string':
      return string(0);
    case 'buffer':
      return { kind: 'buffer', size: 0 };
    case 'inet':
      return { kind: 'special', name: 'inet' };
    case 'username_t':
      return { kind: 'special', name: 'username' };
    case 'usym_t':
    case 'ksym_t':
      return { kind: 'special', name: base === 'usym_t' ? 'usym' : 'ksym' };
    case 'kstack_t':
    case 'ustack_t':
      return { kind: 'special', name: base === 'kstack_t' ? 'kstack' : 'ustack' };
  }
  const constant =
    /^\w+$/.test(base) && !FUNCTIONS.has(base) && checker.options.types.type(base) === undefined
      ? checker.options.types.constant(base)
      : undefined;
  if (constant?.kind === 'int') return constant.type;
  return (
    programType(checker, base) ??
    checker.options.types.type(base) ??
    (/^(struct|union|enum) /.test(base)
      ? undefined
      : (checker.options.types.type(`struct ${base}`) ?? builtInType(checker, base)))
  );
}

/** A type of the traced program, which goes before the kernel's of that name, and behind the script's own. */
export function programType(checker: Checker, base: string): TraceType | undefined {
  const { probe } = checker.unit;
  if (!('binary' in probe) || (/^\w+$/.test(base) && FUNCTIONS.has(base))) return undefined;
  const known = checker.options.types.type(base);
  if (known && !(known.kind === 'struct' && known.kernel)) return undefined;
  const found = checker.options.target.executable?.(probe.binary)?.debug?.()?.type(base);
  return found && fromDebugType(found, 'user');
}

/** A name that is no type but a builtin: its type. */
function builtInType(checker: Checker, base: string): TraceType | undefined {
  const found = FUNCTIONS.get(base);
  return found && !found.onlyCalled
    ? found.check(checker, { kind: 'call', name: base, args: [], span: checker.unit.body.span })
    : undefined;
}
