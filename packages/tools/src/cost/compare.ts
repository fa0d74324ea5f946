import { EXIT, SkepError } from '@skep/base';
import { parseFormat, SCHEMA, toJson } from '@skep/view';
import { compileProbeFile, openFile, run } from 'skep';
import { nothingToTime } from '../diagnostics.ts';
import { executeTool, type ToolCall } from '../frame/execute.ts';
import { optionName, optionsOf } from '../frame/options.ts';
import { toolNamed } from '../record/record-tools.ts';
import { TOOLS } from '../tools/index.ts';
import { median, type Ratio, ratioOf } from './ratio.ts';
import { Stopwatch } from './stopwatch.ts';

export interface CompareCall {
  readonly command: readonly string[];
  /** A tool, or a program's file. */
  readonly probes: string;
  /** Pairs of runs that count, at least 2; one more warms up. */
  readonly rounds: number;
  readonly output: string;
  readonly io: ToolCall['io'];
}

interface Control {
  pause(): void;
  resume(): void;
}

/**
 * Times a command with and without probes, in turn, so that what else the machine does falls on both; the order within a
 * pair changes from pair to pair. Programs are loaded all the time, and attached only while they are to be.
 */
export async function executeCompare(call: CompareCall): Promise<number> {
  if (call.command.length === 0) throw new SkepError(nothingToTime(), EXIT.usage);
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, call.io.signal]);
  const stopwatch = new Stopwatch();
  let attached: (control: Control) => void = () => {};
  const ready = new Promise<Control>((resolve) => {
    attached = resolve;
  });
  const running = watch(call, signal, attached);
  try {
    const control = await Promise.race([ready, running.then(() => undefined)]);
    if (control === undefined) return EXIT.ok;
    const pairs: (readonly [number, number])[] = [];
    const once = async (probed: boolean): Promise<number> => {
      if (probed) control.resume();
      else control.pause();
      return stopwatch.time(call.command);
    };
    for (let i = -1; i < call.rounds && !call.io.signal.aborted; i++) {
      const first = await once(i % 2 === 0);
      const second = await once(i % 2 !== 0);
      if (i >= 0) pairs.push(i % 2 === 0 ? [second, first] : [first, second]);
    }
    if (pairs.length >= 2) show(call, pairs);
    return EXIT.ok;
  } finally {
    stop.abort();
    await stopwatch.close();
    await running.catch(() => {});
  }
}

function show(call: CompareCall, pairs: readonly (readonly [number, number])[]): void {
  const ratio = ratioOf(pairs);
  const without = median(pairs.map(([one]) => one));
  const probed = median(pairs.map(([, one]) => one));
  if (parseFormat(call.output).kind.startsWith('json')) {
    const milliseconds = { without: pairs.map(([one]) => one), with: pairs.map(([, one]) => one) };
    const result = { probes: call.probes, command: call.command, rounds: pairs.length, ...ratio, milliseconds };
    call.io.out(`${toJson({ schema: SCHEMA, ...result })}\n`);
    return;
  }
  call.io.out(
    `without: ${without.toFixed(2)} ms, with ${call.probes}: ${probed.toFixed(2)} ms (medians of ${pairs.length} rounds, in turn)\n` +
      `${verdict(ratio, call.probes)}\n`,
  );
}

/** In words; a difference is claimed only when the interval leaves out 1. */
export function verdict({ ratio, low, high }: Ratio, probes: string): string {
  const times = `${ratio.toFixed(3)} times as long (95 %: ${low.toFixed(3)} … ${high.toFixed(3)})`;
  if (low > 1) return `with ${probes} it takes ${times}`;
  if (high < 1) return `with ${probes} it takes ${times}: something else than the probes differed, measure again`;
  return `with ${probes} it takes ${times}: these rounds do not tell it from no difference; more of them would`;
}

/** Loads and attaches the probes, and reads what they send until the signal; tells how to detach and attach them. */
async function watch(call: CompareCall, signal: AbortSignal, attached: (control: Control) => void): Promise<unknown> {
  if (TOOLS.some((one) => one.name === call.probes) || !/[./]/.test(call.probes)) {
    const tool = toolNamed(call.probes);
    const fallbacks = new Map(optionsOf(tool).map((one) => [optionName(one.flags), one.fallback]));
    return executeTool(tool, {
      ...{ args: [], trailing: [] },
      options: {
        // The command is a child of this process: what a tool would see of it with -c.
        text: (name) =>
          name === 'output'
            ? 'none'
            : name === 'home'
              ? 'kernel'
              : name === 'pid'
                ? String(process.pid)
                : fallbacks.get(name),
        number: () => undefined,
        flag: () => false,
        list: () => [],
      },
      io: { ...call.io, out: () => {}, signal },
      attached,
    });
  }
  const { spec } = /\.m?ts$/.test(call.probes) ? await compileProbeFile(call.probes) : openFile(call.probes);
  const globals: { [name: string]: number } = spec.globals.includes('target_tgid') ? { target_tgid: process.pid } : {};
  return run(
    spec,
    { home: 'kernel', globals, signal, countRuns: false },
    { started: ({ control }) => attached(control), records: () => {} },
  );
}
