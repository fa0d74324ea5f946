import { suggest } from '@skep/base';
import { bpf } from './bpf/call.ts';
import { ATTACH, BPF_F_MMAPABLE, BPF_F_SLEEPABLE, MAP, PROG } from './bpf/constants.ts';
import { kernelBtf } from './kernel-btf.ts';
import { attachTarget } from './link/tracing.ts';
import { createMap, type MapOptions } from './map.ts';
import { lockdownMode, missingCapabilities } from './permission.ts';
import { loadProgram, type Program, type ProgramOptions } from './program.ts';
import { ERRNO } from './sys/errno.ts';
import { readText } from './sys/files.ts';
import { pageSize } from './sys/memory.ts';
import { releaseAtLeast } from './sys/release.ts';
import { tracefsRoot } from './tracefs.ts';

/** What a probe found. `detail` is for people. */
export interface Probed {
  readonly ok: boolean;
  readonly detail?: string | undefined;
}

/** Something that a kernel or a machine has or has not: asked by trying it, not by comparing versions. */
export interface Feature {
  readonly name: FeatureName;
  /** For people: what it is good for. */
  readonly title: string;
  /** First Linux that has it; undefined where that is not a matter of versions. */
  readonly since: string | undefined;
  /** What to do when it is not there. */
  readonly remedy: string;
  /** May throw: then it is not there, and the error says why. */
  probe(): Probed;
}

export type FeatureName =
  | 'bpf'
  | 'capabilities'
  | 'lockdown'
  | 'memlock'
  | 'jit'
  | 'btf'
  | 'tracefs'
  | 'cgroup2'
  | 'ringbuf'
  | 'mmapable'
  | 'batch'
  | 'tracepoint'
  | 'perf_link'
  | 'raw_tracepoint'
  | 'tp_btf'
  | 'xdp_link'
  | 'test_run'
  | 'syscall_program';

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
];

export interface FeatureReport extends Probed {
  readonly name: FeatureName;
  readonly title: string;
  readonly since: string | undefined;
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

function ask({ name, title, since, remedy, probe }: Feature): FeatureReport {
  let found: Probed;
  try {
    found = probe();
  } catch (error) {
    found = { ok: false, detail: error instanceof Error ? error.message.replace(/^E\d{4}: /, '') : String(error) };
  }
  return { name, title, since, ok: found.ok, detail: found.detail, remedy: found.ok ? undefined : remedy };
}

/** Where cgroup version 2 is mounted. */
export function cgroup2Root(): string | undefined {
  return readText('/proc/self/mounts')?.match(/^\S+ (\S+) cgroup2 /m)?.[1];
}

/** `r0 = 0; exit` */
const RETURN_ZERO = new Uint8Array([0xb7, 0, 0, 0, 0, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);

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
