// @ts-check
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { KERNELS } from '../../vmtest/index.mjs';

/** What only one of two has said, and how many rows there were. @typedef {{rows: number, ours: string[], theirs: string[]}} Compared */
/** @typedef {{wrong: string | null}} Truth */
/** By tool, by whom (`truth` or a house), by kernel. @typedef {{[tool: string]: {[by: string]: {[kernel: string]: Compared | Truth}}}} Seen */
/** @typedef {{wrong: boolean, text: string, reason?: string}} Verdict */
/** @typedef {{kernels?: string[], why: string, ours: string[], theirs: string[]}} Difference */

const FILE = new URL('seen.json', import.meta.url);
const README = new URL('README.md', import.meta.url);
const COLUMNS = ['truth', 'libbpf-tools', 'bcc', 'bpftrace'];
/** @type {{[tool: string]: {[house: string]: Difference[]}}} */
const known = JSON.parse(readFileSync(new URL('differences.json', import.meta.url), 'utf8'));

/** Remembers what a run has shown. @param {string} kernel @param {string} tool @param {string} by @param {Compared | Truth} what */
export function keep(kernel, tool, by, what) {
  const seen = read();
  seen[tool] = { ...seen[tool], [by]: { ...seen[tool]?.[by], [kernel]: what } };
  const sorted = Object.fromEntries(Object.entries(seen).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(FILE, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** What that means, after `differences.json`. @param {string} kernel @param {string} tool @param {string} by @param {Compared | Truth} what @returns {Verdict} */
export function judge(kernel, tool, by, what) {
  if ('wrong' in what) return { wrong: what.wrong !== null, text: what.wrong ?? 'right' };
  const { rows, ours, theirs } = what;
  const expected = known[tool]?.[by]?.find((one) => one.kernels?.includes(kernel) !== false);
  if (expected && String(ours) === String(expected.ours) && String(theirs) === String(expected.theirs)) {
    return { wrong: false, text: `known: ${expected.why}`, reason: expected.why };
  }
  if (ours.length > 0 || theirs.length > 0) {
    return { wrong: true, text: `only skep: ${JSON.stringify(ours)} | only ${by}: ${JSON.stringify(theirs)}` };
  }
  if (rows === 0) return { wrong: true, text: 'neither saw anything' };
  if (expected) return { wrong: true, text: 'the same, but a difference is written down' };
  return { wrong: false, text: 'the same' };
}

/**
 * Writes the table of the README from what has been seen.
 *
 * @param {readonly {readonly tool: string, readonly peers: {readonly [house: string]: unknown}}[]} comparisons all there are
 */
export function writeTable(comparisons) {
  const seen = read();
  /** @type {string[]} */
  const reasons = [];
  const lines = [...comparisons]
    .sort((a, b) => (a.tool < b.tool ? -1 : 1))
    .map(({ tool, peers }) => {
      const cells = COLUMNS.map((by) =>
        by === 'truth' || peers[by] ? cellText(tool, by, seen[tool]?.[by], reasons) || 'not yet' : '–',
      );
      return `| \`${tool}\` | ${cells.join(' | ')} |`;
    });
  const text = [
    `| tool | ${COLUMNS.map((one) => (one === 'truth' ? 'what happened' : one)).join(' | ')} |`,
    `|${' --- |'.repeat(COLUMNS.length + 1)}`,
    ...lines,
    '',
    ...reasons.map((reason, i) => `${i + 1}. ${reason}`),
  ].join('\n');
  const readme = readFileSync(README, 'utf8');
  const marked = /(<!-- table -->)[\s\S]*?(<!-- end of table -->)/;
  if (!marked.test(readme)) throw new Error('the README has no place for the table');
  writeFileSync(
    README,
    readme.replace(marked, (_, before, after) => `${before}\n\n${text}\n\n${after}`),
  );
}

/** `same 6.1 6.12; but (2) 7.3`. @param {string} tool @param {string} by @param {Seen[string][string] | undefined} cell @param {string[]} reasons */
function cellText(tool, by, cell, reasons) {
  /** @type {Map<string, string[]>} */
  const groups = new Map();
  for (const kernel of Object.keys(KERNELS)) {
    const what = cell?.[kernel];
    if (what === undefined) continue;
    const told = word(judge(kernel, tool, by, what), reasons);
    groups.set(told, [...(groups.get(told) ?? []), kernel]);
  }
  return [...groups].map(([told, kernels]) => `${told} ${kernels.join(' ')}`).join('; ');
}

/** @param {Verdict} verdict @param {string[]} reasons */
function word({ wrong, text, reason }, reasons) {
  if (wrong) return '**differs**';
  if (reason === undefined) return text.replace(/^the /, '');
  if (!reasons.includes(reason)) reasons.push(reason);
  return `but (${reasons.indexOf(reason) + 1})`;
}

/** @returns {Seen} */
function read() {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {};
}
