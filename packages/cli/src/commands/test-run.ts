import { EXIT, SkepError } from '@skep/base';
import { duration, parseFormat, SCHEMA, toJson } from '@skep/view';
import { type HomeName, testRun, type Value } from 'skep';
import type { Call } from '../command.ts';
import { chooseProgram } from '../diagnostics.ts';
import { explained } from '../refusal.ts';
import { dataOf, globalsOf, openArgument } from './shared.ts';

/** `skep test-run FILE --program NAME` */
export async function execute(call: Call): Promise<number> {
  return explained(call, () => runOnce(call));
}

async function runOnce(call: Call): Promise<number> {
  const { options, io } = call;
  const format = parseFormat(options.text('output') ?? 'table');
  const { spec } = await openArgument(call);
  const names = spec.programs.map((one) => one.name);
  const program = options.text('program') ?? (names.length === 1 ? names[0] : undefined);
  if (program === undefined) throw new SkepError(chooseProgram(names), EXIT.usage);
  const globals = globalsOf(call);
  const result = testRun(Object.keys(globals).length > 0 ? spec.with(globals) : spec, {
    home: options.text('home') as HomeName,
    program,
    data: dataOf(options.text('data')),
    context: dataOf(options.text('ctx')),
    repeat: options.number('repeat') ?? 1,
    trace: (text) => io.err(text.endsWith('\n') ? text : `${text}\n`),
  });
  if (format.kind === 'json' || format.kind === 'jsonl') {
    io.out(`${toJson({ schema: SCHEMA, ...result }, format.kind === 'json' ? 2 : 0)}\n`);
    return EXIT.ok;
  }
  io.out(`home    ${result.home}\nretval  ${result.retval}\ntime    ${duration(result.nsPerRun)} per run\n`);
  if (result.dataOut) io.out(`data    ${result.dataOut.length} bytes: ${toJson(result.dataOut).slice(1, -1)}\n`);
  for (const [name, entries] of Object.entries(result.maps)) {
    if (entries.length > 0) io.out(`${name}:\n`);
    for (const [key, value] of entries as [Value, Value][]) io.out(`  ${toJson(key)}: ${toJson(value)}\n`);
  }
  return EXIT.ok;
}
