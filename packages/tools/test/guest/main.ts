import { Command } from 'commander';
import { executeTool, optionName, optionsOf, TOOLS } from '../../src/index.ts';
import { TRUTHS } from './truths.ts';

/**
 * Runs every workload under its tool, in this process, and writes a line of JSON for each: what was wrong, and how long it
 * took. `only` are names of tools.
 */
export async function main(argv: readonly string[]): Promise<void> {
  // For the documentation: what people see, in place of a verdict.
  const samples = argv[0] === '--samples';
  const only = samples ? argv.slice(1) : argv;
  const format = samples ? [] : ['-o', 'json'];

  for (const [index, truth] of TRUTHS.entries()) {
    if (only.length > 0 && !only.includes(truth.tool)) continue;
    const start = performance.now();
    let out = '';
    let err = '';
    let wrong: string | undefined;
    try {
      const { args, options } = parse(truth.tool, [...truth.args, ...format, '-c', truth.command]);
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
      if (!samples) wrong = truth.wrong(JSON.parse(out));
    } catch (error) {
      wrong = error instanceof Error ? `${error.message}\n${error.stack}` : String(error);
    }
    const { tool, args } = truth;
    const details = samples ? { out } : wrong === undefined ? {} : { wrong, out: out.slice(0, 3000) };
    console.log(JSON.stringify({ index, tool, args, seconds: (performance.now() - start) / 1000, err, ...details }));
  }
}

/** As the command parses it, from the same table. */
function parse(tool: string, argv: readonly string[]) {
  const command = new Command().exitOverride().allowExcessArguments();
  for (const option of optionsOf(TOOLS.find((one) => one.name === tool)!)) {
    command.option(option.value ? `${option.flags} <value>` : option.flags, option.summary, option.fallback);
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
      list: () => [],
    },
  };
}

void main(process.argv.slice(2));
