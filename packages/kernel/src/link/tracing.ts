import { readSync } from 'node:fs';
import { ATTACH, LIMITS, PROG } from '@skep/abi';
import { suggest } from '@skep/base';
import { Btf } from '@skep/object';
import { bpf } from '../bpf/call.ts';
import {
  lsmInactive,
  noSuchKernelFunction,
  noSuchProgramFunction,
  systemCallFailed,
  unknownRawTracepoint,
} from '../diagnostics.ts';
import { btfBytesOf, programInfo } from '../inspect.ts';
import { nearestKernelFunction } from '../kallsyms.ts';
import { kernelBtf, moduleBtf, modulesWithBtf, openModuleBtf, rawTracepointNames } from '../kernel-btf.ts';
import type { Program } from '../program.ts';
import { cBytes } from '../sys/c-string.ts';
import { ERRNO } from '../sys/errno.ts';
import { readText } from '../sys/files.ts';
import { Handle } from '../sys/handle.ts';
import { kernelRelease } from '../sys/release.ts';
import { Link } from './link.ts';
import { createLink } from './link-create.ts';

/** `sys_enter`, `sched_switch`: the tracepoint itself, its arguments untyped. */
export function attachRawTracepoint(program: Program, name: string): Link {
  const what = `raw tracepoint ${name}`;
  const result = bpf('BPF_RAW_TRACEPOINT_OPEN', { name: cBytes(name), prog_fd: program.fd });
  if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
  if (result === -ERRNO.ENOENT) throw unknownRawTracepoint(name, nearestRawTracepoint(name), kernelRelease());
  throw systemCallFailed('BPF_RAW_TRACEPOINT_OPEN', -result, what, RAW_HINTS[-result]);
}

/** Of programs that were loaded for what they attach to. */
export interface TracingOptions {
  /** What bpf_get_attach_cookie returns; 5.19 and later. */
  readonly cookie?: number | bigint | undefined;
}

/** Where the program was loaded for (`attachBtfId`): tp_btf, fentry, fexit, fmod_ret, fsession, freplace, lsm. */
export function attachTracing(program: Program, options: TracingOptions = {}): Link {
  const what = `kernel type ${program.attachBtfId}`;
  if (program.type === PROG.BPF_PROG_TYPE_LSM) requireLsm();
  if (options.cookie !== undefined) {
    return createLink(
      what,
      { prog_fd: program.fd, attach_type: program.expectedAttachType, 'tracing.cookie': options.cookie },
      { what: 'cookies of fentry and fexit', since: '5.19' },
    );
  }
  const result = bpf('BPF_RAW_TRACEPOINT_OPEN', { prog_fd: program.fd });
  if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
  throw systemCallFailed('BPF_RAW_TRACEPOINT_OPEN', -result, `program ${program.name}`, TRACING_HINTS[-result]);
}

/**
 * The `attachBtfId` that a program of type BPF_PROG_TYPE_TRACING or BPF_PROG_TYPE_LSM is loaded with: a tracepoint, a
 * security hook, an iterator or a function of the kernel itself, by its name and by the program's attach type.
 */
export function attachTarget(attachType: number, name: string): number {
  const btf = kernelBtf();
  if (attachType === ATTACH.BPF_TRACE_RAW_TP) {
    const id = btf.find(`btf_trace_${name}`, 'typedef');
    if (id === undefined) throw unknownRawTracepoint(name, nearestRawTracepoint(name), kernelRelease());
    return id;
  }
  const id = btf.find(functionName(attachType, name), 'func');
  if (id === undefined) throw noSuchKernelFunction(name, nearestKernelFunction(functionName(attachType, name)));
  return id;
}

/** What a program on a function of the kernel or of a module is loaded with. */
export interface TracingTarget {
  readonly attachBtfId: number;
  /** The types of the module, to be closed after loading; undefined for the kernel itself. */
  readonly module: Handle | undefined;
}

/** As {@link attachTarget}, and in modules too. */
export function findAttachTarget(attachType: number, name: string): TracingTarget {
  const func = functionName(attachType, name);
  const kernels = attachType === ATTACH.BPF_TRACE_RAW_TP || kernelBtf().find(func, 'func') !== undefined;
  for (const module of kernels ? [] : modulesWithBtf()) {
    const id = moduleBtf(module).find(func, 'func');
    if (id !== undefined) return { attachBtfId: id, module: openModuleBtf(module) };
  }
  return { attachBtfId: attachTarget(attachType, name), module: undefined };
}

/**
 * A function of another program, for a program that replaces it (BPF_PROG_TYPE_EXT) or traces it (fentry, fexit): that
 * program's own function when `name` is not given.
 */
export function findProgramTarget(target: { readonly fd: number }, name: string | undefined): number {
  const info = programInfo(target.fd);
  const types = info.btfId === 0 ? undefined : Btf.parse(btfBytesOf(info.btfId));
  const names: string[] = [];
  for (const id of types?.ids() ?? []) {
    if (types!.kind(id) !== 'func') continue;
    const found = types!.name(id);
    // The kernel keeps fifteen characters of a program's name.
    if (name === undefined ? found.slice(0, LIMITS.objectName - 1) === info.name : found === name) return id;
    names.push(found);
  }
  throw noSuchProgramFunction(info.name, name ?? info.name, suggest(name ?? info.name, names));
}

/** An iterator: the program runs once for each object of its kind while {@link readIterator} reads. */
export function attachIterator(program: Program, options: { readonly map?: { readonly fd: number } } = {}): Link {
  const what = `iterator ${program.name}`;
  // union bpf_iter_link_info: the descriptor of a map for those that walk one.
  const info = options.map && new Uint8Array(Uint32Array.of(options.map.fd).buffer);
  return createLink(what, {
    prog_fd: program.fd,
    attach_type: ATTACH.BPF_TRACE_ITER,
    iter_info: info,
    iter_info_len: info?.length,
  });
}

/** A descriptor to read what the program prints (`bpf_seq_printf`), from the start; a new one for each reading. */
export function openIterator(link: Link): Handle {
  const fd = bpf('BPF_ITER_CREATE', { link_fd: link.fd });
  if (fd < 0) throw systemCallFailed('BPF_ITER_CREATE', -fd, link.what);
  return new Handle(fd, link.what);
}

/** All that the program prints, from the start, as text. */
export function readIterator(link: Link): string {
  using reader = openIterator(link);
  const chunk = Buffer.alloc(1 << 16);
  const parts: Buffer[] = [];
  for (;;) {
    const count = readSync(reader.fd, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(parts).toString();
    parts.push(Buffer.from(chunk.subarray(0, count)));
  }
}

/** Throws where programs on security hooks would be taken and never run. */
function requireLsm(): void {
  const active = readText('/sys/kernel/security/lsm')?.trim();
  if (active !== undefined && !active.split(',').includes('bpf')) throw lsmInactive(active);
}

function functionName(attachType: number, name: string): string {
  if (attachType === ATTACH.BPF_LSM_MAC || attachType === ATTACH.BPF_LSM_CGROUP) return `bpf_lsm_${name}`;
  return attachType === ATTACH.BPF_TRACE_ITER ? `bpf_iter_${name}` : name;
}

const RAW_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EINVAL]: 'the program reads more arguments than this tracepoint has',
};

const TRACING_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EBUSY]: 'something else holds that function: another program of this kind, or a live patch',
  [ERRNO.E2BIG]: 'too many programs are on that function (38 at most)',
};

function nearestRawTracepoint(name: string): string | undefined {
  try {
    return suggest(name, rawTracepointNames());
  } catch {
    return undefined;
  }
}
