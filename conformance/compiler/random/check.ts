import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Diagnostic } from '@skep/base';
import { type Cpu, compile } from '@skep/compiler';
import { type Host, open, vm } from 'skep';
import { bpfSource, nativeSource, type Program } from './program.ts';

/** One way to compile a program with skep. */
export interface Setting {
  readonly level: 0 | 1 | 2 | 's';
  readonly cpu: Cpu;
}

export const SETTINGS: readonly Setting[] = ([0, 1, 2, 's'] as const).flatMap((level) =>
  (['v1', 'v2', 'v3', 'v4'] as const).map((cpu) => ({ level, cpu })),
);

export type Outcome =
  | { readonly kind: 'result'; readonly value: bigint }
  /** By the compiler or the kernel, with the first line of why. */
  | { readonly kind: 'refused'; readonly why: string; readonly message: string }
  /** The compiler or the virtual machine threw something that is no refusal. */
  | { readonly kind: 'broken'; readonly message: string };

/** Compiles with skep, loads into the home, runs once. */
export function runSkep(program: Program, setting: Setting, home: Host, check = false): Outcome {
  const result = compileSkep(program, setting, check);
  return 'object' in result ? runObject(result.object, home) : result.outcome;
}

export function compileSkep(
  program: Program,
  { level, cpu }: Setting,
  check = false,
): { object: Uint8Array } | { outcome: Outcome } {
  try {
    const source = { name: `${program.name}.bpf.c`, text: bpfSource(program) };
    const result = compile(source, { cpu, optimise: level, debug: check });
    if (result.ok) return { object: result.object };
    const first = result.diagnostics.find((one) => one.severity === 'error');
    return { outcome: { kind: 'refused', why: first!.code, message: first!.message } };
  } catch (error) {
    return { outcome: { kind: 'broken', message: String((error as Error).stack ?? error) } };
  }
}

/** Loads an object, of any compiler, runs it once and reads the variable `out`. */
export function runObject(object: Uint8Array, home: Host): Outcome {
  try {
    const loaded = open('random.o', object).spec.load(home);
    try {
      loaded.programs.get('run')!.run({ data: new Uint8Array(64) });
      return { kind: 'result', value: BigInt.asUintN(64, BigInt(loaded.global('out') as bigint)) };
    } finally {
      loaded.close();
    }
  } catch (error) {
    const [first] = (error as { diagnostics?: readonly Diagnostic[] }).diagnostics ?? [];
    if (home.kind === 'kernel' && first !== undefined) {
      const why = `${first.message} ${first.help ?? ''}`.replace(/\d+/g, 'N').slice(0, 200);
      return { kind: 'refused', why, message: `${first.message}: ${first.help ?? ''}` };
    }
    return { kind: 'broken', message: String((error as Error).stack ?? error) };
  }
}

/** The virtual machine, with its interpreter or with its compiler from the first run on. */
export function newVm(engine: 'interpreter' | 'jit'): Host {
  return vm(engine === 'jit' ? { compileAfter: 0 } : { engine });
}

/** The results by the host's compiler without optimisation; undefined for a program that it does not take. */
export function runNative(programs: readonly Program[]): (bigint | undefined)[] {
  const text = native(nativeSource(programs));
  if (text !== undefined) return text.trim().split('\n').map(BigInt);
  if (programs.length === 1) return [undefined];
  const half = programs.length >> 1;
  return [...runNative(programs.slice(0, half)), ...runNative(programs.slice(half))];
}

/** With clang, as an object to be run like ours; undefined when clang refuses. */
export function compileClang(program: Program, cpu: Cpu): Uint8Array | undefined {
  const { status, stdout } = spawnSync(
    'clang-19',
    [
      '-O2',
      '-g',
      '-target',
      'bpf',
      `-mcpu=${cpu}`,
      '-w',
      '-fwrapv',
      '-fno-strict-aliasing',
      '-x',
      'c',
      '-c',
      '-',
      '-o',
      '-',
    ],
    { input: bpfSource(program), maxBuffer: 1 << 26 },
  );
  return status === 0 ? new Uint8Array(stdout) : undefined;
}

const GCC = ['-O0', '-w', '-fwrapv', '-fno-strict-aliasing'];

function native(source: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'skep-random-'));
  try {
    const file = join(folder, 'program.c');
    writeFileSync(file, source);
    const { status } = spawnSync('gcc', [...GCC, file, '-o', join(folder, 'program')], { stdio: 'ignore' });
    if (status !== 0) return undefined;
    return execFileSync(join(folder, 'program'), { encoding: 'utf8', timeout: 10_000 });
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
