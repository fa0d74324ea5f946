// @ts-check
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @typedef {import('./sides.d.mts').Verdict} Verdict */
/** @typedef {import('./compare.d.mts').Difference} Difference */
/** @typedef {import('./compare.d.mts').Comparison} Comparison */
/** @typedef {{says: string, kind: Difference['kind'], why: string}} Reason */

export const knownPath = fileURLToPath(new URL('known-differences.json', import.meta.url));

/** @returns {{reasons: Record<string, Reason>, kernels: Record<string, Record<string, Record<string, string[]>>>}} */
export function known() {
  return existsSync(knownPath) ? JSON.parse(readFileSync(knownPath, 'utf8')) : { reasons: {}, kernels: {} };
}

/** @returns {Comparison} */
export function compare(/** @type {readonly Verdict[]} */ libbpf, /** @type {readonly Verdict[]} */ skep) {
  const { reasons } = known();
  const theirs = byName(libbpf);
  const ours = byName(skep);
  const result = { programs: 0, loaded: 0, refused: 0, instructions: 0, differences: /** @type {Difference[]} */ ([]) };
  const differs = (/** @type {string} */ what, /** @type {Difference['kind']} */ kind, said = '') => {
    const reason = Object.entries(reasons).find(([, one]) => one.kind === kind && said.includes(one.says))?.[0];
    result.differences.push({ what, kind, said: said.trim().split('\n').at(0)?.slice(0, 300) ?? '', reason });
  };
  for (const [name, mine] of ours) {
    if (mine.crash) differs(name, 'skep fails without a code', mine.said);
    if (!theirs.has(name)) differs(name, 'only skep sees it', theirs.get(objectOf(mine))?.said);
  }
  for (const [name, one] of theirs) {
    const mine = ours.get(name);
    if (mine === undefined) {
      differs(name, 'only libbpf sees it', skep.find((other) => other.object === one.object && other.open)?.said);
      continue;
    }
    result.programs++;
    if (one.error === 0 && mine.error === 0) result.loaded++;
    else if (one.error === 0) differs(name, 'only libbpf loads it', mine.said);
    else if (mine.error === 0) differs(name, 'only skep loads it', one.said);
    else if (one.log && !mine.log) differs(name, 'skep does not ask the kernel', mine.said);
    else result.refused++;
    const asked = one.error === 0 || one.log;
    if (!asked || !one.code || !mine.code) continue;
    result.instructions++;
    const at = firstDifference(one.code, mine.code);
    if (at >= 0) {
      const slot = (/** @type {string} */ code) => code.slice(at * 16, at * 16 + 16);
      differs(name, 'other instructions', `at ${at}: ${slot(one.code)} of libbpf, ${slot(mine.code)} of skep`);
    }
  }
  return result;
}

/**
 * An object that took too long as a whole has a name, -1, and counts as refused; a program that did has none.
 *
 * @returns {Map<string, Verdict>}
 */
function byName(/** @type {readonly Verdict[]} */ verdicts) {
  return new Map(verdicts.filter((one) => (one.index ?? -1) === -1).map((one) => [nameOf(one), one]));
}

function nameOf(/** @type {Verdict} */ one) {
  return one.program === undefined ? objectOf(one) : `${objectOf(one)} ${one.program}`;
}

const objectOf = (/** @type {Verdict} */ one) => basename(one.object);

const LD_IMM64 = '18';
const CALL = '8500';
/** `POISON_CALL_KFUNC_BASE` of libbpf, 2002000000, in hexadecimal: the rest says which function is missing. */
const ABSENT_KFUNC = 2_002_000_000;

/** The first slot that is not the same in both, -1 when there is none. */
function firstDifference(/** @type {string} */ theirs, /** @type {string} */ ours) {
  const length = Math.max(theirs.length, ours.length);
  for (let at = 0; at < length; at += 16) {
    const one = theirs.slice(at, at + 16);
    const mine = ours.slice(at, at + 16);
    if (one === mine) continue;
    // libbpf has closed the maps when the load failed: the descriptor then names none.
    const isMap = one.startsWith(LD_IMM64) && (one[2] === '1' || one[2] === '2');
    if (isMap && one.slice(8) === '00000000' && one.slice(0, 8) === mine.slice(0, 8)) continue;
    if (isAbsentKfunc(one) && isAbsentKfunc(mine)) continue;
    return at / 16;
  }
  return -1;
}

function isAbsentKfunc(/** @type {string} */ slot) {
  return slot.startsWith(CALL) && Buffer.from(slot, 'hex').readInt32LE(4) >= ABSENT_KFUNC;
}
