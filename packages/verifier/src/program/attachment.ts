import { ATTACH, ATTACH_TYPES, BPF_F_SLEEPABLE, hasSince, PROG, PROG_TYPES, type ProgTypeName } from '@skep/abi';
import type { KernelProfile } from '../profile.ts';
import { Refusal } from '../refusal.ts';
import type { VerifyInput } from '../verify.ts';
import type { Program } from './program.ts';

/** Whether a program of its type may attach where it wants to, and sleep there; before any instruction is looked at. */
export function checkAttachment(program: Program, input: VerifyInput, kernel: KernelProfile): void {
  // The system call says no more than EINVAL.
  const type = PROG_TYPES.find((one) => one.value === input.type);
  if (type === undefined || !hasSince(kernel.version, type.since)) throw new Refusal('', -1);
  const attach = ATTACH_TYPES.find((one) => one.value === (input.attachType ?? 0));
  if (attach !== undefined && CHECKED_ATTACH.has(input.type) && !hasSince(kernel.version, attach.since))
    throw new Refusal('', -1);
  const place = input.attachType ? attach?.name : (DEFAULT_ATTACH[type.name] ?? ATTACH_TYPES[0].name);
  if (ATTACHES[type.name]?.test(place ?? '') === false) throw new Refusal('', -1);
  const sleepable = ((input.flags ?? 0) & BPF_F_SLEEPABLE) !== 0;
  if (input.type === PROG.BPF_PROG_TYPE_SYSCALL) {
    if (!sleepable) throw new Refusal('Syscall programs can only be sleepable', -1);
    return;
  }
  if (
    kernel.early &&
    sleepable &&
    input.type === PROG.BPF_PROG_TYPE_TRACING &&
    /^bpf_fentry_test/.test(input.attachTarget ?? '')
  )
    throw new Refusal(`${input.attachTarget} is not sleepable`, -1);
  if (sleepable && !(CAN_SLEEP[input.type]?.(input.attachType ?? 0) ?? false))
    throw new Refusal('Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable', -1);
  if (
    (input.type === PROG.BPF_PROG_TYPE_TRACING ||
      input.type === PROG.BPF_PROG_TYPE_EXT ||
      input.type === PROG.BPF_PROG_TYPE_LSM) &&
    input.attachTarget === undefined
  )
    throw new Refusal('Tracing programs must provide btf_id', -1);
  if (input.type === PROG.BPF_PROG_TYPE_STRUCT_OPS && !program.gpl)
    throw new Refusal('struct ops programs must have a GPL compatible license', -1);
  if (input.type === PROG.BPF_PROG_TYPE_LSM && !program.gpl)
    throw new Refusal('LSM programs must have a GPL compatible license', -1);
  if (input.type === PROG.BPF_PROG_TYPE_LSM && input.attachType === ATTACH.BPF_LSM_MAC) {
    const hook = `bpf_lsm_${(input.attachTarget ?? '').replace(/^bpf_lsm_/, '')}`;
    if (DISABLED_HOOKS.has(hook))
      throw new Refusal(
        `attach_btf_id ${input.kernelBtf?.find(hook, 'func') ?? 0} points to disabled hook ${hook}`,
        -1,
      );
  }
  if (
    input.type === PROG.BPF_PROG_TYPE_STRUCT_OPS &&
    input.attachTarget === 'tcp_congestion_ops' &&
    input.structOpsMember === 'get_info'
  )
    throw new Refusal('attach to unsupported member get_info of struct tcp_congestion_ops', -1);
  if (
    input.type === PROG.BPF_PROG_TYPE_STRUCT_OPS &&
    sleepable &&
    input.structOpsMember !== 'test_sleepable' &&
    input.attachTarget === 'bpf_dummy_ops'
  )
    throw new Refusal(`attach to unsupported member ${input.structOpsMember} of struct ${input.attachTarget}`, -1);
  if (input.type === PROG.BPF_PROG_TYPE_EXT) throw new Refusal('programs that replace functions of others', -1, true);
}

/** Whether programs of a type may sleep, by where they attach. */
const CAN_SLEEP: Readonly<Record<number, (attach: number) => boolean>> = {
  [PROG.BPF_PROG_TYPE_TRACING]: (attach) => SLEEPABLE_TRACING.has(attach),
  [PROG.BPF_PROG_TYPE_LSM]: () => true,
  [PROG.BPF_PROG_TYPE_KPROBE]: () => true,
  [PROG.BPF_PROG_TYPE_STRUCT_OPS]: () => true,
};
const SLEEPABLE_TRACING = new Set([
  ATTACH.BPF_TRACE_FENTRY,
  ATTACH.BPF_TRACE_FEXIT,
  ATTACH.BPF_MODIFY_RETURN,
  ATTACH.BPF_TRACE_ITER,
]);

/** Hooks of security modules that programs may not take. */
const DISABLED_HOOKS = new Set(
  [
    'vm_enough_memory',
    'inode_need_killpriv',
    'inode_getsecurity',
    'inode_listsecurity',
    'inode_copy_up_xattr',
    'getselfattr',
    'getprocattr',
    'setprocattr',
    'key_getsecurity',
    'audit_rule_match',
    'ismaclabel',
  ].map((hook) => `bpf_lsm_${hook}`),
);

/** Program types of which the system call looks at the attach type. */
const CHECKED_ATTACH = new Set([
  PROG.BPF_PROG_TYPE_CGROUP_SKB,
  PROG.BPF_PROG_TYPE_CGROUP_SOCK,
  PROG.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  PROG.BPF_PROG_TYPE_CGROUP_SOCKOPT,
  PROG.BPF_PROG_TYPE_TRACING,
  PROG.BPF_PROG_TYPE_LSM,
  PROG.BPF_PROG_TYPE_SK_LOOKUP,
]);

/** Where programs of a type may attach; all else is EINVAL (kernel/bpf/syscall.c, bpf_prog_load_check_attach). */
const ATTACHES: Readonly<Partial<Record<ProgTypeName, RegExp>>> = {
  BPF_PROG_TYPE_CGROUP_SKB: /^BPF_CGROUP_INET_(IN|E)GRESS$/,
  BPF_PROG_TYPE_CGROUP_SOCK: /^BPF_CGROUP_(INET_SOCK_(CREATE|RELEASE)|INET[46]_POST_BIND)$/,
  BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
    /^BPF_CGROUP_(INET[46]_(BIND|CONNECT|GETPEERNAME|GETSOCKNAME)|UDP[46]_(SENDMSG|RECVMSG)|UNIX_\w+)$/,
  BPF_PROG_TYPE_CGROUP_SOCKOPT: /^BPF_CGROUP_[GS]ETSOCKOPT$/,
  BPF_PROG_TYPE_SK_LOOKUP: /^BPF_SK_LOOKUP$/,
  BPF_PROG_TYPE_SK_REUSEPORT: /^BPF_SK_REUSEPORT_SELECT/,
  BPF_PROG_TYPE_NETFILTER: /^BPF_NETFILTER$/,
  BPF_PROG_TYPE_SYSCALL: /^BPF_CGROUP_INET_INGRESS$/,
};
/** What 0 stands for where it is no place to attach to. */
const DEFAULT_ATTACH: Readonly<Partial<Record<ProgTypeName, string>>> = {
  BPF_PROG_TYPE_CGROUP_SOCK: 'BPF_CGROUP_INET_SOCK_CREATE',
  BPF_PROG_TYPE_SK_REUSEPORT: 'BPF_SK_REUSEPORT_SELECT',
};
