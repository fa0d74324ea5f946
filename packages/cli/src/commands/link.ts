import { EXIT } from '@skep/base';
import { linkObjects } from '@skep/object';
import { readBytes } from 'skep';
import type { Call } from '../command.ts';
import { writeOutput } from '../output.ts';

/** `skep link A.o B.o -o C.o` */
export async function execute(call: Call): Promise<number> {
  const objects = call.args.map((name) => ({ name, bytes: readBytes(name) }));
  const linked = linkObjects(objects, { partial: call.options.flag('partial') });
  writeOutput(call.io, call.options.text('output')!, linked);
  return EXIT.ok;
}
