/** Why kernels refuse programs, in plain words, with what usually helps. One entry a cause; the first that matches counts. */
export interface CatalogueEntry {
  readonly code: string;
  /** Over the kernel's message. */
  readonly pattern: RegExp;
  readonly words: (found: RegExpExecArray) => string;
  readonly help: string;
}

const entry = (
  code: string,
  pattern: RegExp,
  words: string | ((found: RegExpExecArray) => string),
  help: string,
): CatalogueEntry => ({
  code,
  pattern,
  help,
  words: typeof words === 'string' ? () => words : words,
});

export const CATALOGUE: readonly CatalogueEntry[] = [
  entry(
    'E2101',
    /invalid access to packet|R(\d+) offset is outside of the packet/,
    'this reads bytes of the packet that were not compared with its end on this path',
    'check the same pointer right before: if (p + size > data_end) return …; and again after every helper that may move the packet',
  ),
  entry(
    'E2103',
    /R(\d+) invalid mem access '(\w*or_null_?)'/,
    (f) => `this pointer (${f[2]}) may be null: the result of the lookup was not checked on this path`,
    'if (!pointer) return …; before the access',
  ),
  entry(
    'E2103',
    /R(\d+) pointer arithmetic on (\w*or_null_?) prohibited/,
    (f) => `an offset is added to a pointer (${f[2]}) that may be null`,
    'check for null before adding anything',
  ),
  entry(
    'E2103',
    /Possibly NULL pointer passed to/,
    'a pointer that may be null is passed to a function that needs an object',
    'if (!pointer) return …; before the call',
  ),
  entry(
    'E2102',
    /R(\d+) invalid mem access 'scalar'/,
    'this is a number, not a pointer, for the verifier: it came from memory that it cannot follow, or arithmetic made it one',
    'read through it with bpf_probe_read_kernel or BPF_CORE_READ; keep pointers in 64-bit variables',
  ),
  entry(
    'E2104',
    /R(\d+) invalid mem access '(.*)'/,
    (f) => `memory cannot be accessed through this kind of pointer (${f[2]})`,
    'use the pointer only with the helpers that take it',
  ),
  entry(
    'E2105',
    /R(\d+) !read_ok/,
    (f) => `the value in r${f[1]} was never set on this path, or a call destroyed it`,
    'initialise the variable on all paths and return a value',
  ),
  entry(
    'E2106',
    /min value is (negative|outside)/,
    'the offset or size may be negative or before the start of the object',
    'use an unsigned variable, and bound it right before: if (i >= N) return …',
  ),
  entry(
    'E2107',
    /max value is outside|invalid access to map (value|key)|invalid access to memory/,
    'the access can reach beyond the end of the object',
    'compare the very variable that is used, or mask it: i &= N - 1',
  ),
  entry(
    'E2108',
    /misaligned/,
    'the address is not a multiple of the size of the access',
    'align the variable; copy packed fields with __builtin_memcpy',
  ),
  entry(
    'E2109',
    /unbounded memory access/,
    'nothing bounds this offset or size from above',
    'clamp it right before its use: if (n > MAX) n = MAX;',
  ),
  entry(
    'E2110',
    /math between (\w+) pointer|makes \w+ pointer be out of bounds|pointer offset -?\d+ is not allowed/,
    'a number that may be negative or huge is added to a pointer',
    'make it unsigned and bound it before adding',
  ),
  entry('E2111', /zero-sized read/, 'the length may be 0, which this helper does not take', 'if (len == 0) return …'),
  entry(
    'E2112',
    /Caller passes invalid args into func#(\d+) \('(.*)'\)/,
    (f) => `the global function ${f[2]} is checked by itself, and this call does not pass what its prototype promises`,
    'check pointers for null before, tag the parameter (__arg_nonnull, __arg_ctx, __arg_trusted), or make the function static',
  ),
  entry(
    'E2113',
    /invalid bpf_context access off=(\d+) size=(\d+)/,
    (f) => `programs of this type may not access ${f[2]} bytes at offset ${f[1]} of their context`,
    'use a field of the right size that this type of program may use',
  ),
  entry(
    'E2114',
    /cannot use helper (\w+)#|helper call is not allowed|GPL-restricted|might sleep/,
    (f) => (f[1] ? `programs of this type may not call ${f[1]}` : 'this helper may not be called here'),
    'use another helper or program type; some need a licence that is compatible with the GPL, or a sleepable program',
  ),
  entry(
    'E2115',
    /invalid func unknown#(-?\d+)|calling kernel function (\S+) is not allowed/,
    (f) => `the kernel does not have the function ${f[2] ?? `#${f[1]}`} for this program`,
    'guard the call with bpf_core_enum_value_exists or bpf_ksym_exists',
  ),
  entry(
    'E2116',
    /too large\. Processed|sequence of \d+ jumps/,
    'the program has too many paths for the verifier',
    'use bpf_loop or an open-coded iterator, split it into global functions or tail calls, bound its loops',
  ),
  entry(
    'E2117',
    /infinite loop detected|back-edge/,
    'the loop comes back to the same state: nothing that the verifier sees makes progress',
    'change the counter in every round and compare it with a constant',
  ),
  entry(
    'E2118',
    /invalid (indirect )?read from stack/,
    'bytes of a variable on the stack are used that were never written (padding too)',
    'struct s v = {}; or __builtin_memset before',
  ),
  entry(
    'E2118',
    /invalid .*stack R/,
    'the access lies outside of the stack frame of this function',
    'check the index, or move large data to a map',
  ),
  entry(
    'E2119',
    /Unreleased reference|reference leak|must be released/,
    'an object that was acquired is not given back on this path',
    'release it before every return',
  ),
  entry(
    'E2120',
    /At .* the register R\d+ (has|is)/,
    'the value that the program returns is not allowed at this hook',
    'return one of the values that the hook knows',
  ),
  entry(
    'E2121',
    /dereference of modified|variable .* access|negative offset/,
    'an offset was added to a pointer that must be used as it is',
    'access the field directly, not through a pointer that was moved',
  ),
  entry(
    'E2122',
    /same insn cannot be used with different pointers/,
    'one load is reached with two kinds of pointers',
    'write the access once for each branch',
  ),
  entry(
    'E2123',
    /pointer arithmetic|bitwise operator|pointer \S+ pointer|partial copy|subtract|pointer comparison/,
    'this arithmetic is not allowed on a pointer',
    'compute with numbers and add the result to the pointer once',
  ),
  entry(
    'E2124',
    /unreachable insn|last insn is not|jump out of range|jump into the middle/,
    'the control flow is broken: code that nothing reaches, or that runs off its end',
    'return on all paths and remove dead assembly',
  ),
  entry(
    'E2125',
    /combined stack size|frames is too deep|call stack of/,
    'the functions that call each other need more than 512 bytes of stack, or too many frames',
    'keep large variables in a per-CPU array; make frames smaller',
  ),
  entry(
    'E2126',
    /cannot pass map_type|map forbidden|pointing to valid bpf_map/,
    'this kind of map cannot be used so',
    'use the kind of map that the helper takes, and its flags',
  ),
  entry(
    'E2127',
    /R(\d+) type=(\S+) expected=(.*)/,
    (f) => `argument ${f[1]} of the call has the wrong type: it is ${f[2]}, one of ${f[3]} is needed`,
    'pass what the helper takes: the map itself, a pointer to the stack or to a map value, the context',
  ),
  entry(
    'E2128',
    /must be referenced|must be a rcu|is of type .* but/,
    'the object that is passed is not one that the function may be trusted with',
    'acquire it, or take it inside bpf_rcu_read_lock()',
  ),
  entry(
    'E2129',
    /spin_lock|rcu_read|preempt|holding a lock/,
    'the call is not allowed while a lock is held, or a lock is not released',
    'leave the critical section before',
  ),
  entry(
    'E2130',
    /dynptr/,
    'the dynptr is not in the state that the function needs',
    'initialise each dynptr once, release it once, and do not write over it',
  ),
  entry(
    'E2131',
    /reserved fields|unknown opcode|ld_imm64|div by zero|invalid shift/,
    'the instruction is not a valid one for this kernel',
    'compile for an older instruction set (-mcpu=v3), and check the assembly',
  ),
  entry(
    'E2132',
    /for !root|CAP_|leak/,
    'users without privilege may not do this',
    'load the program with CAP_BPF and CAP_PERFMON',
  ),
];
