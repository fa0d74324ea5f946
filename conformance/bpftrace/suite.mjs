// @ts-check
/**
 * Reads bpftrace's runtime tests (tests/runtime of its sources). Nothing of them is kept here: programs.mjs fetches them.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { corpusPath } from '../compiler/corpus.mjs';

/** Where programs.mjs puts the sources of Debian's package. */
export const sources = () => corpusPath('src', 'bpftrace');
/** Where it puts what the tests need: `runtime`, their texts; `tools`; `testprogs` and `testlibs`, which they trace. */
export const testsFolder = () => corpusPath('bpftrace');

/**
 * @typedef {{ mode: 'text' | 'text_none' | 'regex' | 'regex_none' | 'file' | 'json', text: string }} Expect
 * @typedef {{ suite: string, name: string, id: string, run: string, prog: string, expects: Expect[], timeout: number, before: string[], after: string,
 *   setup: string, cleanup: string, env: Record<string, string>, arch: string[], requires: string[], features: string[], willFail: boolean,
 *   code: number, localize: number | undefined, pidns: boolean, minKernel: string, maxKernel: string }} Test
 */

/** @param {string} root as {@link testsFolder} @returns {Test[]} */
export function readSuite(root) {
  const directory = join(root, 'runtime');
  const tests = [];
  for (const name of readdirSync(directory).sort()) {
    if (statSync(join(directory, name)).isDirectory()) continue;
    tests.push(...parseTests(name, readFileSync(join(directory, name), 'utf8')));
  }
  // Some names are given twice.
  const seen = new Map();
  for (const test of tests) {
    const name = `${test.suite}/${test.name}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    test.id = count === 1 ? name : `${name} (${count})`;
  }
  return tests;
}

/** @param {string} suite @param {string} text @returns {Test[]} */
export function parseTests(suite, text) {
  /** @type {Test[]} */
  const tests = [];
  /** @type {Test | undefined} */
  let test;
  let last = '';
  let column = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    if (line.trim() === '') {
      last = '';
      continue;
    }
    // What is expected keeps its blanks.
    const match = /^(EXPECT\w*) (.*)$/.exec(line) ?? /^([A-Z_]+)(?: +(.*))?$/.exec(line);
    if (!match || !DIRECTIVES.has(match[1] ?? '')) {
      // A line that goes on, below the first character of the text.
      if (test && last !== '') append(test, last, line.slice(Math.min(column, line.length - line.trimStart().length)));
      continue;
    }
    const word = match[1] ?? '';
    const value = match[2] ?? '';
    column = line.length - value.length;
    last = word;
    if (word === 'NAME') {
      test = {
        suite,
        name: value,
        id: '',
        run: '',
        prog: '',
        expects: [],
        timeout: 5,
        before: [],
        after: '',
        setup: '',
        cleanup: '',
        env: {},
        arch: [],
        requires: [],
        features: [],
        willFail: false,
        code: 0,
        localize: undefined,
        pidns: false,
        minKernel: '',
        maxKernel: '',
      };
      tests.push(test);
    } else if (test) set(test, word, value);
  }
  return tests;
}

const EXPECTS = /** @type {Record<string, Expect['mode']>} */ ({
  EXPECT: 'text',
  EXPECT_NONE: 'text_none',
  EXPECT_REGEX: 'regex',
  EXPECT_REGEX_NONE: 'regex_none',
  EXPECT_FILE: 'file',
  EXPECT_JSON: 'json',
});
const DIRECTIVES = new Set([
  'NAME',
  'RUN',
  'PROG',
  'TIMEOUT',
  'BEFORE',
  'AFTER',
  'SETUP',
  'CLEANUP',
  'ENV',
  'ARCH',
  'REQUIRES',
  'REQUIRES_FEATURE',
  'WILL_FAIL',
  'NEW_PIDNS',
  'SKIP_IF_ENV_HAS',
  'RETURN_CODE',
  'LOCALIZE_TIMESTAMPS',
  'MIN_KERNEL',
  'MAX_KERNEL',
  ...Object.keys(EXPECTS),
]);

/** @param {Test} test @param {string} word @param {string} value */
function set(test, word, value) {
  const mode = EXPECTS[word];
  if (mode) test.expects.push({ mode, text: value.replace(/\s+$/, '') });
  else if (word === 'RUN') test.run = value;
  else if (word === 'PROG') test.prog = value;
  else if (word === 'TIMEOUT') test.timeout = Number(value);
  else if (word === 'BEFORE') test.before.push(value);
  else if (word === 'AFTER') test.after = value;
  else if (word === 'SETUP') test.setup = value;
  else if (word === 'CLEANUP') test.cleanup = value;
  else if (word === 'ENV')
    for (const one of value.split(/\s+/)) test.env[one.split('=')[0] ?? ''] = one.slice(one.indexOf('=') + 1);
  else if (word === 'ARCH') test.arch = value.split('|').map((one) => one.trim());
  else if (word === 'REQUIRES') test.requires.push(value);
  else if (word === 'REQUIRES_FEATURE') test.features.push(...value.split(/\s+/));
  else if (word === 'WILL_FAIL') test.willFail = true;
  else if (word === 'NEW_PIDNS') test.pidns = true;
  else if (word === 'RETURN_CODE') test.code = Number(value);
  else if (word === 'LOCALIZE_TIMESTAMPS') test.localize = Number(value);
  else if (word === 'MIN_KERNEL') test.minKernel = value;
  else if (word === 'MAX_KERNEL') test.maxKernel = value;
}

/** @param {Test} test @param {string} word @param {string} line */
function append(test, word, line) {
  if (word === 'PROG') test.prog += `\n${line}`;
  else if (word === 'RUN') test.run += `\n${line}`;
  else if (word in EXPECTS) {
    const expect = test.expects.at(-1);
    if (expect) expect.text += `\n${line.replace(/\s+$/, '')}`;
  }
}

/** Programs and libraries that every process of a machine uses. */
const SHARED = /\b(u|ur|uprobe|uretprobe|usdt|U):("?\/bin\/|"?\/usr\/|libc\b)/;

/** What a test asks of the machine. @param {Test} test @returns {'pure' | 'user' | 'kernel' | 'kprobe'} */
export function needs(test) {
  const text = scriptOf(test);
  if (
    /\b(kprobe|kretprobe|k|kr|fentry|fexit|f|fr|kfunc|kretfunc|watchpoint|w|asyncwatchpoint|aw|hardware|h)(:|\*:)/.test(
      probesOnly(text),
    ) ||
    /kprobe|fentry|watchpoint|hardware/.test(test.run.replace(/'[^']*'/gs, ''))
  )
    return 'kprobe';
  const own = probesOnly(text)
    .split('\n')
    .filter((one) => one !== '')
    .every((one) => /^(begin|end|BEGIN|END|interval|i|self|test|bench|BEG\$1|\$1)\b/.test(one));
  const pure =
    own &&
    !/\/sys\/kernel\/debug\//.test(test.run) &&
    test.before.length === 0 &&
    test.after === '' &&
    test.setup === '' &&
    !test.pidns &&
    text !== '';
  if (
    pure &&
    !/\b(curtask|ppid|pcomm|leader_|task_struct|percpu_kaddr|kaddr|struct rq)\b/.test(text) &&
    !/\s-(c|p|l|lv)\s|--cmd|--pid|--info|--aot|--list/.test(test.run.replace(/-v?e\s+'[^']*'/gs, ''))
  )
    return 'pure';
  return /\b(tracepoint|t|rawtracepoint|rt|profile|p|software|s|iter|it)(:|\*:)/.test(probesOnly(text)) ||
    SHARED.test(probesOnly(text)) ||
    /\b(percpu_)?kaddr\b/.test(text) ||
    // What the kernel's own trace says is every program's.
    /\/sys\/kernel\/debug\//.test(test.run)
    ? 'kernel'
    : 'user';
}

/** The text of the script. @param {Test} test */
export function scriptOf(test) {
  if (test.prog !== '') return test.prog;
  const found = [...test.run.matchAll(/-v?e\s+(?:'((?:[^']|'[^ ]*')*)'|"((?:[^"\\]|\\.)*)")/gs)].map(
    (one) => one[1] ?? one[2] ?? '',
  );
  for (const one of test.run.matchAll(/runtime\/scripts\/\S+\.bt/g))
    if (existsSync(one[0])) found.push(readFileSync(one[0], 'utf8').replace(/\/\/.*$/gm, ''));
  return found.join('\n');
}

/** Attach points, a line each. @param {string} script */
function probesOnly(script) {
  let depth = 0;
  let text = '';
  const plain = script
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\/\*.*?\*\//gs, '')
    .replace(/^\s*#.*$/gm, '');
  for (const c of plain) {
    if (c === '{') depth++;
    if (depth === 0) text += c;
    if (c === '}') {
      depth--;
      if (depth === 0) text += '\n';
    }
  }
  return text
    .replace(/\b(struct|union|enum|macro|config|import|let)\b[^\n]*(\n|$)/g, '\n')
    .replace(/^[\s;]*(\w+\s*)?(\[\d+\])?;/gm, '')
    .replace(/__attribute__\s*\(\([^)]*\)\)/g, '')
    .split(/\n|,/)
    .map((one) => one.trim())
    .filter((one) => one !== '' && one !== ';')
    .join('\n');
}
