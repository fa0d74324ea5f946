import { executeRecord, GROUPS } from '@skep/tools';
import type { Command } from '../command.ts';

/** `skep record -o FILE --tools NAME,NAME [-- COMMAND]` */
export const RECORD_COMMAND: Command = {
  name: 'record',
  summary: 'Record several tools into one file, to be shown later and elsewhere',
  description: `Short names stand for several tools: ${Object.entries(GROUPS)
    .map(([name, tools]) => `${name} (${tools.join(', ')})`)
    .join('; ')}.`,
  trailing: { name: 'command', summary: 'run this, record only what it does, and end with it' },
  options: [
    { flags: '-o, --output', value: 'file', summary: 'the recording', required: true },
    { flags: '--tools', value: 'names', summary: 'which tools, with commas between them', required: true },
    { flags: '--duration', value: 'time', kind: 'duration', summary: 'end after this time (5s, 500ms, 2m)' },
  ],
  examples: [
    { line: 'skep record -o ls.skep --tools exec,open,sched -- ls /etc', does: 'everything about one command' },
    { line: 'skep replay ls.skep --tool opensnoop', does: 'what one of the tools saw' },
  ],
  load: async () => ({
    execute: ({ options, trailing, io }) =>
      executeRecord({
        path: options.text('output')!,
        tools: options
          .text('tools')!
          .split(',')
          .filter((one) => one !== ''),
        command: trailing,
        duration: options.number('duration'),
        io,
      }),
  }),
};
