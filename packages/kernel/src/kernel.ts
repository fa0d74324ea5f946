import type { Btf } from '@skep/object';
import { loadBtf } from './bpf/btf-load.ts';
import { doctor, type Permission, permitted, type Report } from './doctor.ts';
import { type FeatureName, type FeatureReport, probeFeature } from './features.ts';
import { kernelBtf } from './kernel-btf.ts';
import type { Link } from './link/link.ts';
import { attachPerfEvent, attachTracepoint, type PerfEventOptions } from './link/perf.ts';
import { attachRawTracepoint, attachTarget, attachTracing } from './link/tracing.ts';
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
  | { readonly kind: 'tracing' }
  | ({ readonly kind: 'perf_event' } & PerfEventOptions)
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
  attach(program, hook) {
    switch (hook.kind) {
      case 'tracepoint':
        return attachTracepoint(program, hook.category, hook.name, { cookie: hook.cookie });
      case 'raw_tracepoint':
        return attachRawTracepoint(program, hook.name);
      case 'tracing':
        return attachTracing(program);
      case 'perf_event':
        return attachPerfEvent(program, hook);
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
