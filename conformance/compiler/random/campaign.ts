import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { type Host, kernel } from 'skep';
import {
  compileClang,
  compileSkep,
  newVm,
  type Outcome,
  runNative,
  runObject,
  SETTINGS,
  type Setting,
} from './check.ts';
import { generateProgram } from './generate.ts';
import { bpfSource, type Program } from './program.ts';
import { reduce } from './reduce.ts';

export interface CampaignOptions {
  readonly first: number;
  readonly programs: number;
  /** No new batch is begun after so long. */
  readonly seconds: number;
  /** Of so many programs one runs in the kernel too, where that may be used; default 1. */
  readonly kernelEvery?: number;
  /** Each program at one level, in turn, instead of at all four: thrice as many programs in the time. */
  readonly fewer?: boolean;
  /** Programs that the host's compiler gets at once: starting it takes as long as compiling a few. Default 20. */
  readonly batch?: number;
  readonly log: (line: string) => void;
}

export interface Campaign {
  programs: number;
  runs: number;
  /** What was seen, with the file where the smallest program that shows it lies. */
  readonly differences: string[];
}

/** Of so many programs that run in the kernel one is compiled by clang too. */
const CLANG_EVERY = 10;
/** Programs that one virtual machine sees: it keeps what they were. */
const MACHINE = 500;
const REDUCE_SECONDS = 60;
/** At most so many differences are taken apart; the first ones are the ones that matter. */
const MOST = 5;

/**
 * Compares what random programs compute: skep at every level and instruction set in the virtual machine and, where it
 * may be used, in the kernel, with the host's compiler and, now and then, clang's object in the same two homes.
 */
export function check(options: CampaignOptions): Campaign {
  const { log, batch: size = 20, kernelEvery = 1, fewer = false } = options;
  const report: Campaign = { programs: 0, runs: 0, differences: [] };
  const inKernel = permitted().ok ? kernel() : undefined;
  if (inKernel === undefined) log('random C: without the kernel, which may not be used here');
  const clang = spawnSync('clang-19', ['--version'], { stdio: 'ignore' }).status === 0;
  const refusals = new Map<string, number>();
  const start = performance.now();
  let said = start;
  let machines = newMachines();
  let next = MACHINE;
  for (let seed = options.first; report.programs < options.programs; seed += size) {
    const now = performance.now();
    if (now - start > options.seconds * 1000 || report.differences.length >= MOST) break;
    if (now - said > 60_000) {
      said = now;
      log(`random C: ${report.programs} programs, ${report.runs} runs, ${report.differences.length} differences`);
    }
    if (report.programs >= next) {
      machines = newMachines();
      next += MACHINE;
    }
    const count = Math.min(size, options.programs - report.programs);
    const batch = Array.from({ length: count }, (_, i) => generateProgram(seed + i));
    const expected = runNative(batch);
    programs: for (const [i, program] of batch.entries()) {
      const wanted = expected[i];
      report.programs += 1;
      if (wanted === undefined) {
        count1(refusals, 'gcc');
        continue;
      }
      const number = seed + i;
      const everywhere = inKernel !== undefined && number % kernelEvery === 0;
      for (const [turn, setting] of settingsFor(number, fewer).entries()) {
        const machine = machines[((fewer ? number >> 4 : number) + turn) % 2]!;
        const compiled = compileSkep(program, setting, number % 8 === 0);
        for (const home of everywhere ? [machine, inKernel] : [machine]) {
          report.runs += 1;
          const outcome = 'object' in compiled ? runObject(compiled.object, home) : compiled.outcome;
          if (outcome.kind === 'refused') count1(refusals, `${home.kind} ${setting.level} ${outcome.why}`);
          if (isRight(outcome, wanted)) continue;
          report.differences.push(explain(program, setting, home, outcome, wanted, log));
          continue programs;
        }
      }
      if (clang && everywhere && (number / kernelEvery) % CLANG_EVERY === 0)
        compareClang(program, wanted, [machines[0]!, inKernel], report, refusals);
    }
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  log(
    `random C: ${report.programs} programs, ${report.runs} runs, ${report.differences.length} differences, ${seconds} s`,
  );
  for (const [why, times] of [...refusals].sort((a, b) => b[1] - a[1]).slice(0, 30)) log(`  refused ${times}: ${why}`);
  return report;
}

const LEVELS = [...new Set(SETTINGS.map(({ level }) => level))];

/** Every level, each with one instruction set in turn; one program in sixteen on level 2 with all of them. */
function settingsFor(seed: number, fewer: boolean): Setting[] {
  const only = LEVELS[seed % LEVELS.length];
  return SETTINGS.filter(({ level }, i) => {
    if (fewer) return level === only && i % 4 === (seed >> 2) % 4;
    return (level === 2 && seed % 16 === 0) || i % 4 === ((seed >> 1) + (i >> 2)) % 4;
  });
}

function newMachines(): [interpreter: Host, jit: Host] {
  return [newVm('interpreter'), newVm('jit')];
}

function isRight(outcome: Outcome, wanted: bigint): boolean {
  return outcome.kind === 'refused' || (outcome.kind === 'result' && outcome.value === wanted);
}

function compareClang(
  program: Program,
  wanted: bigint,
  homes: readonly Host[],
  report: Campaign,
  refusals: Map<string, number>,
): void {
  const object = compileClang(program, 'v3');
  if (object === undefined) return;
  for (const home of homes) {
    const outcome = runObject(object, home);
    report.runs += 1;
    if (outcome.kind === 'refused') count1(refusals, `${home.kind} clang ${outcome.why}`);
    if (!isRight(outcome, wanted))
      report.differences.push(`${program.name}: clang's object in the ${home.kind}: ${show(outcome)}`);
  }
}

/** Makes the program smaller as long as it still goes wrong in the same way, and writes it to a file. */
function explain(
  program: Program,
  setting: Setting,
  home: Host,
  outcome: Outcome,
  wanted: bigint,
  log: (line: string) => void,
): string {
  const title = `${program.name} -O${setting.level} -mcpu=${setting.cpu} in the ${home.kind}`;
  log(`random C: ${title}: ${show(outcome)}, not ${wanted}; reducing`);
  const start = performance.now();
  const small = reduce(program, (candidate) => {
    if (performance.now() - start > REDUCE_SECONDS * 1000) return false;
    const compiled = compileSkep(candidate, setting, outcome.kind === 'broken');
    const got = 'object' in compiled ? runObject(compiled.object, home) : compiled.outcome;
    if (got.kind === 'broken') return outcome.kind === 'broken' && alike(got.message, outcome.message);
    if (got.kind !== outcome.kind) return false;
    const [right] = runNative([candidate]);
    return right !== undefined && !isRight(got, right);
  });
  const file = join(tmpdir(), `skep-${program.name}-O${setting.level}-${setting.cpu}.c`);
  writeFileSync(file, bpfSource(small));
  return `${title}: ${show(outcome)}, not ${wanted}: ${file}`;
}

function show(outcome: Outcome): string {
  return outcome.kind === 'result' ? String(outcome.value) : outcome.message.slice(0, 600);
}

/** The same mistake, at another place perhaps. */
function alike(a: string, b: string): boolean {
  const plain = (text: string) =>
    text
      .replace(/`[^`]*`|\d+|0x[0-9a-f]+|\S+\.c:\S+/g, '')
      .slice(0, 200)
      .split('\n')[0];
  return plain(a) === plain(b);
}

function count1(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
