// @ts-check
/**
 * node conformance/verifier/run.mjs [--suite selftest,test_verifier] [--filter REGEXP] [--kernel 6.12] [--privileged] [--failures] [--update]
 *
 * What skep's verifier says of the programs of the exam, against Linux 6.12 (or 6.1, 6.18): verdict, message, processed instructions.
 * Wants the packages built (`npm run build`). `--update` writes the part of that kernel in
 * known-failures.json.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { parseArgs } from 'node:util';
import { Btf } from '@skep/object';
import { verify } from '@skep/verifier';
import { EXAM, examIsHere, kernelBtf, programs } from './exam.mjs';

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'selftest,test_verifier' },
    filter: { type: 'string' },
    privileged: { type: 'boolean', default: false },
    failures: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    kernel: { type: 'string', default: '6.12' },
    time: { type: 'string', default: '60000' },
  },
});

if (!examIsHere()) {
  process.stderr.write(`skipped: there is no exam in ${EXAM}\n`);
  process.exit(0);
}

const known = new URL('known-failures.json', import.meta.url);
const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
// The types of Linux 6.18 come from the machine that the exam was taken on.
const types =
  values.kernel === '6.18' && release().startsWith('6.18') && existsSync('/sys/kernel/btf/vmlinux')
    ? Btf.parse(new Uint8Array(readFileSync('/sys/kernel/btf/vmlinux')))
    : kernelBtf(Btf, values.kernel === '6.1' ? '6.1' : '6.12');
/** @type {Record<string, { total: number, agree: number, falseAccept: number, falseRefusal: number, undecided: number, message: number, messages: number, count: number, counts: number }>} */
const ladder = {};
/** @type {Record<string, string>} */
const failures = {};
/** @type {Map<string, string[]>} */
const reasons = new Map();
const note = (/** @type {string} */ kind, /** @type {string} */ why, /** @type {string} */ id) => {
  failures[id] = kind;
  const key = `${kind}: ${why.replace(/\b\d+\b/g, 'N').replace(/0x[0-9a-f]+/g, 'N')}`;
  const list = reasons.get(key) ?? [];
  list.push(id);
  reasons.set(key, list);
};

const kernel = /** @type {'6.1' | '6.12' | '6.18'} */ (values.kernel);
for (const { id, wanted, input } of programs(Btf, {
  kernel,
  suites: values.suite.split(','),
  unprivileged: !values.privileged,
})) {
  if (filter && !filter.test(id)) continue;
  const suite = id.split('/')[0] + (input.privileged ? '' : ' unprivileged');
  ladder[suite] ??= {
    total: 0,
    agree: 0,
    falseAccept: 0,
    falseRefusal: 0,
    undecided: 0,
    message: 0,
    messages: 0,
    count: 0,
    counts: 0,
  };
  const line = ladder[suite];
  line.total++;
  const accepts = wanted.verdict === 'accept';
  let verdict;
  try {
    verdict = verify({ ...input, kernel, kernelBtf: types, budget: { time: Number(values.time) } });
  } catch (error) {
    line.undecided++;
    note('crash', /** @type {Error} */ (error).stack?.split('\n').slice(0, 2).join(' ') ?? String(error), id);
    continue;
  }
  if (!verdict.accepted && !verdict.decided) {
    line.undecided++;
    note('undecided', verdict.message ?? '', id);
    continue;
  }
  if (verdict.accepted !== accepts) {
    if (verdict.accepted) {
      line.falseAccept++;
      note('false accept', wanted.last_line ?? '', id);
    } else {
      line.falseRefusal++;
      note('false refusal', verdict.kernelMessage ?? '', id);
    }
    continue;
  }
  line.agree++;
  if (accepts) {
    line.counts++;
    if (verdict.processed === wanted.processed) line.count++;
    else note('count', '', id);
  } else {
    line.messages++;
    if (sameMessage(verdict.kernelMessage ?? '', wanted.last_line ?? '')) line.message++;
    else note('message', `${wanted.last_line}  <>  ${verdict.kernelMessage}`, id);
  }
}

/** @param {string} ours @param {string} theirs */
function sameMessage(ours, theirs) {
  const last = ours.split('\n').at(-1) ?? '';
  return (
    last === theirs ||
    (theirs.startsWith('old state:') && ours.startsWith('infinite loop')) ||
    (ours.startsWith('infinite loop') && theirs.startsWith('old state'))
  );
}

const percent = (/** @type {number} */ part, /** @type {number} */ whole) =>
  whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
console.table(
  Object.fromEntries(
    Object.entries(ladder).map(([suite, l]) => [
      suite,
      {
        programs: l.total,
        'same verdict': percent(l.agree, l.total),
        'false accepts': l.falseAccept,
        'false refusals': l.falseRefusal,
        undecided: l.undecided,
        'same message': percent(l.message, l.messages),
        'same count': percent(l.count, l.counts),
      },
    ]),
  ),
);

if (values.failures) {
  const rank = ['crash', 'false accept', 'false refusal', 'undecided', 'message', 'count'];
  const sorted = [...reasons].sort(
    (a, b) =>
      rank.indexOf(a[0].split(':')[0] ?? '') - rank.indexOf(b[0].split(':')[0] ?? '') || b[1].length - a[1].length,
  );
  for (const [why, ids] of sorted) console.log(String(ids.length).padStart(4), why, ' e.g.', ids.slice(0, 3).join(' '));
}

const wholeExam = filter === undefined && !values.privileged && values.suite === 'selftest,test_verifier';
const all = JSON.parse(readFileSync(known, 'utf8'));
const now = Object.fromEntries(
  Object.entries(failures)
    .filter(([, kind]) => kind !== 'count' && kind !== 'message')
    .sort(),
);
if (values.update) writeFileSync(known, `${JSON.stringify({ ...all, [kernel]: now }, undefined, 1)}\n`);
else if (wholeExam) {
  const before = all[kernel] ?? {};
  for (const id of Object.keys(now)) if (before[id] !== now[id]) console.log(`new: ${now[id]}: ${id}`);
  for (const id of Object.keys(before)) if (now[id] === undefined) console.log(`fixed, take it off the list: ${id}`);
  if (JSON.stringify(before) !== JSON.stringify(now)) process.exitCode = 1;
}
