import type { Diagnostic, DiagnosticNote, Severity, Span } from '@skep/base';

/** Everything that the preprocessor and the lexer say, E1001 to E1049: one factory a code. */

function make(
  code: string,
  severity: Severity,
  message: string,
  span: Span | undefined,
  help?: string,
  notes: readonly DiagnosticNote[] = [],
): Diagnostic {
  return { code, severity, message, span, notes, help };
}

export function includeNotFound(
  name: string,
  span: Span,
  searched: readonly string[],
  meant: string | undefined,
): Diagnostic {
  const notes: DiagnosticNote[] = searched.length > 0 ? [{ message: `looked in ${searched.join(', ')}` }] : [];
  const help =
    meant !== undefined ? `did you mean '${meant}'?` : 'add the directory that holds it with -I, or correct the name';
  return make('E1001', 'error', `cannot find the header '${name}'`, span, help, notes);
}

export function includeTooDeep(span: Span, limit: number): Diagnostic {
  return make(
    'E1002',
    'error',
    `#include is nested more than ${limit} deep`,
    span,
    'a header probably includes itself: give it an include guard or #pragma once',
  );
}

export function includeMalformed(directive: string, span: Span): Diagnostic {
  return make(
    'E1003',
    'error',
    `#${directive} needs "FILE" or <FILE>`,
    span,
    `write #${directive} "file.h" or #${directive} <file.h>, all on one line`,
  );
}

export function conditionalUnterminated(directive: string, span: Span): Diagnostic {
  return make('E1004', 'error', `#${directive} has no #endif`, span, 'add #endif where the conditional part ends');
}

export function conditionalWithoutIf(directive: string, span: Span): Diagnostic {
  return make('E1005', 'error', `#${directive} without #if`, span, `remove it, or add the #if that it belongs to`);
}

export function conditionalAfterElse(directive: string, span: Span, before: Span): Diagnostic {
  return make('E1006', 'error', `#${directive} after #else`, span, '#else must be the last branch of its #if', [
    { message: 'the #else is here', span: before },
  ]);
}

export function conditionMalformed(
  message: string,
  span: Span,
  notes: readonly DiagnosticNote[] = [],
  help = 'write an integer constant expression',
): Diagnostic {
  return make('E1007', 'error', message, span, help, notes);
}

export function conditionDivision(span: Span, notes: readonly DiagnosticNote[] = []): Diagnostic {
  return make('E1008', 'error', 'division by zero in a preprocessor expression', span, undefined, notes);
}

export function macroMalformed(message: string, span: Span, help?: string): Diagnostic {
  return make('E1009', 'error', message, span, help);
}

export function argumentsStray(span: Span): Diagnostic {
  const message = "'__VA_ARGS__' in a macro that is not variadic";
  return make('E1009', 'warning', message, span, "add '...' to the macro's parameters");
}

export function macroRedefined(name: string, span: Span, previous: Span | undefined): Diagnostic {
  return make('E1010', 'warning', `'${name}' is defined again, differently`, span, `#undef ${name} before it`, [
    previous ? { message: 'the previous definition is here', span: previous } : { message: 'it is predefined' },
  ]);
}

export function macroArguments(
  name: string,
  given: number,
  wanted: string,
  span: Span,
  definition: Span | undefined,
  notes: readonly DiagnosticNote[],
): Diagnostic {
  return make(
    'E1011',
    'error',
    `macro '${name}' takes ${wanted}, but is given ${given}`,
    span,
    'put commas that belong to one argument into parentheses',
    definition ? [{ message: `'${name}' is defined here`, span: definition }, ...notes] : notes,
  );
}

export function argumentsUnterminated(name: string, span: Span, definition: Span | undefined): Diagnostic {
  return make(
    'E1012',
    'error',
    `the arguments of macro '${name}' have no closing ')'`,
    span,
    "add the missing ')'",
    definition ? [{ message: `'${name}' is defined here`, span: definition }] : [],
  );
}

export function pasteInvalid(left: string, right: string, span: Span, notes: readonly DiagnosticNote[]): Diagnostic {
  return make(
    'E1013',
    'error',
    `'##' makes '${left}${right}', which is no single token`,
    span,
    "remove the '##', or paste only parts of one name or number",
    notes,
  );
}

export function errorDirective(text: string, span: Span): Diagnostic {
  return make('E1014', 'error', text === '' ? '#error' : `#error ${text}`, span);
}

export function warningDirective(text: string, span: Span): Diagnostic {
  return make('E1015', 'warning', text === '' ? '#warning' : `#warning ${text}`, span);
}

export function directiveUnknown(name: string, span: Span, meant: string | undefined): Diagnostic {
  return make(
    'E1016',
    'error',
    `there is no directive '#${name}'`,
    span,
    meant !== undefined ? `did you mean '#${meant}'?` : undefined,
  );
}

export function lineMalformed(span: Span): Diagnostic {
  return make('E1017', 'error', '#line needs a line number, and may have a file name', span, 'write #line 42 "file.c"');
}

export function pragmaMalformed(message: string, span: Span): Diagnostic {
  return make('E1018', 'warning', message, span, 'the pragma has no effect as it stands');
}

export function extraTokens(directive: string, span: Span): Diagnostic {
  return make('E1019', 'warning', `#${directive} is followed by something it does not take`, span, 'remove it');
}

export function commentUnterminated(span: Span): Diagnostic {
  return make('E1020', 'error', 'the comment has no end', span, "close it with '*/'");
}

export function literalUnterminated(what: 'string' | 'character constant', quote: string, span: Span): Diagnostic {
  return make('E1021', 'error', `the ${what} has no closing ${quote}`, span, `add ${quote} before the end of the line`);
}

export function characterStray(character: string, span: Span): Diagnostic {
  const plain = LOOKALIKES[character];
  return make(
    'E1022',
    'error',
    `${shown(character)} cannot stand in a program`,
    span,
    plain !== undefined ? `replace it by ${plain}` : 'remove it',
  );
}

/** `others`: how many more the file has. */
export function spaceWide(character: string, span: Span, others: number): Diagnostic {
  const rest = others === 0 ? '' : `, as are ${others} more like it in this file`;
  return make('E1022', 'warning', `${shown(character)} is read as a space${rest}`, span, 'replace it by a plain space');
}

function shown(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  const text = code < 0x20 || code === 0x7f ? 'a control character' : `'${character}'`;
  return `${text} (U+${code.toString(16).toUpperCase().padStart(4, '0')})`;
}

/** What word processors and web pages put in the place of plain characters. */
const LOOKALIKES: Record<string, string | undefined> = {
  '\u2013': "'-'",
  '\u2014': "'-'",
  '\u2212': "'-'",
  '\u2018': '"\'"',
  '\u2019': '"\'"',
  '\u201c': "'\"'",
  '\u201d': "'\"'",
  '\u00d7': "'*'",
  '\u037e': "';'",
};

export function escapeUnknown(spelling: string, span: Span): Diagnostic {
  return make(
    'E1023',
    'warning',
    `there is no escape '${spelling}'`,
    span,
    `write '\\${spelling}' for a backslash, or only '${spelling.slice(1)}'`,
  );
}

export function expansionTooLarge(macro: string, span: Span, limit: number): Diagnostic {
  return make(
    'E1025',
    'error',
    `macro '${macro}' brings the program to more than ${limit} tokens`,
    span,
    'make the macros smaller: each level multiplies what is below it',
  );
}

export function nestedTooDeep(what: string, span: Span, limit: number): Diagnostic {
  return make('E1026', 'error', `${what} are nested more than ${limit} deep`, span, 'make it flatter');
}

export function builtinMacroChanged(name: string, span: Span): Diagnostic {
  return make('E1027', 'warning', `'${name}' is built in`, span, 'choose another name');
}

export function defineOption(option: string): Diagnostic {
  return make(
    'E1028',
    'error',
    `'${option}' is no macro definition`,
    undefined,
    'write NAME, NAME=value or NAME(a,b)=value',
  );
}

export function directiveInArguments(directive: string, macro: string, span: Span): Diagnostic {
  return make(
    'E1029',
    'error',
    `#${directive} inside the arguments of macro '${macro}'`,
    span,
    'move it out of the parentheses',
  );
}

export function tooManyFiles(span: Span, limit: number): Diagnostic {
  return make('E1030', 'error', `more than ${limit} files are included`, span);
}
