import { SkepError } from '@skep/base';
import { costWatch } from '@skep/tools';
import { histogramText, log2Buckets, toJson } from '@skep/view';
import { HeldCommand, kernel, openProbe, type ProbeFile, type Value } from 'skep';
import type { Call } from '../command.ts';
import { unknownParameter } from '../diagnostics.ts';
import { attachOptions, runProgram } from './run-program.ts';
import { compileOptions, globalsOf } from './shared.ts';

/**
 * `skep run FILE.ts`: the file's own user side (`export default`) while its probes are attached, or a table of its events,
 * and then what it counted.
 */
export async function executeProbes(call: Call): Promise<number> {
  const probe = await openProbe(call.args[0]!, compileOptions(call));
  for (const [name, value] of Object.entries(globalsOf(call)))
    if (!probe.setParam(name, value)) throw new SkepError(unknownParameter(name, probe.params), 2);
  const inKernel =
    ['replay', 'pcap', 'record'].every((name) => call.options.text(name) === undefined) &&
    call.options.text('home') !== 'vm';
  if (probe.main && inKernel) return runMain(call, probe, probe.main);
  const over = new AbortController();
  let ticking: { close(): void } | undefined;
  const [frequency] = probe.file.probes.probes.flatMap((one) => one.frequency ?? []);
  const run = () =>
    runProgram(call, () => ({ ...probe.file, spec: probe.spec }), {
      globals: {},
      subject: isSet(call, 'pid') ? undefined : probe.symbolOf('pid'),
      ...(frequency !== undefined && { frequency }),
      loaded: (loaded) => {
        probe.connect(loaded, over.signal);
        ticking = probe.tick();
      },
      ended: () => countTexts(probe),
    });
  try {
    return await run();
  } finally {
    ticking?.close();
    probe.disconnect();
  }
}

/** Until the user side, the command, the duration or Ctrl-C ends it. */
async function runMain(call: Call, probe: ProbeFile, main: () => unknown): Promise<number> {
  const { options, io } = call;
  const command = call.trailing.length > 0 ? await HeldCommand.start(call.trailing) : undefined;
  // A parameter of this name is what the user wants to watch.
  if (command && probe.params.includes('pid') && !isSet(call, 'pid')) probe.setParam('pid', command.pid);
  const stopped = new AbortController();
  const duration = options.number('duration');
  const timer = duration === undefined ? undefined : setTimeout(() => stopped.abort(), duration);
  io.signal?.addEventListener('abort', () => stopped.abort(), { once: true });
  const cost = costWatch({
    ...{ cost: options.flag('cost'), maxCpu: options.text('maxCpu') },
    ...{ name: 'skep run', err: io.err },
  });
  const session = probe.load(kernel());
  const counting = cost && session.loaded.host.countRuns?.();
  const poll = cost && setInterval(() => cost.look(), 100);
  try {
    session.attach(attachOptions(options));
    io.err(
      `attached ${probe.file.probes.probes.length} probes to Linux ${session.loaded.host.release}, compiled in ${probe.file.time.toFixed(1)} ms\n`,
    );
    cost?.start(session.loaded, session);
    const ended = Promise.resolve(main());
    command?.go();
    const aborted = new Promise<void>((resolve) =>
      stopped.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    const exitCode = await Promise.race([
      aborted.then(() => undefined),
      ...(command ? [command.ended] : []),
      ended.then(() => undefined),
    ]);
    clearInterval(poll);
    cost?.look();
    session.detach();
    // Loops over events end with what is there; others are not waited for long.
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1000).unref())]);
    for (const text of countTexts(probe)) io.out(text);
    cost?.end();
    if (exitCode) io.err(`the command ended with exit code ${exitCode}\n`);
    return 0;
  } finally {
    clearTimeout(timer);
    clearInterval(poll);
    counting?.close();
    session.close();
    command?.kill();
  }
}

function isSet(call: Call, name: string): boolean {
  return call.options.list('set').some((one) => one.startsWith(`${name}=`));
}

/** Histograms drawn, counters as lines. */
function countTexts(probe: ProbeFile): string[] {
  return probe.counts.flatMap(([name, one]) => {
    if ('slots' in one)
      return [...one.slots()].map(
        ([key, slots]) =>
          `\n${name}${key === undefined ? '' : ` ${toJson(key as Value)}`}:\n${histogramText(log2Buckets(slots.map(Number)), one.unit)}`,
      );
    const lines = [...one.entries()]
      .filter(([, count]) => count > 0n)
      .map(([key, count]) => `  ${toJson(key as Value)}: ${count}\n`);
    return lines.length === 0 ? [] : [`\n${name}:\n${lines.join('')}`];
  });
}
