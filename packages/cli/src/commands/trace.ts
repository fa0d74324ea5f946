import { renderDiagnostics } from '@skep/base';
import { executeTrace } from '@skep/tools';
import type { Call } from '../command.ts';

/** `skep trace 'SCRIPT' | FILE.bt [parameters] [-- --option=value]` */
export async function execute(call: Call): Promise<number> {
  const { options, io } = call;
  const mode = options.flag('test')
    ? 'test'
    : options.flag('bench')
      ? 'bench'
      : (options.text('mode') as 'test' | 'bench' | undefined);
  return executeTrace(
    {
      expressions: options.list('expression'),
      args: call.args,
      trailing: call.trailing,
      home: options.text('home') as 'auto' | 'kernel' | 'vm',
      replay: options.text('replay'),
      json: options.text('format') === 'json',
      quiet: options.flag('quiet'),
      verbose: options.flag('verbose'),
      list: options.flag('list'),
      unsafe: options.flag('unsafe'),
      helperErrors: options.flag('helperErrors'),
      warnings: options.flag('warnings'),
      dryRun: options.flag('dryRun'),
      emit: options.text('emit'),
      output: options.text('output'),
      pid: options.text('pid'),
      command: options.text('cmd'),
      includes: options.list('include'),
      mode,
      only: options.text('probeFilter'),
    },
    {
      out: (text) => io.out(text),
      err: (text) => io.err(text),
      signal: io.signal,
      diagnose: (list) => io.err(`${renderDiagnostics(list, { color: io.color })}\n`),
    },
  );
}
