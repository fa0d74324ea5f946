import type { Diagnostic, Span } from '@skep/base';

/** The text form of the IR does not read. */
export function irSyntax(span: Span, message: string): Diagnostic {
  return {
    code: 'E1390',
    severity: 'error',
    span,
    message: `IR: ${message}`,
    help: 'compare with what `skep build --emit=ir` prints',
  };
}

/** The text form reads, but what it says is not well-formed. */
export function irMalformed(span: Span, problem: string): Diagnostic {
  return { code: 'E1391', severity: 'error', span, message: `IR is malformed: ${problem}` };
}
