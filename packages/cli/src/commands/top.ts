import { executeTop } from '@skep/tools';
import type { Command } from '../command.ts';

/** `skep top` */
export const TOP_COMMAND: Command = {
  name: 'top',
  summary: 'Every eBPF program of the machine, live: runs, time, share of a processor, by whom',
  description: 'It only reads. While it runs, the kernel counts runs, which costs each of them some 20 ns.',
  options: [
    { flags: '-i, --interval', value: 'time', kind: 'duration', summary: 'between tables', fallback: '1s' },
    { flags: '-n, --times', value: 'n', kind: 'integer', summary: 'so many tables (default: until Ctrl-C)' },
    {
      flags: '-o, --output',
      value: 'format',
      summary: 'table, json, jsonl, yaml, or columns=NAME,NAME',
      fallback: 'table',
    },
  ],
  examples: [
    { line: 'skep top', does: 'the busiest first, every second' },
    { line: 'skep top -n 1 -i 5s -o json', does: 'five seconds, as JSON' },
  ],
  load: async () => ({
    execute: ({ options, io }) =>
      executeTop({
        interval: options.number('interval') ?? 1000,
        times: options.number('times'),
        output: options.text('output') ?? 'table',
        io,
      }),
  }),
};
