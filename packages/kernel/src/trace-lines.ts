import { closeSync, constants, mkdirSync, openSync, readdirSync, readSync, rmdirSync, writeFileSync } from 'node:fs';
import { readText } from './sys/files.ts';
import { mountPrivately } from './sys/private-mount.ts';
import { tracefsRoot } from './tracefs.ts';

/**
 * What programs print (`bpf_trace_printk`), of all programs of the machine: the kernel does not say which one it was. Read from a
 * trace instance of our own, so that other readers of `trace_pipe` lose nothing; where none can be made, from `trace_pipe`.
 */
export class TraceLines {
  private readonly instance: string | undefined;
  private readonly fd: number;
  private readonly take: (text: string) => void;
  private readonly timer: NodeJS.Timeout;
  private rest = '';
  private closed = false;

  /** Undefined where tracefs cannot be reached. */
  static open(take: (text: string) => void): TraceLines | undefined {
    const root = tracefsRoot();
    if (root === undefined) return undefined;
    const instance = makeInstance(root) ?? makeInstance(mountPrivately('tracefs', 'writable'));
    try {
      const pipe = `${instance ?? root}/trace_pipe`;
      return new TraceLines(instance, openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK), take);
    } catch {
      if (instance !== undefined) rmdirSync(instance);
      return undefined;
    }
  }

  private constructor(instance: string | undefined, fd: number, take: (text: string) => void) {
    this.instance = instance;
    this.fd = fd;
    this.take = take;
    this.timer = setInterval(() => this.drain(), INTERVAL).unref();
  }

  /** Hands over the lines that are there. */
  drain(): void {
    if (this.closed) return;
    const chunk = Buffer.alloc(1 << 16);
    for (;;) {
      let count: number;
      try {
        count = readSync(this.fd, chunk, 0, chunk.length, null);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') break;
        throw error;
      }
      if (count === 0) break;
      this.rest += chunk.toString('utf8', 0, count);
    }
    const lines = this.rest.split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) {
      const text = messageOf(line);
      if (text !== undefined) this.take(text);
    }
  }

  close(): void {
    if (this.closed) return;
    this.drain();
    this.closed = true;
    clearInterval(this.timer);
    closeSync(this.fd);
    if (this.instance !== undefined) rmdirSync(this.instance);
  }
}

/** Milliseconds. */
const INTERVAL = 25;

/**
 * `task-pid [cpu] flags time: bpf_trace_printk: text`. What other events of the trace wrote is left out; what the kernel lost is
 * told; what stands without a head goes on the line before.
 */
function messageOf(line: string): string | undefined {
  const printed = /^.{16,}?\s\[\d+\]\s.*?:\sbpf_trace_printk: (.*)$/.exec(line);
  if (printed) return printed[1]!;
  if (/^CPU:\d+ \[LOST \d+ EVENTS\]/.test(line)) return line;
  // A text that ends a line by itself leaves an empty one behind.
  return line === '' || /\s\[\d+\]\s.*\s[\d.]+: /.test(line) ? undefined : line;
}

/** `instances/skep-PID`. Those of processes that were killed are taken away on the way. */
function makeInstance(root: string | undefined): string | undefined {
  if (root === undefined) return undefined;
  const own = `${root}/instances/skep-${process.pid}`;
  try {
    for (const name of readdirSync(`${root}/instances`)) {
      const pid = /^skep-(\d+)$/.exec(name)?.[1];
      if (pid !== undefined && (readText(`/proc/${pid}/comm`) === undefined || Number(pid) === process.pid)) {
        rmdirSync(`${root}/instances/${name}`);
      }
    }
    mkdirSync(own);
  } catch {
    return undefined;
  }
  try {
    writeFileSync(`${own}/events/bpf_trace/bpf_trace_printk/enable`, '1');
    return own;
  } catch {
    rmdirSync(own);
    return undefined;
  }
}
