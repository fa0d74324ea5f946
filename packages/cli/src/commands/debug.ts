import { createInterface } from 'node:readline';
import { EXIT, SkepError } from '@skep/base';
import { Debugger } from '@skep/vm';
import { compileTypes, type Loaded, readRecording, type Value, type VmHost, vm } from 'skep';
import type { Call } from '../command.ts';
import { Session } from '../debug/session.ts';
import { chooseProgram } from '../diagnostics.ts';
import { dataOf, globalsOf, openArgument } from './shared.ts';

/** `skep debug FILE`: reads commands from stdin, a line each, until `quit` or the end of the input. */
export async function execute(call: Call): Promise<number> {
  const session = await prepare(call);
  const { io } = call;
  const people = process.stdin.isTTY === true;
  const lines = createInterface({ input: process.stdin, ...(people && { output: process.stdout, prompt: '(skep) ' }) });
  const stop = () => lines.close();
  io.signal.addEventListener('abort', stop);
  lines.on('SIGINT', stop);
  try {
    io.out(session.greeting());
    let last = '';
    if (people) lines.prompt();
    for await (const line of lines) {
      // As in gdb, an empty line does again what was done last, when a person is typing.
      const text = line.trim() === '' && people ? last : line;
      last = text;
      const answer = session.execute(text);
      if (answer === undefined) return EXIT.ok;
      io.out(answer);
      if (people) lines.prompt();
    }
    if (people) io.out('\n');
    return EXIT.ok;
  } finally {
    io.signal.removeEventListener('abort', stop);
    lines.close();
    session.close();
  }
}

async function prepare(call: Call): Promise<Session> {
  const { options } = call;
  const { spec } = await openArgument(call);
  const globals = globalsOf(call);
  const set = Object.keys(globals).length > 0 ? spec.with(globals) : spec;
  const replayed = options.text('replay');
  const named = options.text('program');
  const names = spec.programs.map((one) => one.name);
  const program = named ?? (names.length === 1 ? names[0] : undefined);
  if (replayed === undefined && program === undefined) throw new SkepError(chooseProgram(names), EXIT.usage);
  const recording = replayed === undefined ? undefined : await readRecording(replayed);
  const host = vm({ recording, btf: compileTypes });
  try {
    const chosen = replayed === undefined ? program : named;
    const loaded = set.load(host, { programs: chosen === undefined ? undefined : [chosen] });
    const records: { ring: string; record: Value }[] = [];
    const start =
      recording === undefined ? testRunOf(call, loaded, program!, records) : replayOf(host, loaded, records);
    const programs = [...loaded.programs.values()].map((one) => one.spec);
    return new Session({ loaded, host, records, debugger: new Debugger(host.machine, { programs, start }) });
  } catch (error) {
    host.close();
    throw error;
  }
}

type RecordList = { ring: string; record: Value }[];

function testRunOf(call: Call, loaded: Loaded, name: string, records: RecordList): () => unknown {
  const program = loaded.programs.get(name)!;
  const data = dataOf(call.options.text('data'));
  const context = dataOf(call.options.text('ctx'));
  return () => {
    records.length = 0;
    const result = program.run({ data, context });
    drain(loaded, records);
    return result;
  };
}

function replayOf(host: VmHost, loaded: Loaded, records: RecordList): () => unknown {
  loaded.attach();
  return () => {
    records.length = 0;
    let runs = 0;
    for (const some of host.replay!()) {
      runs += some;
      drain(loaded, records);
    }
    return { runs };
  };
}

function drain(loaded: Loaded, records: RecordList): void {
  for (const [ring, one] of loaded.records)
    one.drain((record) => records.push({ ring, record }), Number.POSITIVE_INFINITY);
}
