import type { Btf } from '@skep/object';
import { loadBtf } from './bpf/btf-load.ts';
import { doctor, type Permission, permitted, type Report } from './doctor.ts';
import { type FeatureName, type FeatureReport, probeFeature } from './features.ts';
import { kernelBtf } from './kernel-btf.ts';
import { attachBreakpoint, type BreakpointOptions } from './link/breakpoint.ts';
import { attachCgroup } from './link/cgroup.ts';
import {
  attachKprobe,
  attachKprobeMulti,
  type KprobeMultiOptions,
  type KprobeOptions,
  syscallFunction,
} from './link/kprobe.ts';
import type { Link } from './link/link.ts';
import { attachLirc } from './link/lirc.ts';
import { attachLwt, type LwtOptions } from './link/lwt.ts';
import { attachNetfilter, type NetfilterOptions } from './link/netfilter.ts';
import { attachNetns } from './link/netns.ts';
import { attachPerfEvent, attachTracepoint, type PerfEventOptions } from './link/perf.ts';
import { attachSocket } from './link/socket.ts';
import { attachSockmap } from './link/sockmap.ts';
import { attachNetkit, attachTc, type TcOptions } from './link/tc.ts';
import {
  attachIterator,
  attachRawTracepoint,
  attachTarget,
  attachTracing,
  findAttachTarget,
  type TracingOptions,
  type TracingTarget,
} from './link/tracing.ts';
import {
  attachUprobe,
  attachUprobeMulti,
  type UprobeMultiOptions,
  type UprobeOptions,
  type UprobeTarget,
} from './link/uprobe.ts';
import { attachUsdt, type UsdtOptions } from './link/usdt.ts';
import { attachXdp, type XdpOptions } from './link/xdp.ts';
import { type BpfMap, createMap, type MapOptions } from './map.ts';
import { PerfBuffer, type PerfBufferOptions } from './perf-buffer.ts';
import { loadProgram, type Program, type ProgramOptions } from './program.ts';
import { RingBuffer } from './ring.ts';
import type { Handle } from './sys/handle.ts';
import { native } from './sys/native.ts';
import { kernelRelease } from './sys/release.ts';

/** Where a program is attached. */
export type Hook =
  | { readonly kind: 'tracepoint'; readonly category: string; readonly name: string; readonly cookie?: bigint }
  | { readonly kind: 'raw_tracepoint'; readonly name: string }
  /** Where it was loaded for: tp_btf, fentry, fexit, fmod_ret, lsm. */
  | ({ readonly kind: 'tracing' } & TracingOptions)
  | ({ readonly kind: 'kprobe'; readonly function: string } & KprobeOptions)
  | ({ readonly kind: 'kprobe_multi'; readonly functions: string | readonly string[] } & KprobeMultiOptions)
  /** A system call by its name: `openat`. */
  | ({ readonly kind: 'ksyscall'; readonly name: string } & KprobeOptions)
  | ({ readonly kind: 'uprobe' } & UprobeTarget & UprobeOptions)
  | ({
      readonly kind: 'uprobe_multi';
      readonly binary: string;
      readonly functions: string | readonly string[];
    } & UprobeMultiOptions)
  | ({
      readonly kind: 'usdt';
      readonly binary: string;
      readonly provider: string;
      readonly name: string;
    } & UsdtOptions)
  | { readonly kind: 'iterator'; readonly map?: BpfMap }
  | { readonly kind: 'cgroup'; readonly path: string; readonly attachType?: number | undefined }
  | { readonly kind: 'netns'; readonly path?: string | undefined; readonly attachType?: number | undefined }
  | { readonly kind: 'sockmap'; readonly map: BpfMap }
  | { readonly kind: 'socket'; readonly fd: number }
  | ({ readonly kind: 'route' } & LwtOptions)
  | { readonly kind: 'lirc'; readonly path: string }
  | ({ readonly kind: 'tc'; readonly device: string | number } & TcOptions)
  | { readonly kind: 'netkit'; readonly device: string | number; readonly end: 'primary' | 'peer' }
  | ({ readonly kind: 'netfilter' } & NetfilterOptions)
  | ({ readonly kind: 'perf_event' } & PerfEventOptions)
  | ({ readonly kind: 'breakpoint' } & BreakpointOptions)
  | ({ readonly kind: 'xdp'; readonly device: string | number } & XdpOptions);

/** The running kernel as a home for programs. */
export interface Kernel {
  readonly kind: 'kernel';
  /** `6.1.0-56-cloud-amd64` */
  readonly release: string;
  /** Its types. */
  btf(): Btf;
  loadBtf(bytes: Uint8Array): Handle;
  createMap(options: MapOptions): BpfMap;
  loadProgram(options: ProgramOptions): Program;
  /** The `attachBtfId` to load a tracing program with, by its attach type and the kernel's name of the target. */
  attachTarget(attachType: number, name: string): number;
  /** The same, in modules too. */
  findAttachTarget(attachType: number, name: string): TracingTarget;
  attach(program: Program, hook: Hook): Link;
  openRing(map: BpfMap): RingBuffer;
  openPerfBuffer(map: BpfMap, options?: PerfBufferOptions): PerfBuffer;
  probeFeature(name: FeatureName): FeatureReport;
  permitted(): Permission;
  doctor(): Report;
}

/** Throws E5001 where there is no kernel that could be used: not Linux, or without native code. */
export function kernel(): Kernel {
  native();
  return KERNEL;
}

const KERNEL: Kernel = {
  kind: 'kernel',
  release: kernelRelease(),
  btf: kernelBtf,
  loadBtf,
  createMap,
  loadProgram,
  attachTarget,
  findAttachTarget,
  attach(program, hook) {
    switch (hook.kind) {
      case 'tracepoint':
        return attachTracepoint(program, hook.category, hook.name, { cookie: hook.cookie });
      case 'raw_tracepoint':
        return attachRawTracepoint(program, hook.name);
      case 'tracing':
        return attachTracing(program, hook);
      case 'kprobe':
        return attachKprobe(program, hook.function, hook);
      case 'kprobe_multi':
        return attachKprobeMulti(program, hook.functions, hook);
      case 'ksyscall':
        return attachKprobe(program, syscallFunction(hook.name), hook);
      case 'uprobe':
        return attachUprobe(program, hook, hook);
      case 'uprobe_multi':
        return attachUprobeMulti(program, hook.binary, hook.functions, hook);
      case 'usdt':
        return attachUsdt(program, hook.binary, hook.provider, hook.name, hook);
      case 'iterator':
        return attachIterator(program, hook);
      case 'cgroup':
        return attachCgroup(program, hook.path, hook.attachType);
      case 'netns':
        return attachNetns(program, hook.path, hook.attachType);
      case 'sockmap':
        return attachSockmap(program, hook.map);
      case 'socket':
        return attachSocket(program, hook.fd);
      case 'route':
        return attachLwt(program, hook);
      case 'lirc':
        return attachLirc(program, hook.path);
      case 'tc':
        return attachTc(program, hook.device, hook);
      case 'netkit':
        return attachNetkit(program, hook.device, hook.end);
      case 'netfilter':
        return attachNetfilter(program, hook);
      case 'perf_event':
        return attachPerfEvent(program, hook);
      case 'breakpoint':
        return attachBreakpoint(program, hook);
      case 'xdp':
        return attachXdp(program, hook.device, hook);
    }
  },
  openRing: (map) => new RingBuffer(map),
  openPerfBuffer: (map, options) => new PerfBuffer(map, options),
  probeFeature,
  permitted,
  doctor,
};
