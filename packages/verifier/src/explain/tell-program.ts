/** Refusals that are not about one access: values, calls, types, resources, control flow, limits. */
import { HELPERS, type HelperProto, helpersOfProgType, PROG_TYPES, type ProgTypeName } from '@skep/abi';
import type { Case, Remark } from './case.ts';
import type { Telling } from './model.ts';
import { calleeOf, lastDecisions, subjectOf } from './tell-memory.ts';
import { expectedWords, kindWords, rangeOf, rangeWords } from './words.ts';

/** E2105 */
export function neverSet(c: Case, register: number): Telling {
  const { source } = c.origin(register);
  if (source.kind === 'destroyed') {
    const callee = c.origins.callName(source.step);
    return {
      message: `${c.name(register, `the value in r${register}`)} is gone: ${callee}()${c.atLine(source.step)} destroyed it`,
      needed: 'calls destroy r1 to r5; what is needed afterwards has to be kept in r6 to r9',
      remarks: [{ message: 'destroyed here', place: c.place(source.step) }],
      help: 'keep the value in a variable that is used after the call, or load it again',
      subject: { ...subjectOf(c, register), origin: c.slot(source.step) },
    };
  }
  if (source.kind === 'call' && c.register(register) === undefined)
    return noKernelFunction(c, c.origins.callName(source.step));
  const exits = c.insn?.kind === 'exit';
  return {
    message: exits
      ? 'the program ends without a return value on this path'
      : `${c.name(register, `the value in r${register}`)} was never set on this path`,
    remarks: lastDecisions(c, 2),
    help: exits ? 'return a value on every path' : 'give the variable a first value where it is declared',
    subject: subjectOf(c, register),
  };
}

/** E2115 */
export function noKernelFunction(c: Case, name: string): Telling {
  const found = c.evidence.path.findIndex((_, i) => c.origins.callName(i) === name);
  return {
    code: 'E2115',
    message: `this kernel has no function ${name}()`,
    place: found >= 0 ? c.place(found) : undefined,
    help: 'declare it __weak, and call it only where bpf_ksym_exists() says so',
    subject: { callee: name, ...(found >= 0 && { origin: c.slot(found) }) },
  };
}

/** E2127 */
export function wrongType(c: Case, register: number, expected: string): Telling {
  const callee = calleeOf(c);
  const view = c.register(register);
  const from = c.comesFrom(register);
  return {
    message: `argument ${register} of ${callee}() is ${kindWords(view)}${quoted(c, register)}`,
    needed: expectedWords(expected),
    ...(from && { known: from.message }),
    help: 'pass what the call takes: `&map` for a map, the address of a variable for a key or a value, the context as it came',
    subject: subjectOf(c, register),
  };
}

function quoted(c: Case, register: number): string {
  const text = c.naming.argument?.(c.evidence.insn, register);
  return text === undefined ? '' : ` (\`${text}\`)`;
}

/** E2114: a helper that programs of this type do not have. */
export function noHelper(c: Case, helper: string): Telling {
  const type = c.evidence.programType as ProgTypeName | undefined;
  const where = programTypes(helper);
  const since = HELPERS.find((one) => one.name === helper)?.since;
  if (helper === 'bpf_probe_write_user' && where.includes(short(type)))
    return {
      message: `this kernel lets no program write into the memory of processes: ${helper}() is locked down`,
      needed: 'a kernel that is not locked down: `none` in /sys/kernel/security/lockdown',
      known: `${short(type)} programs have the helper, since Linux ${since}`,
      help: 'boot without `lockdown=` (and without secure boot), or send what should be written to a process that does it itself',
      subject: { callee: helper },
    };
  return {
    message: `${short(type)} programs cannot call ${helper}()`,
    ...(where.length > 0 && {
      needed: `a program of another type: ${where.slice(0, 6).join(', ')}${where.length > 6 ? ' …' : ''}`,
    }),
    ...(since !== undefined && { known: `the helper exists since Linux ${since}` }),
    help: 'use the helper that this type of program has for it, or attach the program elsewhere',
    subject: { callee: helper },
  };
}

/** The types that have it, as people say them. */
function programTypes(helper: string): string[] {
  return PROG_TYPES.filter((one) => {
    const helpers: ReadonlyMap<string, HelperProto> | undefined = helpersOfProgType(one.name as ProgTypeName);
    return helpers?.has(helper) ?? false;
  }).map((one) => short(one.name));
}

export function short(type: string | undefined): string {
  return type === undefined ? 'these' : type.replace('BPF_PROG_TYPE_', '').toLowerCase();
}

/** E2114 as well: what is there, but not for this program. */
export function helperHere(c: Case, why: string, help: string): Telling {
  return { message: `${calleeOf(c)}() may not be called here: ${why}`, help, subject: { callee: calleeOf(c) } };
}

/** E2119 */
export function leak(c: Case, acquired: number | undefined): Telling {
  const step = acquired === undefined ? -1 : c.evidence.path.findLastIndex((one) => one.insn === acquired);
  const callee = step < 0 ? undefined : c.origins.callName(step);
  const release = callee === undefined ? undefined : RELEASES.find(([pattern]) => pattern.test(callee))?.[1];
  const remark: Remark[] = step < 0 ? [] : [{ message: 'acquired here', place: c.place(step) }];
  return {
    message:
      callee === undefined
        ? 'an object that was acquired is not given back on this path'
        : `what ${callee}()${c.atLine(step)} gave is not given back on this path`,
    ...(release !== undefined && { needed: `${release}() before the program ends` }),
    remarks: [...remark, ...lastDecisions(c, 1)],
    help: 'release it before every return; where the call gave NULL there is nothing to release',
    subject: { ...(acquired !== undefined && { origin: acquired }), ...(callee !== undefined && { callee }) },
  };
}

/** What gives back what a call acquired. */
const RELEASES: readonly (readonly [RegExp, string])[] = [
  [/^bpf_ringbuf_reserve$/, 'bpf_ringbuf_submit() or bpf_ringbuf_discard'],
  [/^bpf_ringbuf_reserve_dynptr$/, 'bpf_ringbuf_submit_dynptr() or bpf_ringbuf_discard_dynptr'],
  [/^bpf_skc?_lookup/, 'bpf_sk_release'],
  [/^bpf_task_(acquire|from_)/, 'bpf_task_release'],
  [/^bpf_cgroup_(acquire|from_|ancestor)/, 'bpf_cgroup_release'],
  [/^bpf_cpumask_(create|acquire)/, 'bpf_cpumask_release'],
  [/^bpf_obj_new/, 'bpf_obj_drop'],
  [/^bpf_percpu_obj_new/, 'bpf_percpu_obj_drop'],
  [/^bpf_iter_(\w+)_new$/, 'the matching bpf_iter_…_destroy'],
];

/** E2120 */
export function returnRange(c: Case, least: bigint, most: bigint): Telling {
  const view = c.register(0);
  const from = c.comesFrom(0);
  const hook = short(c.evidence.programType);
  return {
    message: `the program returns ${rangeWords(view && rangeOf(view))}, and ${hook} programs may only return ${rangeWords({ least, most })}`,
    known: from?.message,
    remarks: lastDecisions(c, 1),
    help: RESULTS[c.evidence.programType ?? ''] ?? 'return one of the values that this hook knows',
    subject: { register: 0, allowed: [least, most] },
  };
}

const RESULTS: Readonly<Record<string, string>> = {
  BPF_PROG_TYPE_CGROUP_SKB: '1 lets the packet pass, 0 drops it',
  BPF_PROG_TYPE_CGROUP_SOCK: '1 allows, 0 refuses with EPERM',
  BPF_PROG_TYPE_CGROUP_SOCK_ADDR: '1 allows, 0 refuses with EPERM',
  BPF_PROG_TYPE_CGROUP_DEVICE: '1 allows, 0 refuses with EPERM',
  BPF_PROG_TYPE_CGROUP_SYSCTL: '1 allows, 0 refuses with EPERM',
  BPF_PROG_TYPE_CGROUP_SOCKOPT: '1 lets the kernel go on, 0 refuses with EPERM',
  BPF_PROG_TYPE_SK_LOOKUP: 'SK_PASS (1) goes on, SK_DROP (0) drops',
  BPF_PROG_TYPE_LSM: '0 allows, a negative error number from -4095 on refuses',
  BPF_PROG_TYPE_TRACING: '0, for programs at the start and the end of functions',
  BPF_PROG_TYPE_NETFILTER: 'NF_DROP (0) drops, NF_ACCEPT (1) lets pass',
};

/** E2113 */
export function contextField(c: Case, off: number, size: number): Telling {
  const { access } = c;
  const write = c.insn?.kind === 'store' || c.insn?.kind === 'atomic';
  return {
    message: `${short(c.evidence.programType)} programs cannot ${write ? 'write' : 'read'} ${access ? `\`${access.text}\`` : `the ${size} bytes at offset ${off} of their context`}`,
    needed: 'a field that this type of program may use, with its own size',
    help: 'use another field or another type of program; data and data_end are read as 32-bit fields',
    subject: {},
  };
}

/** E2116 */
export function tooComplex(jumps: boolean): Telling {
  return {
    message: jumps
      ? 'the program has more open branches than the verifier follows'
      : 'the verifier gave up after a million instructions: there are too many paths through the program',
    needed: jumps
      ? 'at most 8,192 branches that are not followed yet'
      : 'at most 1,000,000 instructions over all paths',
    help: 'bound the loop, or use bpf_for(), bpf_loop() or a global function in it, which are checked once',
    subject: {},
  };
}

/** E2117 */
export function endless(): Telling {
  return {
    message: 'the loop does not come to an end that the verifier can see: it is back in a state that it was in before',
    needed: 'something that changes in every round and is compared with a limit',
    help: 'count the rounds and compare the counter with a constant, or use bpf_for()',
    subject: {},
  };
}

/** E2112 */
export function globalFunction(c: Case, callee: string, why: string | undefined): Telling {
  return {
    message: `${callee}() is a global function, which is checked by itself, and this call does not pass what it promises`,
    ...(why !== undefined && { known: why }),
    help: 'compare pointers with NULL before the call, tag the parameter (__arg_nonnull, __arg_ctx, __arg_trusted), or make the function static',
    subject: { ...subjectIfCall(c), callee },
  };
}

function subjectIfCall(c: Case) {
  return c.insn?.kind === 'call' ? { argument: 1 } : {};
}

/** E2123 */
export function pointerArithmetic(c: Case, register: number | undefined, what: string): Telling {
  const view = register === undefined ? undefined : c.register(register);
  return {
    message: `this arithmetic is not allowed on ${view === undefined || view.kind === 'scalar' ? 'a pointer' : kindWords(view)}: ${what}`,
    help: 'compute with numbers, and add the result to the pointer once, in 64 bits',
    subject: register === undefined ? {} : subjectOf(c, register),
  };
}

/** E2125 */
export function stackTooDeep(message: string): Telling {
  const found = /combined stack size of (\d+) calls is (\d+)/.exec(message);
  const frames = /call stack of (\d+) frames/.exec(message);
  return {
    message: found
      ? `the ${found[1]} functions that call each other need ${found[2]} bytes of stack`
      : frames
        ? `${frames[1]} functions call each other, which is too deep`
        : 'the functions of the program need too much stack',
    needed: found ? 'at most 512 bytes together' : 'at most 8 frames',
    help: 'keep large variables in a per-CPU array with one entry, or make them smaller',
    subject: {},
  };
}

/** E2126 */
export function wrongMap(c: Case, helper: string | undefined): Telling {
  const callee = helper ?? calleeOf(c);
  const map = c.insn?.kind === 'call' ? mapArgument(c) : undefined;
  return {
    message: `${callee}() cannot be used with ${map === undefined ? 'a map of this type' : `\`${map}\`, which is of another type`}`,
    needed: 'a map of the type that the helper is made for',
    help: 'use the helper that fits the map, or change the type of the map',
    subject: { callee },
  };
}

function mapArgument(c: Case): string | undefined {
  for (let r = 1; r <= 5; r++) {
    const view = c.register(r);
    if (view?.kind === 'map_ptr') return view.map?.name;
  }
  return undefined;
}

/** E2129 */
export function section(c: Case, message: string): Telling {
  const leaves = c.insn?.kind === 'exit';
  const what = /preempt/.test(message)
    ? ['preemption is switched off', 'bpf_preempt_enable()']
    : /rcu/.test(message)
      ? ['the RCU section is open', 'bpf_rcu_read_unlock()']
      : ['the lock is held', 'bpf_spin_unlock()'];
  const step = c.evidence.path.findLastIndex((one, i) => {
    const insn = c.origins.insn(one.insn);
    return insn?.kind === 'call' && /spin_lock$|rcu_read_lock$|preempt_disable$/.test(c.origins.callName(i));
  });
  return {
    message: leaves
      ? `the program ends while ${what[0]}`
      : c.insn?.kind === 'call'
        ? `${calleeOf(c)}() may not be called while ${what[0]}`
        : `${what[0]} where it must not be, or not where it must`,
    needed: `${what[1]} before`,
    remarks: [...(step >= 0 ? [{ message: 'entered here', place: c.place(step) }] : []), ...lastDecisions(c, 1)],
    help: `call ${what[1]} on every path, and keep other calls out of the section`,
    subject: { ...(step >= 0 && { origin: c.slot(step) }) },
  };
}
