// @ts-check
/**
 * node bench/verify.mjs [--filter REGEXP] [--best 3]
 *
 * What it costs to verify large programs, against the running kernel in the same run: CPU time of skep's verifier and
 * of BPF_PROG_LOAD, the best of some rounds each. Programs: clang's objects of the kernel's selftests
 * (`conformance/compiler/run.mjs` makes them). Wants root, bpf(2) and the packages built.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { possibleCpus } from '@skep/kernel';
import { openObject } from '@skep/object';
import { programInputs, verify } from '@skep/verifier';
import { cacheDir } from '../conformance/compiler/corpus.mjs';
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
  },
});

const folder = join(cacheDir(), 'objects/clang-19-v3/selftests');
if (!existsSync(folder)) {
  process.stderr.write(`skipped: no objects in ${folder}\n`);
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
  const object = openObject(new Uint8Array(readFileSync(join(folder, file))), { name: file });
  for (const { program, input } of programInputs(object, {
    kernel: '6.18',
    kernelBtf: host.types,
    cpus: possibleCpus(),
  })) {
    if (input === undefined) continue;
    const theirs = host.verdict(input, { logLevel: 4 });
    if (!theirs.asked || theirs.processed < Number(values.least)) continue;
    const plain = { ...input, lineInfo: [] };
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
    };
  }
}
host.close();
console.table(table);
console.log(`geometric mean of the ratios of ${rows} programs: ${Math.exp(logs / rows).toFixed(2)}`);
console.log(`most memory of this process: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`);
