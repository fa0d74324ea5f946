import { EXIT } from '@skep/base';
import { probeKernel } from 'skep';
import type { Call } from '../command.ts';
import { writeOutput } from '../output.ts';

/** `skep probe-kernel -o my-kernel.json` */
export async function execute(call: Call): Promise<number> {
  const { io } = call;
  const measured = probeKernel();
  const path = call.options.text('output') ?? '-';
  writeOutput(io, path, `${JSON.stringify(measured, undefined, 1)}\n`);
  const { probes, programs, release } = measured;
  io.err(
    `Linux ${release}: ${programs.length} types of programs, ${probes.loads} probes in ${(probes.ms / 1000).toFixed(1)} s\n`,
  );
  return EXIT.ok;
}
