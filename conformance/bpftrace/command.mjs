// @ts-check
/** The command line of bpftrace, as a call of `skep trace`. */
import { positionOf, SkepError } from '@skep/base';
import { executeTrace, Printer } from '@skep/tools';

const USAGE = `USAGE:
    bpftrace [options] filename
    bpftrace [options] -e 'program'
`;

/**
 * @param {readonly string[]} argv
 * @param {{ out(text: string): void, err(text: string): void, signal: AbortSignal, clock?: import('@skep/tools').Clock, comm?: string,
 *   environment?: Record<string, string | undefined>, attached?: () => void, target?: import('@skep/compiler').TraceTarget, home: 'kernel' | 'vm' }} io
 * @returns {Promise<number>} exit code
 */
export async function bpftrace(argv, io) {
  /** @type {{ expressions: string[], args: string[], includes: string[], debugInfo: string[], [name: string]: unknown }} */
  const call = {
    expressions: [],
    args: [],
    trailing: [],
    home: io.home,
    json: false,
    quiet: false,
    verbose: false,
    list: false,
    unsafe: false,
    helperErrors: false,
    warnings: true,
    dryRun: false,
    includes: [],
    debugInfo: [],
  };
  const cut = argv.indexOf('--');
  const own = cut < 0 ? argv : argv.slice(0, cut);
  call['trailing'] = cut < 0 ? [] : argv.slice(cut + 1);
  const usage = () => {
    io.err(USAGE);
    return 1;
  };
  for (let i = 0; i < own.length; i++) {
    const word = own[i] ?? '';
    if (!word.startsWith('-') || word === '-') {
      call.args.push(word);
      continue;
    }
    const [name, inline] =
      word.startsWith('--') && word.includes('=')
        ? [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]
        : [word, undefined];
    const value = () => inline ?? own[++i] ?? '';
    // The last one counts there.
    if (name === '-e') call.expressions = [value()];
    else if (name === '-f') {
      const format = value();
      if (format !== 'json' && format !== 'text') {
        io.err(`ERROR: Invalid output format "${format}"\nValid formats: 'text', 'json'\n`);
        return 1;
      }
      call['json'] = format === 'json';
    } else if (name === '-q') call['quiet'] = true;
    else if (name === '-k' || name === '-kk') call['helperErrors'] = true;
    else if (name === '--unsafe') call['unsafe'] = true;
    else if (name === '--no-warnings') call['warnings'] = false;
    else if (name === '-B') value();
    else if (name === '-o' || name === '--output') call['output'] = value();
    else if (name === '-p' || name === '--pid') call['pid'] = value();
    else if (name === '-c' || name === '--cmd') call['command'] = plainWords(value());
    else if (name === '--include') call.includes.push(value());
    else if (name === '--debuginfo') call.debugInfo.push(value());
    // The kernel raises semaphores by itself, for every process.
    else if (name === '--usdt-file-activation') continue;
    else if (name === '-I') value();
    else if (name === '--dry-run') call['dryRun'] = true;
    else if (name === '--probe-filter') call['only'] = value();
    else if (name === '--mode') call['mode'] = value();
    else if (name === '--test' || name === '--bench') call['mode'] = name.slice(2);
    else if (/^-[lvedq]+$/.test(name)) {
      if (name.includes('l')) call['list'] = true;
      if (name.includes('v')) call['verbose'] = true;
      if (name.includes('e')) call.expressions = [value()];
    } else if (name === '--list') call['list'] = true;
    else if (name === '-h' || name === '--help') {
      io.err(USAGE);
      return 0;
    } else if (name === '--version' || name === '-V') {
      io.out('bpftrace v0.26.1\n');
      return 0;
    } else return usage();
  }
  const printer = new Printer({ json: false, warnings: true, write: io.out, say: io.err });
  /** @param {readonly import('@skep/base').Diagnostic[]} list */
  const diagnose = (list) => {
    for (const one of list) {
      const severity = one.severity === 'warning' ? 'WARNING' : 'ERROR';
      if (one.code === 'E1543') {
        io.err(`${one.message}\n`);
        continue;
      }
      // Of places that turn out to be none when probes are set, the other tool does not tell where they are written.
      if (one.span && one.code !== 'E1545' && positionOf(one.span.file, one.span.start))
        printer.message(
          severity,
          one.message,
          one.span,
          (one.notes ?? []).flatMap((note) => (note.span ? [note.span] : [])),
        );
      else io.err(`${severity}: ${one.message}\n`);
      if (one.help) io.err(`HINT: ${one.help}\n`);
    }
  };
  try {
    return await executeTrace(/** @type {never} */ (call), { ...io, diagnose });
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    diagnose(error.diagnostics);
    return error.exitCode || 1;
  }
}

/** Its command lines have words between blanks and nothing else: quotes are parts of words. @param {string} line */
function plainWords(line) {
  return line.replace(/\S*['"\\]\S*/g, (word) => `"${word.replace(/["\\]/g, '\\$&')}"`);
}
