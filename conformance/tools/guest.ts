import { spawn } from 'node:child_process';
import { executeTool, optionName, optionsOf, TOOLS } from '@skep/tools';
import { Command } from 'commander';
import { COMPARISONS, type Comparison, type Document } from './comparisons.ts';
import { peerEnvironment } from './peers.mjs';

/** Runs in a guest: `ROOT [tool…]`; a line of JSON for each comparison. */
async function main([root, ...only]: readonly string[]): Promise<void> {
  for (const one of COMPARISONS) {
    if (only.length > 0 && !only.includes(one.tool)) continue;
    const start = performance.now();
    const found = await compare(one, root!).catch((error: unknown) => ({ failed: String(error) }));
    console.log(
      JSON.stringify({ tool: one.tool, seconds: Math.round((performance.now() - start) / 100) / 10, ...found }),
    );
  }
}

async function compare(one: Comparison, root: string) {
  const [program, ...args] = one.peer;
  const peer = spawn('stdbuf', ['-oL', `${root}/usr/sbin/${program}`, ...args], {
    env: { ...process.env, ...peerEnvironment(root) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  let complaints = '';
  let ready = () => {};
  const begun = new Promise<void>((resolve) => {
    ready = resolve;
  });
  peer.stdout.on('data', (data: Buffer) => {
    text += data;
    ready();
  });
  peer.stderr.on('data', (data: Buffer) => {
    complaints += data;
  });
  const ended = new Promise<void>((resolve) => peer.on('close', () => resolve()));
  // What prints nothing before it ends is given time to attach.
  await Promise.race([begun, ended, pause(one.ends ? 8000 : 30_000)]);
  await pause(500);

  const stop = new AbortController();
  let out = '';
  let err = '';
  const { args: toolArgs, options } = parse(one.tool, [...one.args, '-o', 'json']);
  let attached = () => {};
  const watching = new Promise<void>((resolve) => {
    attached = resolve;
  });
  const tool = executeTool(TOOLS.find((each) => each.name === one.tool)!, {
    args: toolArgs,
    trailing: [],
    options,
    attached: () => attached(),
    io: {
      out: (some) => {
        out += some;
      },
      err: (some) => {
        err += some;
      },
      color: false,
      signal: stop.signal,
    },
  });
  await Promise.race([watching, tool]);
  const work = spawn('/bin/sh', ['-c', one.workload], { stdio: 'ignore' });
  await new Promise((resolve) => work.on('close', resolve));
  await pause(1000);
  stop.abort();
  await tool;
  if (!one.ends) peer.kill('SIGINT');
  await Promise.race([ended, pause(40_000)]);
  peer.kill('SIGKILL');
  return {
    ours: one.ours(JSON.parse(out) as Document).sort(),
    theirs: one.theirs(text).sort(),
    ...(process.env['SKEP_SHOW'] && { text, out: out.slice(0, 4000) }),
    complaints: complaints.slice(0, 500),
    err,
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function parse(tool: string, argv: readonly string[]) {
  const table = optionsOf(TOOLS.find((one) => one.name === tool)!);
  const command = new Command().exitOverride().allowExcessArguments();
  for (const option of table)
    command.option(option.value ? `${option.flags} <value>` : option.flags, option.summary, option.fallback);
  command.parse([...argv], { from: 'user' });
  const values = command.opts() as { readonly [name: string]: unknown };
  const kinds = new Map(table.map((one) => [optionName(one.flags), one.kind]));
  return {
    args: command.args,
    options: {
      text: (name: string) => (typeof values[name] === 'string' ? (values[name] as string) : undefined),
      number: (name: string) => (kinds.get(name) && values[name] !== undefined ? Number(values[name]) : undefined),
      flag: (name: string) => values[name] === true,
      list: () => [],
    },
  };
}

void main(process.argv.slice(2)).then(() => process.exit());
