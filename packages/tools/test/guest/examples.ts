import { spawn } from 'node:child_process';
import { Command } from 'commander';
import { executeTool, optionName, optionsOf, TOOLS, type Tool } from '../../src/index.ts';
import { words } from '../../src/trace/execute.ts';
import { TRUTHS } from './truths.ts';

/**
 * Runs the examples of the tools, as their pages show them: a line of JSON for each, with the command line and what it
 * printed. Names of tools choose some. Where an example waits for Ctrl-C, something happens, and then it gets it.
 */
export async function main(only: readonly string[]): Promise<void> {
  for (const tool of TOOLS) {
    if (only.length > 0 && !only.includes(tool.name)) continue;
    for (const { line, does } of tool.examples) {
      const shown = Object.entries(HERE).reduce((text, [from, to]) => text.replace(from, to), line);
      const found = await run(tool, shown).catch((error: unknown) => ({ failed: String(error), out: '', err: '' }));
      console.log(JSON.stringify({ tool: tool.name, does, line: shown, ...found }));
    }
  }
}

/** What examples name that a guest does not have, and what stands there in place of it. */
const HERE: { readonly [text: string]: string } = {
  ' -d sda': ' -d nullb0',
  '-t ext4': '-t tmpfs',
  ' 443': ' 5555',
  'took > 100000000': 'took > 1000000',
  'rx_kb > 1024': 'rx_kb > 1',
  'ms > 1000': 'ms > 1',
  '*worker*': 'd*',
  './program': "python3 -c 'import ctypes; keep = [ctypes.CDLL(None).malloc(123456) for i in range(10)]'",
  'fileslower 1': 'fileslower 1',
};

/** What happens under the tools for which the workload of their test shows little. */
const WORK: { readonly [tool: string]: string } = {
  capable: 'touch /tmp/one; chown 1:1 /tmp/one; su nobody -s /bin/sh -c "kill -0 1" 2> /dev/null; true',
  runqslower: 'for i in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=1M count=300 2> /dev/null & done; wait',
  profile: 'dd if=/dev/zero of=/dev/null bs=1M count=2000 2> /dev/null',
  stackcount: TRUTHS.find((one) => one.tool === 'biosnoop')!.command,
  funccount: 'ls -l /etc > /dev/null',
  funclatency: 'ls -l /etc > /dev/null',
};
const SLEEPS = `const list = []; setInterval(() => list.push(Buffer.alloc(100000)), 50)`;

async function run(tool: Tool, line: string) {
  const all = words(line.replace(/ >>? \S+$/, '')).slice(2);
  const dashes = all.indexOf('--');
  const argv = dashes < 0 ? all : all.slice(0, dashes);
  const trailing = dashes < 0 ? [] : all.slice(dashes + 1);
  const process = argv.includes('1234') ? spawn('node', ['-e', SLEEPS], { stdio: 'ignore' }) : undefined;
  const { args, options } = parse(
    tool,
    argv.map((one) => (one === '1234' ? String(process!.pid) : one)),
  );
  const stop = new AbortController();
  const written = { out: '', err: '' };
  const waits = trailing.length === 0 && options.text('command') === undefined;
  const limit = setTimeout(() => stop.abort(), 40_000);
  try {
    await executeTool(tool, {
      ...{ args, trailing, options },
      attached: () => {
        if (!waits) return;
        const work = WORK[tool.name] ?? TRUTHS.find((one) => one.tool === tool.name)!.command;
        spawn('/bin/sh', ['-c', work], { stdio: 'ignore' }).on('close', () => setTimeout(() => stop.abort(), 500));
      },
      io: {
        out: (text) => {
          written.out += text;
        },
        err: (text) => {
          written.err += text;
        },
        color: false,
        signal: stop.signal,
      },
    });
  } finally {
    clearTimeout(limit);
    process?.kill();
  }
  return written;
}

function parse(tool: Tool, argv: readonly string[]) {
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
      text: (name: string) => (typeof values[name] === 'string' ? (values[name] as string) : undefined),
      number(name: string) {
        const value = values[name];
        if (!kinds.get(name) || typeof value !== 'string') return undefined;
        const [, count, unit = 'ms'] = /^([\d.]+)(ms|s|m)?$/.exec(value) ?? [];
        return kinds.get(name) === 'duration' ? Number(count) * { ms: 1, s: 1000, m: 60_000 }[unit]! : Number(value);
      },
      flag: (name: string) => values[name] === true,
      list: (name: string) => (Array.isArray(values[name]) ? (values[name] as string[]) : []),
    },
  };
}

void main(process.argv.slice(2)).then(() => process.exit());
