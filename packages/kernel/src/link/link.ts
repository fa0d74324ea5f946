import { bpf } from '../bpf/call.ts';
import { systemCallFailed } from '../diagnostics.ts';
import { type LinkInfo, linkInfo, openLinkHandle } from '../inspect.ts';
import { pin } from '../pin.ts';
import { ERRNO } from '../sys/errno.ts';
import type { Handle } from '../sys/handle.ts';

/** Which mechanism of the kernel holds the program there. */
export type Via = 'bpf_link' | 'perf_ioctl' | 'netlink' | 'prog_attach' | 'setsockopt' | 'map_update';

/**
 * A program that is attached. It is detached by {@link close}, and by the end of this process: nothing is pinned, so the
 * kernel cleans up with the descriptors, also after SIGKILL; `setsockopt` and `prog_attach` end with the socket and the
 * map. What would outlive the process (`netlink`, registrations by `map_update`) a guardian undoes: see outliving.ts.
 */
export class Link {
  /** For people: `tracepoint syscalls/sys_enter_openat`. */
  readonly what: string;
  readonly via: Via;
  /** What was done in place of what this kernel lacks: `a probe for each function`. */
  readonly fallback: string | undefined;
  /** In the order of closing. */
  private readonly handles: readonly Handle[];
  private readonly undo: (() => void) | undefined;
  private ended = false;

  constructor(what: string, via: Via, handles: readonly Handle[], undo?: () => void, fallback?: string) {
    this.what = what;
    this.via = via;
    this.handles = handles;
    this.undo = undo;
    this.fallback = fallback;
  }

  get closed(): boolean {
    return this.ended;
  }

  /** Of the link itself; throws where the kernel has none. */
  get fd(): number {
    if (this.via !== 'bpf_link') throw new Error(`${this.what} has no descriptor: it is held by ${this.via}`);
    return this.handles[0]!.fd;
  }

  /** What the kernel says of it; undefined where it has no link of its own. */
  info(): LinkInfo | undefined {
    return this.via === 'bpf_link' ? linkInfo(this.handles[0]!.fd) : undefined;
  }

  /** Makes it outlive this process, as a file on a mounted bpffs; throws where the kernel has no link of its own. */
  pin(path: string): void {
    pin(this.fd, path);
  }

  /** Another program of the same kind in place of the one that is attached, without a gap. */
  update(program: { readonly fd: number }): void {
    const result = bpf('BPF_LINK_UPDATE', { link_fd: this.fd, new_prog_fd: program.fd });
    if (result < 0) throw systemCallFailed('BPF_LINK_UPDATE', -result, this.what, UPDATE_HINTS[-result]);
  }

  /** Takes the program off, whoever else holds the link; what is left of it does nothing. */
  detach(): void {
    const result = bpf('BPF_LINK_DETACH', { link_fd: this.fd });
    if (result < 0) throw systemCallFailed('BPF_LINK_DETACH', -result, this.what, DETACH_HINTS[-result]);
  }

  close(): void {
    if (this.ended) return;
    this.ended = true;
    this.undo?.();
    for (const handle of this.handles) handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A link that somebody else made, by its number or by the file that it is pinned as. Throws E5004 when there is none. */
export function openLink(which: number | string): Link {
  return new Link(`link ${which}`, 'bpf_link', [openLinkHandle(which)]);
}

const UPDATE_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EINVAL]: 'links of this kind take no other program, or not one of that type: close it, and attach anew',
};
const DETACH_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EOPNOTSUPP]: 'links of this kind end with their last holder: unpin it, or end the process that holds it',
};
