import { suggest } from '@skep/base';
import { bpf } from '../bpf/call.ts';
import { ATTACH } from '../bpf/constants.ts';
import { noSuchKernelFunction, systemCallFailed, unknownRawTracepoint } from '../diagnostics.ts';
import { kernelBtf, rawTracepointNames } from '../kernel-btf.ts';
import type { Program } from '../program.ts';
import { cBytes } from '../sys/c-string.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { kernelRelease } from '../sys/release.ts';
import { Link } from './link.ts';

/** `sys_enter`, `sched_switch`: the tracepoint itself, its arguments untyped. */
export function attachRawTracepoint(program: Program, name: string): Link {
  const what = `raw tracepoint ${name}`;
  const result = bpf('BPF_RAW_TRACEPOINT_OPEN', { name: cBytes(name), prog_fd: program.fd });
  if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
  if (result === -ERRNO.ENOENT) throw unknownRawTracepoint(name, nearestRawTracepoint(name), kernelRelease());
  throw systemCallFailed('BPF_RAW_TRACEPOINT_OPEN', -result, what, RAW_HINTS[-result]);
}

/** Where the program was loaded for (`attachBtfId`): tp_btf, fentry, fexit, fmod_ret, lsm. */
export function attachTracing(program: Program): Link {
  const what = `kernel type ${program.attachBtfId}`;
  const result = bpf('BPF_RAW_TRACEPOINT_OPEN', { prog_fd: program.fd });
  if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
  throw systemCallFailed('BPF_RAW_TRACEPOINT_OPEN', -result, `program ${program.name}`);
}

/**
 * The `attachBtfId` that a program of type BPF_PROG_TYPE_TRACING or BPF_PROG_TYPE_LSM is loaded with: a tracepoint, a
 * security hook or a function, by the kernel's name and by the program's attach type.
 */
export function attachTarget(attachType: number, name: string): number {
  const btf = kernelBtf();
  if (attachType === ATTACH.BPF_TRACE_RAW_TP) {
    const id = btf.find(`btf_trace_${name}`, 'typedef');
    if (id === undefined) throw unknownRawTracepoint(name, nearestRawTracepoint(name), kernelRelease());
    return id;
  }
  const func = attachType === ATTACH.BPF_LSM_MAC ? `bpf_lsm_${name}` : name;
  const id = btf.find(func, 'func');
  if (id === undefined) throw noSuchKernelFunction(name, undefined);
  return id;
}

const RAW_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EINVAL]: 'the program reads more arguments than this tracepoint has',
};

function nearestRawTracepoint(name: string): string | undefined {
  try {
    return suggest(name, rawTracepointNames());
  } catch {
    return undefined;
  }
}
