import { ATTACH, BPF_F_KPROBE_MULTI_RETURN } from '@skep/abi';
import { bpf } from '../bpf/call.ts';
import { noSuchKernelFunction, notBuiltIn, notPermitted, systemCallFailed } from '../diagnostics.ts';
import { findKernelSymbols, kernelFunctions, nearestKernelFunction } from '../kallsyms.ts';
import { tryPerfEvent } from '../perf-event.ts';
import type { Program } from '../program.ts';
import { u64Array, withStrings } from '../sys/c-string.ts';
import { ERRNO } from '../sys/errno.ts';
import { readText } from '../sys/files.ts';
import { Handle } from '../sys/handle.ts';
import { kernelRelease } from '../sys/release.ts';
import { unmet } from '../unsupported.ts';
import { Link } from './link.ts';
import { attachToPerfEvents, type CookieOptions } from './perf.ts';

/** A probe of one function. */
export interface KprobeOptions extends CookieOptions {
  /** At the return, not at the entry. */
  readonly return?: boolean;
  /** Bytes behind the start of the function. */
  readonly offset?: number;
}

/** On one function of the kernel, by name. Runs for every process of the machine. */
export function attachKprobe(program: Program, name: string, options: KprobeOptions = {}): Link {
  const what = `${options.return ? 'kretprobe' : 'kprobe'} ${name}${options.offset ? `+${options.offset}` : ''}`;
  return attachToPerfEvents(program, [openKprobe(name, options, what)], what, options);
}

/**
 * The name under which the kernel keeps a system call: `__x64_sys_openat`, `__arm64_sys_openat`. Programs behind it find
 * the arguments in the registers that its own argument points at.
 */
export function syscallFunction(name: string): string {
  const prefix = process.arch === 'arm64' ? '__arm64_' : '__x64_';
  for (const candidate of [`${prefix}sys_${name}`, `sys_${name}`, `__se_sys_${name}`]) {
    if (findKernelSymbols(candidate).length > 0) return candidate;
  }
  throw noSuchKernelFunction(`${prefix}sys_${name}`, nearestKernelFunction(`${prefix}sys_${name}`));
}

/** Probes of many functions by one link. */
export interface KprobeMultiOptions {
  readonly return?: boolean;
  /** Entry and return as one: the program decides at the entry whether it wants the return (6.10). */
  readonly session?: boolean;
}

/** Functions that single probes are set on at most, where the kernel cannot do it at once: each is an event of its own. */
const SINGLE_PROBES = 256;

/**
 * On many functions at once, by names or by a pattern of `*` and `?`. Where the kernel has no kprobe.multi (5.18, with
 * CONFIG_FPROBE), a probe for each of them, up to {@link SINGLE_PROBES}.
 */
export function attachKprobeMulti(
  program: Program,
  functions: string | readonly string[],
  options: KprobeMultiOptions = {},
): Link {
  const names = typeof functions === 'string' ? named(functions) : functions;
  const kind = options.session ? 'kprobe.session' : options.return ? 'kretprobe.multi' : 'kprobe.multi';
  const what = `${kind} ${typeof functions === 'string' ? functions : names.join(', ')}`;
  const result = withStrings(names, (addresses) =>
    bpf('BPF_LINK_CREATE', {
      prog_fd: program.fd,
      attach_type: options.session ? ATTACH.BPF_TRACE_KPROBE_SESSION : ATTACH.BPF_TRACE_KPROBE_MULTI,
      'kprobe_multi.flags': options.return ? BPF_F_KPROBE_MULTI_RETURN : 0,
      'kprobe_multi.cnt': names.length,
      'kprobe_multi.syms': u64Array(addresses),
    }),
  );
  if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
  const need = options.session
    ? { what: 'kprobe.session', since: '6.10', config: 'CONFIG_FPROBE', instead: 'kprobe and kretprobe' }
    : { what: 'kprobe.multi', since: '5.18', config: 'CONFIG_FPROBE', instead: 'kprobe, for each function' };
  const missing = unmet(need, 'BPF_LINK_CREATE', -result);
  if (missing === undefined) {
    if (result === -ERRNO.ESRCH || result === -ERRNO.ENOENT) throw noSuchKernelFunction(names.join(', '), undefined);
    throw systemCallFailed('BPF_LINK_CREATE', -result, what);
  }
  if (options.session || names.length > SINGLE_PROBES) throw missing;
  const events: Handle[] = [];
  try {
    for (const name of names) events.push(openKprobe(name, { return: options.return ?? false }, what));
  } catch (error) {
    for (const event of events) event.close();
    throw error;
  }
  return attachToPerfEvents(program, events, what, {}, 'a probe for each function');
}

function named(pattern: string): string[] {
  if (!/[*?]/.test(pattern)) return [pattern];
  const names = kernelFunctions(pattern);
  if (names.length === 0) throw noSuchKernelFunction(pattern, undefined);
  return names;
}

function openKprobe(name: string, options: KprobeOptions, what: string): Handle {
  const pmu = probeType('kprobe');
  if (pmu === undefined)
    throw notBuiltIn('kprobes', 'CONFIG_KPROBE_EVENTS', kernelRelease(), '', 0, 'fentry or raw_tp');
  const config = options.return ? 2 ** pmu.returnBit : 0;
  const result = withStrings([name], ([config1]) =>
    tryPerfEvent({ type: pmu.type, config, config1: config1!, config2: options.offset ?? 0 }, -1, 0),
  );
  if (result >= 0) return new Handle(result, what);
  if (result === -ERRNO.ENOENT) throw noSuchKernelFunction(name, nearestKernelFunction(name));
  if (result === -ERRNO.EACCES || result === -ERRNO.EPERM) throw notPermitted('perf_event_open', -result, what);
  throw systemCallFailed('perf_event_open', -result, what, KPROBE_HINTS[-result]);
}

const KPROBE_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EINVAL]: 'the function must not be probed: it is one that probes themselves need, or it was inlined away',
  [ERRNO.EADDRNOTAVAIL]: 'several functions have that name: the kernel does not know which one is meant',
  84: 'the offset is not at the start of an instruction',
};

/** What perf calls kprobes and uprobes; undefined where the kernel has none. */
export function probeType(kind: 'kprobe' | 'uprobe'): { type: number; returnBit: number } | undefined {
  const directory = `/sys/bus/event_source/devices/${kind}`;
  const type = readText(`${directory}/type`);
  if (type === undefined) return undefined;
  const bit = /config:(\d+)/.exec(readText(`${directory}/format/retprobe`) ?? 'config:0');
  return { type: Number(type), returnBit: Number(bit?.[1] ?? 0) };
}
