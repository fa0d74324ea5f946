import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { EXIT, SkepError } from '@skep/base';
import { cannotRun, commandFailed } from '../diagnostics.ts';

/** Runs commands and times them on a thread of its own, so that what this one does meanwhile is not in the time. */
export class Stopwatch {
  private readonly worker = new Worker(CODE, { eval: true });

  /** Milliseconds from its start to its end; its output is thrown away. Throws E9023, E9024. */
  async time(command: readonly string[]): Promise<number> {
    const answer = once(this.worker, 'message');
    this.worker.postMessage(command);
    const [result] = (await answer) as [{ ms: number; status: number | null; error?: string }];
    if (result.error !== undefined) throw new SkepError(cannotRun(command, result.error));
    if (result.status !== 0) throw new SkepError(commandFailed(command, result.status ?? 128), EXIT.usage);
    return result.ms;
  }

  async close(): Promise<void> {
    await this.worker.terminate();
  }
}

const CODE = `
const { parentPort } = require('node:worker_threads');
const { spawnSync } = require('node:child_process');
parentPort.on('message', ([name, ...args]) => {
  const start = process.hrtime.bigint();
  const { status, error } = spawnSync(name, args, { stdio: 'ignore' });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  parentPort.postMessage({ ms, status, ...(error && { error: error.message }) });
});
`;
