import { writeSync } from 'node:fs';
import type { Io } from './command.ts';

/** The process's own streams. A reader that went away (EPIPE) ends the command as a success. */
export function processIo(): Io {
  const stop = new AbortController();
  let heeded = false;
  return {
    heed() {
      if (heeded) return;
      heeded = true;
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.on(signal, () => {
          // The second time is meant seriously.
          if (stop.signal.aborted) process.exit(130);
          stop.abort(signal);
        });
      }
    },
    out: (text) => write(1, Buffer.from(text)),
    outBytes: (bytes) => write(1, bytes),
    err: (text) => write(2, Buffer.from(text)),
    // Asked only by those who draw: Node's streams take milliseconds to make.
    get terminal() {
      return process.stdout.isTTY === true;
    },
    get color() {
      return wantsColor();
    },
    signal: stop.signal,
  };
}

/** https://no-color.org, and the usual ways to say the opposite. */
function wantsColor(): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== '0';
  return process.stderr.isTTY === true && TERM !== 'dumb';
}

/** Synchronous, so that nothing is lost when the process ends, and rows and messages keep their order. */
function write(fd: 1 | 2, bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
        continue;
      }
      if (code === 'EPIPE') process.exit(0);
      throw error;
    }
  }
}
