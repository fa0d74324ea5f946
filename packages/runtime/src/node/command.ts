import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SkepError } from '@skep/base';

/**
 * A command whose process exists, with its final pid, but does not run yet: a shell that stops itself and then becomes
 * the command. So programs can be told its pid and be attached before its first instruction.
 */
export class HeldCommand {
  readonly pid: number;
  readonly command: readonly string[];
  /** The exit code when it ends: 128 + n when signal n ended it, 127 when there is no such command. */
  readonly ended: Promise<number>;
  private readonly child: ChildProcess;
  /** Ends the shell when we end first: what is stopped would stay so for ever. */
  private readonly watcher: ChildProcess;
  private running = true;

  private constructor(child: ChildProcess, command: readonly string[]) {
    this.child = child;
    this.command = command;
    this.pid = child.pid!;
    this.watcher = spawn('/bin/sh', ['-c', WATCH, 'sh', String(this.pid)], { stdio: ['pipe', 'ignore', 'ignore'] });
    this.watcher.unref();
    // It may be gone before it is told to go.
    this.watcher.on('error', () => {}).stdin!.on('error', () => {});
    this.ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        this.running = false;
        resolve(code ?? (signal ? 128 + (SIGNALS[signal] ?? 0) : 1));
      });
    });
  }

  /** Its output goes to `stderr`, so that it does not mix with the rows on stdout; or to our stdout, where that is wanted. */
  static async start(command: readonly string[], options: { readonly stdout?: 'inherit' } = {}): Promise<HeldCommand> {
    const child = spawn('/bin/sh', ['-c', 'kill -STOP $$; exec "$@"', 'sh', ...command], {
      stdio: ['inherit', options.stdout ?? 2, 2],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(new SkepError(cannotStart(command[0]!, error.message))));
    });
    const held = new HeldCommand(child, command);
    await held.stopped();
    return held;
  }

  go(): void {
    this.watcher.stdin!.end('\n');
    if (this.running) this.child.kill('SIGCONT');
  }

  /** Ends it, whatever it does. */
  kill(): void {
    this.watcher.stdin!.end('\n');
    if (!this.running) return;
    this.child.kill('SIGKILL');
  }

  /** Waits until the shell has stopped itself: letting it go before would be lost. */
  private async stopped(): Promise<void> {
    for (let i = 0; i < 2000 && this.running; i++) {
      if (processState(this.pid) !== undefined && processState(this.pid) !== 'T')
        await new Promise((resolve) => setTimeout(resolve, 1));
      else return;
    }
  }
}

/** Ctrl-C reaches it too, as everything in the terminal's foreground. */
const WATCH = 'trap "" INT TERM HUP; read _ || kill -KILL "$1"';

/** The letter in /proc/PID/stat behind the name, which may itself hold parentheses. */
function processState(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  } catch {
    return undefined;
  }
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

const cannotStart = (name: string, why: string) =>
  ({
    code: 'E8013',
    severity: 'error',
    message: `the command ${name} cannot be started: ${why}`,
    help: 'check its name and path',
  }) as const;
