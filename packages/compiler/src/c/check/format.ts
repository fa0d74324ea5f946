import type { CallExpr, Expr, FunctionDecl } from '../ast.ts';
import { badFormat } from '../parse/diagnostics.ts';
import type { Parser } from '../parse/parser.ts';
import { describeType, integerOf, isInteger, strip } from '../types.ts';

/**
 * The format of `bpf_printk` against its values, by the rules of the kernel's `bpf_bprintf_prepare`: conversions are
 * d i u x X p s c with l, ll and padding; three values at most, each in a register of 64 bits.
 */
export function checkFormat(p: Parser, decl: FunctionDecl, e: CallExpr): void {
  if (decl.helper === undefined || decl.name !== 'bpf_trace_printk') return;
  const format = formatOf(e.args[0]);
  if (format?.kind !== 'string') return;
  const values = e.args.slice(2);
  const wanted = conversions(new TextDecoder().decode(format.bytes).replace(/\0.*$/s, ''));
  if (typeof wanted === 'string') {
    p.reportLate(badFormat(format.span, wanted));
    return;
  }
  if (wanted.length !== values.length) {
    const has = values.length === 1 ? '1 value follows' : `${values.length} values follow`;
    p.reportLate(badFormat(format.span, `the format wants ${wanted.length}, but ${has}`));
    return;
  }
  for (const [i, conversion] of wanted.entries()) {
    const value = values[i]!;
    const problem = mismatch(conversion, value);
    if (problem !== undefined) p.reportLate(badFormat(value.span, problem));
  }
}

interface Conversion {
  readonly text: string;
  readonly letter: string;
  readonly long: boolean;
}

function conversions(text: string): Conversion[] | string {
  const found: Conversion[] = [];
  for (const match of text.matchAll(/%([-0 +#]*)(\d*)(ll|l|hh|h|z|)([a-zA-Z%]?)([A-Za-z0-9]*)/g)) {
    const [whole, , , length, letter, rest] = match as unknown as [string, string, string, string, string, string];
    if (letter === '%') continue;
    const shown = `%${whole.slice(1, whole.length - rest.length)}`;
    if (letter === '' || !'diuxXpsc'.includes(letter) || length.startsWith('h') || length === 'z')
      return `the kernel does not know '${shown}' in this format`;
    found.push({ text: shown, letter, long: length !== '' });
  }
  return found;
}

function mismatch({ text, letter, long }: Conversion, value: Expr): string | undefined {
  const written = unpromoted(value);
  const isPointer = strip(written.type).kind === 'pointer';
  if (letter === 's')
    return isPointer ? undefined : `'${text}' wants a pointer to characters, not ${describeType(written.type)}`;
  if (letter === 'p' || letter === 'c') return undefined;
  if (isPointer && !long) return `'${text}' wants a number, not ${describeType(written.type)}`;
  const size = isInteger(written.type) ? integerOf(written.type)!.size : 8;
  if (size === 8 && !long)
    return `'${text}' shows 32 bits, but ${describeType(written.type)} has 64: write '%l${letter}'`;
  if (size < 8 && long)
    return `'${text}' shows 64 bits, but ${describeType(written.type)} has ${size * 8}: write '%${letter}'`;
  return undefined;
}

function unpromoted(e: Expr): Expr {
  let at = e;
  while (at.kind === 'cast' && at.implicit && at.op === 'int') at = at.operand;
  return at;
}

/** What stands behind `static const char ____fmt[] =`, or a literal. */
function formatOf(e: Expr | undefined): Expr | undefined {
  let at = e;
  while (at?.kind === 'cast') at = at.operand;
  if (at?.kind === 'address') at = at.place;
  if (at?.kind === 'index' && at.ofArray) at = at.base;
  if (at?.kind !== 'var') return at;
  const { init } = at.variable;
  return init?.parts.length === 1 ? init.parts[0]!.value : undefined;
}
