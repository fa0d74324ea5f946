// @ts-check
/**
 * node bench/verify.mjs [--filter REGEXP] [--best 3]
 *
 * What it costs to verify large programs, against the running kernel in the same run: CPU time of skep's verifier and
 * of BPF_PROG_LOAD, the best of some rounds each; and the most memory of a process of its own that reads the object and
 * verifies that program only, once. Programs: clang's objects of the kernel's selftests (`conformance/compiler/run.mjs`
 * makes them), and two that are written here: one of 1,000,000 instructions to go through, and a small one. Wants root,
 * bpf(2) and the packages built.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { kernelBtf, possibleCpus } from '@skep/kernel';
import { assemble, encode, openObject } from '@skep/object';
import { programInputs, verify } from '@skep/verifier';
import { corpusPath } from '../conformance/compiler/corpus.mjs';
import { HostVerifier } from '../conformance/verifier/host.mjs';

const { values } = parseArgs({
  options: {
    filter: {
      type: 'string',
      default:
        '^(pyperf|strobemeta|loop[0-9]|test_verif_scale|test_cls_redirect|test_l4lb|test_xdp_noinline|test_xdp|bpf_flow|tracing_struct)',
    },
    best: { type: 'string', default: '3' },
    least: { type: 'string', default: '2000' },
    // Of the process that is measured: which program.
    only: { type: 'string' },
  },
});

const folder = corpusPath('objects/clang-19-v3/selftests');
if (!existsSync(folder)) {
  process.stderr.write(`skipped: no objects in ${folder}\n`);
  process.exit(0);
}
if (values.only !== undefined) {
  if (values.only.endsWith('exit')) ownProgram(values.only);
  else
    for (const { input } of inputsOf(values.only))
      if (input) verify({ ...input, lineInfo: [], budget: { time: 600_000 } });
  console.log(Math.round(process.resourceUsage().maxRSS / 1024));
  process.exit(0);
}
const host = new HostVerifier();
const filter = new RegExp(values.filter);
/** @type {Record<string, Record<string, number | string>>} */
const table = {};
let logs = 0;
let rows = 0;

/** @param {() => unknown} run */
function cpu(run) {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < Number(values.best); i++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

for (const file of readdirSync(folder).sort()) {
  if (!file.endsWith('.o') || !filter.test(file)) continue;
  for (const { program, input } of inputsOf(file)) {
    if (input === undefined) continue;
    const theirs = host.verdict(input, { logLevel: 4 });
    if (!theirs.asked || theirs.processed < Number(values.least)) continue;
    // A busy machine may not decide the verdict.
    const plain = { ...input, lineInfo: [], budget: { time: 600_000 } };
    const ours = verify(plain);
    const kernelMs = cpu(() => host.verdict(input));
    const skepMs = cpu(() => verify(plain));
    rows++;
    logs += Math.log(skepMs / kernelMs);
    table[`${file.replace(/\.c\.o$/, '')} ${program.name}`.slice(0, 60)] = {
      verdict: ours.accepted === theirs.accepted ? (ours.accepted ? 'accepted' : 'refused') : 'DIFFERENT',
      instructions: input.code.length / 8,
      'kernel processed': theirs.processed,
      'skep processed': ours.processed,
      'kernel ms': kernelMs.toFixed(1),
      'skep ms': skepMs.toFixed(1),
      ratio: (skepMs / kernelMs).toFixed(2),
      MB: memoryOf(`${file}:${program.name}`),
    };
  }
}
host.close();
console.table(table);
console.log(`geometric mean of the ratios of ${rows} programs: ${Math.exp(logs / rows).toFixed(2)}`);
const MILLION = 'r0 = 0; r0 += 1; if r0 < 500000 goto -2; r0 = 0; exit';
console.log(`1,000,000 instructions: ${cpu(() => ownProgram(MILLION)).toFixed(0)} ms, ${memoryOf(MILLION)} MB`);
const SMALL =
  'r2 = *(u32 *)(r1 + 0); r3 = *(u32 *)(r1 + 4); r4 = r2; r4 += 14; if r4 > r3 goto +1; r0 = *(u8 *)(r2 + 13); r0 = 2; exit';
for (let i = 0; i < 2000; i++) ownProgram(SMALL);
console.log(
  `a small program, warm: ${(cpu(() => Array.from({ length: 1000 }, () => ownProgram(SMALL))) / 1000).toFixed(3)} ms`,
);

/** @param {string} text */
function ownProgram(text) {
  return verify({ code: encode(assemble(text)), type: 6, license: 'GPL', kernel: '6.18' });
}

/** The programs of an object, `file` or `file:program`. @param {string} name */
function inputsOf(name) {
  const [file = '', program] = name.split(':');
  const object = openObject(new Uint8Array(readFileSync(join(folder, file))), { name: file });
  const options = /** @type {const} */ ({ kernel: '6.18', kernelBtf: kernelBtf(), cpus: possibleCpus() });
  return programInputs(object, options, program === undefined ? undefined : [program]);
}

/** Megabytes: the most that a process of its own had. @param {string} program `file:program` @returns {number} */
function memoryOf(program) {
  const { stdout } = spawnSync(process.execPath, [import.meta.filename, '--only', program], { encoding: 'utf8' });
  return Number(stdout);
}
