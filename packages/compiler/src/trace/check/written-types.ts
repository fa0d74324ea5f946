import type { Checker } from '../check.ts';
import { fromDebugType } from '../debug-types.ts';
import { FUNCTIONS } from '../functions/index.ts';
import { sizeOf, string, type TraceType } from '../type.ts';

// Types as scripts write them.

export function sizeForCast(from: TraceType): number {
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
export function builtInType(checker: Checker, base: string): TraceType | undefined {
  const found = FUNCTIONS.get(base);
  return found && !found.onlyCalled
    ? found.check(checker, { kind: 'call', name: base, args: [], span: checker.unit.body.span })
    : undefined;
}
