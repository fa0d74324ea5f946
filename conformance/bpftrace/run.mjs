// @ts-check
/**
 * node conformance/bpftrace/run.mjs [DIR] [--home vm|kernel] [--needs pure,user,kernel,kprobe] [--filter REGEXP] [--failures] [--known]
 *
 * Runs bpftrace's runtime tests, which programs.mjs fetched and built (or those in DIR), against `skep trace`: in this process
 * where a test only calls bpftrace, through a shell and bpftrace.mjs where it does more. `--known` compares what fails with
 * failures.json, in both directions; `--patience N` gives a slow machine N times the time.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { possibleCpus } from '@skep/kernel';
import { machineTarget, virtualClock } from '@skep/tools';
import { bpftrace } from './command.mjs';
import { compareWithKnown, report } from './known.mjs';
import { needs, readSuite, testsFolder } from './suite.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    home: { type: 'string', default: 'vm' },
    needs: { type: 'string', default: 'pure' },
    filter: { type: 'string' },
    failures: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
    json: { type: 'string' },
    known: { type: 'boolean', default: false },
    results: { type: 'boolean', default: false },
    executable: { type: 'string' },
    patience: { type: 'string', default: '1' },
  },
});
const [root = testsFolder()] = positionals;
if (!existsSync(root)) {
  process.stderr.write(`run.mjs: there is no ${root}: node conformance/bpftrace/programs.mjs fetches the tests\n`);
  process.exit(2);
}
const home = /** @type {'vm' | 'kernel'} */ (values.home);
const executable = values.executable ?? fileURLToPath(new URL('bpftrace.mjs', import.meta.url));
/** How much slower than usual the machine is: a guest without KVM, or one with much else to do. */
const patience = Number(values.patience);
const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
const wanted = values.needs.split(',');
process.chdir(root);
// Tests mean the system's programs, not those of version managers, which take their time.
process.env['PATH'] = `/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}`;
// Once for all tests: what there is to trace does not change meanwhile.
const target = machineTarget(home === 'vm' ? 1 : possibleCpus(), undefined);
process.title = 'bpftrace';
// Tests send it to everything of that name.
process.on('SIGINT', () => {});

/** @type {import('./known.mjs').Result[]} */
const results = [];
for (const test of readSuite('.')) {
  const { id } = test;
  const kind = needs(test);
  if (!wanted.includes(kind) || (filter && !filter.test(id))) continue;
  const skip = reasonToSkip(test);
  if (skip !== undefined) {
    take({ id, suite: test.suite, needs: kind, result: 'skip', why: skip, output: '' });
    continue;
  }
  const { code, output, plain, timedOut } = await perform(test);
  const missed = test.expects.filter(
    (one) => !matches(one, one.mode === 'file' || one.mode === 'json' ? plain : output, test.localize),
  );
  const badExit = test.willFail
    ? code === 0 && 'it ends well, and should not'
    : !timedOut &&
      code !== test.code &&
      !test.expects.some((one) => one.mode.startsWith('none')) &&
      code !== 0 &&
      `exit code ${code}`;
  const why = missed.length > 0 ? `not found: ${missed[0]?.text.split('\n')[0]}` : badExit || '';
  const lost = timedOut && missed.length > 0;
  take({
    id,
    suite: test.suite,
    needs: kind,
    result: why === '' ? 'pass' : 'fail',
    why: lost ? `time out; ${why}` : why,
    output,
  });
  if (values.verbose || (values.failures && why !== ''))
    process.stdout.write(
      `${why === '' ? 'ok  ' : 'FAIL'} ${id}\n${why === '' ? '' : `     ${test.prog || test.run}\n     ${why}\n${output.slice(0, 1500).replace(/^/gm, '     | ')}\n`}`,
    );
}

report(results, home);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 1)}\n`);
process.exit(values.known ? compareWithKnown(results, home) : 0);

/** @param {import('./known.mjs').Result} result */
function take(result) {
  results.push(result);
  if (values.results) process.stdout.write(`@result ${JSON.stringify({ ...result, output: '' })}\n`);
}

/** @param {import('./suite.mjs').Test} test */
function reasonToSkip(test) {
  if (
    test.arch.length > 0 &&
    !test.arch.some(
      (one) => one === 'x86_64' || one === 'le' || (one.startsWith('!') && one !== '!x86_64' && one !== '!le'),
    )
  )
    return `for ${test.arch.join(', ')}`;
  if (test.pidns) return 'wants a pid namespace';
  // The names of modules are what both begin their lines with; the program is not everywhere.
  for (const one of test.requires)
    if (spawnSync('/bin/sh', ['-c', one.replace(/^lsmod\b/, 'cat /proc/modules')], { stdio: 'ignore' }).status !== 0)
      return `needs: ${one}`;
  for (const one of test.features) {
    if (['aot', 'dwunwind', 'skboutput'].includes(one)) return `needs ${one}`;
    if (
      one.startsWith('!') &&
      !['!aot', '!blazesym', '!dwarf', '!kprobe_multi', '!kprobe_session', '!uprobe_multi'].includes(one)
    )
      return `needs ${one}`;
  }
  if (/--aot/.test(test.run)) return 'needs aot';
  return undefined;
}

/** @param {import('./suite.mjs').Test} test */
async function perform(test) {
  const json = test.expects[0]?.mode === 'json';
  if (test.setup !== '') spawnSync('/bin/sh', ['-c', test.setup], { stdio: 'ignore' });
  /** @type {import('node:child_process').ChildProcess[]} */
  const children = [];
  for (const one of test.before) {
    const child = spawn('/bin/bash', ['-c', `exec ${one}`], { stdio: 'ignore', detached: true });
    children.push(child);
    await new Promise((resolve) => setTimeout(resolve, 300 * patience));
    test.run = test.run.replaceAll('{{BEFORE_PID}}', String(child.pid));
  }
  const argv =
    test.prog !== ''
      ? [...(json ? ['-q', '-f', 'json'] : []), '-e', test.prog]
      : /pkill/.test(test.after)
        ? undefined
        : plainCall(test.run);
  const after = () => {
    if (test.after === '') return;
    const child = spawn('/bin/bash', ['-c', test.after], { stdio: 'ignore', detached: true });
    children.push(child);
  };
  try {
    return argv === undefined ? await inShell(test, after) : await inProcess(test, argv, after);
  } finally {
    for (const child of children) {
      end(child, 'SIGKILL');
    }
    if (test.cleanup !== '') spawnSync('/bin/sh', ['-c', test.cleanup], { stdio: 'ignore' });
  }
}

/** @param {import('./suite.mjs').Test} test @param {readonly string[]} argv @param {() => void} after */
async function inProcess(test, argv, after) {
  let output = '';
  let plain = '';
  const stop = new AbortController();
  let timedOut = false;
  // The time counts from when the probes are attached; compiling may be slow in a guest.
  const expire = () => {
    timedOut = true;
    stop.abort();
  };
  let timer = setTimeout(expire, 60_000 * patience);
  const attached = () => {
    clearTimeout(timer);
    timer = setTimeout(expire, Math.max(test.timeout, home === 'vm' ? 2 : 5) * patience * 1000);
    after();
  };
  let code = 1;
  try {
    const environment = { ...process.env, ...test.env };
    code = await bpftrace(argv, {
      home,
      signal: stop.signal,
      out: (text) => {
        output += text;
        plain += text;
      },
      err: (text) => {
        output += text;
      },
      environment,
      comm: 'bpftrace',
      target,
      ...(home === 'vm' && { clock: virtualClock() }),
      attached,
    });
  } catch (error) {
    output += `\nINTERNAL ${error instanceof Error ? error.stack : String(error)}`;
  }
  clearTimeout(timer);
  return { code, output, plain, timedOut };
}

/** @param {import('./suite.mjs').Test} test @param {() => void} after */
async function inShell(test, after) {
  const command = test.run.replaceAll('{{BPFTRACE}}', executable);
  const child = spawn('/bin/bash', ['-c', command], {
    env: { ...process.env, ...test.env, SKEP_HOME: home, __BPFTRACE_NOTIFY_PROBES_ATTACHED: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let timedOut = false;
  const expire = () => {
    timedOut = true;
    end(child, 'SIGTERM');
    setTimeout(() => end(child, 'SIGKILL'), 1000);
  };
  // Starting takes its time in a guest; what the test allows counts from when the probes are attached.
  let timer = setTimeout(expire, (test.timeout + 20) * patience * 1000);
  let output = '';
  let started = false;
  const take = (/** @type {Buffer} */ data) => {
    output += data.toString();
    if (!started && output.includes('__BPFTRACE_NOTIFY_PROBES_ATTACHED')) {
      started = true;
      clearTimeout(timer);
      timer = setTimeout(expire, (test.timeout + 5) * patience * 1000);
      after();
    }
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const code = await new Promise((resolve) => child.on('close', (status) => resolve(status ?? 1)));
  clearTimeout(timer);
  output = output.replaceAll('__BPFTRACE_NOTIFY_PROBES_ATTACHED\n', '');
  return { code: Number(code), output, plain: output, timedOut };
}

/** Ends a command with everything that it started. @param {import('node:child_process').ChildProcess} child @param {NodeJS.Signals} signal */
function end(child, signal) {
  try {
    if (child.pid) process.kill(-child.pid, signal);
  } catch {
    // It has ended.
  }
}

/** The arguments of a command line that is nothing but one call of bpftrace. @param {string} line */
function plainCall(line) {
  const text = line.trim().replace(/\s+2>&1$/, '');
  if (!text.startsWith('{{BPFTRACE}}')) return undefined;
  const words = [];
  let rest = text.slice('{{BPFTRACE}}'.length);
  while (rest.trim() !== '') {
    rest = rest.trimStart();
    let word = '';
    for (;;) {
      const match = /^(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\s'"|&;<>`(){}$\\*?]+)|\\(.))/s.exec(rest);
      if (!match) break;
      if (match[2] !== undefined && /[$`]/.test(match[2].replace(/\\[$`]/g, ''))) return undefined;
      word += match[1] ?? match[2]?.replace(/\\(["\\$`])/g, '$1') ?? match[3] ?? match[4] ?? '';
      rest = rest.slice(match[0].length);
    }
    if (rest !== '' && !/^\s/.test(rest)) return undefined;
    words.push(word);
  }
  return words;
}

/** @param {import('./suite.mjs').Expect} expect @param {string} output @param {number | undefined} localize */
function matches(expect, output, localize) {
  const { mode, text } = expect;
  if (mode === 'text' || mode === 'text_none') {
    const found = new RegExp(`^\\s*${text.trim().replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}\\s*$`, 'm').test(output);
    return found === (mode === 'text');
  }
  if (mode === 'regex' || mode === 'regex_none') return regex(text).test(output) === (mode === 'regex');
  const wanted = readFileSync(text.trim(), 'utf8').trim();
  if (mode === 'file')
    return (
      output.trim() ===
      (localize === undefined
        ? wanted
        : wanted.replaceAll('%H', String(new Date(localize * 1000).getHours()).padStart(2, '0')))
    );
  try {
    const lines = output.trim().split('\n');
    if (!text.endsWith('.ndjson')) return lines.length === 1 && same(JSON.parse(lines[0] ?? ''), JSON.parse(wanted));
    const others = wanted.split('\n');
    return (
      lines.length === others.length && lines.every((line, i) => same(JSON.parse(line), JSON.parse(others[i] ?? '')))
    );
  } catch {
    return false;
  }
}

/** A regular expression of Python's. @param {string} text */
function regex(text) {
  try {
    return new RegExp(text.replaceAll('(?s:.*)', '[\\s\\S]*'), 'm');
  } catch {
    return new RegExp(text.replace(/[{}]/g, '\\$&'), 'm');
  }
}

/** Equal whatever the order of the names. @param {unknown} a @param {unknown} b @returns {boolean} */
function same(a, b) {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const [x, y] = [/** @type {Record<string, unknown>} */ (a), /** @type {Record<string, unknown>} */ (b)];
  const names = Object.keys(x);
  return names.length === Object.keys(y).length && names.every((name) => same(x[name], y[name]));
}
