import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Whether a program that tests compare with is there. */
export function have(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

export const HAVE_CLANG = have('clang-19');

/** Debian keeps <asm/types.h> in a folder of the machine's, which clang does not search for BPF. */
const HEADERS = HAVE_CLANG
  ? readdirSync('/usr/include').flatMap((name) => (name.endsWith('-linux-gnu') ? [`-I/usr/include/${name}`] : []))
  : [];

/** What clang makes of C source: an object for BPF with BTF. */
export function clang(source: string, ...options: string[]): Uint8Array {
  return inFolder((folder) => {
    writeFileSync(join(folder, 'in.bpf.c'), source);
    execFileSync('clang-19', ['-target', 'bpf', '-O2', '-g', '-c', 'in.bpf.c', '-o', 'out.o', ...HEADERS, ...options], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return new Uint8Array(readFileSync(join(folder, 'out.o')));
  });
}

/** stdout and stderr of a program given the bytes as the last argument, a file. */
export function runOn(bytes: Uint8Array, program: string, ...args: string[]): { status: number; out: string } {
  return inFolder((folder) => {
    const file = join(folder, 'input.o');
    writeFileSync(file, bytes);
    const run = spawnSync(program, [...args, file], { encoding: 'utf8', maxBuffer: 1 << 28 });
    return { status: run.status ?? -1, out: run.stdout + run.stderr };
  });
}

/** What this process has computed so far: the clock of a busy machine says little. */
export function cpuMilliseconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function inFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'skep-object-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
