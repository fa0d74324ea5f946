import { MAP_TYPES, PERF_EVENTS, type PerfEventName } from '@skep/abi';
import { SkepError } from '@skep/base';
import type { BpfMap, Hook } from '@skep/kernel';
import type { ProgramSpec } from '@skep/object';
import { notByItself, optionNeeded, unknownSection } from '../diagnostics.ts';
import type { AttachOptions } from '../host.ts';

/**
 * What a section name and the user's options say about where to attach; undefined for programs that something else runs:
 * a test run (`syscall`), a map (`xdp/devmap`), an action, a
 * structure of functions. `maps` are those of the object.
 */
export function hookOf(spec: ProgramSpec, options: AttachOptions, maps: ReadonlyMap<string, BpfMap>): Hook | undefined {
  const { programType, target, attachType } = spec.hook!;
  switch (programType) {
    case 'BPF_PROG_TYPE_TRACEPOINT': {
      const [category, name] = (target ?? '').split('/');
      if (category && name) return { kind: 'tracepoint', category, name };
      throw wrongTarget(spec, 'tracepoint/CATEGORY/NAME');
    }
    case 'BPF_PROG_TYPE_RAW_TRACEPOINT':
    case 'BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE':
      if (target) return { kind: 'raw_tracepoint', name: target };
      throw wrongTarget(spec, 'raw_tp/NAME');
    case 'BPF_PROG_TYPE_KPROBE':
      return probe(spec, options);
    case 'BPF_PROG_TYPE_TRACING':
      return attachType === 'BPF_TRACE_ITER' ? iterator(spec, options, maps) : { kind: 'tracing' };
    case 'BPF_PROG_TYPE_LSM':
      return attachType === 'BPF_LSM_CGROUP' ? cgroup(spec, options) : { kind: 'tracing' };
    case 'BPF_PROG_TYPE_EXT':
      return { kind: 'tracing' };
    case 'BPF_PROG_TYPE_PERF_EVENT':
      if (options.breakpoint)
        return { kind: 'breakpoint', ...options.breakpoint, ...(options.pid !== undefined && { pid: options.pid }) };
      return {
        kind: 'perf_event',
        event: perfEvent(spec, options.event),
        ...(options.period === undefined ? { frequency: options.frequency ?? 99 } : { period: options.period }),
        ...(options.pid !== undefined && { pid: options.pid }),
      };
    case 'BPF_PROG_TYPE_XDP':
      if (attachType === 'BPF_XDP_DEVMAP' || attachType === 'BPF_XDP_CPUMAP') return undefined;
      return { kind: 'xdp', device: device(spec, options), ...(options.mode && { mode: options.mode }) };
    case 'BPF_PROG_TYPE_SCHED_CLS':
      if (attachType === 'BPF_NETKIT_PRIMARY' || attachType === 'BPF_NETKIT_PEER') {
        const end = attachType === 'BPF_NETKIT_PEER' ? 'peer' : 'primary';
        return { kind: 'netkit', device: device(spec, options), end };
      }
      return {
        kind: 'tc',
        device: device(spec, options),
        direction: options.direction ?? (attachType === 'BPF_TCX_EGRESS' ? 'egress' : 'ingress'),
      };
    case 'BPF_PROG_TYPE_NETFILTER':
      if (options.netfilter) return { kind: 'netfilter', ...options.netfilter };
      throw new SkepError(optionNeeded(spec.name, 'is for netfilter, and no hook of it was named', '--hook output'));
    case 'BPF_PROG_TYPE_CGROUP_SKB':
    case 'BPF_PROG_TYPE_CGROUP_SOCK':
    case 'BPF_PROG_TYPE_CGROUP_SOCK_ADDR':
    case 'BPF_PROG_TYPE_CGROUP_SOCKOPT':
    case 'BPF_PROG_TYPE_CGROUP_SYSCTL':
    case 'BPF_PROG_TYPE_CGROUP_DEVICE':
    case 'BPF_PROG_TYPE_SOCK_OPS':
      if (attachType === undefined) throw wrongTarget(spec, 'cgroup_skb/ingress');
      return cgroup(spec, options);
    case 'BPF_PROG_TYPE_SK_LOOKUP':
    case 'BPF_PROG_TYPE_FLOW_DISSECTOR':
      return { kind: 'netns', path: options.netns };
    case 'BPF_PROG_TYPE_SK_MSG':
    case 'BPF_PROG_TYPE_SK_SKB':
      return { kind: 'sockmap', map: socketMap(spec, options, maps) };
    case 'BPF_PROG_TYPE_SOCKET_FILTER':
    case 'BPF_PROG_TYPE_SK_REUSEPORT':
      if (options.socket !== undefined) return { kind: 'socket', fd: options.socket };
      throw new SkepError(
        optionNeeded(spec.name, 'is for a socket', '`attach({ socket: descriptor })` in a program of yours'),
      );
    case 'BPF_PROG_TYPE_LWT_IN':
    case 'BPF_PROG_TYPE_LWT_OUT':
    case 'BPF_PROG_TYPE_LWT_XMIT':
      if (options.route) return { kind: 'route', destination: options.route, device: options.interface };
      throw new SkepError(
        optionNeeded(spec.name, 'is for a route, and none was named', '`--route 10.8.0.0/16 --interface NAME`'),
      );
    case 'BPF_PROG_TYPE_LIRC_MODE2':
      if (options.lirc) return { kind: 'lirc', path: options.lirc };
      throw new SkepError(
        optionNeeded(spec.name, 'is for an infrared receiver, and none was named', '`attach({ lirc: "/dev/lirc0" })`'),
      );
    case 'BPF_PROG_TYPE_SYSCALL':
    case 'BPF_PROG_TYPE_SCHED_ACT':
    case 'BPF_PROG_TYPE_STRUCT_OPS':
      return undefined;
    default:
      throw new SkepError(notByItself(spec.name, spec.section));
  }
}

function perfEvent(spec: ProgramSpec, name: string | undefined): PerfEventName {
  if (name === undefined) return 'cpu-clock';
  if (name in PERF_EVENTS) return name as PerfEventName;
  throw wrongTarget(spec, `perf_event, and one of ${Object.keys(PERF_EVENTS).join(', ')}`);
}

/** Everything that is a breakpoint, in the kernel or in a program: the section's first word tells which. */
function probe(spec: ProgramSpec, options: AttachOptions): Hook {
  const kind = spec.section.replace(/^\?/, '').split('/', 1)[0]!.replace(/\.s$/, '');
  const target = spec.hook!.target ?? '';
  const isReturn = kind.startsWith('kret') || kind.startsWith('uret');
  const pid = options.pid;
  switch (kind) {
    case 'kprobe':
    case 'kretprobe': {
      const match = /^([\w.$]+)(?:\+(\w+))?$/.exec(target);
      if (!match) throw wrongTarget(spec, `${kind}/FUNCTION`);
      return { kind: 'kprobe', function: match[1]!, offset: Number(match[2] ?? 0), return: isReturn };
    }
    case 'kprobe.multi':
    case 'kretprobe.multi':
    case 'kprobe.session':
      if (!/^[\w.$*?]+$/.test(target)) throw wrongTarget(spec, `${kind}/PATTERN`);
      return {
        kind: 'kprobe_multi',
        functions: options.functions ?? target,
        return: isReturn,
        session: kind === 'kprobe.session',
      };
    case 'ksyscall':
    case 'kretsyscall':
      if (!/^\w+$/.test(target)) throw wrongTarget(spec, `${kind}/SYSCALL`);
      return { kind: 'ksyscall', name: target, return: isReturn };
    case 'uprobe':
    case 'uretprobe': {
      const match = /^(.+):([^:+]+)(?:\+(\w+))?$/.exec(target);
      if (!match) throw wrongTarget(spec, `${kind}/PATH:FUNCTION`);
      const offset = Number(match[3] ?? 0);
      const absolute = /^0x[0-9a-f]+$/i.test(match[2]!);
      const place = absolute ? { offset: Number(match[2]) + offset } : { function: match[2]!, offset };
      return { kind: 'uprobe', binary: match[1]!, ...place, return: isReturn, pid };
    }
    case 'uprobe.multi':
    case 'uretprobe.multi':
    case 'uprobe.session': {
      const match = /^(.+):([^:]+)$/.exec(target);
      if (!match) throw wrongTarget(spec, `${kind}/PATH:PATTERN`);
      const session = kind === 'uprobe.session';
      const functions = options.functions ?? match[2]!;
      return { kind: 'uprobe_multi', binary: match[1]!, functions, return: isReturn, session, pid };
    }
    case 'usdt': {
      const match = /^(.+):([^:]+):([^:]+)$/.exec(target);
      if (!match) throw wrongTarget(spec, 'usdt/PATH:PROVIDER:NAME');
      return { kind: 'usdt', binary: match[1]!, provider: match[2]!, name: match[3]!, pid };
    }
    default:
      throw wrongTarget(spec, 'kprobe/FUNCTION');
  }
}

function iterator(spec: ProgramSpec, options: AttachOptions, maps: ReadonlyMap<string, BpfMap>): Hook {
  if (!/^bpf_(map_elem|sk_storage_map)$/.test(spec.hook!.target ?? '')) return { kind: 'iterator' };
  const map = options.map === undefined ? undefined : maps.get(options.map);
  if (map) return { kind: 'iterator', map };
  throw new SkepError(optionNeeded(spec.name, 'walks a map, and none was named', '`attach({ map: NAME })`'));
}

function cgroup(spec: ProgramSpec, options: AttachOptions): Hook {
  if (options.cgroup) return { kind: 'cgroup', path: options.cgroup };
  throw new SkepError(optionNeeded(spec.name, 'is for a cgroup, and none was named', '`--cgroup /sys/fs/cgroup/…`'));
}

function device(spec: ProgramSpec, options: AttachOptions): string {
  if (options.interface) return options.interface;
  throw new SkepError(
    optionNeeded(
      spec.name,
      'is for packets, and no network interface was named',
      '`--interface NAME`, or try the program on a packet with `skep test-run`',
    ),
  );
}

/** The named one, or the only one that the object has. */
function socketMap(spec: ProgramSpec, options: AttachOptions, maps: ReadonlyMap<string, BpfMap>): BpfMap {
  const all = [...maps.values()].filter((one) => socketMaps.has(one.type));
  const found = options.map === undefined ? all : all.filter((one) => one.name === options.map);
  if (found.length === 1) return found[0]!;
  throw new SkepError(
    optionNeeded(spec.name, 'is for the sockets of a map, and it is not clear which', '`attach({ map: NAME })`'),
  );
}

const socketMaps: ReadonlySet<number> = new Set(
  MAP_TYPES.filter((one) => /_SOCK(MAP|HASH)$/.test(one.name)).map((one) => one.value),
);

function wrongTarget(spec: ProgramSpec, wanted: string): SkepError {
  return new SkepError(unknownSection(spec.name, spec.section, wanted));
}
