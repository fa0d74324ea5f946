import { PROBES_ONLY, refusedOptions, traceTool } from '@skep/tools';
import type { Command } from '../command.ts';

/** `skep trace`, for the table of commands. */
export const TRACE_COMMAND: Command = {
  name: 'trace',
  summary: "Run a script of the bpftrace language, or probes as bcc's trace has them",
  description:
    'The script is the argument, a file, or - for stdin; what follows are its parameters $1, $2 …, and behind -- its ' +
    'options (getopt). docs/trace-language.md describes the language. What has no braces is a probe, with a filter and a ' +
    'format, and behind -- stands a command; docs/tools.md describes these.',
  argument: {
    name: 'script',
    summary: 'the script or its file, then parameters; or probes',
    required: false,
    many: true,
  },
  trailing: { name: 'options', summary: '--name=value, for the script; a command, for probes' },
  options: [
    {
      flags: '--home',
      value: 'home',
      summary: 'where it runs: the kernel, the virtual machine (vm), or what is possible (auto)',
      choices: ['auto', 'kernel', 'vm'],
      fallback: 'auto',
    },
    {
      flags: '-e, --expression',
      value: 'script',
      summary: 'a script, or a piece of it; several are put together',
      many: true,
    },
    { flags: '--record', value: 'file', summary: 'record everything that the script sees' },
    { flags: '--replay', value: 'file', summary: 'run in the virtual machine on this recording' },
    { flags: '-f, --format', value: 'format', summary: 'of the output', choices: ['text', 'json'], fallback: 'text' },
    { flags: '-o, --output', value: 'file', summary: 'write what the script prints to this file' },
    { flags: '-c, --cmd', value: 'command', summary: 'run this when everything is attached, and end with it' },
    { flags: '--duration', value: 'time', kind: 'duration', summary: 'end after this time (5s, 500ms, 2m)' },
    { flags: '-p, --pid', value: 'pid', summary: 'only this process, for probes of programs' },
    { flags: '-l, --list', summary: 'list probes: all, those that match a pattern, or those of the script' },
    {
      flags: '--emit',
      value: 'what',
      summary: 'write the program that the script becomes, as C, and do not run it',
      choices: ['c'],
    },
    { flags: '-q, --quiet', summary: 'do not say how many probes are attached' },
    { flags: '-v, --verbose', summary: 'say more; with -l, what probes give and what structs have' },
    { flags: '-k, --helper-errors', summary: 'tell when a helper of the kernel fails: bad addresses, missing entries' },
    { flags: '--unsafe', summary: 'allow what changes something: system(), signal(), override(), write_user()' },
    { flags: '--no-warnings', summary: 'show no warnings' },
    { flags: '-d, --dry-run', summary: 'compile, and end' },
    {
      flags: '--debuginfo',
      value: 'directory',
      summary: 'look here for debug information that was split off programs',
      many: true,
    },
    { flags: '--include', value: 'header', summary: 'a C header in front of the script', many: true },
    { flags: '--mode', value: 'mode', summary: 'run test or bench probes only', choices: ['test', 'bench'] },
    { flags: '--test', summary: 'as --mode test' },
    { flags: '--bench', summary: 'as --mode bench' },
    { flags: '--probe-filter', value: 'regexp', summary: 'only probes whose name matches' },
    ...PROBES_ONLY.map((one) => ({ ...one, summary: `probes: ${one.summary}` })),
    ...refusedOptions(traceTool),
  ],
  examples: [
    { line: `skep trace 'BEGIN { printf("hello\\n"); }' --home vm`, does: 'needs no root, and no Linux' },
    {
      line: `skep trace 'tracepoint:syscalls:sys_enter_openat { @[comm] = count(); }'`,
      does: 'which programs open files, counted until Ctrl-C',
    },
    { line: `skep trace -l 'tracepoint:sched:*'`, does: 'what there is to trace' },
    { line: `skep trace 'c:open "%s", arg1' -- cat /etc/hostname`, does: 'calls of a function, with an argument' },
  ],
  heedsLate: true,
  load: () => import('./trace.ts'),
};
