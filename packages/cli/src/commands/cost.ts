import { executeCompare } from '@skep/tools';
import type { Command } from '../command.ts';

/** `skep cost --with PROBES -- COMMAND` */
export const COST_COMMAND: Command = {
  name: 'cost',
  summary: 'Time a command with and without probes, in turn: the ratio with its confidence',
  trailing: { name: 'command', summary: 'what is timed; its output is thrown away' },
  options: [
    {
      flags: '--with',
      value: 'probes',
      summary: 'a tool, or a program: C source, ELF object, probes in TypeScript',
      fallback: 'opensnoop',
    },
    { flags: '--rounds', value: 'n', kind: 'integer', summary: 'pairs of runs, at least 2 (default: 20)' },
    { flags: '-o, --output', value: 'format', summary: 'table or json', fallback: 'table' },
  ],
  examples: [
    { line: 'skep cost -- ls -R /etc', does: 'what opensnoop costs a command that opens many files' },
    { line: 'skep cost --with examples/opens.bpf.c --rounds 50 -- ls', does: 'the same of a program of yours' },
  ],
  load: async () => ({
    execute: ({ options, trailing, io }) =>
      executeCompare({
        command: trailing,
        probes: options.text('with')!,
        rounds: Math.max(2, options.number('rounds') ?? 20),
        output: options.text('output') ?? 'table',
        io,
      }),
  }),
};
