import { EXIT, SkepError, suggest } from '@skep/base';
import { Command as Commander, CommanderError, Option as CommanderOption } from 'commander';
import { type Call, type Command, type Io, type Option, Options } from './command.ts';
import { badNumber } from './diagnostics.ts';
import { EXIT_CODES } from './exit-codes.ts';

/** The command line as commander parses it, made from the table; `chosen` gets the command and its call. */
export function buildProgram(
  commands: readonly Command[],
  version: string,
  io: Io,
  trailing: readonly string[],
  chosen: (command: Command, call: Call) => void,
): Commander {
  const program = new Commander('skep')
    .description('eBPF: write, compile and run programs in the Linux kernel, or in a virtual machine anywhere.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .addHelpText('after', `\n${EXIT_CODES}`);
  for (const command of commands) addCommand(program, command, io, trailing, chosen);
  return program;
}

/** What commander found wrong, as ours: its texts are good, its exit codes are not the documented ones. */
export function usageExit(error: unknown): number | undefined {
  if (!(error instanceof CommanderError)) return undefined;
  return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' ? EXIT.ok : EXIT.usage;
}

function addCommand(
  program: Commander,
  command: Command,
  io: Io,
  trailing: readonly string[],
  chosen: (command: Command, call: Call) => void,
): void {
  const sub = program
    .command(command.name)
    .summary(command.summary)
    .description([`${command.summary}.`, command.description].filter((text) => text !== undefined).join('\n'))
    .helpOption('-h, --help', 'show this help')
    .exitOverride()
    .showHelpAfterError('(see --help)');
  const { argument } = command;
  if (argument) {
    const name = `${argument.name}${argument.many ? '...' : ''}`;
    sub.argument(argument.required && !argument.unless ? `<${name}>` : `[${name}]`, argument.summary);
  }
  if (command.trailing) {
    const words = argument && `${argument.name}${argument.many ? '...' : ''}`;
    const shown = words === undefined ? '' : argument!.required ? `<${words}> ` : `[${words}] `;
    sub.usage(`[options] ${shown}[-- ${command.trailing.name}...]`);
  }
  for (const option of command.options) sub.addOption(commanderOption(option));
  const examples = command.examples.map((one) => `  ${one.line}\n      ${one.does}`).join('\n');
  sub.addHelpText('after', `\n${EXIT_CODES}`);
  sub.addHelpText('before', `Examples:\n${examples}\n`);
  sub.action((...given: unknown[]) => {
    const values = given.at(-2) as { readonly [name: string]: unknown };
    const first = argument ? given[0] : undefined;
    const args = Array.isArray(first) ? first : first === undefined ? [] : [String(first)];
    if (argument?.required && argument.unless && args.length === 0 && values[argument.unless] === undefined) {
      sub.error(`error: missing required argument '${argument.name}'`, { exitCode: EXIT.usage });
    }
    if (trailing.length > 0 && !command.trailing) {
      sub.error(`error: \`skep ${command.name}\` takes nothing behind \`--\``, { exitCode: EXIT.usage });
    }
    chosen(command, { args, trailing, options: new Options(values), io });
  });
}

function commanderOption(option: Option): CommanderOption {
  const made = new CommanderOption(option.value ? `${option.flags} <${option.value}>` : option.flags, option.summary);
  if (option.choices) {
    made.choices(option.choices);
    made.argParser((value: string) => {
      if (option.choices!.includes(value)) return value;
      const near = suggest(value, option.choices!);
      throw new SkepError(
        {
          code: 'E7001',
          severity: 'error',
          message: `\`${value}\` is no value of ${option.flags}`,
          help: near ? `did you mean \`${near}\`?` : `choose one of ${option.choices!.join(', ')}`,
        },
        EXIT.usage,
      );
    });
  } else if (option.many) made.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  else if (option.kind === 'integer') made.argParser((value: string) => integer(option.flags, value));
  else if (option.kind === 'duration') made.argParser((value: string) => milliseconds(option.flags, value));
  if (option.required) made.makeOptionMandatory();
  if (option.hidden) made.hideHelp();
  if (option.fallback !== undefined) made.default(option.fallback);
  return made;
}

function integer(flags: string, value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && Number.isSafeInteger(number)) return number;
  throw new SkepError(badNumber(flags, value, 'a whole number'), EXIT.usage);
}

/** `5`, `5s`, `500ms`, `2m`. */
function milliseconds(flags: string, value: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(value);
  if (!match) throw new SkepError(badNumber(flags, value, 'a duration such as 5s, 500ms or 2m'), EXIT.usage);
  return Number(match[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[(match[2] ?? 's') as 'ms' | 's' | 'm' | 'h'];
}
