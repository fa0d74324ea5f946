import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { EXIT, renderDiagnostics, SkepError } from '@skep/base';
import { areProbes, executeTool, executeTrace, optionName, PROBES_ONLY, refusedOptions, traceTool } from '@skep/tools';
import type { Call } from '../command.ts';
import { onlyForProbes } from '../diagnostics.ts';

/** `skep trace 'SCRIPT' | FILE.bt [parameters] [-- --option=value]`, or `skep trace PROBE… [-- COMMAND]` */
export async function execute(call: Call): Promise<number> {
  const { options, io } = call;
  if (options.list('expression').length === 0 && !options.flag('list') && areProbes(call.args, isFile))
    return probes(call);
  const misplaced = [...PROBES_ONLY, ...refusedOptions(traceTool)].find(({ flags, value }) => {
    const name = optionName(flags);
    return value === undefined
      ? options.flag(name)
      : options.text(name) !== undefined || options.number(name) !== undefined;
  });
  if (misplaced) throw new SkepError(onlyForProbes(misplaced.flags), EXIT.usage);
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
      record: options.text('record'),
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
      duration: options.number('duration'),
      includes: options.list('include'),
      debugInfo: options.list('debuginfo'),
      mode,
      only: options.text('probeFilter'),
    },
    {
      out: (text) => io.out(text),
      err: (text) => io.err(text),
      signal: io.signal,
      attached: () => io.heed(),
      diagnose: (list) => io.err(`${renderDiagnostics(list, { color: io.color })}\n`),
    },
  );
}

/** Probes of bcc's kind, with the options of this command by the names that tools have for them. */
async function probes(call: Call): Promise<number> {
  const { options, io } = call;
  const path = options.text('output');
  const file = path === undefined ? undefined : openSync(path, 'w');
  try {
    return await executeTool(traceTool, {
      args: call.args,
      trailing: call.trailing,
      options: {
        text(name) {
          if (name === 'output') return options.text('format') === 'json' ? 'jsonl' : 'table';
          return options.text(name === 'command' ? 'cmd' : name);
        },
        number: (name) => options.number(name === 'count' ? 'maxEvents' : name),
        flag: (name) => options.flag(name),
        list: (name) => options.list(name),
      },
      attached: () => io.heed(),
      io: { ...io, out: file === undefined ? (text) => io.out(text) : (text) => writeSync(file, text) },
    });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
