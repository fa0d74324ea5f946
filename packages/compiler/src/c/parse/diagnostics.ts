import type { Diagnostic, DiagnosticNote, Span } from '@skep/base';
import type { CType } from '../ctype.ts';
import { describeType, printType } from '../types.ts';

// One factory a code: E11xx syntax, E12xx meaning, E14xx C that skep or eBPF does not have, W12xx warnings.

const error = (code: string, span: Span, message: string, extra: Extra = {}): Diagnostic => ({
  code,
  severity: 'error',
  message,
  span,
  ...extra,
});
const warning = (code: string, span: Span, message: string, extra: Extra = {}): Diagnostic => ({
  code,
  severity: 'warning',
  message,
  span,
  ...extra,
});
interface Extra {
  readonly notes?: readonly DiagnosticNote[];
  readonly help?: string | undefined;
}

function didYouMean(near: string | undefined): Extra {
  return near === undefined ? {} : { help: `did you mean '${near}'?` };
}
function declaredHere(what: string, span: Span | undefined): Extra {
  return span === undefined ? {} : { notes: [{ message: `${what} is declared here`, span }] };
}

// ── syntax ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export const expected = (span: Span, what: string, found: string, opened?: { text: string; span: Span }): Diagnostic =>
  error(
    'E1101',
    span,
    `expected ${what}, found ${found}`,
    opened && { notes: [{ message: `to match this '${opened.text}'`, span: opened.span }] },
  );
export const tooDeep = (span: Span): Diagnostic =>
  error('E1102', span, 'this is nested too deeply', { help: 'split the expression or the block into smaller ones' });
export const badLiteral = (span: Span, message: string): Diagnostic => error('E1103', span, message);
export const badSpecifiers = (span: Span, message: string): Diagnostic => error('E1104', span, message);
export const emptyDeclaration = (span: Span): Diagnostic =>
  error('E1105', span, 'a declaration needs a type', {
    help: 'write the type first, for instance `int`, `__u64` or `struct name`',
  });
export const badAttribute = (span: Span, message: string): Diagnostic => error('E1106', span, message);
export const unbalancedPragma = (span: Span, which: string): Diagnostic =>
  error('E1107', span, `'#pragma ${which}' without the push that it ends`);

// ── meaning ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export const undeclared = (span: Span, name: string, near?: string, help?: string): Diagnostic =>
  error(
    'E1201',
    span,
    `'${name}' is not declared`,
    near === undefined ? (help === undefined ? {} : { help }) : didYouMean(near),
  );
export const unknownType = (span: Span, name: string, near?: string, help?: string): Diagnostic =>
  error(
    'E1202',
    span,
    `unknown type name '${name}'`,
    near === undefined ? (help === undefined ? {} : { help }) : didYouMean(near),
  );
export const noMember = (span: Span, type: CType, name: string, near?: string, declared?: Span): Diagnostic =>
  error('E1203', span, `'${printType(type)}' has no member named '${name}'`, {
    ...declaredHere(`'${printType(type)}'`, declared),
    ...didYouMean(near),
  });
export const strayElse = (span: Span): Diagnostic =>
  error('E1109', span, "this 'else' belongs to no 'if'", {
    help: "an 'if' takes one statement: put several into braces, without ';' behind the condition",
  });
export const statementOutside = (span: Span, name: string): Diagnostic =>
  error('E1108', span, `'${name}' begins a statement, and statements stand in functions only`, {
    help: 'give a variable its first value where it is declared, or move this into a function',
  });
export const redefinition = (span: Span, name: string, before: Span | undefined): Diagnostic =>
  error(
    'E1204',
    span,
    `'${name}' is defined twice`,
    before && { notes: [{ message: 'first defined here', span: before }] },
  );
export const conflictingTypes = (span: Span, name: string, now: CType, before: CType, at: Span): Diagnostic =>
  error(
    'E1205',
    span,
    `'${name}' is declared with another type: ${describeType(now)} instead of ${describeType(before)}`,
    {
      notes: [{ message: 'declared before here', span: at }],
    },
  );
export const redefinesKnown = (span: Span, name: string): Diagnostic =>
  error('E1206', span, `'${name}' is already known from vmlinux.h`, {
    help: 'give it another name, with a suffix `___mine` if it should be matched with the kernel’s by CO-RE, or define it before its first use',
  });
export const incompleteType = (span: Span, type: CType, what: string, declared?: Span, near?: string): Diagnostic =>
  error('E1207', span, `${what} has the incomplete type ${describeType(type)}`, {
    ...declaredHere(`'${printType(type)}'`, declared),
    ...didYouMean(near),
  });
export const badOperands = (span: Span, op: string, left: CType, right: CType): Diagnostic =>
  error('E1208', span, `'${op}' cannot take ${describeType(left)} and ${describeType(right)}`);
export const badOperand = (span: Span, op: string, type: CType, help?: string): Diagnostic =>
  error('E1209', span, `'${op}' cannot take ${describeType(type)}`, { help });
export const notAssignable = (span: Span, what = 'assigned to'): Diagnostic =>
  error('E1210', span, `this is a value, not a place in memory: it cannot be ${what}`);
export const assignsConst = (span: Span, what: string, declared: Span | undefined): Diagnostic =>
  error(
    'E1211',
    span,
    `${what} is const and cannot be changed`,
    declared && { notes: [{ message: 'declared const here', span: declared }] },
  );
export const incompatible = (span: Span, from: CType, to: CType, doing: string): Diagnostic =>
  error('E1212', span, `${doing}: ${describeType(from)} does not convert to ${describeType(to)}`);
export const tooFewArguments = (
  span: Span,
  name: string,
  wants: number,
  has: number,
  at: Span | undefined,
): Diagnostic =>
  error('E1213', span, `too few arguments: ${name} takes ${wants}, here are ${has}`, declaredHere(name, at));
export const tooManyArguments = (
  span: Span,
  name: string,
  wants: number,
  has: number,
  at: Span | undefined,
): Diagnostic =>
  error('E1214', span, `too many arguments: ${name} takes ${wants}, here are ${has}`, declaredHere(name, at));
export const notAFunction = (span: Span, type: CType): Diagnostic =>
  error('E1215', span, `${describeType(type)} is not a function and cannot be called`);
export const notARecord = (span: Span, type: CType, arrow: boolean): Diagnostic =>
  error('E1216', span, `${describeType(type)} is not ${arrow ? 'a pointer to ' : ''}a struct or union`, {
    help: arrow ? 'use `.` for a struct that is not behind a pointer' : 'use `->` for a member behind a pointer',
  });
export const notConstant = (span: Span, what: string): Diagnostic =>
  error('E1217', span, `${what} must be a constant known when compiling`);
export const outsideOf = (span: Span, what: string, where: string): Diagnostic =>
  error('E1218', span, `'${what}' outside of ${where}`);
export const duplicateCase = (span: Span, what: string, before: Span): Diagnostic =>
  error('E1219', span, `${what} appears twice in this switch`, { notes: [{ message: 'first here', span: before }] });
export const labelProblem = (span: Span, message: string, near?: string): Diagnostic =>
  error('E1220', span, message, didYouMean(near));
export const assertionFailed = (span: Span, message: string | undefined, values?: string): Diagnostic =>
  error(
    'E1221',
    span,
    message === undefined ? 'static assertion failed' : `static assertion failed: ${message}`,
    values === undefined ? {} : { notes: [{ message: `it comes to ${values}` }] },
  );
export const badInitializer = (span: Span, message: string, help?: string): Diagnostic =>
  error('E1223', span, message, { help });
export const badBitField = (span: Span, message: string): Diagnostic => error('E1224', span, message);
export const badDeclaration = (span: Span, message: string, help?: string, before?: Span): Diagnostic =>
  error('E1225', span, message, {
    help,
    ...(before && { notes: [{ message: 'declared before here', span: before }] }),
  });
export const badArray = (span: Span, message: string): Diagnostic => error('E1226', span, message);
export const returnMismatch = (span: Span, message: string): Diagnostic => error('E1227', span, message);
export const badBuiltin = (span: Span, message: string, help?: string): Diagnostic =>
  error('E1228', span, message, { help });
export const noGenericMatch = (span: Span, type: CType): Diagnostic =>
  error('E1229', span, `no branch of '_Generic' takes ${describeType(type)}`);
export const badPlace = (span: Span, message: string): Diagnostic => error('E1230', span, message);
export const wrongKindOfTag = (span: Span, tag: string, before: Span | undefined): Diagnostic =>
  error('E1231', span, `'${tag}' is a tag of another kind`, declaredHere(`'${tag}'`, before));

// ── C that skep or eBPF does not have ───────────────────────────────────────────────────────────────────────────────

export const unsupported = (span: Span, what: string, help?: string): Diagnostic =>
  error('E1401', span, `${what} is not supported`, { help });
export const floatArithmetic = (span: Span, what = 'floating-point arithmetic'): Diagnostic =>
  error('E1403', span, `${what} does not exist in eBPF`, { help: 'scale to integers, and do the rest in user space' });
export const int128Arithmetic = (span: Span, op: string): Diagnostic =>
  error('E1404', span, `'${op}' on 128-bit integers is not supported`, {
    help: 'work on the two 64-bit halves, for instance through a union',
  });
export const variableLengthArray = (span: Span): Diagnostic =>
  error('E1405', span, 'arrays of variable length do not exist in eBPF', {
    help: 'give a constant size that is large enough, or keep the data in a per-CPU array map',
  });
export const variadicDefinition = (span: Span, name: string): Diagnostic =>
  error('E1406', span, `'${name}' takes a variable number of arguments: eBPF functions cannot`, {
    help: 'write a macro around a function with a fixed number of arguments',
  });
export const tooManyParameters = (span: Span, name: string, count: number): Diagnostic =>
  error('E1407', span, `'${name}' has ${count} parameters: eBPF functions take at most 5`, {
    help: 'declare it `static __always_inline`, or pass a pointer to a struct',
  });
export const recordByValue = (span: Span, what: string): Diagnostic =>
  error('E1408', span, `${what} a struct by value: eBPF passes only registers`, { help: 'pass a pointer to it' });
export const unsupportedAttribute = (span: Span, name: string): Diagnostic =>
  error('E1409', span, `attribute '${name}' is not supported`);
export const unsupportedBuiltin = (span: Span, name: string): Diagnostic =>
  error('E1410', span, `'${name}' is not supported`, {
    help: name.includes('alloca')
      ? 'give a constant size that is large enough, or keep the data in a per-CPU array map'
      : undefined,
  });
export const onlyForLiterals = (span: Span, name: string): Diagnostic =>
  error('E1410', span, `'${name}' is only supported for string literals`, {
    help: 'count in a loop with a bound, or let bpf_probe_read_kernel_str() say the length',
  });

// ── warnings ────────────────────────────────────────────────────────────────────────────────────────────────────────

export const unknownAttribute = (span: Span, name: string): Diagnostic =>
  warning('W1201', span, `unknown attribute '${name}' is ignored`);
export const incompatiblePointers = (span: Span, from: CType, to: CType, doing: string): Diagnostic =>
  warning('W1202', span, `${doing}: ${describeType(from)} and ${describeType(to)} are pointers to different types`, {
    help: 'write a cast if this is meant',
  });
export const discardsQualifiers = (span: Span, from: CType, to: CType, doing: string): Diagnostic =>
  warning('W1203', span, `${doing}: ${describeType(to)} drops a qualifier of ${describeType(from)}`);
export const otherSpace = (span: Span, from: CType, to: CType, doing: string): Diagnostic =>
  error('E1232', span, `${doing}: ${describeType(from)} becomes ${describeType(to)}, in another address space`, {
    help: 'write a cast, which makes an address in the arena of a plain one or the other way',
  });
export const intConversion = (span: Span, from: CType, to: CType, doing: string): Diagnostic =>
  warning('W1204', span, `${doing}: ${describeType(from)} becomes ${describeType(to)} without a cast`, {
    help: 'write a cast if this is meant',
  });
export const missingReturn = (span: Span, name: string): Diagnostic =>
  warning('W1205', span, `'${name}' can end without returning a value`);
export const comparesPointers = (span: Span, left: CType, right: CType): Diagnostic =>
  warning('W1206', span, `comparison of ${describeType(left)} with ${describeType(right)}`);
export const truncatedConstant = (span: Span, value: bigint | number, type: CType, now: bigint): Diagnostic =>
  warning('W1207', span, `${value} does not fit into ${describeType(type)} and becomes ${now}`);
export const declaresNothing = (span: Span): Diagnostic => warning('W1208', span, 'this declaration declares nothing');
export const shiftCount = (span: Span, count: bigint, bits: number): Diagnostic =>
  warning('W1209', span, `shift by ${count}: the value has ${bits} bits`);
export const divisionByZero = (span: Span, op: string): Diagnostic =>
  warning('W1210', span, `'${op}' by zero: eBPF gives ${op === '/' ? '0' : 'the left operand'}`);
export const misplacedAttribute = (span: Span, name: string, why: string): Diagnostic =>
  warning('W1211', span, `attribute '${name}' is ignored: ${why}`);
export const excessElements = (span: Span, type: CType): Diagnostic =>
  warning('W1213', span, `more values than ${describeType(type)} has room for: what is too much is left out`);
export const stringTooLong = (span: Span, count: number, type: CType): Diagnostic =>
  warning('W1214', span, `a string of ${count} characters is too long for '${printType(type)}' and is cut off`);
export const literalTooLarge = (span: Span): Diagnostic =>
  warning('W1212', span, 'this decimal literal fits no signed type and is taken as unsigned');
export const unusedVariable = (span: Span, name: string): Diagnostic =>
  warning('W1220', span, `variable '${name}' is never used`);
export const setButUnused = (span: Span, name: string): Diagnostic =>
  warning('W1221', span, `variable '${name}' is given values that nobody reads`);
export const unusedFunction = (span: Span, name: string): Diagnostic =>
  warning('W1222', span, `function '${name}' is never called`);
export const unusedParameter = (span: Span, name: string): Diagnostic =>
  warning('W1223', span, `parameter '${name}' is never used`);
export const unusedLabel = (span: Span, name: string): Diagnostic =>
  warning('W1224', span, `no 'goto' leads to label '${name}'`);
export const valueUnused = (span: Span): Diagnostic => warning('W1225', span, 'this value is computed, but not used');
export const uninitialised = (span: Span, name: string, declared: Span): Diagnostic =>
  warning('W1226', span, `'${name}' has no value yet when it is read here`, {
    ...declaredHere(`'${name}'`, declared),
    help: `give it a value where it is declared, for instance '= 0'`,
  });
export const comparesSigns = (span: Span, left: CType, right: CType): Diagnostic =>
  warning(
    'W1227',
    span,
    `comparison of ${describeType(left)} with ${describeType(right)}: a negative number becomes a large one`,
  );
export const comparesSelf = (span: Span, truth: boolean): Diagnostic =>
  warning('W1228', span, `both sides of this comparison are the same: it is always ${truth}`);
export const alwaysCompares = (span: Span, type: CType, value: bigint, truth: boolean, zero: boolean): Diagnostic =>
  warning(zero ? 'W1229' : 'W1228', span, `comparison of ${describeType(type)} with ${value} is always ${truth}`);
export const assignedCondition = (span: Span): Diagnostic =>
  warning('W1230', span, 'this condition is an assignment', {
    help: "write '==' to compare, or another pair of parentheses if the assignment is meant",
  });
export const mixedBits = (span: Span, op: string, inner: string): Diagnostic =>
  warning('W1230', span, `'${inner}' binds tighter than '${op}': the comparison comes first`, {
    help: 'put parentheses around what belongs together',
  });
export const emptyBody = (span: Span, what: string): Diagnostic =>
  warning('W1231', span, `the body of this '${what}' is the ';' alone`, {
    help: "remove the ';', or put it on a line of its own if nothing is meant to happen",
  });
export const badFormat = (span: Span, message: string): Diagnostic => warning('W1232', span, message);
export const sizeOfPointer = (span: Span, name: string): Diagnostic =>
  warning('W1233', span, `this is the size of the pointer '${name}', 8 bytes, not of what it points to`, {
    help: `write 'sizeof(*${name})', or the size of the array behind it`,
  });
export const beyondArray = (span: Span, type: CType, at: bigint): Diagnostic =>
  warning('W1234', span, `element ${at} is outside of ${describeType(type)}`);
export const comparesStrings = (span: Span): Diagnostic =>
  warning('W1235', span, 'this compares the addresses of strings, not their characters', {
    help: 'use bpf_strncmp',
  });
export const selfAssigned = (span: Span, name: string): Diagnostic =>
  warning('W1236', span, `'${name}' is assigned to itself`);
export const shadows = (span: Span, name: string, outer: Span): Diagnostic =>
  warning('W1237', span, `'${name}' hides a variable of the same name`, declaredHere('the other one', outer));
export const mixedLogic = (span: Span): Diagnostic =>
  warning('W1238', span, "'&&' inside of '||'", { help: "put parentheses around the '&&'" });
