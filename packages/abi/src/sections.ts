import type { AttachTypeName, ProgTypeName } from './kinds.ts';

/** One kind of `SEC()` name that loaders know, after libbpf's table (`section_defs` of `libbpf.c`). */
export interface SectionRule {
  readonly prefix: string;
  /** `exact`: this name alone; `target`: this name, or this name and `/target`. */
  readonly match: 'exact' | 'target';
  readonly programType: ProgTypeName;
  /** `expected_attach_type` of the load and attach type of the link. */
  readonly attachType?: AttachTypeName;
  /** Kernels from before the attach type existed take the program without it. */
  readonly attachTypeOptional?: true;
  readonly sleepable?: true;
  readonly flags?: readonly SectionFlag[];
  /** Loading needs the BTF id of the target. */
  readonly needsTargetBtf?: true;
  /** Whether the section says enough to attach; else the caller names an interface, a cgroup, a map, a process … */
  readonly attachable: boolean;
  /** What stands behind the slash, for people. */
  readonly target?: string;
}

export type SectionFlag = 'BPF_F_SLEEPABLE' | 'BPF_F_XDP_HAS_FRAGS';

/** What a section says of the program in it. */
export interface Hook {
  readonly programType: ProgTypeName;
  readonly attachType: AttachTypeName | undefined;
  /** What follows the rule's prefix and the slash; undefined when there is none. */
  readonly target: string | undefined;
  readonly sleepable: boolean;
  readonly flags: readonly SectionFlag[];
  readonly rule: SectionRule;
}

const FUNCTION = 'a kernel function';
const USER_FUNCTION = '/path/to/binary:function[+offset]';
const TRACEPOINT = 'category/name';
const RAW_TRACEPOINT = 'a tracepoint without its category';
const LSM_HOOK = 'a security hook without bpf_lsm_';

const exact = (
  prefix: string,
  programType: ProgTypeName,
  attachType?: AttachTypeName,
  more: Partial<SectionRule> = {},
): SectionRule => ({
  prefix,
  match: 'exact',
  programType,
  ...(attachType && { attachType }),
  attachable: false,
  ...more,
});

const targeted = (
  prefix: string,
  programType: ProgTypeName,
  target: string,
  attachType?: AttachTypeName,
  more: Partial<SectionRule> = {},
): SectionRule => ({
  prefix,
  match: 'target',
  programType,
  ...(attachType && { attachType }),
  attachable: true,
  target,
  ...more,
});

const SLEEPABLE = { sleepable: true, flags: ['BPF_F_SLEEPABLE'] } as const;
const FRAGS = { flags: ['BPF_F_XDP_HAS_FRAGS'] } as const;
const OPTIONAL = { attachTypeOptional: true } as const;
const BTF = { needsTargetBtf: true } as const;

/** A tracing rule and its sleepable sister `prefix.s`. */
const withSleepable = (rule: SectionRule): readonly SectionRule[] => [
  rule,
  { ...rule, prefix: `${rule.prefix}.s`, ...SLEEPABLE },
];

export const SECTIONS: readonly SectionRule[] = [
  targeted('kprobe', 'BPF_PROG_TYPE_KPROBE', `${FUNCTION}[+offset]`),
  targeted('kretprobe', 'BPF_PROG_TYPE_KPROBE', FUNCTION),
  targeted('kprobe.multi', 'BPF_PROG_TYPE_KPROBE', `${FUNCTION}, with * and ?`, 'BPF_TRACE_KPROBE_MULTI'),
  targeted('kretprobe.multi', 'BPF_PROG_TYPE_KPROBE', `${FUNCTION}, with * and ?`, 'BPF_TRACE_KPROBE_MULTI'),
  targeted('kprobe.session', 'BPF_PROG_TYPE_KPROBE', `${FUNCTION}, with * and ?`, 'BPF_TRACE_KPROBE_SESSION'),
  targeted('ksyscall', 'BPF_PROG_TYPE_KPROBE', 'a system call'),
  targeted('kretsyscall', 'BPF_PROG_TYPE_KPROBE', 'a system call'),
  ...withSleepable(targeted('uprobe', 'BPF_PROG_TYPE_KPROBE', USER_FUNCTION)),
  ...withSleepable(targeted('uretprobe', 'BPF_PROG_TYPE_KPROBE', USER_FUNCTION)),
  ...withSleepable(targeted('uprobe.multi', 'BPF_PROG_TYPE_KPROBE', USER_FUNCTION, 'BPF_TRACE_UPROBE_MULTI')),
  ...withSleepable(targeted('uretprobe.multi', 'BPF_PROG_TYPE_KPROBE', USER_FUNCTION, 'BPF_TRACE_UPROBE_MULTI')),
  ...withSleepable(targeted('uprobe.session', 'BPF_PROG_TYPE_KPROBE', USER_FUNCTION, 'BPF_TRACE_UPROBE_SESSION')),
  ...withSleepable(targeted('usdt', 'BPF_PROG_TYPE_KPROBE', '/path/to/binary:provider:name')),

  targeted('tracepoint', 'BPF_PROG_TYPE_TRACEPOINT', TRACEPOINT),
  targeted('tp', 'BPF_PROG_TYPE_TRACEPOINT', TRACEPOINT),
  targeted('raw_tracepoint', 'BPF_PROG_TYPE_RAW_TRACEPOINT', RAW_TRACEPOINT),
  targeted('raw_tp', 'BPF_PROG_TYPE_RAW_TRACEPOINT', RAW_TRACEPOINT),
  targeted('raw_tracepoint.w', 'BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE', RAW_TRACEPOINT),
  targeted('raw_tp.w', 'BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE', RAW_TRACEPOINT),
  targeted('tp_btf', 'BPF_PROG_TYPE_TRACING', RAW_TRACEPOINT, 'BPF_TRACE_RAW_TP', BTF),
  ...withSleepable(targeted('fentry', 'BPF_PROG_TYPE_TRACING', FUNCTION, 'BPF_TRACE_FENTRY', BTF)),
  ...withSleepable(targeted('fexit', 'BPF_PROG_TYPE_TRACING', FUNCTION, 'BPF_TRACE_FEXIT', BTF)),
  ...withSleepable(targeted('fmod_ret', 'BPF_PROG_TYPE_TRACING', FUNCTION, 'BPF_MODIFY_RETURN', BTF)),
  ...withSleepable(targeted('fsession', 'BPF_PROG_TYPE_TRACING', FUNCTION, 'BPF_TRACE_FSESSION', BTF)),
  ...withSleepable(targeted('fentry.multi', 'BPF_PROG_TYPE_TRACING', FUNCTION, 'BPF_TRACE_FENTRY_MULTI')),
  ...withSleepable(targeted('fexit.multi', 'BPF_PROG_TYPE_TRACING', FUNCTION, 'BPF_TRACE_FEXIT_MULTI')),
  ...withSleepable(targeted('fsession.multi', 'BPF_PROG_TYPE_TRACING', FUNCTION, 'BPF_TRACE_FSESSION_MULTI')),
  targeted('freplace', 'BPF_PROG_TYPE_EXT', 'a function of another program', undefined, BTF),
  ...withSleepable(targeted('lsm', 'BPF_PROG_TYPE_LSM', LSM_HOOK, 'BPF_LSM_MAC', BTF)),
  targeted('lsm_cgroup', 'BPF_PROG_TYPE_LSM', LSM_HOOK, 'BPF_LSM_CGROUP', { ...BTF, attachable: false }),
  ...withSleepable(targeted('iter', 'BPF_PROG_TYPE_TRACING', 'a kind of iterator', 'BPF_TRACE_ITER', BTF)),
  exact('syscall', 'BPF_PROG_TYPE_SYSCALL', undefined, SLEEPABLE),
  exact('perf_event', 'BPF_PROG_TYPE_PERF_EVENT'),

  exact('xdp', 'BPF_PROG_TYPE_XDP', 'BPF_XDP', OPTIONAL),
  exact('xdp.frags', 'BPF_PROG_TYPE_XDP', 'BPF_XDP', { ...OPTIONAL, ...FRAGS }),
  exact('xdp/devmap', 'BPF_PROG_TYPE_XDP', 'BPF_XDP_DEVMAP'),
  exact('xdp.frags/devmap', 'BPF_PROG_TYPE_XDP', 'BPF_XDP_DEVMAP', FRAGS),
  exact('xdp/cpumap', 'BPF_PROG_TYPE_XDP', 'BPF_XDP_CPUMAP'),
  exact('xdp.frags/cpumap', 'BPF_PROG_TYPE_XDP', 'BPF_XDP_CPUMAP', FRAGS),
  exact('tc', 'BPF_PROG_TYPE_SCHED_CLS'),
  exact('classifier', 'BPF_PROG_TYPE_SCHED_CLS'),
  exact('action', 'BPF_PROG_TYPE_SCHED_ACT'),
  exact('tc/ingress', 'BPF_PROG_TYPE_SCHED_CLS', 'BPF_TCX_INGRESS', OPTIONAL),
  exact('tc/egress', 'BPF_PROG_TYPE_SCHED_CLS', 'BPF_TCX_EGRESS', OPTIONAL),
  exact('tcx/ingress', 'BPF_PROG_TYPE_SCHED_CLS', 'BPF_TCX_INGRESS', OPTIONAL),
  exact('tcx/egress', 'BPF_PROG_TYPE_SCHED_CLS', 'BPF_TCX_EGRESS', OPTIONAL),
  exact('netkit/primary', 'BPF_PROG_TYPE_SCHED_CLS', 'BPF_NETKIT_PRIMARY', OPTIONAL),
  exact('netkit/peer', 'BPF_PROG_TYPE_SCHED_CLS', 'BPF_NETKIT_PEER', OPTIONAL),
  exact('netfilter', 'BPF_PROG_TYPE_NETFILTER', 'BPF_NETFILTER'),
  exact('socket', 'BPF_PROG_TYPE_SOCKET_FILTER'),
  exact('flow_dissector', 'BPF_PROG_TYPE_FLOW_DISSECTOR', 'BPF_FLOW_DISSECTOR', OPTIONAL),
  exact('sk_lookup', 'BPF_PROG_TYPE_SK_LOOKUP', 'BPF_SK_LOOKUP'),
  exact('sk_reuseport', 'BPF_PROG_TYPE_SK_REUSEPORT', 'BPF_SK_REUSEPORT_SELECT'),
  exact('sk_reuseport/migrate', 'BPF_PROG_TYPE_SK_REUSEPORT', 'BPF_SK_REUSEPORT_SELECT_OR_MIGRATE'),
  exact('sk_skb', 'BPF_PROG_TYPE_SK_SKB'),
  exact('sk_skb/stream_parser', 'BPF_PROG_TYPE_SK_SKB', 'BPF_SK_SKB_STREAM_PARSER', OPTIONAL),
  exact('sk_skb/stream_verdict', 'BPF_PROG_TYPE_SK_SKB', 'BPF_SK_SKB_STREAM_VERDICT', OPTIONAL),
  exact('sk_skb/verdict', 'BPF_PROG_TYPE_SK_SKB', 'BPF_SK_SKB_VERDICT', OPTIONAL),
  exact('sk_msg', 'BPF_PROG_TYPE_SK_MSG', 'BPF_SK_MSG_VERDICT', OPTIONAL),
  exact('sockops', 'BPF_PROG_TYPE_SOCK_OPS', 'BPF_CGROUP_SOCK_OPS', OPTIONAL),
  exact('lwt_in', 'BPF_PROG_TYPE_LWT_IN'),
  exact('lwt_out', 'BPF_PROG_TYPE_LWT_OUT'),
  exact('lwt_xmit', 'BPF_PROG_TYPE_LWT_XMIT'),
  exact('lwt_seg6local', 'BPF_PROG_TYPE_LWT_SEG6LOCAL'),
  exact('lirc_mode2', 'BPF_PROG_TYPE_LIRC_MODE2', 'BPF_LIRC_MODE2', OPTIONAL),

  exact('cgroup_skb/ingress', 'BPF_PROG_TYPE_CGROUP_SKB', 'BPF_CGROUP_INET_INGRESS', OPTIONAL),
  exact('cgroup_skb/egress', 'BPF_PROG_TYPE_CGROUP_SKB', 'BPF_CGROUP_INET_EGRESS', OPTIONAL),
  exact('cgroup/skb', 'BPF_PROG_TYPE_CGROUP_SKB'),
  exact('cgroup/sock_create', 'BPF_PROG_TYPE_CGROUP_SOCK', 'BPF_CGROUP_INET_SOCK_CREATE', OPTIONAL),
  exact('cgroup/sock_release', 'BPF_PROG_TYPE_CGROUP_SOCK', 'BPF_CGROUP_INET_SOCK_RELEASE'),
  exact('cgroup/sock', 'BPF_PROG_TYPE_CGROUP_SOCK', 'BPF_CGROUP_INET_SOCK_CREATE', OPTIONAL),
  exact('cgroup/post_bind4', 'BPF_PROG_TYPE_CGROUP_SOCK', 'BPF_CGROUP_INET4_POST_BIND'),
  exact('cgroup/post_bind6', 'BPF_PROG_TYPE_CGROUP_SOCK', 'BPF_CGROUP_INET6_POST_BIND'),
  exact('cgroup/bind4', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET4_BIND'),
  exact('cgroup/bind6', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET6_BIND'),
  exact('cgroup/connect4', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET4_CONNECT'),
  exact('cgroup/connect6', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET6_CONNECT'),
  exact('cgroup/connect_unix', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UNIX_CONNECT'),
  exact('cgroup/sendmsg4', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UDP4_SENDMSG'),
  exact('cgroup/sendmsg6', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UDP6_SENDMSG'),
  exact('cgroup/sendmsg_unix', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UNIX_SENDMSG'),
  exact('cgroup/recvmsg4', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UDP4_RECVMSG'),
  exact('cgroup/recvmsg6', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UDP6_RECVMSG'),
  exact('cgroup/recvmsg_unix', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UNIX_RECVMSG'),
  exact('cgroup/getpeername4', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET4_GETPEERNAME'),
  exact('cgroup/getpeername6', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET6_GETPEERNAME'),
  exact('cgroup/getpeername_unix', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UNIX_GETPEERNAME'),
  exact('cgroup/getsockname4', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET4_GETSOCKNAME'),
  exact('cgroup/getsockname6', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_INET6_GETSOCKNAME'),
  exact('cgroup/getsockname_unix', 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR', 'BPF_CGROUP_UNIX_GETSOCKNAME'),
  exact('cgroup/sysctl', 'BPF_PROG_TYPE_CGROUP_SYSCTL', 'BPF_CGROUP_SYSCTL'),
  exact('cgroup/getsockopt', 'BPF_PROG_TYPE_CGROUP_SOCKOPT', 'BPF_CGROUP_GETSOCKOPT'),
  exact('cgroup/setsockopt', 'BPF_PROG_TYPE_CGROUP_SOCKOPT', 'BPF_CGROUP_SETSOCKOPT'),
  exact('cgroup/dev', 'BPF_PROG_TYPE_CGROUP_DEVICE', 'BPF_CGROUP_DEVICE', OPTIONAL),

  ...withSleepable(
    targeted('struct_ops', 'BPF_PROG_TYPE_STRUCT_OPS', 'a member of the struct, for people', undefined, {
      attachable: false,
    }),
  ),
];

/** Sections that hold the maps of struct_ops, not programs; `.link` ones attach by a link. */
export const STRUCT_OPS_SECTIONS = ['.struct_ops', '.struct_ops.link', '?.struct_ops', '?.struct_ops.link'] as const;

const rules = /* @__PURE__ */ new Map(SECTIONS.map((rule) => [rule.prefix, rule]));

/**
 * What a `SEC()` name says, or undefined when no loader knows it. A leading `?` (do not load by default) is the
 * caller's to take off.
 */
export function hookOfSection(section: string): Hook | undefined {
  const whole = rules.get(section);
  if (whole !== undefined) return hook(whole, undefined);
  const slash = section.indexOf('/');
  if (slash < 0) return undefined;
  const rule = rules.get(section.slice(0, slash));
  return rule?.match === 'target' ? hook(rule, section.slice(slash + 1) || undefined) : undefined;
}

function hook(rule: SectionRule, target: string | undefined): Hook {
  return {
    programType: rule.programType,
    attachType: rule.attachType,
    target,
    sleepable: rule.sleepable ?? false,
    flags: rule.flags ?? [],
    rule,
  };
}
