import { LIMITS } from '@skep/abi';
import type { Diagnostic, DiagnosticNote, Span } from '@skep/base';

/** What the back end refuses, E1300 to E1329, and what it says that the kernel will refuse. */
export const frameTooLarge = (name: string, bytes: number, span: Span | undefined, notes: readonly DiagnosticNote[]) =>
  error(
    'E1300',
    `the stack frame of ${name} has ${bytes} bytes, the kernel allows ${LIMITS.stack}`,
    span,
    'move large variables to a per-CPU array map, or split the work into subprograms that are not inlined',
    notes,
  );
export const jumpTooFar = (name: string, insns: number, span: Span | undefined) =>
  error(
    'E1301',
    `${name} has ${insns} instructions, and a jump in it spans more than 32767`,
    span,
    'compile with -mcpu=v4, which has long jumps (kernel 6.6), or split the function and mark the parts __noinline',
  );
export const indirectCall = (span: Span | undefined) =>
  error(
    'E1302',
    'a call through a pointer whose target is not known at compile time',
    span,
    'call the function by name; a table of functions needs a switch or tail calls',
  );
export const atomicNeedsV3 = (op: string, cpu: string, span: Span | undefined) =>
  error('E1303', `atomic ${op} on 4 bytes does not exist in ${cpu}`, span, 'compile with -mcpu=v3 (kernel 5.12)');
export const tooManyArguments = (name: string, count: number, span: Span | undefined) =>
  error(
    'E1304',
    `the call of ${name} passes ${count} arguments, eBPF has registers for 5`,
    span,
    name === 'bpf_trace_printk'
      ? 'bpf_printk passes the values of longer formats in an array'
      : 'pass a pointer to a struct, or make the function __always_inline',
  );
export const trapReached = (name: string, span: Span | undefined) =>
  error(
    'E1311',
    `__builtin_trap() in ${name} can be reached`,
    span,
    'it is how headers check at compile time: give a constant where one is wanted; or return an error instead',
  );
export const tooManyParameters = (name: string, count: number, span: Span | undefined) =>
  error(
    'E1305',
    `${name} takes ${count} parameters, eBPF has registers for 5`,
    span,
    'pass a pointer to a struct, or make the function __always_inline',
  );
/** Kernels differ in what they allow a chain of calls, and only the programs that make it are refused. */
export const stackOfChainTooLarge = (
  program: string,
  chain: string,
  bytes: number,
  limit: number,
  span: Span | undefined,
  notes: readonly DiagnosticNote[],
): Diagnostic => ({
  code: 'W1382',
  severity: 'warning',
  message: `the kernel will refuse ${program}: the calls ${chain} take ${bytes} bytes of stack, and ${limit} are allowed${limit < LIMITS.stack ? ' where tail calls are made' : ' for all of them'}`,
  span,
  notes,
  help: 'move large variables to a per-CPU array map, or make callees __always_inline so that their variables share the frame',
});
export const callChainTooDeep = (program: string, chain: string, span: Span | undefined): Diagnostic => ({
  code: 'W1383',
  severity: 'warning',
  message: `the kernel will refuse ${program}: the calls ${chain} are more than 8 deep`,
  span,
  help: 'make some of these functions __always_inline',
});
export const contextFieldChosen = (span: Span | undefined, taken: Span | undefined): Diagnostic => ({
  code: 'W1380',
  severity: 'warning',
  message:
    'the field of the context that is accessed here is chosen while the program runs: the verifier will refuse it',
  span,
  ...(taken && { notes: [{ message: 'its address is taken here', span: taken }] }),
  help: 'read each field by its name in a branch of its own, and choose between the values',
});
export const contextFieldVaries = (span: Span | undefined): Diagnostic => ({
  code: 'W1381',
  severity: 'warning',
  message: 'this accesses the context at a distance that is not constant: the verifier will refuse it',
  span,
  help: 'name the fields, or let a loop over them be unrolled with `#pragma unroll`',
});
export const needsMoreRegisters = (name: string, span: Span | undefined) =>
  error(
    'E1307',
    `the registers of ${name} cannot be allocated`,
    span,
    'split the function; please report this program',
  );

export const badAsm = (message: string, help: string | undefined, span: Span | undefined) =>
  error('E1308', `in the inline assembly: ${message}`, span, help ?? "write it as clang and the kernel's log do");
export const asmNeedsConstant = (name: string, span: Span | undefined) =>
  error(
    'E1309',
    `operand '${name}' of the inline assembly must be a constant, and its value is not known at compile time`,
    span,
    'use the constraint "r", or make the function __always_inline when a constant comes in as a parameter',
  );
export const asmNeedsRegisters = (span: Span | undefined) =>
  error(
    'E1310',
    'the inline assembly has more operands than its clobbers leave registers for',
    span,
    'eBPF has r0 to r9 for all of them',
  );

function error(
  code: string,
  message: string,
  span: Span | undefined,
  help: string,
  notes: readonly DiagnosticNote[] = [],
): Diagnostic {
  return { code, severity: 'error', message, span, notes, help };
}
