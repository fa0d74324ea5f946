import { equal, ok, rejects, throws } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { ATTACH_TYPES, BPF_F_XDP_HAS_FRAGS, PROG_TYPES } from '@skep/abi';
import { BtfBuilder } from '@skep/object';
import {
  attachStructOps,
  attachXdpMap,
  type BpfMap,
  createMap,
  findAttachTarget,
  type Hook,
  interfaceIndex,
  KernelError,
  kernel,
  type Link,
  loadBtf,
  loadProgram,
  openIterator,
  type Program,
  type ProgramOptions,
  structOpsMember,
} from '../../src/index.ts';
import { native } from '../../src/sys/native.ts';
import { sys } from '../../src/sys/syscalls.ts';
import { call, code, countAll, counted, countFor, exit, jump, mapFd, returns, set } from '../support/code.ts';
import { until } from '../support/until.ts';
import { forwardedPacket, network, sendPackets } from './network.ts';
import { OwnCgroup } from './own-cgroup.ts';
import { packetSocket, rawCall, TcpPair, traffic, udp, unixDatagrams } from './traffic.ts';

/**
 * One kind of link. The contract is the same for all: attached, what it is for makes the program run; closed, it does not
 * run any more; killed, nothing is left.
 */
export interface LinkCase {
  readonly name: string;
  /**
   * What carries it on Linux 5.10, 6.1, 6.12, 7.3 and on the host's kernel; `*`: in place of what is lacking there; `-`: the
   * named error, exit code 5; `skip`: not to be tried.
   */
  readonly on: string;
  /** A file without which it is left out. */
  readonly needs?: string;
  /** Makes the program and says how it is attached and made to run. Whatever `scope` is given is closed at the end. */
  readonly set: (counter: number, scope: Scope) => Setting | Promise<Setting>;
}

export interface Setting {
  readonly program: Omit<ProgramOptions, 'name' | 'license'>;
  readonly attach: Hook | ((program: Program) => Link);
  /** `attached`: whether what the program forbids is forbidden. */
  readonly trigger: (attached: boolean, link: Link) => void | Promise<void>;
}

/** What a case opened, closed in reverse. */
export class Scope {
  private readonly open: { [Symbol.dispose](): void }[] = [];
  use<T extends { [Symbol.dispose](): void }>(one: T): T {
    this.open.push(one);
    return one;
  }
  [Symbol.dispose](): void {
    for (const one of this.open.reverse()) one[Symbol.dispose]();
    this.open.length = 0;
  }
}

export const SERIES = ['5.10', '6.1', '6.12', '7.3', 'host'] as const;

/** What carries a link there, by the table; undefined when it is not to be tried. */
export function expected(one: LinkCase, series: string): string | undefined {
  const column = SERIES.indexOf(series as (typeof SERIES)[number]);
  const found = one.on.split(/\s+/)[column];
  if (found === undefined) throw new Error(`${one.name} has no column for ${series}`);
  const absent = one.needs !== undefined && !existsSync(one.needs);
  return found === 'skip' || absent ? undefined : found;
}

export interface Tried {
  /** {@link Link.via}, with `*` where it is a {@link Link.fallback}, or `-`. */
  readonly via: string;
  /** Of the error, when there is no such link. */
  readonly error?: KernelError;
}

/** The contract, but for the end by a signal. Throws when it is broken. */
export async function tryLink(one: LinkCase): Promise<Tried> {
  using scope = new Scope();
  using counter = newCounter();
  let link: Link;
  let setting: Setting;
  try {
    setting = await one.set(counter.map.fd, scope);
    link = attach(setting, scope);
  } catch (error) {
    if (error instanceof KernelError && error.exitCode === 5) return { via: '-', error };
    throw error;
  }
  scope.use(link);
  const via = link.fallback === undefined ? link.via : `${link.via}*`;
  if (link.via === 'bpf_link') ok(link.info()!.id > 0);
  const before = counter.value();
  await setting.trigger(true, link);
  ok(await until(() => counter.value() > before), `attached by ${via}, and did not run`);
  link.close();
  link.close();
  const after = counter.value();
  await setting.trigger(false, link);
  equal(counter.value(), after, 'it still runs after close()');
  return { via };
}

/** Attaches and leaves it so: for those who want to see what is left when this process is killed. */
export async function holdLink(one: LinkCase, scope: Scope): Promise<{ program: number; link: number | undefined }> {
  const counter = newCounter();
  const setting = await one.set(counter.map.fd, scope);
  const program = loadProgram({ name: 'held', license: 'GPL', ...setting.program });
  const link = attachProgram(program, setting);
  return { program: program.info().id, link: link.info()?.id };
}

function attach(setting: Setting, scope: Scope): Link {
  const program = scope.use(loadProgram({ name: 'probe', license: 'GPL', ...setting.program }));
  return attachProgram(program, setting);
}

function attachProgram(program: Program, { attach }: Setting): Link {
  return typeof attach === 'function' ? attach(program) : kernel().attach(program, attach);
}

const PROG = Object.fromEntries(PROG_TYPES.map((one) => [one.name.slice('BPF_PROG_TYPE_'.length), one.value]));
const ATTACH = Object.fromEntries(ATTACH_TYPES.map((one) => [one.name.slice('BPF_'.length), one.value]));

const pid = process.pid;
const ALL = 'bpf_link bpf_link bpf_link bpf_link bpf_link';
const SYSCALL_FUNCTION = process.arch === 'arm64' ? '__arm64_sys_unlinkat' : '__x64_sys_unlink';
const ABSENT = '/nonexistent-skep';
/** Compiled before; see bundle.ts. */
const USDT = `${process.cwd()}/.cache/kernel-test/usdt`;

const unlinkNothing = (): void => {
  throws(() => unlinkSync(ABSENT));
};
const makeDirectory = (code: string) => (forbidden: boolean) => {
  const path = `/tmp/skep-directory-${pid}`;
  if (forbidden) throws(() => mkdirSync(path), { code });
  else {
    mkdirSync(path);
    rmdirSync(path);
  }
};

/** Keeps a processor busy for so many milliseconds of this process's own time, which samples are taken of. */
export function work(milliseconds: number): void {
  const start = process.cpuUsage();
  for (let used = 0; used < 1000 * milliseconds; ) {
    const { user, system } = process.cpuUsage(start);
    used = user + system;
  }
}

/** A tracing program on a function of the kernel. */
function traced(attachType: string, name: string, bytes: Uint8Array, type = 'TRACING'): Setting['program'] {
  const value = ATTACH[attachType]!;
  return {
    type: PROG[type]!,
    expectedAttachType: value,
    code: bytes,
    attachBtfId: findAttachTarget(value, name).attachBtfId,
  };
}

const kprobe = (counter: number, attachType?: string): Setting['program'] => ({
  type: PROG['KPROBE']!,
  code: countFor(pid, counter),
  ...(attachType && { expectedAttachType: ATTACH[attachType]! }),
});

/** A program on a cgroup of ours, with a trigger that stands for what its hook sees. */
function cgroup(
  name: string,
  type: string,
  attachType: string,
  trigger: () => void | Promise<void>,
  more: { on?: string } = {},
): LinkCase {
  return {
    name,
    on: more.on ?? ALL,
    set: (counter, scope) => ({
      program: { type: PROG[type]!, code: countAll(counter, 1), expectedAttachType: ATTACH[attachType]! },
      attach: { kind: 'cgroup', path: scope.use(new OwnCgroup()).path },
      trigger: () => trigger(),
    }),
  };
}

const onPackets = (type: string, result: number, attach: Hook, more: Partial<Setting['program']> = {}) => {
  return (counter: number): Setting => {
    network();
    return {
      program: { type: PROG[type]!, code: countAll(counter, result), ...more },
      attach,
      trigger: () => sendPackets(3, 100),
    };
  };
};

const v4 = () => traffic('127.0.0.1');
const v6 = () => traffic('::1');

export const LINKS: readonly LinkCase[] = [
  {
    name: 'kprobe',
    on: 'perf_ioctl bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: kprobe(counter),
      attach: { kind: 'kprobe', function: SYSCALL_FUNCTION },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'kretprobe',
    on: 'perf_ioctl bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: kprobe(counter),
      attach: { kind: 'kprobe', function: SYSCALL_FUNCTION, return: true },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'ksyscall',
    on: 'perf_ioctl bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: kprobe(counter),
      attach: { kind: 'ksyscall', name: process.arch === 'arm64' ? 'unlinkat' : 'unlink' },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'kprobe.multi',
    on: 'perf_ioctl* perf_ioctl* bpf_link bpf_link skip',
    set: (counter) => ({
      program: kprobe(counter, 'TRACE_KPROBE_MULTI'),
      attach: { kind: 'kprobe_multi', functions: '__x64_sys_unlin?*' },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'kretprobe.multi',
    on: 'perf_ioctl* perf_ioctl* bpf_link bpf_link skip',
    set: (counter) => ({
      program: kprobe(counter, 'TRACE_KPROBE_MULTI'),
      attach: { kind: 'kprobe_multi', functions: [SYSCALL_FUNCTION], return: true },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'kprobe.session',
    on: '- - bpf_link bpf_link skip',
    set: (counter) => ({
      program: kprobe(counter, 'TRACE_KPROBE_SESSION'),
      attach: { kind: 'kprobe_multi', functions: [SYSCALL_FUNCTION], session: true },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'uprobe',
    on: 'perf_ioctl bpf_link bpf_link bpf_link bpf_link',
    set: (counter) => ({
      program: kprobe(counter),
      attach: { kind: 'uprobe', binary: 'libc.so.6', function: 'syscall', pid },
      trigger: () => void native().syscall(1 << 20),
    }),
  },
  {
    name: 'uretprobe',
    on: 'perf_ioctl bpf_link bpf_link bpf_link bpf_link',
    set: (counter) => ({
      program: kprobe(counter),
      attach: { kind: 'uprobe', binary: 'libc', function: 'syscall', return: true, pid },
      trigger: () => void native().syscall(1 << 20),
    }),
  },
  {
    name: 'uprobe.multi',
    on: 'perf_ioctl* bpf_link* bpf_link bpf_link bpf_link',
    set: (counter) => ({
      program: kprobe(counter, 'TRACE_UPROBE_MULTI'),
      attach: { kind: 'uprobe_multi', binary: 'libc.so.6', functions: 'syscal?', pid },
      trigger: () => void native().syscall(1 << 20),
    }),
  },
  {
    name: 'uretprobe.multi',
    on: 'perf_ioctl* bpf_link* bpf_link bpf_link bpf_link',
    set: (counter) => ({
      program: kprobe(counter, 'TRACE_UPROBE_MULTI'),
      attach: { kind: 'uprobe_multi', binary: 'libc.so.6', functions: 'syscall', return: true, pid },
      trigger: () => void native().syscall(1 << 20),
    }),
  },
  {
    name: 'uprobe.session',
    on: '- - - bpf_link bpf_link',
    set: (counter) => ({
      program: kprobe(counter, 'TRACE_UPROBE_SESSION'),
      attach: { kind: 'uprobe_multi', binary: 'libc.so.6', functions: 'syscall', session: true, pid },
      trigger: () => void native().syscall(1 << 20),
    }),
  },
  {
    name: 'usdt',
    on: 'perf_ioctl bpf_link bpf_link bpf_link bpf_link',
    needs: USDT,
    set(counter, scope) {
      const target = spawn(USDT, { stdio: ['pipe', 'pipe', 'inherit'] });
      scope.use({ [Symbol.dispose]: () => void target.kill() });
      return {
        program: { type: PROG['KPROBE']!, code: countFor(target.pid!, counter) },
        attach: { kind: 'usdt', binary: USDT, provider: 'skep', name: 'tick', pid: target.pid },
        async trigger(attached) {
          target.stdin.write('x');
          const [semaphore] = await once(target.stdout, 'data');
          equal(String(semaphore), attached ? '1' : '0');
        },
      };
    },
  },
  {
    name: 'tracepoint',
    on: 'perf_ioctl bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: { type: PROG['TRACEPOINT']!, code: countFor(pid, counter) },
      attach: { kind: 'tracepoint', category: 'syscalls', name: 'sys_enter_unlink' },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'raw tracepoint',
    on: ALL,
    set: (counter) => ({
      program: { type: PROG['RAW_TRACEPOINT']!, code: countFor(pid, counter) },
      attach: { kind: 'raw_tracepoint', name: 'task_newtask' },
      trigger: () => void spawnSync('/bin/true'),
    }),
  },
  {
    name: 'tp_btf',
    on: ALL,
    set: (counter) => ({
      program: traced('TRACE_RAW_TP', 'task_newtask', countFor(pid, counter)),
      attach: { kind: 'tracing' },
      trigger: () => void spawnSync('/bin/true'),
    }),
  },
  {
    name: 'fentry',
    on: 'bpf_link bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: traced('TRACE_FENTRY', SYSCALL_FUNCTION, countFor(pid, counter)),
      attach: { kind: 'tracing' },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'fexit',
    on: 'bpf_link bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: traced('TRACE_FEXIT', SYSCALL_FUNCTION, countFor(pid, counter)),
      attach: { kind: 'tracing' },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'fentry of a module',
    on: '- bpf_link bpf_link bpf_link skip',
    set: (counter, scope) => {
      network();
      const { attachBtfId, module } = findAttachTarget(ATTACH['TRACE_FENTRY']!, 'veth_xmit');
      return {
        program: {
          type: PROG['TRACING']!,
          expectedAttachType: ATTACH['TRACE_FENTRY']!,
          code: countAll(counter, 0),
          attachBtfId,
          attachTo: module && scope.use(module),
        },
        attach: { kind: 'tracing' },
        trigger: () => sendPackets(3, 100),
      };
    },
  },
  {
    name: 'kprobe of a module',
    on: 'perf_ioctl bpf_link bpf_link bpf_link skip',
    set: (counter) => {
      network();
      return {
        program: { type: PROG['KPROBE']!, code: countAll(counter, 0) },
        attach: { kind: 'kprobe', function: 'veth_xmit' },
        trigger: () => sendPackets(3, 100),
      };
    },
  },
  {
    name: 'fentry with a cookie',
    on: '- bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: traced('TRACE_FENTRY', SYSCALL_FUNCTION, countFor(pid, counter)),
      attach: { kind: 'tracing', cookie: 7n },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'fsession',
    on: '- - - bpf_link skip',
    set: (counter) => ({
      program: traced('TRACE_FSESSION', SYSCALL_FUNCTION, countFor(pid, counter)),
      attach: { kind: 'tracing' },
      trigger: unlinkNothing,
    }),
  },
  {
    name: 'fmod_ret',
    on: 'bpf_link bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: traced('MODIFY_RETURN', 'security_inode_mkdir', countFor(pid, counter, -13)),
      attach: { kind: 'tracing' },
      trigger: makeDirectory('EACCES'),
    }),
  },
  { name: 'freplace', on: 'bpf_link bpf_link bpf_link bpf_link skip', set: freplace },
  {
    name: 'lsm',
    on: 'bpf_link bpf_link bpf_link bpf_link skip',
    set: (counter) => ({
      program: traced('LSM_MAC', 'inode_mkdir', countFor(pid, counter, -1), 'LSM'),
      attach: { kind: 'tracing' },
      trigger: makeDirectory('EPERM'),
    }),
  },
  {
    name: 'lsm_cgroup',
    on: '- bpf_link bpf_link bpf_link skip',
    set: (counter, scope) => ({
      program: traced('LSM_CGROUP', 'socket_bind', countAll(counter, 1), 'LSM'),
      attach: { kind: 'cgroup', path: scope.use(new OwnCgroup()).path },
      trigger: () => udp('127.0.0.1'),
    }),
  },
  {
    name: 'iterator',
    on: ALL,
    set: (counter) => ({
      program: traced('TRACE_ITER', 'task', countAll(counter, 0)),
      attach: { kind: 'iterator' },
      trigger(attached, link) {
        if (!attached) return;
        using reader = openIterator(link);
        readSync(reader.fd, Buffer.alloc(4096));
      },
    }),
  },
  {
    name: 'iterator over a map',
    on: ALL,
    set: (counter, scope) => {
      const map = scope.use(createMap({ name: 'walked', type: 1, keySize: 4, valueSize: 4, maxEntries: 8 }));
      for (let i = 0; i < 5; i++) map.update(new Uint8Array([i, 0, 0, 0]), new Uint8Array(4));
      return {
        program: traced('TRACE_ITER', 'bpf_map_elem', countAll(counter, 0)),
        attach: { kind: 'iterator', map },
        trigger(attached, link) {
          if (!attached) return;
          using reader = openIterator(link);
          readSync(reader.fd, Buffer.alloc(4096));
        },
      };
    },
  },
  {
    name: 'perf event',
    on: 'perf_ioctl bpf_link bpf_link bpf_link bpf_link',
    set: (counter) => ({
      program: { type: PROG['PERF_EVENT']!, code: countFor(pid, counter) },
      attach: { kind: 'perf_event', event: 'cpu-clock', frequency: 1000, pid },
      trigger: () => work(100),
    }),
  },
  {
    name: 'XDP native',
    on: ALL,
    set: onPackets('XDP', 2, { kind: 'xdp', device: 'skep0', mode: 'native' }),
  },
  {
    name: 'XDP generic',
    on: ALL,
    set: onPackets('XDP', 2, { kind: 'xdp', device: 'skep0', mode: 'generic' }),
  },
  { name: 'XDP of packets in pieces', on: '- bpf_link bpf_link bpf_link bpf_link', set: largePackets },
  {
    name: 'XDP over netlink',
    on: 'netlink netlink netlink netlink netlink',
    set: onPackets('XDP', 2, { kind: 'xdp', device: 'skep0', via: 'netlink' }),
  },
  {
    name: 'XDP of a cpumap',
    on: 'map_update map_update map_update map_update map_update',
    set: (counter, scope) => redirected(counter, scope, 16, 'XDP_CPUMAP', () => 192),
  },
  {
    name: 'XDP of a devmap',
    on: 'map_update map_update map_update map_update map_update',
    set: (counter, scope) => redirected(counter, scope, 14, 'XDP_DEVMAP', () => interfaceIndex('skep0')),
  },
  {
    name: 'struct_ops',
    on: 'map_update map_update bpf_link bpf_link skip',
    set: structOps,
  },
  { name: 'sched_ext', on: '- - - bpf_link skip', set: scheduler },
  {
    name: 'tc ingress',
    on: 'netlink* netlink* bpf_link bpf_link bpf_link',
    set: onPackets('SCHED_CLS', 0, { kind: 'tc', device: 'skep0', direction: 'ingress' }),
  },
  {
    name: 'tc egress',
    on: 'netlink* netlink* bpf_link bpf_link bpf_link',
    set: onPackets('SCHED_CLS', 0, { kind: 'tc', device: 'skep1', direction: 'egress' }),
  },
  {
    name: 'tc of clsact',
    on: 'netlink netlink netlink netlink netlink',
    set: onPackets('SCHED_CLS', 0, { kind: 'tc', device: 'skep0', direction: 'ingress', via: 'netlink' }),
  },
  {
    name: 'netkit',
    on: '- - bpf_link bpf_link skip',
    set: (counter) => {
      const there = netkit();
      return {
        program: {
          type: PROG['SCHED_CLS']!,
          code: countAll(counter, 0),
          expectedAttachType: ATTACH['NETKIT_PRIMARY']!,
        },
        attach: { kind: 'netkit', device: there ? 'skepkit' : 'lo', end: 'primary' },
        trigger: () => sendPackets(3, 100, '10.78.0.2'),
      };
    },
  },
  {
    name: 'netfilter',
    on: '- - bpf_link bpf_link bpf_link',
    set: (counter) => ({
      program: { type: PROG['NETFILTER']!, code: countAll(counter, 1), expectedAttachType: ATTACH['NETFILTER']! },
      attach: { kind: 'netfilter', hook: 'output' },
      trigger: () => udp('127.0.0.1'),
    }),
  },
  ...(['in', 'out', 'xmit'] as const).map((end) => ({
    name: `lwt_${end}`,
    on: 'netlink netlink netlink netlink netlink',
    set: (counter: number) => onRoute(counter, end),
  })),
  {
    name: 'lirc_mode2',
    on: '- - - - -',
    set: (counter) => ({
      program: { type: PROG['LIRC_MODE2']!, code: countAll(counter, 0) },
      attach: { kind: 'lirc', path: '/dev/lirc0' },
      trigger: () => {},
    }),
  },
  {
    name: 'sk_lookup',
    on: ALL,
    set: (counter) => ({
      program: { type: PROG['SK_LOOKUP']!, code: countAll(counter, 1), expectedAttachType: ATTACH['SK_LOOKUP']! },
      attach: { kind: 'netns' },
      trigger: v4,
    }),
  },
  {
    name: 'flow dissector',
    on: ALL,
    set: (counter) => ({
      program: {
        type: PROG['FLOW_DISSECTOR']!,
        code: countAll(counter, 0),
        expectedAttachType: ATTACH['FLOW_DISSECTOR']!,
      },
      attach: { kind: 'netns' },
      trigger: () => packetSocket('lo'),
    }),
  },
  {
    name: 'sk_msg',
    on: 'prog_attach prog_attach bpf_link bpf_link bpf_link',
    set: (counter, scope) => sockmap(counter, scope, 'SK_MSG', 'SK_MSG_VERDICT', 'clientFd'),
  },
  {
    name: 'sk_skb/stream_verdict',
    on: 'prog_attach prog_attach bpf_link bpf_link bpf_link',
    set: (counter, scope) => sockmap(counter, scope, 'SK_SKB', 'SK_SKB_STREAM_VERDICT', 'acceptedFd'),
  },
  {
    name: 'sk_skb/verdict',
    on: '- prog_attach bpf_link bpf_link bpf_link',
    set: (counter, scope) => sockmap(counter, scope, 'SK_SKB', 'SK_SKB_VERDICT', 'acceptedFd'),
  },
  {
    name: 'socket filter',
    on: 'setsockopt setsockopt setsockopt setsockopt setsockopt',
    set: (counter, scope) => rawSocket(counter, scope, 'SOCKET_FILTER', -1),
  },
  {
    name: 'sk_reuseport',
    on: 'setsockopt setsockopt setsockopt setsockopt setsockopt',
    set: (counter, scope) => rawSocket(counter, scope, 'SK_REUSEPORT', 1),
  },
  cgroup('cgroup_skb/ingress', 'CGROUP_SKB', 'CGROUP_INET_INGRESS', v4),
  cgroup('cgroup_skb/egress', 'CGROUP_SKB', 'CGROUP_INET_EGRESS', v4),
  cgroup('cgroup/sock_create', 'CGROUP_SOCK', 'CGROUP_INET_SOCK_CREATE', v4),
  cgroup('cgroup/sock_release', 'CGROUP_SOCK', 'CGROUP_INET_SOCK_RELEASE', v4),
  cgroup('cgroup/post_bind4', 'CGROUP_SOCK', 'CGROUP_INET4_POST_BIND', v4),
  cgroup('cgroup/post_bind6', 'CGROUP_SOCK', 'CGROUP_INET6_POST_BIND', v6),
  cgroup('cgroup/bind4', 'CGROUP_SOCK_ADDR', 'CGROUP_INET4_BIND', v4),
  cgroup('cgroup/bind6', 'CGROUP_SOCK_ADDR', 'CGROUP_INET6_BIND', v6),
  cgroup('cgroup/connect4', 'CGROUP_SOCK_ADDR', 'CGROUP_INET4_CONNECT', v4),
  cgroup('cgroup/connect6', 'CGROUP_SOCK_ADDR', 'CGROUP_INET6_CONNECT', v6),
  cgroup('cgroup/sendmsg4', 'CGROUP_SOCK_ADDR', 'CGROUP_UDP4_SENDMSG', v4),
  cgroup('cgroup/sendmsg6', 'CGROUP_SOCK_ADDR', 'CGROUP_UDP6_SENDMSG', v6),
  cgroup('cgroup/recvmsg4', 'CGROUP_SOCK_ADDR', 'CGROUP_UDP4_RECVMSG', v4),
  cgroup('cgroup/recvmsg6', 'CGROUP_SOCK_ADDR', 'CGROUP_UDP6_RECVMSG', v6),
  cgroup('cgroup/getpeername4', 'CGROUP_SOCK_ADDR', 'CGROUP_INET4_GETPEERNAME', v4),
  cgroup('cgroup/getpeername6', 'CGROUP_SOCK_ADDR', 'CGROUP_INET6_GETPEERNAME', v6),
  cgroup('cgroup/getsockname4', 'CGROUP_SOCK_ADDR', 'CGROUP_INET4_GETSOCKNAME', v4),
  cgroup('cgroup/getsockname6', 'CGROUP_SOCK_ADDR', 'CGROUP_INET6_GETSOCKNAME', v6),
  cgroup(
    'cgroup/connect_unix',
    'CGROUP_SOCK_ADDR',
    'CGROUP_UNIX_CONNECT',
    async () => {
      using _pair = await TcpPair.openUnix(`/tmp/skep-${pid}.sock`);
    },
    { on: '- - bpf_link bpf_link bpf_link' },
  ),
  ...(['SENDMSG', 'RECVMSG', 'GETPEERNAME', 'GETSOCKNAME'] as const).map((hook) =>
    cgroup(`cgroup/${hook.toLowerCase()}_unix`, 'CGROUP_SOCK_ADDR', `CGROUP_UNIX_${hook}`, unixDatagrams, {
      on: '- - bpf_link bpf_link bpf_link',
    }),
  ),
  cgroup('cgroup/setsockopt', 'CGROUP_SOCKOPT', 'CGROUP_SETSOCKOPT', v4),
  cgroup('cgroup/getsockopt', 'CGROUP_SOCKOPT', 'CGROUP_GETSOCKOPT', v4),
  cgroup('cgroup/sysctl', 'CGROUP_SYSCTL', 'CGROUP_SYSCTL', () => void readFileSync('/proc/sys/kernel/ostype')),
  cgroup('cgroup/dev', 'CGROUP_DEVICE', 'CGROUP_DEVICE', () => void readFileSync('/dev/null')),
  cgroup('sockops', 'SOCK_OPS', 'CGROUP_SOCK_OPS', v4),
];

/** {@link LINKS} for people: what carries each kind of link on which kernel. */
export function linkTable(): string {
  const guests = SERIES.filter((one) => one !== 'host');
  const rows = LINKS.map(({ name, on }) => {
    const cells = on.split(' ').slice(0, guests.length);
    return `| ${name} | ${cells.map((one) => (one === '-' ? '–' : one === 'skip' ? '' : one)).join(' | ')} |`;
  });
  const head = `| link | ${guests.join(' | ')} |\n| --- | ${guests.map(() => '---').join(' | ')} |`;
  return `${head}\n${rows.join('\n')}`;
}

/** An extension takes the place of a function of another program, which test runs then go through. */
function freplace(counter: number, scope: Scope): Setting {
  const builder = new BtfBuilder();
  const int = builder.add({
    kind: 'int',
    name: 'int',
    size: 4,
    bits: 32,
    offset: 0,
    signed: true,
    char: false,
    bool: false,
  });
  const proto = builder.add({ kind: 'func_proto', result: int, params: [] });
  const func = (name: string) => builder.add({ kind: 'func', name, type: proto, linkage: 'global' });
  const ids = { main: func('main'), verdict: func('verdict'), replacement: func('replacement') };
  const btf = scope.use(loadBtf(builder.toBytes()));
  const info = (...pairs: number[]) => new Uint8Array(Uint32Array.from(pairs).buffer);
  const target = scope.use(
    loadProgram({
      name: 'target',
      type: PROG['XDP']!,
      license: 'GPL',
      code: code({ kind: 'call', target: { kind: 'local', off: 1 } }, exit, set(0, 2), exit),
      btf,
      funcInfo: info(0, ids.main, 2, ids.verdict),
    }),
  );
  return {
    program: {
      type: PROG['EXT']!,
      code: countAll(counter, 1),
      btf,
      funcInfo: info(0, ids.replacement),
      attachTo: target,
      attachBtfId: ids.verdict,
    },
    attach: { kind: 'tracing' },
    trigger(attached) {
      equal(target.testRun({ data: new Uint8Array(64) }).retval, attached ? 1 : 2);
    },
  };
}

/** A program behind an XDP program that redirects everything through entry 0 of a map. */
function redirected(counter: number, scope: Scope, type: number, attachType: string, target: () => number): Setting {
  network();
  const map = scope.use(createMap({ name: 'targets', type, keySize: 4, valueSize: 8, maxEntries: 1 }));
  const redirect_map = 51;
  const first = code(mapFd(1, map.fd), set(2, 0), set(3, 0), call(redirect_map), exit);
  for (const [device, bytes] of [
    ['skep0', first],
    ['skep1', returns(2)], // the driver takes redirected packets only with a program at the other end
  ] as const) {
    const program = scope.use(loadProgram({ name: device, type: PROG['XDP']!, license: 'GPL', code: bytes }));
    scope.use(kernel().attach(program, { kind: 'xdp', device, mode: 'native' }));
  }
  return {
    program: { type: PROG['XDP']!, code: countAll(counter, 2), expectedAttachType: ATTACH[attachType]! },
    attach: (program) => attachXdpMap(program, map, 0, target()),
    trigger: () => sendPackets(3, 100),
  };
}

/** On a pair of devices whose packets do not fit in one page, which XDP programs must be made for. */
function largePackets(counter: number, scope: Scope): Setting {
  const xdp_get_buff_len = 188;
  const ip = (...args: string[]) => equal(spawnSync('ip', args).status, 0, `ip ${args.join(' ')}`);
  return {
    program: {
      type: PROG['XDP']!,
      flags: BPF_F_XDP_HAS_FRAGS,
      code: code(call(xdp_get_buff_len), jump('lt', 0, 5000, 4), ...counted(counter), set(0, 2), exit),
    },
    attach(program) {
      ip('link', 'add', 'skep8', 'mtu', '9000', 'type', 'veth', 'peer', 'name', 'skep9', 'mtu', '9000');
      scope.use({ [Symbol.dispose]: () => ip('link', 'del', 'skep8') });
      ip('addr', 'add', '10.79.0.1/24', 'dev', 'skep9');
      ip('neigh', 'add', '10.79.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'skep9');
      for (const device of ['skep8', 'skep9']) ip('link', 'set', device, 'up');
      const plain = scope.use(loadProgram({ name: 'plain', type: PROG['XDP']!, license: 'GPL', code: returns(2) }));
      throws(() => kernel().attach(plain, { kind: 'xdp', device: 'skep8', mode: 'native' }), KernelError);
      return kernel().attach(program, { kind: 'xdp', device: 'skep8', mode: 'native' });
    },
    trigger: () => sendPackets(3, 8000, '10.79.0.2'),
  };
}

/** A scheduler that leaves all to the kernel and counts the tasks that begin to run. */
function scheduler(counter: number): Setting {
  const STRUCT = 'sched_ext_ops';
  return {
    program: { type: PROG['STRUCT_OPS']!, code: countAll(counter, 0), ...structOpsMember(STRUCT, 'running') },
    attach: (running) => attachStructOps('skep_sched', STRUCT, { running, name: 'skep_sched' }),
    trigger: () => void spawnSync('/bin/true'),
  };
}

/** Packets to 10.88.0.0/16 take a route with the program: ours on their way out, somebody else's on their way through. */
function onRoute(counter: number, end: 'in' | 'out' | 'xmit'): Setting {
  network();
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  const hook: Hook = { kind: 'route', destination: '10.88.0.0/16', device: 'skep1' };
  return {
    program: { type: PROG[`LWT_${end.toUpperCase()}`]!, code: countAll(counter, 0) },
    attach(program) {
      throws(() => kernel().attach(program, { ...hook, destination: '10.88.0.0/40' }), /E5024/);
      const link = kernel().attach(program, hook);
      throws(() => kernel().attach(program, hook), /there is a route to just that destination|EEXIST/);
      return link;
    },
    async trigger(attached) {
      if (end === 'in') await forwardedPacket('skep1', 'skep0');
      else if (attached) await sendPackets(3, 100, '10.88.0.5');
      else await rejects(sendPackets(1, 100, '10.88.0.5'), { code: 'ENETUNREACH' });
    },
  };
}

/** A congestion control of TCP, used by all connections of the guest while it is there. */
function structOps(counter: number, scope: Scope): Setting {
  const SYSCTL = '/proc/sys/net/ipv4/tcp_congestion_control';
  const usual = readFileSync(SYSCTL, 'utf8');
  const STRUCT = 'tcp_congestion_ops';
  const implement = (member: string, bytes: Uint8Array) => ({
    type: PROG['STRUCT_OPS']!,
    code: bytes,
    ...structOpsMember(STRUCT, member),
  });
  const load = (member: string, bytes: Uint8Array) =>
    scope.use(loadProgram({ name: member, license: 'GPL', ...implement(member, bytes) }));
  const needed = { ssthresh: load('ssthresh', returns(2)), undo_cwnd: load('undo_cwnd', returns(2)) };
  const cong_avoid = load('cong_avoid', returns(0));
  return {
    program: implement('init', countAll(counter, 0)),
    attach: (init) => attachStructOps('skep_cc', STRUCT, { ...needed, cong_avoid, init, name: 'skep_cc' }),
    async trigger(attached) {
      writeFileSync(SYSCTL, attached ? 'skep_cc' : usual);
      using pair = await TcpPair.open('127.0.0.1');
      await pair.say('hello');
      writeFileSync(SYSCTL, usual);
    },
  };
}

async function sockmap(
  counter: number,
  scope: Scope,
  type: string,
  attachType: string,
  end: 'clientFd' | 'acceptedFd',
): Promise<Setting> {
  const map = scope.use(createMap({ name: 'sockets', type: 15, keySize: 4, valueSize: 4, maxEntries: 4 }));
  return {
    program: { type: PROG[type]!, code: countAll(counter, 1), expectedAttachType: ATTACH[attachType]! },
    attach: { kind: 'sockmap', map },
    async trigger() {
      using pair = await TcpPair.open('127.0.0.1');
      const key = new Uint8Array(4);
      map.update(key, new Uint8Array(Uint32Array.of(pair[end]).buffer));
      await pair.say('through the map');
      map.delete(key);
    },
  };
}

/** Bound sockets that no event loop knows. */
function rawSocket(counter: number, scope: Scope, type: string, result: number): Setting {
  const AF_INET = 2;
  const SOCK_DGRAM = 2;
  const port = 20_000 + (pid % 20_000);
  const fd = sys('socket', AF_INET, SOCK_DGRAM, 0);
  scope.use({ [Symbol.dispose]: () => void sys('close', fd) });
  const address = new Uint8Array([AF_INET, 0, port >> 8, port & 255, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const one = new Uint8Array([1, 0, 0, 0]);
  equal(rawCall('setsockopt', fd, 1, 15, one, 4), 0); // SO_REUSEPORT
  equal(rawCall('bind', fd, address, 16), 0);
  return {
    program: { type: PROG[type]!, code: countAll(counter, result) },
    attach: { kind: 'socket', fd },
    async trigger() {
      const { createSocket } = await import('node:dgram');
      const sender = createSocket('udp4');
      await new Promise((resolve) => sender.send(new Uint8Array(8), port, '127.0.0.1', resolve));
      sender.close();
    },
  };
}

/** The netkit pair `skepkit`, where the kernel has such devices. */
function netkit(): boolean {
  const ip = (...args: string[]) => spawnSync('ip', args, { encoding: 'utf8' });
  if (ip('link', 'show', 'skepkit').status === 0) return true;
  if (ip('link', 'add', 'skepkit', 'type', 'netkit').status !== 0) return false;
  const peer = /skepkit@([^:]+):/.exec(ip('-o', 'link', 'show', 'skepkit').stdout)![1]!;
  ip('addr', 'add', '10.78.0.1/24', 'dev', 'skepkit');
  for (const device of ['skepkit', peer]) ip('link', 'set', device, 'up');
  return true;
}

interface Counter {
  readonly map: BpfMap;
  value(): number;
  [Symbol.dispose](): void;
}

function newCounter(): Counter {
  const map = createMap({ name: 'counter', type: 2, keySize: 4, valueSize: 8, maxEntries: 1 });
  return {
    map,
    value: () => Number(new DataView(map.lookup(new Uint8Array(4))!.buffer).getBigInt64(0, true)),
    [Symbol.dispose]: () => map.close(),
  };
}
