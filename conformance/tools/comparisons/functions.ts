import type { Comparison } from '../comparison.ts';
import { above, events, once, ourBuckets, pick, picking, stacks, tableRows, theirBuckets } from '../reading.ts';

const CALLS = (text: string) => [`${above(theirBuckets(text), 0)} calls`];
const READS = 'head -c 40000 /dev/zero > /tmp/skepcmp; dd if=/tmp/skepcmp of=/dev/null bs=12345 count=2 2> /dev/null';
const PROBES = [
  'p::vfs_read(struct file *file, char *to, size_t count) (count == 12345) "%d of %s", count, file->f_path.dentry->d_name.name',
  'r::vfs_read (retval == 12345) "got %d", retval',
];
const COUNTED = 'p::vfs_read(struct file *file, char *to, size_t count):size_t:count:count==12345';
/** Asks for ten times 123456 bytes when it is told to, and keeps them. */
const HOLDER = `
import ctypes, os, time
while not os.path.exists("/tmp/skepcmp-go"): time.sleep(0.1)
keep = [ctypes.CDLL(None).malloc(123456) for i in range(10)]
time.sleep(600)`;
const sum = (counts: readonly string[]) => counts.reduce((all, one) => all + Number(one), 0);

export const FUNCTIONS: readonly Comparison[] = [
  {
    tool: 'funccount',
    args: ['ksys_sync'],
    workload: 'sync; sync; sync',
    ours: (document) => tableRows(document).map((row) => `${row['func']} ${row['count']}`),
    peers: { bcc: { args: ['ksys_sync'], theirs: picking(/^(ksys_sync) +(\d+)/) } },
  },
  {
    tool: 'funclatency',
    args: ['ksys_sync'],
    workload: 'sync; sync',
    ours: (document) => [`${above(ourBuckets(document), 0)} calls`],
    peers: {
      'libbpf-tools': { args: ['ksys_sync'], theirs: CALLS },
      bcc: { args: ['ksys_sync'], theirs: CALLS },
    },
  },
  {
    tool: 'stackcount',
    args: ['ksys_sync'],
    workload: 'sync; sync',
    ours: (document) => {
      const mine = stacks(document).filter((one) => one.frames.at(-1) === 'ksys_sync');
      return [`ksys_sync ${mine.reduce((all, one) => all + one.value, 0)}`];
    },
    peers: {
      bcc: {
        args: ['ksys_sync'],
        theirs: (text) => {
          const mine = text.split('\n\n').filter((one) => /^ +(b')?ksys_sync/m.test(one));
          return [`ksys_sync ${sum(mine.flatMap((one) => pick(one, /^ +(\d+)$/)))}`];
        },
      },
    },
  },
  {
    tool: 'trace',
    args: PROBES,
    workload: READS,
    ours: (document) => events(document).map((row) => `${row['comm']} ${row['func']} ${row['message']}`),
    peers: { bcc: { args: PROBES, theirs: picking(/^\d+ +\d+ +(dd) +(\S+) +(.*\S)/) } },
  },
  {
    tool: 'argdist',
    args: ['-C', COUNTED],
    workload: READS,
    ours: (document) =>
      (document.intervals ?? [])
        .flatMap((one) => one.sections ?? [])
        .flatMap((one) => one.rows ?? [])
        .map((row) => `${row['event']} ${row['count']}`),
    peers: {
      bcc: {
        args: ['-i', '1', '-C', COUNTED],
        theirs: (text) => [`count = 12345 ${sum(pick(text, /^\t(\d+) +count = b?'?12345/))}`],
      },
    },
  },
  {
    tool: 'memleak',
    // bcc 0.26 calls a function of C with an argument too few: its probes on processes say that they have a counter, at any
    // place, and then the kernel refuses other probes on the same instruction.
    apart: true,
    target: ['/usr/bin/python3', '-c', HOLDER],
    args: ['-p', '$PID', '--older', '0', '3600'],
    workload: 'touch /tmp/skepcmp-go; sleep 6; rm /tmp/skepcmp-go',
    ours: (document) =>
      stacks(document)
        .filter((one) => one.value >= 1_234_560)
        .map((one) => /^\d+ bytes in \d+ allocations/.exec(one.label ?? '')?.[0] ?? ''),
    peers: {
      bcc: {
        // It prints at intervals only.
        args: ['-p', '$PID', '-o', '0', '2'],
        theirs: (text) => once(pick(text, /^\t(1234560 bytes in \d+ allocations)/)),
      },
    },
  },
];
