import { WAIT_LONG } from '../../../packages/tools/test/guest/workloads.ts';
import type { Comparison } from '../comparison.ts';
import { above, cells, ourBuckets, pick, picking, some, stacks, tableRows, theirBuckets } from '../reading.ts';

const WAITS = (text: string) => some(above(theirBuckets(text), 0), 'waits');
const SLOWER = picking(/^\d\d:\S+ +(skeplate) +\d+ +\d{6} *$/);
// One was attached before the other, and other tasks were away then.
const AWAY = (text: string) => some(above(theirBuckets(text), 8388608), 'task away for 8 seconds');
const VECTORS = (text: string) => pick(text, /^(timer|rcu|sched) +[1-9]/);
const HANDLERS = (text: string) => some(pick(text, /^(\S+) +\d+$/).length, 'handlers');

/** Functions of the kernel under which tasks sleep; those of processes are not shown by everybody. */
const KERNEL_NAP = /^(do|hrtimer|__x64_sys)_\w*nanosleep$/;

/** Stacks of `sleep`, the innermost first, as they stand between empty lines. */
const NAPS = (text: string) =>
  text.split('\n\n').flatMap((one) => {
    const frames = one
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean);
    if (!/^- +sleep \(/.test(frames.at(-2) ?? '') || Number(frames.at(-1)) <= 400_000) return [];
    const names = frames.map((frame) => frame.replace(/^.*?(\w+)\b.*$/, '$1'));
    return [names.filter((frame) => KERNEL_NAP.test(frame)).join(' ')];
  });

/** Where most samples were taken. */
function hottest(samples: readonly { readonly leaf: string; readonly count: number }[]): string[] {
  const sums = new Map<string, number>();
  for (const { leaf, count } of samples) sums.set(leaf, (sums.get(leaf) ?? 0) + count);
  const [first] = [...sums].sort((a, b) => b[1] - a[1]);
  return first ? [`most in ${first[0]}`] : [];
}

export const PROCESSORS: readonly Comparison[] = [
  {
    tool: 'runqlat',
    args: [],
    workload: 'for i in 1 2 3 4 5; do /bin/true; done',
    ours: (document) => some(above(ourBuckets(document), 0), 'waits'),
    peers: { 'libbpf-tools': { theirs: WAITS }, bcc: { theirs: WAITS }, bpftrace: { theirs: WAITS } },
  },
  {
    tool: 'runqslower',
    // Low limits feed on themselves: whoever reads a line has waited before, and is the next line.
    args: ['200000'],
    workload: WAIT_LONG,
    ours: (document) => cells(document, (row) => row['comm'] === 'skeplate', 'comm'),
    peers: { 'libbpf-tools': { args: ['200000'], theirs: SLOWER }, bcc: { args: ['200000'], theirs: SLOWER } },
  },
  {
    tool: 'cpudist',
    args: ['-O'],
    workload: 'sleep 9',
    ours: (document) => some(above(ourBuckets(document), 8388608), 'task away for 8 seconds'),
    peers: { 'libbpf-tools': { args: ['-O'], theirs: AWAY }, bcc: { args: ['-O'], theirs: AWAY } },
  },
  {
    tool: 'offcputime',
    args: [],
    workload: 'sleep 0.5',
    ours: (document) =>
      stacks(document)
        .filter((one) => /sleep \(/.test(one.label ?? '') && one.value > 400_000)
        .map((one) =>
          one.frames
            .toReversed()
            .filter((frame) => KERNEL_NAP.test(frame))
            .join(' '),
        ),
    peers: { 'libbpf-tools': { theirs: NAPS }, bcc: { theirs: NAPS } },
  },
  {
    tool: 'profile',
    args: ['-F', '99', '-f'],
    workload: 'dd if=/dev/zero of=/dev/null bs=1M count=1500 2> /dev/null',
    ours: (document) =>
      hottest(
        stacks(document)
          .filter((one) => one.frames[0] === 'dd')
          .map((one) => ({ leaf: one.frames.at(-1)!, count: one.value })),
      ),
    peers: {
      bcc: {
        args: ['-F', '99', '-f'],
        theirs: (text) =>
          hottest(
            [...text.matchAll(/^dd;(?:.*;)?([^;\n]+) (\d+)$/gm)].map(([, leaf, count]) => ({
              leaf: leaf!,
              count: Number(count),
            })),
          ),
      },
    },
  },
  {
    tool: 'softirqs',
    args: [],
    workload: 'sleep 1',
    ours: (document) =>
      tableRows(document).flatMap((row) =>
        /^(timer|rcu|sched)$/.test(String(row['softirq'])) ? [String(row['softirq'])] : [],
      ),
    peers: { 'libbpf-tools': { theirs: VECTORS }, bcc: { theirs: VECTORS } },
  },
  {
    tool: 'hardirqs',
    args: [],
    workload: 'for i in 1 2 3; do cat /usr/bin/env > /dev/null; sleep 0.1; done',
    ours: (document) => some(tableRows(document).length, 'handlers'),
    peers: { 'libbpf-tools': { theirs: HANDLERS }, bcc: { theirs: HANDLERS } },
  },
];
