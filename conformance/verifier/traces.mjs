// @ts-check
/**
 * node conformance/verifier/traces.mjs [--kernel 6.12] [--filter REGEXP] [--show N]
 *
 * The states that skep prints for each instruction (`trace`) against golden logs of Linux at level 2: for each
 * instruction the n-th state of ours with the n-th of the kernel's. Wants the packages built.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { Btf } from '@skep/object';
import { verify } from '@skep/verifier';
import { EXAM, examIsHere, kernelBtf, programs } from './exam.mjs';

const { values } = parseArgs({
  options: {
    kernel: { type: 'string', default: '6.12' },
    filter: { type: 'string' },
    show: { type: 'string', default: '0' },
  },
});
if (!examIsHere()) {
  process.stderr.write(`skipped: there is no exam in ${EXAM}\n`);
  process.exit(0);
}

/** @type {Map<string, string>} */
const golden = new Map();
for (const line of gunzipSync(readFileSync(join(EXAM, `log-level2-traces-${values.kernel}.jsonl.gz`)))
  .toString()
  .split('\n')) {
  if (line === '') continue;
  const one = JSON.parse(line);
  if (one.mode === 'priv' || one.mode === 'unpriv') golden.set(`selftest/${one.obj}/${one.prog}/${one.mode}`, one.log);
}

/**
 * The states of a log: after which instruction, or at the start of which path, and what is known there.
 * @param {string} log
 */
function states(log) {
  /** @type {[string, string][]} */
  const found = [];
  let at = '';
  for (const line of log.split('\n')) {
    const path = /^from \d+ to (\d+)[^:]*:( .*)$/.exec(line);
    if (path !== null) {
      at = `path to ${path[1]}`;
      if (path[2] !== ' safe') found.push([at, /** @type {string} */ (path[2])]);
      continue;
    }
    const insn = /^(\d+): \([0-9a-f]{2}\)/.exec(line);
    if (insn !== null) at = /** @type {string} */ (insn[1]);
    const state = (insn === null ? /^\d+:( (?:R\d|fp-|frame|refs).*)$/ : /\s*;( (?:R\d|fp-|frame|refs).*)$/).exec(line);
    if (state !== null) found.push([at, /** @type {string} */ (state[1])]);
  }
  return found;
}

const types = kernelBtf(Btf, values.kernel === '6.1' ? '6.1' : '6.12');
const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
let show = Number(values.show);
let lines = 0;
let same = 0;
let count = 0;
let whole = 0;
for (const { id, input } of programs(Btf, {
  suites: ['selftest'],
  kernel: /** @type {'6.12' | '6.18'} */ (values.kernel),
})) {
  const wanted = golden.get(id);
  if (wanted === undefined || (filter && !filter.test(id))) continue;
  /** @type {string[]} */
  const out = [];
  verify({
    ...input,
    kernel: /** @type {'6.12' | '6.18'} */ (values.kernel),
    kernelBtf: types,
    trace: (line) => {
      out.push(line);
    },
  });
  const theirs = states(wanted);
  /** @type {Map<string, string[]>} */
  const ours = new Map();
  for (const [insn, text] of states(out.join('\n'))) {
    const list = ours.get(insn);
    if (list) list.push(text);
    else ours.set(insn, [text]);
  }
  /** @type {Map<string, number>} */
  const at = new Map();
  let right = 0;
  for (const [insn, text] of theirs) {
    const n = at.get(insn) ?? 0;
    at.set(insn, n + 1);
    if (ours.get(insn)?.[n] === text) right++;
    else if (show-- > 0)
      console.log(`${id}\n  kernel ${insn}:${text}\n  skep   ${insn}:${ours.get(insn)?.[n] ?? ' nothing'}`);
  }
  count++;
  lines += theirs.length;
  same += right;
  if (right === theirs.length) whole++;
}
console.log(
  `Linux ${values.kernel}: ${same} of ${lines} states equal (${((100 * same) / lines).toFixed(1)} %), all of them in ${whole} of ${count} programs`,
);
