// node packages/object/bench/btf.bench.mjs  (after npm run build; needs /sys/kernel/btf/vmlinux)
// The kernel's BTF, cold and warm, beside bpftool, which does the same work in C. Times are CPU milliseconds of the process.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Btf, btfListing, btfToC } from '../dist/index.js';

const FILE = '/sys/kernel/btf/vmlinux';
if (!existsSync(FILE)) {
  console.error(`skipped: there is no ${FILE}`);
  process.exit(0);
}

function cpu(work) {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const bytes = readFileSync(FILE);
const tasks = {
  parse: () => Btf.parse(bytes),
  'parse, find one struct by name': () => Btf.parse(bytes).find('task_struct', 'struct'),
  'parse, find one enumerator': () => Btf.parse(bytes).enumerator('BPF_MAP_TYPE_RINGBUF'),
  'parse, decode every type': () => {
    const btf = Btf.parse(bytes);
    for (const id of btf.ids()) btf.type(id);
  },
  'raw listing': () => btfListing(Btf.parse(bytes)),
  'as C': () => btfToC(Btf.parse(bytes)),
};
console.log(
  `${(bytes.length / 1e6).toFixed(1)} MB, ${Btf.parse(bytes).count - 1} types\n${'first'.padStart(40)}${'best of 10'.padStart(14)}`,
);
for (const [name, work] of Object.entries(tasks)) {
  const first = cpu(work);
  let best = first;
  for (let i = 0; i < 9; i++) best = Math.min(best, cpu(work));
  console.log(`${name.padEnd(32)}${first.toFixed(1).padStart(8)}${best.toFixed(1).padStart(14)}`);
}
for (const format of ['raw', 'c']) {
  const run = spawnSync('bash', ['-c', `time -p bpftool btf dump file ${FILE} format ${format} >/dev/null`], {
    encoding: 'utf8',
  });
  const [, user] = /user ([\d.]+)/.exec(run.stderr) ?? [];
  const [, sys] = /sys ([\d.]+)/.exec(run.stderr) ?? [];
  if (run.status === 0)
    console.log(`bpftool, ${format}`.padEnd(32) + String(Math.round((Number(user) + Number(sys)) * 1000)).padStart(22));
}
