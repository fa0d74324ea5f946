import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

export interface Finished {
  /** The exit code; 128 when a signal ended it. */
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** As this user, when the tests run as root. */
  readonly uid?: number;
}

/**
 * The command as users run it, a process of its own, made of the sources as they are: what `dist` holds may be older.
 * It lies beside the installed packages, so that it finds them.
 */
export class Cli {
  readonly folder: string;
  private readonly main: string;

  private constructor(folder: string, main: string) {
    this.folder = folder;
    this.main = main;
  }

  static async make(): Promise<Cli> {
    const cache = join(ROOT, 'node_modules/.cache');
    mkdirSync(cache, { recursive: true });
    const folder = mkdtempSync(join(cache, 'skep-cli-'));
    await build({
      entryPoints: [join(ROOT, 'packages/cli/src/main.ts')],
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      conditions: ['skep-source'],
      external: ['commander', 'yaml', 'koffi', '@babel/parser'],
      logLevel: 'error',
      plugins: [
        {
          name: 'keep-urls',
          setup: ({ onLoad }) => {
            // Data files are found beside the source that names them.
            onLoad({ filter: /\/packages\/.*\.ts$/ }, ({ path }) => ({
              contents: readFileSync(path, 'utf8').replaceAll(
                'import.meta.url',
                JSON.stringify(pathToFileURL(path).href),
              ),
              loader: 'ts',
            }));
          },
        },
      ],
    });
    // Others than root must be able to read it, too.
    chmodSync(folder, 0o755);
    const main = join(folder, 'skep.mjs');
    writeFileSync(main, `import { main } from './main.mjs';\nprocess.exitCode = await main(process.argv.slice(2));\n`);
    return new Cli(folder, main);
  }

  /** The command line of a shell that runs it. */
  get shell(): string {
    return `'${process.execPath}' '${this.main}'`;
  }

  run(args: readonly string[], options: RunOptions = {}): Finished {
    const { uid, input, cwd } = options;
    const done = spawnSync(process.execPath, [this.main, ...args], {
      cwd: cwd ?? ROOT,
      env: { ...environment(), ...options.env },
      encoding: 'utf8',
      input: input ?? '',
      maxBuffer: 1 << 28,
      timeout: 120_000,
      ...(uid !== undefined && { uid, gid: uid }),
    });
    if (done.error) throw done.error;
    return { status: done.status ?? 128, out: done.stdout, err: done.stderr };
  }

  /** Runs on while the test does something; what it writes is collected. Its input stays open when it is a pipe. */
  start(args: readonly string[], options: RunOptions & { readonly stdin?: 'ignore' | 'pipe' } = {}): Running {
    const child = spawn(process.execPath, [this.main, ...args], {
      cwd: options.cwd ?? ROOT,
      env: { ...environment(), ...options.env },
      stdio: [options.stdin ?? 'ignore', 'pipe', 'pipe'],
    });
    return new Running(child);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export class Running {
  out = '';
  err = '';
  readonly ended: Promise<Finished>;
  private readonly child: ChildProcess;

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout!.on('data', (data) => {
      this.out += data;
    });
    child.stderr!.on('data', (data) => {
      this.err += data;
    });
    this.ended = new Promise((resolve) => {
      child.on('close', (code) => resolve({ status: code ?? 128, out: this.out, err: this.err }));
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Waits until what was written says so. */
  async until(holds: (running: Running) => boolean, what: string): Promise<void> {
    for (let i = 0; i < 2400; i++) {
      if (holds(this)) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    this.child.kill('SIGKILL');
    throw new Error(`waited in vain for ${what}\nstdout: ${this.out}\nstderr: ${this.err}`);
  }
}

/** Without what would colour the output or change how node warns. */
function environment(): Record<string, string> {
  const { FORCE_COLOR, NO_COLOR, NODE_OPTIONS, ...rest } = process.env;
  return { ...(rest as Record<string, string>), NODE_NO_WARNINGS: '1' };
}
