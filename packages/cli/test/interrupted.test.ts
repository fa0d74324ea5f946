import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli } from './support/cli.ts';

/** How long the end of a process may take on a busy machine. */
const SOON = 60_000;

describe('what is ended while it starts', () => {
  let cli: Cli;
  beforeAll(async () => {
    cli = await Cli.make();
  }, 60_000);
  afterAll(() => cli.remove());

  it.for(['SIGINT', 'SIGTERM'] as const)('skep trace ends at once by %s', { timeout: 150_000 }, async (signal) => {
    // It waits for its script, as it does when it compiles one: the event loop does not turn.
    const running = cli.start(['trace', '-'], { stdin: 'pipe' });
    await waiting(running.pid);
    running.signal(signal);
    const ended = await Promise.race([running.ended, pause(SOON)]);
    expect(ended?.status).toBe(128);
  });

  const missing = process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'root on Linux';
  if (missing !== undefined) console.warn(`tools are not started: it takes ${missing}`);
  it.skipIf(missing !== undefined)(
    'leaves no command behind that was not let go yet',
    { timeout: 200_000 },
    async () => {
      const mark = `98765.${process.pid}`;
      const running = cli.start(['opensnoop', '--', 'sleep', mark]);
      for (let waited = 0; waited < SOON && commands(mark).length === 0; waited += 20) await pause(20);
      running.signal('SIGTERM');
      expect((await Promise.race([running.ended, pause(SOON)]))?.status, 'by the signal').toBe(128);
      for (let waited = 0; waited < SOON && commands(mark).length > 0; waited += 20) await pause(20);
      expect(commands(mark)).toEqual([]);
    },
  );
});

/** Until its main thread reads its input: read(2) is 0 on x86-64 and 63 on arm64. */
async function waiting(pid: number): Promise<void> {
  for (let waited = 0; waited < SOON; waited += 20) {
    await pause(20);
    if (/^(0|63) 0x0 /.test(textOf(`/proc/${pid}/syscall`))) return;
  }
  throw new Error('it does not come to reading its input');
}

/** Processes with this argument. */
function commands(mark: string): string[] {
  const lines = readdirSync('/proc').filter((one) => /^\d+$/.test(one));
  const argumentsOf = (pid: string) => textOf(`/proc/${pid}/cmdline`).split('\0');
  return lines.filter((pid) => argumentsOf(pid).includes(mark) && argumentsOf(pid)[0] !== process.execPath);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // It has ended.
    return '';
  }
}

function pause(milliseconds: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
