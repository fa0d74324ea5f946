import type { AttachTypeName, ProgTypeName } from './kinds.ts';
import type { Arch } from './syscalls.ts';

/** What r1 points to when a program of a type starts. */
export interface Context {
  readonly programType: ProgTypeName;
  /** Only programs with one of these attach types; all of the type when it is absent. */
  readonly attachTypes?: readonly AttachTypeName[];
  readonly layout: ContextLayout;
  /** What the verifier or the kernel makes special about it, for people. */
  readonly note?: string;
}

/** How a context lies in memory. */
export type ContextLayout =
  /** A record of `UAPI_STRUCTS`. */
  | { readonly kind: 'uapi'; readonly struct: string }
  /** Registers as {@link PT_REGS} lays them out. */
  | { readonly kind: 'pt_regs' }
  /** {@link PT_REGS}, then `__u64 sample_period` and `__u64 addr`. */
  | { readonly kind: 'perf_event' }
  /** The record in the ring of tracefs: its `format` file, or `struct trace_event_raw_*` in BTF, gives the layout. */
  | { readonly kind: 'trace_record' }
  /** `__u64` slots: one an argument; their types come from the BTF of the target when it has one. */
  | { readonly kind: 'args'; readonly typed: boolean }
  /** A struct of the kernel's BTF. */
  | { readonly kind: 'btf'; readonly struct: string }
  /** That of the program which is replaced. */
  | { readonly kind: 'target' }
  /** Whatever user space passes in `ctx_in`. */
  | { readonly kind: 'caller' };

const uapi = (struct: string): ContextLayout => ({ kind: 'uapi', struct });

const SKB_NOTE =
  'data, data_meta and data_end are 32-bit fields that the verifier turns into packet pointers; direct access only where the type allows it.';

/** The contexts of all types of programs; the first row that fits counts. */
export const CONTEXTS: readonly Context[] = [
  {
    programType: 'BPF_PROG_TYPE_SOCKET_FILTER',
    layout: uapi('__sk_buff'),
    note: 'No direct packet access: bpf_skb_load_bytes or the legacy packet loads.',
  },
  { programType: 'BPF_PROG_TYPE_KPROBE', layout: { kind: 'pt_regs' } },
  { programType: 'BPF_PROG_TYPE_SCHED_CLS', layout: uapi('__sk_buff'), note: SKB_NOTE },
  { programType: 'BPF_PROG_TYPE_SCHED_ACT', layout: uapi('__sk_buff'), note: SKB_NOTE },
  {
    programType: 'BPF_PROG_TYPE_TRACEPOINT',
    layout: { kind: 'trace_record' },
    note: 'The first 8 bytes are common fields that programs may not read.',
  },
  {
    programType: 'BPF_PROG_TYPE_XDP',
    layout: uapi('xdp_md'),
    note: 'data, data_end and data_meta are packet pointers; egress_ifindex only in devmap programs.',
  },
  { programType: 'BPF_PROG_TYPE_PERF_EVENT', layout: { kind: 'perf_event' } },
  { programType: 'BPF_PROG_TYPE_CGROUP_SKB', layout: uapi('__sk_buff'), note: SKB_NOTE },
  { programType: 'BPF_PROG_TYPE_CGROUP_SOCK', layout: uapi('bpf_sock') },
  { programType: 'BPF_PROG_TYPE_LWT_IN', layout: uapi('__sk_buff'), note: SKB_NOTE },
  { programType: 'BPF_PROG_TYPE_LWT_OUT', layout: uapi('__sk_buff'), note: SKB_NOTE },
  { programType: 'BPF_PROG_TYPE_LWT_XMIT', layout: uapi('__sk_buff'), note: SKB_NOTE },
  {
    programType: 'BPF_PROG_TYPE_SOCK_OPS',
    layout: uapi('bpf_sock_ops'),
    note: 'op says why the program was called; reply is its answer.',
  },
  { programType: 'BPF_PROG_TYPE_SK_SKB', layout: uapi('__sk_buff'), note: SKB_NOTE },
  {
    programType: 'BPF_PROG_TYPE_CGROUP_DEVICE',
    layout: uapi('bpf_cgroup_dev_ctx'),
    note: 'access_type is (BPF_DEVCG_ACC_* << 16) | BPF_DEVCG_DEV_*.',
  },
  { programType: 'BPF_PROG_TYPE_SK_MSG', layout: uapi('sk_msg_md'), note: 'data and data_end are 64-bit fields.' },
  {
    programType: 'BPF_PROG_TYPE_RAW_TRACEPOINT',
    layout: { kind: 'args', typed: false },
    note: 'struct bpf_raw_tracepoint_args: the arguments of the tracepoint as __u64.',
  },
  {
    programType: 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR',
    layout: uapi('bpf_sock_addr'),
    note: 'user_ip4, user_ip6 and user_port are in network byte order; msg_src_* only in sendmsg hooks.',
  },
  { programType: 'BPF_PROG_TYPE_LWT_SEG6LOCAL', layout: uapi('__sk_buff'), note: SKB_NOTE },
  {
    programType: 'BPF_PROG_TYPE_LIRC_MODE2',
    layout: { kind: 'args', typed: false },
    note: 'A single __u32: the pulse or space sample.',
  },
  {
    programType: 'BPF_PROG_TYPE_SK_REUSEPORT',
    layout: uapi('sk_reuseport_md'),
    note: 'data and data_end are 64-bit fields, from the transport header on.',
  },
  {
    programType: 'BPF_PROG_TYPE_FLOW_DISSECTOR',
    layout: uapi('__sk_buff'),
    note: 'data, data_end and flow_keys only.',
  },
  { programType: 'BPF_PROG_TYPE_CGROUP_SYSCTL', layout: uapi('bpf_sysctl') },
  {
    programType: 'BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE',
    layout: { kind: 'args', typed: false },
    note: 'The first argument points to a buffer that the program may write.',
  },
  {
    programType: 'BPF_PROG_TYPE_CGROUP_SOCKOPT',
    layout: uapi('bpf_sockopt'),
    note: 'optval and optval_end are 64-bit fields.',
  },
  {
    programType: 'BPF_PROG_TYPE_TRACING',
    attachTypes: ['BPF_TRACE_ITER'],
    layout: { kind: 'target' },
    note: 'struct bpf_iter__<kind> of the kernel; its pointers may be null.',
  },
  {
    programType: 'BPF_PROG_TYPE_TRACING',
    layout: { kind: 'args', typed: true },
    note: 'fexit and fmod_ret have the return value in the slot after the last argument.',
  },
  {
    programType: 'BPF_PROG_TYPE_STRUCT_OPS',
    layout: { kind: 'args', typed: true },
    note: 'The arguments of the member of the struct.',
  },
  { programType: 'BPF_PROG_TYPE_EXT', layout: { kind: 'target' } },
  {
    programType: 'BPF_PROG_TYPE_LSM',
    layout: { kind: 'args', typed: true },
    note: 'The arguments of the hook, then the result of programs before it.',
  },
  {
    programType: 'BPF_PROG_TYPE_SK_LOOKUP',
    layout: uapi('bpf_sk_lookup'),
    note: 'local_port is in host byte order, remote_port in network byte order.',
  },
  { programType: 'BPF_PROG_TYPE_SYSCALL', layout: { kind: 'caller' } },
  { programType: 'BPF_PROG_TYPE_NETFILTER', layout: { kind: 'btf', struct: 'bpf_nf_ctx' } },
];

/** The context of a type of program; throws for a type that has none. */
export function contextOf(programType: ProgTypeName, attachType?: AttachTypeName): Context {
  const own = CONTEXTS.find(
    (one) =>
      one.programType === programType &&
      (one.attachTypes === undefined || (attachType !== undefined && one.attachTypes.includes(attachType))),
  );
  if (own === undefined) throw new Error(`no context of ${programType}`);
  return own;
}

/** The registers that probes see, and which of them carry a call. */
export interface PtRegs {
  /** The tag of the struct in programs: `struct pt_regs`, on arm64 `struct user_pt_regs`. */
  readonly struct: string;
  /** Bytes. */
  readonly size: number;
  /** Name (the kernel's own) -> offset in bytes; every register has 8. */
  readonly offsets: Readonly<Record<string, number>>;
  /** Names of the registers of arguments 1 … of a function. */
  readonly args: readonly string[];
  /** Likewise of a system call, in the registers that its `sys_*` wrapper is given a pointer to. */
  readonly syscallArgs: readonly string[];
  readonly syscallNumber: string;
  readonly result: string;
  readonly stackPointer: string;
  readonly framePointer: string;
  readonly instructionPointer: string;
  /** Where the return address stands at the entry of a function: a register, or undefined for the top of the stack. */
  readonly returnAddress: string | undefined;
}

const slots = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name, index) => [name, index * 8]));

const X86_64_ORDER = [
  ...['r15', 'r14', 'r13', 'r12', 'bp', 'bx', 'r11', 'r10', 'r9', 'r8', 'ax', 'cx', 'dx', 'si', 'di'],
  ...['orig_ax', 'ip', 'cs', 'flags', 'sp', 'ss'],
];
const ARM64_ORDER = [...Array.from({ length: 31 }, (_, index) => `regs[${index}]`), 'sp', 'pc', 'pstate'];

/** By architecture. */
export const PT_REGS: Readonly<Record<Arch, PtRegs>> = {
  x86_64: {
    struct: 'pt_regs',
    size: 168,
    offsets: /* @__PURE__ */ slots(X86_64_ORDER),
    args: ['di', 'si', 'dx', 'cx', 'r8', 'r9'],
    syscallArgs: ['di', 'si', 'dx', 'r10', 'r8', 'r9'],
    syscallNumber: 'orig_ax',
    result: 'ax',
    stackPointer: 'sp',
    framePointer: 'bp',
    instructionPointer: 'ip',
    returnAddress: undefined,
  },
  arm64: {
    struct: 'user_pt_regs',
    size: 272,
    offsets: /* @__PURE__ */ slots(ARM64_ORDER),
    args: ['regs[0]', 'regs[1]', 'regs[2]', 'regs[3]', 'regs[4]', 'regs[5]', 'regs[6]', 'regs[7]'],
    syscallArgs: ['regs[0]', 'regs[1]', 'regs[2]', 'regs[3]', 'regs[4]', 'regs[5]'],
    syscallNumber: 'regs[8]',
    result: 'regs[0]',
    stackPointer: 'sp',
    framePointer: 'regs[29]',
    instructionPointer: 'pc',
    returnAddress: 'regs[30]',
  },
};
