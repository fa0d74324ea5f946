import type { Diagnostic, Span } from '@skep/base';
import type { Func } from '../ir/ir.ts';

export function recursiveInline(func: Func, span: Span | undefined): Diagnostic {
  return {
    code: 'E1370',
    severity: 'error',
    span: span ?? func.span,
    message: `${func.name} must be inlined but calls itself`,
    help: 'write the recursion as a loop; eBPF has no stack for it',
  };
}

export function mustBeInlined(func: Func, why: string, span: Span | undefined): Diagnostic {
  return {
    code: 'E1371',
    severity: 'error',
    span: span ?? func.span,
    message: `${func.name} cannot be called: ${why}`,
    help: `let it be inlined: mark it \`static __always_inline\`, without \`__noinline\``,
  };
}

export function inlineTooLarge(func: Func, limit: number): Diagnostic {
  return {
    code: 'E1372',
    severity: 'error',
    span: func.span,
    message: `${func.name} grows beyond ${limit} instructions by inlining`,
    help: 'mark the largest of the functions it calls `__noinline`',
  };
}

export function memoryTooLarge(what: string, size: number, align: number, span: Span | undefined): Diagnostic {
  return {
    code: 'E1373',
    severity: 'error',
    span,
    message: `${what} of ${size} bytes with an alignment of ${align} takes more than 128 stores`,
    help: 'copy in pieces, give the memory a larger alignment, or use bpf_probe_read_kernel() or a loop',
  };
}
