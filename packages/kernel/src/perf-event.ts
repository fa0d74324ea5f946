import { notPermitted, systemCallFailed } from './diagnostics.ts';
import { ERRNO } from './sys/errno.ts';
import { Handle } from './sys/handle.ts';
import { allocate } from './sys/memory.ts';
import { sys } from './sys/syscalls.ts';

/** What of `struct perf_event_attr` is used here. */
export interface PerfAttributes {
  readonly type: number;
  readonly config: number | bigint;
  /** `config1` and `config2`: name or path and offset of a probe; address and length of a breakpoint. */
  readonly config1?: number | bigint;
  readonly config2?: number | bigint;
  readonly period?: number;
  /** Hertz, in place of a period. */
  readonly frequency?: number;
  /** `PERF_SAMPLE_…`: what a sample in the mapped ring has. */
  readonly sampleType?: number;
  /** `PERF_FORMAT_…`: what read(2) gives. */
  readonly readFormat?: number;
  /** Samples between two wake-ups of who waits; 1. */
  readonly wakeupEvents?: number;
  /** `HW_BREAKPOINT_…`: which accesses. */
  readonly breakpoint?: number;
  /** For what the task starts, too. */
  readonly inherit?: boolean;
}

const PERF_FLAG_FD_CLOEXEC = 8;
/** `_IO('$', 0)`, `_IOW('$', 8, __u32)`. */
const PERF_EVENT_IOC_ENABLE = 0x2400;
const PERF_EVENT_IOC_SET_BPF = 0x4004_2408;
/** Offsets of struct perf_event_attr (include/uapi/linux/perf_event.h); version 5 of it, since 4.1. */
const ATTR = {
  size: 112,
  period: 16,
  sampleType: 24,
  readFormat: 32,
  bits: 40,
  wakeupEvents: 48,
  breakpoint: 52,
  config1: 56,
  config2: 64,
};
const INHERIT_BIT = 1 << 1;
const FREQUENCY_BIT = 1 << 10;

/** `pid` -1: every process; `cpu` -1: every CPU, of one process. The event starts at once when nothing gates it. */
export function openPerfEvent(attributes: PerfAttributes, pid: number, cpu: number, what: string): Handle {
  const result = tryPerfEvent(attributes, pid, cpu);
  if (result >= 0) return new Handle(result, what);
  if (result === -ERRNO.EACCES || result === -ERRNO.EPERM) throw notPermitted('perf_event_open', -result, what);
  throw systemCallFailed('perf_event_open', -result, what, HINTS[-result]);
}

/** The descriptor, or `-errno`. */
export function tryPerfEvent(attributes: PerfAttributes, pid: number, cpu: number): number {
  const memory = allocate(ATTR.size);
  const { view } = memory;
  view.setUint32(0, attributes.type, true);
  view.setUint32(4, ATTR.size, true);
  view.setBigUint64(8, BigInt(attributes.config), true);
  view.setBigUint64(ATTR.period, BigInt(attributes.frequency ?? attributes.period ?? 1), true);
  view.setBigUint64(ATTR.sampleType, BigInt(attributes.sampleType ?? 0), true);
  view.setBigUint64(ATTR.readFormat, BigInt(attributes.readFormat ?? 0), true);
  const bits = (attributes.frequency === undefined ? 0 : FREQUENCY_BIT) | (attributes.inherit ? INHERIT_BIT : 0);
  view.setUint32(ATTR.bits, bits, true);
  view.setUint32(ATTR.breakpoint, attributes.breakpoint ?? 0, true);
  view.setUint32(ATTR.wakeupEvents, attributes.wakeupEvents ?? 1, true);
  view.setBigUint64(ATTR.config1, BigInt.asUintN(64, BigInt(attributes.config1 ?? 0)), true);
  view.setBigUint64(ATTR.config2, BigInt.asUintN(64, BigInt(attributes.config2 ?? 0)), true);
  const fd = sys('perf_event_open', memory.address, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  memory.free();
  return fd;
}

/** What read(2) of the event gives: as many numbers as its `readFormat` has. */
export function readCounters(event: Handle, count: number): BigUint64Array {
  const memory = allocate(8 * count);
  const result = sys('read', event.fd, memory.address, 8 * count);
  const values = new BigUint64Array(memory.bytes.buffer, 0, count).slice();
  memory.free();
  if (result < 0) throw systemCallFailed('read', -result, event.what);
  return values;
}

export function enablePerfEvent(event: Handle, what: string): void {
  ioctl(event, PERF_EVENT_IOC_ENABLE, 0, what);
}

/** Attaches a program for as long as the event is open; the way of kernels before 5.15. */
export function setPerfEventProgram(event: Handle, programFd: number, what: string): void {
  ioctl(event, PERF_EVENT_IOC_SET_BPF, programFd, what);
}

function ioctl(event: Handle, request: number, argument: number, what: string): void {
  const result = sys('ioctl', event.fd, request, argument);
  if (result < 0) throw systemCallFailed('ioctl', -result, what, SET_BPF_HINTS[-result]);
}

const HINTS: Readonly<Record<number, string>> = {
  [ERRNO.ENOENT]: 'this machine has no such counter; virtual machines often have only the software ones',
  [ERRNO.EOPNOTSUPP]: 'this machine has no such counter; virtual machines often have only the software ones',
  3: 'no such process',
};

export const SET_BPF_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EINVAL]: 'cookies came with Linux 5.15; or the program reads beyond the fields of this tracepoint',
  [ERRNO.EACCES]: 'the program reads beyond the fields of this tracepoint',
};
