import type { Diagnostic, DiagnosticNote, Span } from '@skep/base';
import type { CType } from '../ctype.ts';
import { printType } from '../types.ts';

// What is well-formed C but cannot become eBPF: E135x are limits of the machine, E145x is C that eBPF has no room for.

function error(code: string, message: string, span: Span | undefined, help?: string): Diagnostic {
  return { code, severity: 'error', message, span, help };
}

export function notConstantSize(what: string, span: Span): Diagnostic {
  return error(
    'E1350',
    `the size of ${what} is not constant`,
    span,
    'give a constant number of bytes, or copy in a loop with a constant bound; bpf_probe_read_kernel takes a variable size',
  );
}

export function sizeTooLarge(what: string, size: bigint, span: Span): Diagnostic {
  return error('E1353', `${what} of ${size} bytes: no memory of a program is that large`, span, 'check the size');
}

export function memcmpTooLong(size: number, limit: number, span: Span): Diagnostic {
  return error(
    'E1351',
    `memcmp of ${size} bytes is too long to be written out (at most ${limit})`,
    span,
    'compare in a loop with a constant bound, or use bpf_strncmp',
  );
}

export function recursion(chain: readonly string[], span: Span | undefined, notes: DiagnosticNote[]): Diagnostic {
  return {
    code: 'E1352',
    severity: 'error',
    message: `recursion: ${chain.join(' → ')}`,
    span,
    notes,
    help: 'the verifier follows every call and refuses a function that calls itself: write a bounded loop, or use bpf_loop',
  };
}

export function atomicSize(size: number, span: Span): Diagnostic {
  return error(
    'E1354',
    `eBPF has atomic operations on 4 and 8 bytes, not on ${size}`,
    span,
    'make the variable an __u32 or __u64',
  );
}

export function notStatic(what: string, span: Span): Diagnostic {
  return error(
    'E1355',
    `the initial value of ${what} is not known before the program runs`,
    span,
    'initialise with a constant or the address of a global, and assign the rest in a function',
  );
}

export function sectionMismatch(name: string, section: string, span: Span): Diagnostic {
  return error(
    'E1356',
    `'${name}' is in the section '${section}' but cannot be there: the section has no contents`,
    span,
    "declare it 'extern', or choose a section such as .data",
  );
}

export function dataAmongCode(name: string, section: string, func: string, span: Span | undefined): Diagnostic {
  return error(
    'E1374',
    `'${name}' is data, but section '${section}' holds the code of '${func}'`,
    span,
    'leave SEC() out, or name a section of data such as .data.name',
  );
}

export function relocatedBitField(name: string, span: Span): Diagnostic {
  return error(
    'E1357',
    `the bit-field '${name}' lies in no unit of 8 bytes or less, so its place cannot be relocated`,
    span,
    'read it with BPF_CORE_READ_BITFIELD_PROBED',
  );
}

export function tooLarge(name: string, size: number, limit: number, span: Span): Diagnostic {
  return error(
    'E1358',
    `'${name}' has ${size} bytes of contents, more than the ${limit} that an object holds for one variable`,
    span,
    'leave it without an initialiser (it is then zero and takes no room), or fill a map from user space',
  );
}

export function typeTooDeep(limit: number, span: Span | undefined): Diagnostic {
  return error(
    'E1359',
    `types are nested in each other more than ${limit} deep, and the kernel follows BTF for 32 steps`,
    span,
    'flatten the structs, or put pointers in between',
  );
}

export function wideInteger(what: string, span: Span): Diagnostic {
  return error(
    'E1450',
    `${what} of a 128-bit integer: eBPF computes with 64 bits`,
    span,
    'use two __u64; copying and comparing for equality of 128-bit integers work',
  );
}

export function floatingPoint(what: string, span: Span): Diagnostic {
  return error(
    'E1451',
    `${what} of a floating-point number: eBPF has none`,
    span,
    'scale to an integer, for example microseconds instead of seconds',
  );
}

export function incompleteObject(name: string, span: Span): Diagnostic {
  return error(
    'E1454',
    `'${name}' has no size that is known here`,
    span,
    'complete its type, or give the array a constant length',
  );
}

export function asmConstraint(constraint: string, span: Span): Diagnostic {
  return error(
    'E1455',
    `the constraint "${constraint}" of the inline assembly is not known`,
    span,
    'there are "r" and "w" (a register), "i" (a constant), "m" (memory), "0" (the place of operand 0), with "=" and "+"',
  );
}

export function asmType(type: CType, span: Span): Diagnostic {
  return error(
    'E1456',
    `a value of type '${printType(type)}' does not fit a register of the inline assembly`,
    span,
    'give its address, or its members one by one',
  );
}

export function asmGotoCleanup(label: string, span: Span): Diagnostic {
  return error(
    'E1458',
    `'asm goto' to '${label}' leaves the scope of a variable with a cleanup function`,
    span,
    'jump to a label inside the scope, and from there by goto',
  );
}
