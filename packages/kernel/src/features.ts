import { ATTACH, BPF_F_MMAPABLE, BPF_F_NO_PREALLOC, BPF_F_SLEEPABLE, MAP, PROG } from '@skep/abi';
import { EXIT, SkepError, suggest } from '@skep/base';
import { BtfBuilder } from '@skep/object';
import { loadBtf } from './bpf/btf-load.ts';
import { bpf } from './bpf/call.ts';
import { kernelBtf } from './kernel-btf.ts';
import { probeType } from './link/kprobe.ts';
import { attachTarget } from './link/tracing.ts';
import { mayUprobe } from './link/uprobe.ts';
import { createMap, type MapOptions } from './map.ts';
import { openPerfEvent } from './perf-event.ts';
import { lockdownMode, missingCapabilities } from './permission.ts';
import { pidNamespace } from './pid-namespace.ts';
import { loadProgram, type Program, type ProgramOptions } from './program.ts';
import { u64Array, withStrings } from './sys/c-string.ts';
import { ERRNO } from './sys/errno.ts';
import { readText } from './sys/files.ts';
import { pageSize } from './sys/memory.ts';
import { releaseAtLeast } from './sys/release.ts';
import { tracefsRoot } from './tracefs.ts';

/** What a probe found. `detail` is for people. */
export interface Probed {
  readonly ok: boolean;
  /** It was not permitted to try: `ok` is false, and the kernel may have it all the same. */
  readonly unknown?: boolean;
  readonly detail?: string | undefined;
}

/** Something that a kernel or a machine has or has not: asked by trying it, not by comparing versions. */
export interface Feature {
  readonly name: FeatureName;
  /** For people: what it is good for. */
  readonly title: string;
  /** First Linux that has it; undefined where that is not a matter of versions. */
  readonly since: string | undefined;
  /** The option that a kernel is built with; without one every kernel since then has it. */
  readonly config?: string;
  /** What to do when it is not there. */
  readonly remedy: string;
  /** May throw: then it is not there, and the error says why. */
  probe(): Probed;
}

/** Names of {@link FEATURES}. */
export type FeatureName =
  | 'bpf'
  | 'capabilities'
  | 'lockdown'
  | 'memlock'
  | 'jit'
  | 'btf'
  | 'tracefs'
  | 'cgroup2'
  | 'pid_namespace'
  | 'ringbuf'
  | 'mmapable'
  | 'batch'
  | 'tracepoint'
  | 'perf_event'
  | 'perf_link'
  | 'raw_tracepoint'
  | 'tp_btf'
  | 'xdp_link'
  | 'test_run'
  | 'syscall_program'
  | 'kprobe'
  | 'uprobe'
  | 'kprobe_multi'
  | 'uprobe_multi'
  | 'fentry'
  | 'lsm'
  | 'tcx'
  | 'netkit'
  | 'netfilter'
  | 'struct_ops'
  | 'sched_ext'
  | 'token'
  | 'task_storage'
  | 'bloom_filter'
  | 'user_ringbuf'
  | 'arena';

/** Everything that is probed, in the order in which it is shown. */
export const FEATURES: readonly Feature[] = [
  {
    name: 'bpf',
    title: 'bpf(2) is permitted',
    since: undefined,
    remedy: 'run as root (sudo), or with CAP_BPF and CAP_PERFMON',
    probe() {
      withMap({ type: MAP.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
      return { ok: true };
    },
  },
  {
    name: 'capabilities',
    title: 'capabilities to load and to trace',
    since: undefined,
    remedy: 'run as root (sudo), or with CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before 5.8)',
    probe() {
      const missing = missingCapabilities();
      return { ok: missing.length === 0, detail: missing.length === 0 ? undefined : `missing ${missing.join(', ')}` };
    },
  },
  {
    name: 'lockdown',
    title: 'the kernel lets programs read its memory',
    since: undefined,
    remedy: 'boot without lockdown=confidentiality',
    probe() {
      const mode = lockdownMode() ?? 'not shown (securityfs is not mounted)';
      return { ok: mode !== 'confidentiality', detail: `lockdown: ${mode}` };
    },
  },
  {
    name: 'memlock',
    title: 'memory of maps is counted by cgroups, not by RLIMIT_MEMLOCK',
    since: '5.11',
    remedy: 'skep lifts the limit when it is root; otherwise: ulimit -l unlimited',
    probe: () => ({ ok: releaseAtLeast('5.11') }),
  },
  {
    name: 'jit',
    title: 'programs are compiled to machine code',
    since: '3.19',
    remedy: 'sysctl net.core.bpf_jit_enable=1',
    probe() {
      // The sysctl is not shown in every network namespace; the size of the machine code is.
      const size = withProgram({ type: PROG.BPF_PROG_TYPE_SOCKET_FILTER }, (program) => program.info().jitedSize);
      return { ok: size > 0 };
    },
  },
  {
    name: 'btf',
    title: 'the kernel shows its types (CO-RE)',
    since: '5.4',
    remedy: 'a kernel with CONFIG_DEBUG_INFO_BTF, /sys mounted; or --btf FILE',
    probe: () => ({ ok: true, detail: `${kernelBtf().count} types` }),
  },
  {
    name: 'tracefs',
    title: 'tracefs can be read (tracepoints by name)',
    since: undefined,
    remedy: 'mount -t tracefs tracefs /sys/kernel/tracing',
    probe() {
      const root = tracefsRoot();
      const own = root?.startsWith('/proc/');
      return { ok: root !== undefined, detail: own ? 'not mounted; reached by a mount of our own' : root };
    },
  },
  {
    name: 'cgroup2',
    title: 'cgroup version 2 is mounted (programs on cgroups)',
    since: '4.5',
    remedy: 'mount -t cgroup2 none /sys/fs/cgroup',
    probe() {
      const root = cgroup2Root();
      return { ok: root !== undefined, detail: root };
    },
  },
  {
    name: 'pid_namespace',
    title: 'processes have the numbers here that the kernel knows them by',
    since: undefined,
    remedy: "start the container with the machine's PID namespace: hostPID: true, or --pid=host",
    probe() {
      const inode = pidNamespace();
      return { ok: inode === 0, detail: inode === 0 ? undefined : `PID namespace ${inode}` };
    },
  },
  {
    name: 'ringbuf',
    title: 'ring buffers',
    since: '5.8',
    remedy: 'use a newer kernel, or the virtual machine',
    probe() {
      withMap({ type: MAP.BPF_MAP_TYPE_RINGBUF, keySize: 0, valueSize: 0, maxEntries: pageSize() });
      return { ok: true };
    },
  },
  {
    name: 'mmapable',
    title: 'global variables are shared memory',
    since: '5.5',
    remedy: 'skep reads them by system calls instead',
    probe() {
      withMap({ type: MAP.BPF_MAP_TYPE_ARRAY, keySize: 4, valueSize: 8, maxEntries: 1, flags: BPF_F_MMAPABLE });
      return { ok: true };
    },
  },
  {
    name: 'batch',
    title: 'maps are read many entries a call',
    since: '5.6',
    remedy: 'skep reads them entry by entry instead',
    probe() {
      const map = createMap({ name: 'probe', type: MAP.BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 4, maxEntries: 1 });
      const result = bpf('BPF_MAP_LOOKUP_BATCH', {
        map_fd: map.fd,
        out_batch: new Uint8Array(4),
        keys: new Uint8Array(4),
        values: new Uint8Array(4),
        count: 1,
      });
      map.close();
      return { ok: result === 0 || result === -ERRNO.ENOENT };
    },
  },
  {
    name: 'tracepoint',
    title: 'programs on tracepoints',
    since: '4.7',
    remedy: 'a kernel with CONFIG_BPF_EVENTS',
    probe() {
      withProgram({ type: PROG.BPF_PROG_TYPE_TRACEPOINT });
      return { ok: true };
    },
  },
  {
    name: 'perf_event',
    title: 'perf events can be opened (tracepoints, kprobes, uprobes, samples)',
    since: undefined,
    remedy: 'run as root (sudo), or with CAP_PERFMON; where kernel.perf_event_paranoid is above 2, CAP_SYS_ADMIN',
    probe() {
      const PERF_TYPE_SOFTWARE = 1;
      openPerfEvent({ type: PERF_TYPE_SOFTWARE, config: 0 }, -1, 0, 'an event of perf').close();
      return { ok: true };
    },
  },
  {
    name: 'perf_link',
    title: 'links of tracepoints and perf events (cookies)',
    since: '5.15',
    remedy: 'skep attaches by ioctl instead, without cookies',
    probe() {
      // With a link the kernel gets as far as the bad descriptor; without, it does not know the attach type.
      const result = withProgram({ type: PROG.BPF_PROG_TYPE_TRACEPOINT }, (program) =>
        bpf('BPF_LINK_CREATE', { prog_fd: program.fd, target_fd: 0xffff_ffff, attach_type: ATTACH.BPF_PERF_EVENT }),
      );
      return { ok: result === -ERRNO.EBADF };
    },
  },
  {
    name: 'raw_tracepoint',
    title: 'programs on raw tracepoints',
    since: '4.17',
    remedy: 'use tracepoint/ programs',
    probe() {
      withProgram({ type: PROG.BPF_PROG_TYPE_RAW_TRACEPOINT });
      return { ok: true };
    },
  },
  {
    name: 'tp_btf',
    title: 'programs on typed raw tracepoints',
    since: '5.5',
    remedy: 'use raw_tracepoint/ programs',
    probe() {
      withProgram({
        type: PROG.BPF_PROG_TYPE_TRACING,
        expectedAttachType: ATTACH.BPF_TRACE_RAW_TP,
        attachBtfId: attachTarget(ATTACH.BPF_TRACE_RAW_TP, 'task_newtask'),
      });
      return { ok: true };
    },
  },
  {
    name: 'xdp_link',
    title: 'XDP that ends with its process',
    since: '5.9',
    remedy: 'skep attaches over netlink instead and detaches at its exit',
    probe: () => ({ ok: kernelBtf().find('bpf_xdp_link', 'struct') !== undefined }),
  },
  {
    name: 'test_run',
    title: 'programs run on data of ours',
    since: '4.12',
    remedy: 'use the virtual machine',
    probe() {
      const result = withProgram({ type: PROG.BPF_PROG_TYPE_XDP }, (program) =>
        program.testRun({ data: new Uint8Array(64) }),
      );
      return { ok: result.retval === 0 };
    },
  },
  {
    name: 'syscall_program',
    title: 'programs that are system calls of their own',
    since: '5.14',
    remedy: 'use a newer kernel, or the virtual machine',
    probe() {
      withProgram({ type: PROG.BPF_PROG_TYPE_SYSCALL, flags: BPF_F_SLEEPABLE });
      return { ok: true };
    },
  },
  {
    name: 'kprobe',
    title: 'programs on functions of the kernel, by breakpoint (kprobe)',
    since: '4.17',
    config: 'CONFIG_KPROBE_EVENTS',
    remedy: 'use raw_tracepoint programs, or fentry where there is that',
    probe: () => ({ ok: probeType('kprobe') !== undefined }),
  },
  {
    name: 'uprobe',
    title: 'programs on functions of other programs (uprobe, static probes)',
    since: '4.17',
    config: 'CONFIG_UPROBE_EVENTS',
    remedy: 'a kernel with CONFIG_UPROBE_EVENTS, and CAP_SYS_ADMIN where CAP_PERFMON is not enough',
    probe() {
      const there = probeType('uprobe') !== undefined;
      const may = there && mayUprobe();
      return { ok: may, detail: there && !may ? 'the kernel has them, and this process may not set any' : undefined };
    },
  },
  {
    name: 'kprobe_multi',
    title: 'many functions of the kernel at once',
    since: '5.18',
    config: 'CONFIG_FPROBE',
    remedy: 'skep sets a probe on each function instead, up to 256',
    probe() {
      const type = { type: PROG.BPF_PROG_TYPE_KPROBE, expectedAttachType: ATTACH.BPF_TRACE_KPROBE_MULTI };
      const result = withProgram(type, (program) =>
        withStrings(['no such function'], (addresses) =>
          bpf('BPF_LINK_CREATE', {
            prog_fd: program.fd,
            attach_type: ATTACH.BPF_TRACE_KPROBE_MULTI,
            'kprobe_multi.cnt': 1,
            'kprobe_multi.syms': u64Array(addresses),
          }),
        ),
      );
      // It looked for the function.
      return { ok: result === -ERRNO.ESRCH || result === -ERRNO.ENOENT };
    },
  },
  {
    name: 'uprobe_multi',
    title: 'many functions of a program at once',
    since: '6.6',
    config: 'CONFIG_UPROBE_EVENTS',
    remedy: 'skep sets a probe on each function instead, up to 256',
    probe() {
      const type = { type: PROG.BPF_PROG_TYPE_KPROBE, expectedAttachType: ATTACH.BPF_TRACE_UPROBE_MULTI };
      const result = withProgram(type, (program) =>
        withStrings(['/'], ([path]) =>
          bpf('BPF_LINK_CREATE', {
            prog_fd: program.fd,
            attach_type: ATTACH.BPF_TRACE_UPROBE_MULTI,
            'uprobe_multi.path': path!,
            'uprobe_multi.offsets': u64Array([0]),
            'uprobe_multi.cnt': 1,
          }),
        ),
      );
      // It looked at the file, which is none.
      return { ok: result === -ERRNO.EBADF };
    },
  },
  {
    name: 'fentry',
    title: 'programs on functions of the kernel, by trampoline (fentry, fexit)',
    since: '5.5',
    config: 'CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS',
    remedy: 'use raw_tracepoint programs, or kprobes where there are any',
    probe() {
      const attachBtfId = attachTarget(ATTACH.BPF_TRACE_FENTRY, 'bpf_fentry_test1');
      withProgram({ type: PROG.BPF_PROG_TYPE_TRACING, expectedAttachType: ATTACH.BPF_TRACE_FENTRY, attachBtfId });
      return { ok: true };
    },
  },
  {
    name: 'lsm',
    title: 'programs on security hooks decide (lsm)',
    since: '5.7',
    config: 'CONFIG_BPF_LSM',
    remedy: 'boot with bpf in the list of security modules: lsm=…,bpf',
    probe() {
      const active = readText('/sys/kernel/security/lsm')?.trim();
      return { ok: active?.split(',').includes('bpf') ?? false, detail: active ?? 'securityfs is not mounted' };
    },
  },
  {
    name: 'tcx',
    title: 'tc programs that end with their process (tcx)',
    since: '6.6',
    remedy: 'skep uses a filter of clsact instead and removes it at its exit',
    probe: () => ({ ok: knowsDevices(ATTACH.BPF_TCX_INGRESS) }),
  },
  {
    name: 'netkit',
    title: 'netkit devices for containers',
    since: '6.7',
    config: 'CONFIG_NETKIT',
    remedy: 'a veth pair and tc',
    probe: () => ({
      ok: knowsDevices(ATTACH.BPF_NETKIT_PRIMARY) && kernelBtf().find('netkit', 'struct') !== undefined,
    }),
  },
  {
    name: 'netfilter',
    title: 'programs on hooks of netfilter',
    since: '6.4',
    config: 'CONFIG_NETFILTER_BPF_LINK',
    remedy: 'use tc or cgroup_skb programs',
    probe() {
      withProgram({ type: PROG.BPF_PROG_TYPE_NETFILTER, expectedAttachType: ATTACH.BPF_NETFILTER });
      return { ok: true };
    },
  },
  {
    name: 'struct_ops',
    title: 'programs in place of functions of the kernel (struct_ops)',
    since: '5.6',
    config: 'CONFIG_BPF_JIT',
    remedy: 'a kernel with CONFIG_BPF_JIT and BTF',
    probe: () => ({ ok: kernelBtf().find('bpf_struct_ops_tcp_congestion_ops', 'struct') !== undefined }),
  },
  {
    name: 'sched_ext',
    title: 'programs as schedulers (sched_ext)',
    since: '6.12',
    config: 'CONFIG_SCHED_CLASS_EXT',
    remedy: 'a kernel with CONFIG_SCHED_CLASS_EXT',
    probe: () => ({ ok: kernelBtf().find('bpf_struct_ops_sched_ext_ops', 'struct') !== undefined }),
  },
  {
    name: 'token',
    title: 'rights lent to containers (BPF tokens)',
    since: '6.9',
    remedy: 'give the container CAP_BPF and CAP_PERFMON of the host',
    // What is not a directory of bpffs: where there are tokens, the descriptor is looked at first.
    probe: () => ({ ok: bpf('BPF_TOKEN_CREATE', { bpffs_fd: 0x7fff_ffff }) === -ERRNO.EBADF }),
  },
  {
    name: 'task_storage',
    title: 'values kept with tasks',
    since: '5.11',
    remedy: 'use a hash map by process number',
    probe: () => storage(MAP.BPF_MAP_TYPE_TASK_STORAGE),
  },
  {
    name: 'bloom_filter',
    title: 'Bloom filters',
    since: '5.16',
    remedy: 'use a hash map',
    probe() {
      withMap({ type: MAP.BPF_MAP_TYPE_BLOOM_FILTER, keySize: 0, valueSize: 4, maxEntries: 8 });
      return { ok: true };
    },
  },
  {
    name: 'user_ringbuf',
    title: 'rings from user space to programs',
    since: '6.1',
    remedy: 'use a queue map',
    probe() {
      withMap({ type: MAP.BPF_MAP_TYPE_USER_RINGBUF, keySize: 0, valueSize: 0, maxEntries: pageSize() });
      return { ok: true };
    },
  },
  {
    name: 'arena',
    title: 'memory shared with programs (arenas)',
    since: '6.9',
    remedy: 'use array maps',
    probe() {
      withMap({ type: MAP.BPF_MAP_TYPE_ARENA, keySize: 0, valueSize: 0, maxEntries: 1, flags: BPF_F_MMAPABLE });
      return { ok: true };
    },
  },
];

/** Whether the kernel has a feature. */
export interface FeatureReport extends Probed {
  readonly name: FeatureName;
  readonly title: string;
  readonly since: string | undefined;
  /** See {@link Feature.config}. */
  readonly config: string | undefined;
  /** Only when it is not there. */
  readonly remedy: string | undefined;
}

/** Asked once: machines do not change under a process. */
export function probeFeature(name: FeatureName): FeatureReport {
  let report = reports.get(name);
  if (report === undefined) {
    const feature = FEATURES.find((one) => one.name === name);
    if (feature === undefined) {
      const near = suggest(
        name,
        FEATURES.map((one) => one.name),
      );
      throw new Error(`no feature ${name}${near === undefined ? '' : `: did you mean ${near}?`}`);
    }
    report = ask(feature);
    reports.set(name, report);
  }
  return report;
}

const reports = new Map<FeatureName, FeatureReport>();

function ask({ name, title, since, config, remedy, probe }: Feature): FeatureReport {
  let found: Probed;
  try {
    found = probe();
  } catch (error) {
    const detail = error instanceof Error ? error.message.replace(/^E\d{4}: /, '') : String(error);
    // Where bpf(2) itself is closed, a closed door says nothing of the room behind it.
    const refused = error instanceof SkepError && error.exitCode === EXIT.notPermitted;
    const closed = refused && name !== 'bpf' && !probeFeature('bpf').ok;
    found = closed ? { ok: false, unknown: true, detail: 'not permitted to try' } : { ok: false, detail };
  }
  const { ok, detail } = found;
  const unknown = found.unknown === true;
  return { name, title, since, config, ok, unknown, detail, remedy: ok || unknown ? undefined : remedy };
}

/** Where cgroup version 2 is mounted. */
export function cgroup2Root(): string | undefined {
  return readText('/proc/self/mounts')?.match(/^\S+ (\S+) cgroup2 /m)?.[1];
}

/** `r0 = 0; exit` */
const RETURN_ZERO = new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

/** Whether the kernel gets as far as to look for the network interface, which there is not. */
function knowsDevices(attachType: number): boolean {
  const result = withProgram({ type: PROG.BPF_PROG_TYPE_SCHED_CLS, expectedAttachType: attachType }, (program) =>
    bpf('BPF_LINK_CREATE', { prog_fd: program.fd, target_fd: 0x7fff_ffff, attach_type: attachType }),
  );
  return result === -ERRNO.ENODEV;
}

/** Maps of this kind want types of key and value. */
function storage(type: number): Probed {
  const builder = new BtfBuilder();
  const int = builder.add({
    ...{ kind: 'int', name: 'int', size: 4, bits: 32, offset: 0 },
    ...{ signed: true, char: false, bool: false },
  });
  using handle = loadBtf(builder.toBytes());
  const btf = { handle, keyType: int, valueType: int };
  withMap({ type, keySize: 4, valueSize: 4, maxEntries: 0, flags: BPF_F_NO_PREALLOC, btf });
  return { ok: true };
}

function withMap(shape: Omit<MapOptions, 'name'>): void {
  createMap({ name: 'probe', ...shape }).close();
}

function withProgram(options: Pick<ProgramOptions, 'type'> & Partial<ProgramOptions>): void;
function withProgram<T>(
  options: Pick<ProgramOptions, 'type'> & Partial<ProgramOptions>,
  use: (program: Program) => T,
): T;
function withProgram<T>(
  options: Pick<ProgramOptions, 'type'> & Partial<ProgramOptions>,
  use?: (program: Program) => T,
): T | undefined {
  const program = loadProgram({ name: 'probe', license: 'GPL', code: RETURN_ZERO, ...options });
  try {
    return use?.(program);
  } finally {
    program.close();
  }
}
