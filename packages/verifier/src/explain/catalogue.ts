/** Why kernels refuse programs: each text of the kernel's, with the code and the story it belongs to. The first that matches counts. */
import type { Case } from './case.ts';
import type { Telling } from './model.ts';
import * as memory from './tell-memory.ts';
import * as program from './tell-program.ts';

/** A kind of refusal. */
export interface CatalogueEntry {
  readonly code: string;
  /** Over the kernel's message. */
  readonly pattern: RegExp;
  readonly tell: (c: Case, found: RegExpExecArray) => Telling;
}

const entry = (code: string, pattern: RegExp, tell: CatalogueEntry['tell']): CatalogueEntry => ({
  code,
  pattern,
  tell,
});
const said = (message: string, help: string) => (): Telling => ({ message, help });

/** Every text of a refusal that has an explanation; the first pattern that fits counts. */
export const CATALOGUE: readonly CatalogueEntry[] = [
  entry('E2101', /invalid access to packet.*R(\d+)\(|R(\d+) offset is outside of the packet/, (c, f) =>
    memory.packet(c, Number(f[1] ?? f[2])),
  ),
  entry('E2103', /R(\d+) invalid mem access '\w*or_null_?'/, (c, f) => memory.mayBeNull(c, Number(f[1]), 'here')),
  entry('E2103', /R(\d+) pointer arithmetic on \w*or_null_? prohibited/, (c, f) =>
    memory.mayBeNull(c, Number(f[1]), 'where something is added to it'),
  ),
  entry('E2103', /Possibly NULL pointer passed to (?:helper|trusted) arg(\d+)/, (c, f) =>
    memory.mayBeNull(c, Number(f[1]) + (/trusted/.test(f[0]) ? 1 : 0), 'where it is passed on'),
  ),
  entry('E2103', /R(\d+) type=\w*or_null_? expected=/, (c, f) =>
    memory.mayBeNull(c, Number(f[1]), 'where it is passed on'),
  ),
  entry('E2102', /R(\d+) invalid mem access '(?:scalar|inv)'/, (c, f) => memory.numberAsPointer(c, Number(f[1]))),
  entry('E2104', /R(\d+) invalid mem access '/, (c, f) => memory.wrongPointer(c, Number(f[1]))),
  entry('E2105', /R(\d+) !read_ok/, (c, f) => program.neverSet(c, Number(f[1]))),
  entry('E2109', /R(\d+) unbounded memory access/, (c, f) =>
    c.insn?.kind === 'call' ? memory.sizeArgument(c, Number(f[1]), false) : memory.bounds(c, Number(f[1])),
  ),
  entry('E2106', /R(\d+) min value is (?:negative|outside)/, (c, f) =>
    c.insn?.kind === 'call' && c.register(Number(f[1]))?.kind === 'scalar'
      ? memory.sizeArgument(c, Number(f[1]), true)
      : memory.bounds(c, Number(f[1])),
  ),
  entry('E2107', /R(\d+) max value is outside/, (c, f) => memory.bounds(c, Number(f[1]))),
  entry('E2107', /invalid access to (?:map (?:value|key)|memory|mem|buf)/, (c) => memory.bounds(c, baseRegister(c))),
  entry('E2108', /misaligned/, (c) => memory.misaligned(c)),
  entry(
    'E2110',
    /math between (\w+) pointer|makes \w+ pointer be out of bounds|pointer offset -?\d+ is not allowed/,
    (c) => memory.pointerMath(c),
  ),
  entry('E2111', /R(\d+) invalid zero-sized read/, (c, f) => memory.zeroSize(c, Number(f[1]))),
  entry('E2112', /Caller passes invalid args into func#\d+ \('(.*)'\)/, (c, f) =>
    program.globalFunction(c, f[1]!, undefined),
  ),
  entry('E2113', /invalid bpf_context access off=(-?\d+) size=(\d+)/, (c, f) =>
    program.contextField(c, Number(f[1]), Number(f[2])),
  ),
  entry('E2114', /(?:cannot use helper|unknown func) (\w+)#\d+/, (c, f) => program.noHelper(c, f[1]!)),
  entry('E2114', /^(LSM|struct ops) programs must have a GPL/, (_, f) => ({
    message: `${f[1]} programs must be under a licence that is compatible with the GPL`,
    help: 'char LICENSE[] SEC("license") = "GPL";',
  })),
  entry('E2114', /GPL/, (c) =>
    program.helperHere(
      c,
      'it is only for programs under a licence that is compatible with the GPL',
      'char LICENSE[] SEC("license") = "GPL";',
    ),
  ),
  entry('E2114', /might sleep|sleepable/, (c) =>
    program.helperHere(
      c,
      'it may sleep, and this program may not',
      'use a sleepable program (`SEC("fentry.s/…")`), or a helper that does not sleep',
    ),
  ),
  entry('E2114', /helper call (?:is not|might not be) allowed/, (c) =>
    program.helperHere(c, 'programs on probes may not use it', 'use another helper or type of program'),
  ),
  entry('E2133', /invalid func unknown#195896080/, () => ({
    message: 'this kernel has no such field, type or enumerator: what was written for it cannot be loaded',
    help: 'guard it with bpf_core_field_exists(), bpf_core_type_exists() or bpf_core_enum_value_exists()',
  })),
  entry('E2115', /kernel function call not eliminated/, (c) => program.noKernelFunction(c, memory.calleeOf(c))),
  entry('E2115', /invalid func unknown#(-?\d+)/, (_, f) => ({
    message: `the kernel has no helper number ${f[1]}`,
    help: 'guard the call with bpf_core_enum_value_exists(), or ask for a newer kernel',
  })),
  entry('E2115', /calling kernel function (\S+) is not allowed/, (c, f) => ({
    message: `${program.short(c.evidence.programType)} programs may not call the kernel's function ${f[1]}()`,
    help: 'guard the call with bpf_ksym_exists(), or use a type of program that may',
    subject: { callee: f[1]! },
  })),
  entry('E2116', /too large\. Processed/, () => program.tooComplex(false)),
  entry('E2116', /sequence of \d+ jumps/, () => program.tooComplex(true)),
  entry('E2117', /infinite loop detected|back-edge/, () => program.endless()),
  entry('E2118', /invalid (?:indirect )?read from stack (?:R(\d+) )?off (-?\d+)\+(\d+)/, (c, f) =>
    memory.stackUnwritten(c, f[1] === undefined ? undefined : Number(f[1]), Number(f[2]), Number(f[3])),
  ),
  entry('E2118', /stack R(\d+)|R(\d+).* stack/, (c, f) => memory.stackBounds(c, Number(f[1] ?? f[2]))),
  entry('E2118', /invalid (?:indirect )?read from stack/, (c) => memory.stackBounds(c, undefined)),
  entry('E2119', /Unreleased reference id=\d+ alloc_insn=(\d+)/, (c, f) => program.leak(c, Number(f[1]))),
  entry('E2119', /reference leak|must be released/, (c) => program.leak(c, undefined)),
  entry('E2120', /should have been in \[(-?\d+), (-?\d+)\]/, (c, f) =>
    program.returnRange(c, BigInt(f[1]!), BigInt(f[2]!)),
  ),
  entry(
    'E2121',
    /dereference of modified|variable .* access|negative offset/,
    said(
      'an offset was added to a pointer that must be used as it came',
      'access the field through the context itself, not through a pointer that was moved; pass the context on unchanged',
    ),
  ),
  entry(
    'E2122',
    /same insn cannot be used with different pointers/,
    said(
      'one access is reached with two kinds of pointers, and the kernel can only make one of it',
      'write the access once for each branch',
    ),
  ),
  entry('E2123', /pointer \S+ pointer/, (c) =>
    program.pointerArithmetic(c, baseOrDst(c), 'two pointers cannot be combined'),
  ),
  entry('E2123', /R(\d+) 32-bit pointer arithmetic/, (c, f) =>
    program.pointerArithmetic(c, Number(f[1]), 'it is done in 32 bits'),
  ),
  entry('E2123', /R(\d+) bitwise operator (\S+)/, (c, f) =>
    program.pointerArithmetic(c, Number(f[1]), `bits cannot be changed with ${f[2]}`),
  ),
  entry('E2123', /R(\d+) pointer arithmetic on (\w+) prohibited/, (c, f) =>
    program.pointerArithmetic(c, Number(f[1]), 'this kind of pointer cannot be moved'),
  ),
  entry('E2123', /pointer arithmetic|bitwise operator|partial copy|subtract|pointer comparison/, (c) =>
    program.pointerArithmetic(c, undefined, c.evidence.message),
  ),
  entry(
    'E2124',
    /unreachable insn|last insn is not|jump out of range|jump into the middle/,
    said(
      'the control flow is broken: there is code that nothing reaches, or that runs off its end',
      'return on every path, and remove code that cannot be reached',
    ),
  ),
  entry('E2125', /combined stack size|frames is too deep|call stack of/, (_, f) => program.stackTooDeep(f.input)),
  entry('E2126', /cannot pass map_type \d+ into func (\w+)#/, (c, f) => program.wrongMap(c, f[1])),
  entry('E2126', /write into map forbidden/, () => ({
    message: 'this map is read-only for programs: it cannot be written',
    help: 'leave BPF_F_RDONLY_PROG out, or make the variable not const',
  })),
  entry(
    'E2126',
    /map forbidden|pointing to valid bpf_map/,
    said('this map cannot be used so', 'use the kind of map that the helper takes, and its flags'),
  ),
  entry('E2127', /may write into memory pointed by R(\d+)/, (c, f) => program.wrongType(c, Number(f[1]), 'fp')),
  entry('E2127', /helper access to the packet is not allowed/, (c) =>
    program.wrongType(c, [1, 2, 3, 4, 5].find((one) => c.register(one)?.kind === 'pkt') ?? 1, 'fp, map_value'),
  ),
  entry('E2127', /R(\d+) type=\S+ expected=(.*)/, (c, f) => program.wrongType(c, Number(f[1]), f[2]!)),
  entry(
    'E2128',
    /must be referenced|must be a rcu|is of type .* but/,
    said(
      'the object that is passed is not one that the kernel is sure is alive',
      'acquire it, or take it inside bpf_rcu_read_lock()',
    ),
  ),
  entry('E2129', /spin_lock|spin_unlock|rcu_read|preempt|holding a lock/, (c, f) => program.section(c, f.input)),
  entry(
    'E2130',
    /dynptr/,
    said(
      'the dynptr is not in the state that the call needs',
      'initialise each dynptr once, release it once, and do not write over it',
    ),
  ),
  entry(
    'E2131',
    /reserved fields|unknown opcode|ld_imm64|div by zero|invalid shift/,
    said(
      'the instruction is not a valid one for this kernel',
      'compile for an older instruction set (-mcpu=v3), and check the assembly',
    ),
  ),
  entry(
    'E2132',
    /for !root|CAP_|leak/,
    said('users without privilege may not do this', 'load the program with CAP_BPF and CAP_PERFMON'),
  ),
];

/** The register through which the refused instruction goes to memory. */
function baseRegister(c: Case): number {
  const { insn } = c;
  if (insn?.kind === 'load') return insn.src;
  if (insn?.kind === 'store' || insn?.kind === 'atomic') return insn.dst;
  for (let r = 1; r <= 5; r++) {
    const kind = c.register(r)?.kind;
    if (kind !== undefined && kind !== 'scalar' && kind !== 'map_ptr' && kind !== 'ctx' && kind !== 'fp') return r;
  }
  return 2;
}

function baseOrDst(c: Case): number | undefined {
  return c.insn?.kind === 'alu' ? c.insn.dst : undefined;
}
