import { READ_SLOWLY } from '../../../packages/tools/test/guest/workloads.ts';
import type { Comparison } from '../comparison.ts';
import { above, cells, ourBuckets, picking, some, tableRows, theirBuckets } from '../reading.ts';

const kib = (bytes: unknown) => Math.floor(Number(bytes) / 1024);
const WRITTEN = 'head -c 100000 /dev/zero > /tmp/skepcmp; cat /tmp/skepcmp > /dev/null';
const BY_FILE = picking(/^\d+ +(\S+) +\d+ +\d+ +(\d+) +(\d+) +R +(skepcmp)/);
const SLOW = (text: string) => [`${above(theirBuckets(text), 32768)} slow requests`];
const REQUEST = picking(/^ *\S+ +(dd) +\d+ +\S+ +(R)\S* +(\d+) +(\d+) /);
const BY_PROCESS = picking(/^\d+ +(dd) +(R) .* (\d+) +(\d+) +[\d.]+ *$/);
const HITS = (text: string) => some(Number(/^ *(\d+) +\d+ +\d+/m.exec(text)?.[1] ?? 0), 'hits');

export const FILES: readonly Comparison[] = [
  {
    tool: 'filetop',
    args: ['-C', '-r', '200'],
    workload: WRITTEN,
    ours: (document) =>
      tableRows(document).flatMap((row) =>
        row['file'] === 'skepcmp' ? [`${row['comm']} ${kib(row['r_bytes'])} ${kib(row['w_bytes'])} skepcmp`] : [],
      ),
    peers: {
      'libbpf-tools': { args: ['-C', '-r', '200', '3600'], theirs: BY_FILE },
      bcc: { args: ['-C', '-r', '200', '3600'], theirs: BY_FILE },
    },
  },
  {
    tool: 'fileslower',
    args: ['0'],
    workload: WRITTEN,
    ours: (document) => cells(document, (row) => row['file'] === 'skepcmp', ...['comm', 'type', 'bytes', 'file']),
    peers: {
      bcc: { args: ['0'], theirs: picking(/^ *[\d.]+ +(\S+) +\d+ +(R|W) +(\d+) +[\d.]+ +(skepcmp)/) },
    },
  },
  {
    tool: 'biolatency',
    args: [],
    workload: READ_SLOWLY,
    ours: (document) => [`${above(ourBuckets(document), 32768)} slow requests`],
    peers: { 'libbpf-tools': { theirs: SLOW }, bcc: { theirs: SLOW }, bpftrace: { theirs: SLOW } },
  },
  {
    tool: 'biosnoop',
    args: [],
    workload: READ_SLOWLY,
    ours: (document) =>
      cells(document, (row) => row['comm'] === 'dd' && row['type'] === 'R', ...['comm', 'type', 'sector', 'bytes']),
    peers: {
      'libbpf-tools': { theirs: REQUEST },
      bcc: { theirs: REQUEST },
      bpftrace: {
        theirs: picking(/^\d+ +(\S+) +(dd) +\d+ +\d+ *$/),
        ours: (document) => cells(document, (row) => row['comm'] === 'dd' && row['type'] === 'R', 'disk', 'comm'),
      },
    },
  },
  {
    tool: 'biotop',
    args: ['-C'],
    workload: READ_SLOWLY,
    ours: (document) =>
      tableRows(document).flatMap((row) =>
        row['comm'] === 'dd' && row['type'] === 'R' ? [`dd R ${row['count']} ${row['kb']}`] : [],
      ),
    peers: {
      'libbpf-tools': { args: ['-C', '3600'], theirs: BY_PROCESS },
      bcc: { args: ['-C', '3600'], theirs: BY_PROCESS },
    },
  },
  {
    tool: 'cachestat',
    args: [],
    workload: 'for i in 1 2 3 4; do cat /usr/bin/env > /dev/null; done',
    ours: (document) => some(Number(tableRows(document)[0]?.['hits']), 'hits'),
    peers: {
      'libbpf-tools': { args: ['3600'], theirs: HITS },
      bcc: { args: ['3600'], theirs: HITS },
    },
  },
];
