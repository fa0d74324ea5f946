import { ATTACH, PERF_EVENTS, PERF_TYPE_TRACEPOINT, type PerfEventName } from '@skep/abi';
import { bpf } from '../bpf/call.ts';
import { systemCallFailed } from '../diagnostics.ts';
import { enablePerfEvent, openPerfEvent, SET_BPF_HINTS, setPerfEventProgram } from '../perf-event.ts';
import type { Program } from '../program.ts';
import { onlineCpus } from '../sys/cpus.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { tracepointId } from '../tracefs.ts';
import { Link } from './link.ts';

/** `syscalls`, `sys_enter_openat`. Runs the program for every process of the machine. */
export function attachTracepoint(program: Program, category: string, name: string, options: CookieOptions = {}): Link {
  const what = `tracepoint ${category}/${name}`;
  const id = tracepointId(category, name);
  const event = openPerfEvent({ type: PERF_TYPE_TRACEPOINT, config: id, period: 1 }, -1, 0, what);
  return attachToPerfEvents(program, [event], what, options);
}

export interface CookieOptions {
  /** What bpf_get_attach_cookie returns; 5.15 and later. */
  readonly cookie?: number | bigint | undefined;
}

/** Which event, how often, and where. */
export interface PerfEventOptions extends CookieOptions {
  readonly event: PerfEventName | { readonly type: number; readonly config: number };
  /** One run each this many events; or `frequency` runs a second. */
  readonly period?: number;
  /** Hertz. */
  readonly frequency?: number;
  /** Only this process (thread), on whatever CPU it runs; all of them when not given. */
  readonly pid?: number;
  /** Only these CPUs; all that are online when not given, unless there is a pid. */
  readonly cpus?: readonly number[];
}

/** Runs the program when a counter overflows: sampling. */
export function attachPerfEvent(program: Program, options: PerfEventOptions): Link {
  const event = typeof options.event === 'string' ? PERF_EVENTS[options.event] : options.event;
  const name = typeof options.event === 'string' ? options.event : `${event.type}:${event.config}`;
  const what = `perf event ${name}`;
  const pid = options.pid ?? -1;
  const cpus = options.cpus ?? (pid >= 0 ? [-1] : onlineCpus());
  const events: Handle[] = [];
  try {
    for (const cpu of cpus) events.push(openPerfEvent({ ...event, ...options }, pid, cpu, what));
  } catch (error) {
    for (const handle of events) handle.close();
    throw error;
  }
  return attachToPerfEvents(program, events, what, options);
}

/**
 * A bpf_link where the kernel has it (5.15), the ioctl before; takes the events over, also when it fails. A list of cookies
 * has one for each event.
 */
export function attachToPerfEvents(
  program: Program,
  events: Handle[],
  what: string,
  options: { readonly cookie?: CookieOptions['cookie'] | readonly CookieOptions['cookie'][] },
  fallback?: string,
): Link {
  const links: Handle[] = [];
  try {
    for (const [i, event] of events.entries()) {
      const cookie = Array.isArray(options.cookie) ? options.cookie[i] : options.cookie;
      const link = bpf('BPF_LINK_CREATE', {
        prog_fd: program.fd,
        target_fd: event.fd,
        attach_type: ATTACH.BPF_PERF_EVENT,
        'perf_event.bpf_cookie': cookie,
      });
      if (link >= 0) links.push(new Handle(link, `link of ${what}`));
      else if (link === -ERRNO.EINVAL && cookie === undefined && links.length === 0) {
        setPerfEventProgram(event, program.fd, what);
      } else throw systemCallFailed('BPF_LINK_CREATE', -link, what, SET_BPF_HINTS[-link]);
      enablePerfEvent(event, what);
    }
  } catch (error) {
    for (const handle of [...links, ...events]) handle.close();
    throw error;
  }
  return new Link(what, links.length > 0 ? 'bpf_link' : 'perf_ioctl', [...links, ...events], undefined, fallback);
}
