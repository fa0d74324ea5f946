import { readFileSync, rmSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { Command } from 'commander';
import { executeTool, optionName, optionsOf, TOOLS } from '../../src/index.ts';
import { TRUTHS } from './truths.ts';

/**
 * Runs every workload under its tool, in this process, and writes a line of JSON for each: what was wrong, and how long it
 * took. `--samples` before names of tools: what people see, for the documentation; `--record`: that, and the recording.
 */
export async function main(argv: readonly string[]): Promise<void> {
  const samples = argv[0] === '--samples';
  const record = argv[0] === '--record';
  const only = samples || record ? argv.slice(1) : argv;
  const format = record ? ['--record', RECORDING] : samples ? [] : ['-o', 'json'];

  for (const [index, truth] of TRUTHS.entries()) {
    if (only.length > 0 && !only.includes(truth.tool)) continue;
    const start = performance.now();
    let out = '';
    let err = '';
    let wrong: string | undefined;
    try {
      const { args, options } = parse(truth.tool, [...truth.args, ...format, '--command', truth.command]);
      await executeTool(TOOLS.find((one) => one.name === truth.tool)!, {
        args,
        trailing: [],
        options,
        io: {
          out: (text) => {
            out += text;
          },
          err: (text) => {
            err += text;
          },
          color: false,
          signal: new AbortController().signal,
        },
      });
      if (!samples && !record) wrong = truth.wrong(JSON.parse(out));
    } catch (error) {
      wrong = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
    }
    const { tool, args } = truth;
    const details = {
      ...((samples || record) && { out }),
      ...(record && wrong === undefined && { recording: gzipSync(readFileSync(RECORDING)).toString('base64') }),
      ...(wrong !== undefined && { wrong, out: out.slice(0, 3000) }),
    };
    if (record) rmSync(RECORDING, { force: true });
    console.log(JSON.stringify({ index, tool, args, seconds: (performance.now() - start) / 1000, err, ...details }));
  }
}

const RECORDING = '/tmp/tool.skep';

/** As the command parses it, from the same table. */
function parse(tool: string, argv: readonly string[]) {
  const command = new Command().exitOverride().allowExcessArguments();
  for (const option of optionsOf(TOOLS.find((one) => one.name === tool)!)) {
    const flags = option.value ? `${option.flags} <value>` : option.flags;
    if (option.many) command.option(flags, option.summary, (value, before: string[]) => [...before, value], []);
    else command.option(flags, option.summary, option.fallback);
  }
  command.parse([...argv], { from: 'user' });
  const values = command.opts() as { readonly [name: string]: unknown };
  const kinds = new Map(
    optionsOf(TOOLS.find((one) => one.name === tool)!).map((one) => [optionName(one.flags), one.kind]),
  );
  return {
    args: command.args,
    options: {
      text: (name: string) => (typeof values[name] === 'string' ? (values[name] as string) : undefined),
      number: (name: string) => (kinds.get(name) && values[name] !== undefined ? Number(values[name]) : undefined),
      flag: (name: string) => values[name] === true,
      list: (name: string) => (Array.isArray(values[name]) ? (values[name] as string[]) : []),
    },
  };
}

void main(process.argv.slice(2));
