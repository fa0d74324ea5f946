import { EXIT, renderDiagnostics, SkepError } from '@skep/base';
import { fromClang } from './clang-options.ts';
import type { Call, Command, Io } from './command.ts';
import { CORE_COMMANDS } from './commands/index.ts';
import { processIo } from './io.ts';
import { buildProgram, usageExit } from './program.ts';
import { version } from './version.ts';

/** Runs one command line and gives its exit code; every error is rendered here and nowhere else. */
export async function main(argv: readonly string[]): Promise<number> {
  const io = processIo();
  const cut = argv.indexOf('--');
  const own = cut < 0 ? argv : argv.slice(0, cut);
  const trailing = cut < 0 ? [] : argv.slice(cut + 1);
  let call: { readonly command: Command; readonly call: Call } | undefined;
  try {
    const [name, ...rest] = own;
    if (name === undefined || name === '--help' || name === '-h') {
      io.out((await import('./overview.ts')).overview());
      return EXIT.ok;
    }
    if (name === 'help') return await showHelp(rest, io);
    const core = CORE_COMMANDS.some((one) => one.name === name);
    const commands = core
      ? CORE_COMMANDS
      : name === 'trace'
        ? // A script is often short, and the tables of all other commands take longer than it.
          [(await import('./commands/trace-table.ts')).TRACE_COMMAND]
        : (await import('./commands/all.ts')).COMMANDS;
    const named = commands.filter((one) => one.name === name);
    // Parsers for all of them take longer than a short command; what is mistyped is told beside all others.
    const program = buildProgram(named.length > 0 ? named : commands, version, io, trailing, (command, made) => {
      call = { command, call: made };
    });
    const compiles = named[0]?.options.some((one) => one.flags === '--preinclude') ?? false;
    await program.parseAsync(compiles ? [name!, ...fromClang(rest)] : [...own], { from: 'user' });
    if (call === undefined) return EXIT.ok;
    const { execute } = await call.command.load();
    if (call.command.heedsLate !== true) io.heed();
    return await execute(call.call);
  } catch (error) {
    const usage = usageExit(error);
    if (usage !== undefined) return usage;
    if (error instanceof SkepError) {
      io.err(`${renderDiagnostics(error.diagnostics, { color: io.color })}\n`);
      return error.exitCode;
    }
    io.err(
      `skep: this is a mistake in skep, please report it\n${error instanceof Error ? error.stack : String(error)}\n`,
    );
    return EXIT.error;
  }
}

async function showHelp([topic]: readonly string[], io: Io): Promise<number> {
  const { help } = await import('./overview.ts');
  const text = help(topic, (await import('./commands/all.ts')).COMMANDS);
  if (text === undefined) return main([topic!, '--help']);
  io.out(text);
  return EXIT.ok;
}
