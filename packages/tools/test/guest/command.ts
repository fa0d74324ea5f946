import { Command } from 'commander';
import { executeTool, optionName, optionsOf, TOOLS, type Tool } from '../../src/index.ts';

export interface Written {
  out: string;
  err: string;
}

export interface RunOptions {
  /** After `--`. */
  readonly trailing?: readonly string[];
  readonly attached?: () => void;
  readonly signal?: AbortSignal;
}

/** Runs a tool in this process; gives what it wrote also when it fails, in `written`. */
export async function runTool(
  name: string,
  argv: readonly string[],
  { trailing = [], attached, signal = new AbortController().signal }: RunOptions = {},
  written: Written = { out: '', err: '' },
): Promise<Written> {
  const tool = TOOLS.find((one) => one.name === name)!;
  await executeTool(tool, {
    ...parseCommand(tool, argv),
    trailing,
    ...(attached && { attached }),
    io: {
      out: (text) => {
        written.out += text;
      },
      err: (text) => {
        written.err += text;
      },
      color: false,
      signal,
    },
  });
  return written;
}

/** As the command parses it, from the same table. */
export function parseCommand(tool: Tool, argv: readonly string[]) {
  const table = optionsOf(tool);
  const command = new Command().exitOverride().allowExcessArguments();
  for (const option of table) {
    const flags = option.value ? `${option.flags} <value>` : option.flags;
    if (option.many) command.option(flags, option.summary, (value, before: string[]) => [...before, value], []);
    else command.option(flags, option.summary, option.fallback);
  }
  command.parse([...argv], { from: 'user' });
  const values = command.opts() as { readonly [name: string]: unknown };
  const kinds = new Map(table.map((one) => [optionName(one.flags), one.kind]));
  return {
    args: command.args,
    options: {
      text: (name: string) =>
        typeof values[name] === 'string' && !kinds.get(name) ? (values[name] as string) : undefined,
      number(name: string) {
        const value = values[name];
        if (!kinds.get(name) || value === undefined) return undefined;
        const [, count, unit = 's'] = /^([\d.]+)(ms|s|m|h)?$/.exec(String(value)) ?? [];
        return kinds.get(name) === 'duration'
          ? Number(count) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[unit]!
          : Number(value);
      },
      flag: (name: string) => values[name] === true,
      list: (name: string) => (Array.isArray(values[name]) ? (values[name] as string[]) : []),
    },
  };
}
