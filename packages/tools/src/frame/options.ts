import { EXIT, SkepError } from '@skep/base';
import { badPids, notByProcess, refusedOption } from '../diagnostics.ts';
import type { Given, RefusedOption, Tool, ToolOption } from './tool.ts';

/** What every tool takes. */
export const COMMON: readonly ToolOption[] = [
  { flags: '-p, --pid', value: 'pids', summary: 'only this process, or these: 12,34' },
  { flags: '--cgroup', value: 'dir', summary: 'only processes of this cgroup (version 2)' },
  { flags: '-c, --command', value: 'text', summary: 'run this by a shell, show only what it does, and end with it' },
  { flags: '--filter', value: 'expression', summary: 'only rows for which this is so: `comm = sshd and uid != 0`' },
  {
    flags: '-o, --output',
    value: 'format',
    summary: 'table, wide, json, jsonl, yaml, csv, none, or columns=NAME,NAME',
    fallback: 'table',
  },
  { flags: '-d, --duration', value: 'time', kind: 'duration', summary: 'end after this time (5s, 500ms, 2m)' },
  { flags: '--count', value: 'n', kind: 'integer', summary: 'end after so many events' },
  { flags: '--record', value: 'file', summary: 'write what the programs see to this recording' },
  { flags: '--replay', value: 'file', summary: 'show a recording instead of this machine' },
  { flags: '--cost', summary: 'say what the programs and skep itself cost (counting adds some 20 ns a run)' },
  {
    flags: '--max-cpu',
    value: 'share',
    summary: 'attach only part of the time when the programs take more of a processor than this: `1%`',
  },
  { flags: '--route', value: 'name', summary: 'which hooks to use, when there are several ways' },
  {
    flags: '--home',
    value: 'home',
    summary: 'where it runs: the kernel, the virtual machine (vm), or what is possible (auto)',
    choices: ['auto', 'kernel', 'vm'],
    fallback: 'auto',
  },
];

/** What tools take that show stacks. */
export const STACKS: readonly ToolOption[] = [
  { flags: '-f, --folded', summary: 'a line for each stack, as flame graph tools read them' },
  { flags: '--flame-graph', value: 'file', summary: 'write a flame graph (SVG)' },
];

/** What tools take that show what has gathered; `[interval]` may stand behind them, too. */
export const INTERVAL: ToolOption = {
  flags: '-i, --interval',
  value: 'seconds',
  kind: 'integer',
  summary: 'how often to print',
};
/** What tools take that show a line for each event. */
export const WHEN: readonly ToolOption[] = [
  { flags: '-T, --time', summary: 'the time of day' },
  { flags: '-t, --timestamp', summary: 'when, in seconds since the first one' },
];
export const TIMESTAMP: ToolOption = { flags: '-T, --timestamp', summary: 'the time of day above each output' };

/** A tool's own options, then those of the frame whose letters and names it does not use for something else. */
export function optionsOf(tool: Tool): ToolOption[] {
  const taken = new Set(tool.options.flatMap((one) => one.flags.split(', ')));
  const common = COMMON.filter((one) => {
    const long = one.flags.split(', ').at(-1)!;
    return !taken.has(long);
  }).map((one) => {
    const [short, long] = one.flags.split(', ');
    return long !== undefined && taken.has(short!) ? { ...one, flags: long } : one;
  });
  return [...tool.options, ...common];
}

/** Those of {@link Tool.refused}, as the command parses them: hidden. */
export function refusedOptions(tool: Tool): (ToolOption & { readonly hidden: true })[] {
  return (tool.refused ?? []).map(({ flags, value, instead }) => ({
    ...{ flags, summary: instead, hidden: true as const },
    ...(value !== undefined && { value }),
  }));
}

/** Throws E9030 and E9031 for options that the tool knows but has not. */
export function checkRefused(tool: Tool, options: Pick<Given, 'text' | 'number' | 'flag'>): void {
  for (const { flags, instead } of tool.refused ?? []) {
    const name = optionName(flags);
    if (options.flag(name) || options.text(name) !== undefined) {
      throw new SkepError(refusedOption(tool.name, flags, instead), EXIT.usage);
    }
  }
  if (tool.everybody === undefined) return;
  const given =
    options.text('pid') !== undefined ? '-p' : options.text('cgroup') !== undefined ? '--cgroup' : undefined;
  if (given !== undefined) throw new SkepError(notByProcess(tool.name, given, tool.everybody), EXIT.usage);
}

/** bcc's way of naming many processes at once, by a map. */
export const BY_MAP: readonly RefusedOption[] = [
  { flags: '--cgroupmap', value: 'map', instead: 'use `--cgroup DIR`' },
  { flags: '--mntnsmap', value: 'map', instead: 'use `--cgroup DIR`, or `--filter "container = …"`' },
];
export const STACK_ROOM: RefusedOption = {
  flags: '--stack-storage-size',
  value: 'n',
  instead: 'there is room for 16384 stacks',
};

/** What tools take that count on every processor. */
export const ON_CPU: ToolOption = {
  flags: '--cpu',
  value: 'number',
  kind: 'integer',
  summary: 'only on this processor',
  global: 'target_cpu',
};

/** As many as programs/include/wanted.h has room for. */
const MOST_PIDS = 32;

/** What `-p` names, with commas between them. Throws E9038. */
export function pidsOf(options: Pick<Given, 'text'>): readonly number[] {
  const text = options.text('pid');
  if (text === undefined) return [];
  const pids = text.split(',').map((one) => (/^\s*\d+\s*$/.test(one) ? Number(one) : 0));
  if (pids.length > MOST_PIDS || pids.some((one) => one < 1 || one > 2 ** 22))
    throw new SkepError(badPids(text, MOST_PIDS), EXIT.usage);
  return pids;
}

/** `-x, --max-args` is `maxArgs`, as parsers of command lines have it; of a letter alone, the letter. */
export function optionName(flags: string): string {
  return flags
    .split(', ')
    .at(-1)!
    .replace(/^-+/, '')
    .replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
