import { ATTACH, BPF_F_UPROBE_MULTI_RETURN } from '@skep/abi';
import { placeOf } from '../archive.ts';
import { bpf } from '../bpf/call.ts';
import { noSuchUserFunction, notBuiltIn, notPermitted, systemCallFailed } from '../diagnostics.ts';
import { Executable, findBinary, shortName } from '../executable.ts';
import { wildcard } from '../kallsyms.ts';
import { tryPerfEvent } from '../perf-event.ts';
import type { Program } from '../program.ts';
import { u64Array, withStrings } from '../sys/c-string.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { kernelRelease } from '../sys/release.ts';
import { type Need, unmet } from '../unsupported.ts';
import { probeType } from './kprobe.ts';
import { Link } from './link.ts';
import { attachToPerfEvents, type CookieOptions } from './perf.ts';

/** A place in a file, by the name of a function or by its offset in the file. */
export interface UprobeTarget {
  /** A path, or a name as {@link findBinary} takes it. */
  readonly binary: string;
  readonly function?: string | undefined;
  /** Bytes behind the start of the function, or behind the start of the file where there is no function. */
  readonly offset?: number | undefined;
}

/** A probe of one place of a file. */
export interface UprobeOptions extends CookieOptions {
  /** At the return, not at the entry. */
  readonly return?: boolean;
  /** Only in this process; in all of them when not given. */
  readonly pid?: number | undefined;
}

/** On one function of a program or library. */
export function attachUprobe(program: Program, target: UprobeTarget, options: UprobeOptions = {}): Link {
  const path = findBinary(target.binary);
  const offset = offsetIn(path, target);
  const what = `${options.return ? 'uretprobe' : 'uprobe'} ${describe(path, target)}`;
  return attachToPerfEvents(program, [openUprobe(path, offset, 0, options, what)], what, options);
}

/** One breakpoint of a file. `semaphore` is the offset of a counter that the kernel raises while it is set. */
export function openUprobe(
  path: string,
  offset: number,
  semaphore: number,
  options: UprobeOptions,
  what: string,
): Handle {
  const pmu = probeType('uprobe');
  if (pmu === undefined) throw notBuiltIn('uprobes', 'CONFIG_UPROBE_EVENTS', kernelRelease(), '', 0);
  // The semaphore's place is the upper half of the configuration (format/ref_ctr_offset).
  const config = (BigInt(semaphore) << 32n) | (options.return ? 1n << BigInt(pmu.returnBit) : 0n);
  const pid = options.pid ?? -1;
  const result = withStrings([placeOf(path)?.file ?? path], ([config1]) =>
    tryPerfEvent({ type: pmu.type, config, config1: config1!, config2: offset }, pid, pid >= 0 ? -1 : 0),
  );
  if (result >= 0) return new Handle(result, what);
  if (result === -ERRNO.EACCES || result === -ERRNO.EPERM)
    throw notPermitted('perf_event_open', -result, what, mayUprobe() ? [] : ['CAP_SYS_ADMIN']);
  throw systemCallFailed('perf_event_open', -result, what, UPROBE_HINTS[-result]);
}

/**
 * Whether this process may set uprobes at all; asked for a place where none can be. From 5.8 on CAP_PERFMON was enough; since 6.16,
 * and in the long-term kernels of summer 2025, it takes CAP_SYS_ADMIN again (perf_uprobe_event_init).
 */
export function mayUprobe(): boolean {
  const type = probeType('uprobe')?.type ?? 0;
  const result = withStrings(['/'], ([config1]) => tryPerfEvent({ type, config: 0, config1: config1! }, -1, 0));
  if (result >= 0) new Handle(result, 'uprobe').close();
  return result !== -ERRNO.EACCES && result !== -ERRNO.EPERM;
}

/** Probes of many places of a file by one link. */
export interface UprobeMultiOptions {
  readonly return?: boolean;
  readonly session?: boolean;
  readonly pid?: number | undefined;
}

/** Functions that single probes are set on at most, where the kernel cannot do it at once. */
const SINGLE_PROBES = 256;

/**
 * On many functions of one file at once, by names or by a pattern of `*` and `?`. Where the kernel has no uprobe.multi (6.6), a probe
 * for each of them, up to {@link SINGLE_PROBES}.
 */
export function attachUprobeMulti(
  program: Program,
  binary: string,
  functions: string | readonly string[],
  options: UprobeMultiOptions = {},
): Link {
  const path = findBinary(binary);
  const kind = options.session ? 'uprobe.session' : options.return ? 'uretprobe.multi' : 'uprobe.multi';
  const what = `${kind} ${shortName(path, typeof functions === 'string' ? functions : functions.join(', '))}`;
  const offsets = offsetsOf(path, functions);
  const result = createUprobeMulti(program, path, offsets, options);
  if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
  const missing = unmet(options.session ? SESSION : MULTI, 'BPF_LINK_CREATE', -result);
  if (missing === undefined) throw systemCallFailed('BPF_LINK_CREATE', -result, what, UPROBE_HINTS[-result]);
  if (options.session || offsets.length > SINGLE_PROBES) throw missing;
  const events: Handle[] = [];
  try {
    for (const offset of offsets) events.push(openUprobe(path, offset, 0, options, what));
  } catch (error) {
    for (const event of events) event.close();
    throw error;
  }
  return attachToPerfEvents(program, events, what, {}, 'a probe for each function');
}

const SESSION: Need = { what: 'uprobe.session', since: '6.13', instead: 'uprobe and uretprobe' };
const MULTI: Need = { what: 'uprobe.multi', since: '6.6', instead: 'uprobe, for each function' };

function createUprobeMulti(
  program: Program,
  path: string,
  offsets: readonly number[],
  options: UprobeMultiOptions,
): number {
  return withStrings([placeOf(path)?.file ?? path], ([address]) =>
    bpf('BPF_LINK_CREATE', {
      prog_fd: program.fd,
      attach_type: options.session ? ATTACH.BPF_TRACE_UPROBE_SESSION : ATTACH.BPF_TRACE_UPROBE_MULTI,
      'uprobe_multi.path': address!,
      'uprobe_multi.offsets': u64Array(offsets),
      'uprobe_multi.cnt': offsets.length,
      'uprobe_multi.flags': options.return ? BPF_F_UPROBE_MULTI_RETURN : 0,
      'uprobe_multi.pid': options.pid,
    }),
  );
}

function offsetsOf(path: string, pattern: string | readonly string[]): number[] {
  using file = new Executable(path);
  if (typeof pattern !== 'string') return [...new Set(pattern.map((one) => file.functionOffset(one)))];
  if (!/[*?]/.test(pattern)) return [file.functionOffset(pattern)];
  const found = [...file.functions(wildcard(pattern)).values()];
  if (found.length === 0) throw noSuchUserFunction(path, pattern, 'absent', undefined);
  return found;
}

function offsetIn(path: string, target: UprobeTarget): number {
  if (target.function === undefined) return target.offset ?? 0;
  using file = new Executable(path);
  return file.functionOffset(target.function) + (target.offset ?? 0);
}

function describe(path: string, target: UprobeTarget): string {
  const offset = target.offset ? `+0x${target.offset.toString(16)}` : '';
  return shortName(path, `${target.function ?? ''}${offset}`);
}

const UPROBE_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EINVAL]:
    'the offset is not at the start of an instruction, or on one that cannot be probed; or somebody holds a probe there with ' +
    'another counter (semaphore)',
  [ERRNO.ESRCH]: 'no such process',
  84: 'there is no instruction at that offset',
};
