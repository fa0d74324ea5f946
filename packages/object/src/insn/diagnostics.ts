import type { Diagnostic, Span } from '@skep/base';

/**
 * E33xx: instructions. E3301–E3309 bytes that are no program, E3320–E3339 assembly text. A problem of bytes names its
 * slot, for there is no text to point at.
 */
export function truncatedProgram(bytes: number): Diagnostic {
  return error('E3301', `the program ends inside an instruction: ${bytes} bytes are not a multiple of 8`);
}

export function unknownOpcode(slot: number, opcode: number): Diagnostic {
  return error('E3302', `slot ${slot}: opcode ${hexByte(opcode)} is not an eBPF instruction`);
}

export function reservedField(slot: number, what: string, field: string): Diagnostic {
  return error('E3303', `slot ${slot}: ${what} does not use ${field}, which is not zero`);
}

export function badRegister(slot: number, number: number): Diagnostic {
  return error('E3304', `slot ${slot}: there is no register r${number}, only r0 to r10`);
}

export function incompleteImm64(slot: number): Diagnostic {
  return error('E3305', `slot ${slot}: the second half of the 64-bit immediate is missing`);
}

export function badImm64Half(slot: number): Diagnostic {
  return error('E3306', `slot ${slot}: the second half of the 64-bit immediate has opcode, registers or offset set`);
}

export function badFieldValue(slot: number, what: string, field: string, value: number): Diagnostic {
  return error('E3307', `slot ${slot}: ${what} with ${field} ${value} does not exist`);
}

export function syntaxError(span: Span, message: string, help?: string): Diagnostic {
  return error('E3320', message, span, help);
}

export function unknownStatement(span: Span): Diagnostic {
  return error(
    'E3321',
    'this is not an eBPF instruction',
    span,
    'write it as the kernel prints it: r0 = 1, r1 += r2, r0 = *(u32 *)(r1 + 8), if r1 == 0 goto out, call 5, exit',
  );
}

export function badAsmRegister(span: Span, text: string): Diagnostic {
  return error(
    'E3322',
    `there is no register '${text}'`,
    span,
    'registers are r0 to r10, and w0 to w10 for their lower halves',
  );
}

export function mixedWidths(span: Span): Diagnostic {
  return error('E3323', 'an instruction works on whole registers (r) or on lower halves (w), not on both', span);
}

export function outOfRange(span: Span, what: string, value: string, range: string): Diagnostic {
  return error('E3324', `${what} ${value} does not fit: it must be ${range}`, span);
}

export function unknownLabel(span: Span, name: string, nearest: string | undefined): Diagnostic {
  return error(
    'E3325',
    `there is no label '${name}'`,
    span,
    nearest === undefined ? `put '${name}:' before an instruction` : `did you mean '${nearest}'?`,
  );
}

export function repeatedLabel(span: Span, name: string): Diagnostic {
  return error('E3326', `label '${name}' stands twice`, span);
}

export function unknownSymbol(span: Span, what: string, name: string, nearest: string | undefined): Diagnostic {
  return error(
    'E3327',
    `there is no ${what} '${name}'`,
    span,
    nearest === undefined ? undefined : `did you mean '${nearest}'?`,
  );
}

export function noSuchForm(span: Span, message: string): Diagnostic {
  return error('E3328', message, span);
}

function error(code: string, message: string, span?: Span, help?: string): Diagnostic {
  return { code, severity: 'error', message, ...(span && { span }), ...(help !== undefined && { help }) };
}

const hexByte = (value: number): string => `0x${value.toString(16).padStart(2, '0')}`;
