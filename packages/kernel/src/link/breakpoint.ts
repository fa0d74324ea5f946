import { readdirSync } from 'node:fs';
import { PERF_TYPE_BREAKPOINT } from '@skep/abi';
import { notPermitted, systemCallFailed } from '../diagnostics.ts';
import { tryPerfEvent } from '../perf-event.ts';
import type { Program } from '../program.ts';
import { onlineCpus } from '../sys/cpus.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import type { Link } from './link.ts';
import { attachToPerfEvents, type CookieOptions } from './perf.ts';

export interface BreakpointOptions extends CookieOptions {
  /** Of a process, or of the kernel. */
  readonly address: number | bigint;
  /** Bytes; the address is a multiple of it. Of code it does not matter. */
  readonly length: 1 | 2 | 4 | 8;
  /** x86 cannot tell reads apart from writes. */
  readonly access: 'write' | 'read-write' | 'execute';
  /** All threads of this process, and those that they start; everything on the machine when not given. */
  readonly pid?: number;
}

/** Runs the program when the processor accesses this memory. A processor has few of these: four on x86-64. */
export function attachBreakpoint(program: Program, options: BreakpointOptions): Link {
  const { address, length, access, pid } = options;
  const what = `breakpoint at 0x${address.toString(16)}`;
  const attributes = {
    type: PERF_TYPE_BREAKPOINT,
    config: 0,
    period: 1,
    breakpoint: HW_BREAKPOINT[access],
    config1: address,
    // The kernel wants the size of a long for code (hw_breakpoint_arch_parse).
    config2: access === 'execute' ? 8 : length,
    inherit: pid !== undefined,
  };
  const places = pid === undefined ? onlineCpus().map((cpu) => [-1, cpu]) : threads(pid).map((one) => [one, -1]);
  const events: Handle[] = [];
  try {
    for (const [task, cpu] of places) {
      const result = tryPerfEvent(attributes, task!, cpu!);
      if (result >= 0) events.push(new Handle(result, what));
      // A thread that has ended meanwhile.
      else if (result !== -ERRNO.ESRCH || places.length === 1) fail(-result, what);
    }
  } catch (error) {
    for (const handle of events) handle.close();
    throw error;
  }
  return attachToPerfEvents(program, events, what, options);
}

/** HW_BREAKPOINT_… (include/uapi/linux/hw_breakpoint.h). */
const HW_BREAKPOINT = { write: 2, 'read-write': 3, execute: 4 } as const;

function threads(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [pid];
  }
}

function fail(errno: number, what: string): never {
  if (errno === ERRNO.EACCES || errno === ERRNO.EPERM) throw notPermitted('perf_event_open', errno, what);
  throw systemCallFailed('perf_event_open', errno, what, HINTS[errno]);
}

const HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EINVAL]: 'the address must be a multiple of the length',
  [ERRNO.ENOSPC]: 'all breakpoints of a processor are in use: there are four on x86-64',
  [ERRNO.ESRCH]: 'no such process',
  [ERRNO.ENOENT]: 'this machine has no hardware breakpoints',
  [ERRNO.EOPNOTSUPP]: 'this machine has no hardware breakpoints',
};
