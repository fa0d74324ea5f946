import { executeReplay } from '@skep/tools';
import type { Command } from '../command.ts';

/** `skep replay FILE [--tool NAME]` */
export const REPLAY_COMMAND: Command = {
  name: 'replay',
  summary: 'Show what the tools of a recording saw, on any machine',
  argument: { name: 'file', summary: 'a recording of `skep record` or of a tool', required: true },
  options: [
    { flags: '--tool', value: 'name', summary: 'only this tool (default: all in turn)' },
    { flags: '--filter', value: 'expression', summary: 'only rows for which this is so' },
    {
      flags: '-o, --output',
      value: 'format',
      summary: 'table, wide, json, jsonl, yaml, none, or columns=NAME,NAME',
      fallback: 'table',
    },
  ],
  examples: [
    { line: 'skep replay night.skep', does: 'all tools, one after the other' },
    { line: 'skep replay night.skep --tool opensnoop -o jsonl', does: 'one of them, as JSON lines' },
  ],
  load: async () => ({
    execute: ({ args, options, io }) =>
      executeReplay({
        path: args[0]!,
        tool: options.text('tool'),
        filter: options.text('filter'),
        output: options.text('output') ?? 'table',
        io,
      }),
  }),
};
