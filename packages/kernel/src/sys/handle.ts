import { sys } from './syscalls.ts';

/** What is open in this process, for tests and `--debug`: a list that should be empty at the end. */
export interface OpenHandle {
  readonly what: string;
  readonly fd: number;
  /** Where it was opened. */
  readonly stack: string;
}

const open = new Map<Handle, Error>();

/**
 * A file descriptor with one owner, closed exactly once and never by the garbage collector: a link that silently
 * detaches is worse than one that leaks. All descriptors of bpf(2) are close-on-exec.
 */
export class Handle {
  readonly what: string;
  private number: number;

  constructor(fd: number, what: string) {
    this.number = fd;
    this.what = what;
    open.set(this, new Error(what));
  }

  get closed(): boolean {
    return this.number < 0;
  }

  /** Throws when closed: the number may belong to somebody else by now. */
  get fd(): number {
    if (this.number < 0) throw new Error(`${this.what} is closed`);
    return this.number;
  }

  close(): void {
    if (this.number < 0) return;
    sys('close', this.number);
    this.number = -1;
    open.delete(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What this process has not closed yet: tests look for leaks with it. */
export function openHandles(): OpenHandle[] {
  return [...open].map(([handle, error]) => ({
    what: handle.what,
    fd: handle.fd,
    stack: (error.stack ?? '').split('\n').slice(2).join('\n'),
  }));
}
