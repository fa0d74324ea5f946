import { EXT4, READ_SLOWLY } from '../../../packages/tools/test/guest/workloads.ts';
import type { Comparison } from '../comparison.ts';
import { above, cells, ourBuckets, picking, some, tableRows, theirBuckets } from '../reading.ts';

const kib = (bytes: unknown) => Math.floor(Number(bytes) / 1024);
const WRITTEN = 'head -c 100000 /dev/zero > /tmp/skepcmp; cat /tmp/skepcmp > /dev/null';
const BY_FILE = picking(/^\d+ +(\S+) +\d+ +\d+ +(\d+) +(\d+) +R +(skepcmp)/);
const ON_EXT4 =
  `${EXT4}; dd if=/dev/zero of=/mnt/skepfs/skepcmp bs=100000 count=1 conv=fsync 2> /dev/null; ` +
  'dd if=/mnt/skepfs/skepcmp of=/dev/null bs=50000 count=2 2> /dev/null';
const CALLS = picking(/^[\d:]+ +(\S+) +\d+ +([RWOFS]) +(\d+|LL_MAX) +\d+ +[\d.]+ +(skepcmp)/);
/** How often each operation came, of histograms below `operation = read`. */
const BY_OPERATION = (text: string) =>
  text
    .split(/^operation = /m)
    .slice(1)
    .map((one) => `${/\w+/.exec(one)![0]} ${above(theirBuckets(one), 0)}`);
const SLOW = (text: string) => [`${above(theirBuckets(text), 32768)} slow requests`];
const REQUEST = picking(/^ *\S+ +(dd) +\d+ +\S+ +(R)\S* +(\d+) +(\d+) /);
const BY_PROCESS = picking(/^\d+ +(dd) +(R) .* (\d+) +(\d+) +[\d.]+ *$/);
const HITS = (text: string) => some(Number(/^ *(\d+) +\d+ +\d+/m.exec(text)?.[1] ?? 0), 'hits');

export const FILES: readonly Comparison[] = [
  {
    tool: 'filetop',
    args: ['-C', '-r', '200', '3600'],
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
    tool: 'fsslower',
    args: ['0', '-t', 'ext4'],
    workload: ON_EXT4,
    ours: (document) => cells(document, (row) => row['file'] === 'skepcmp', ...['comm', 'type', 'bytes', 'file']),
    peers: {
      // Of fsync it says how much of the file is meant.
      'libbpf-tools': {
        args: ['-t', 'ext4', '-m', '0'],
        theirs: (text) => CALLS(text).map((one) => one.replace('LL_MAX', '0')),
      },
      bcc: { name: 'ext4slower', args: ['0'], theirs: (text) => CALLS(text).map((one) => one.replace(' S ', ' F ')) },
    },
  },
  {
    tool: 'fsdist',
    args: ['-t', 'ext4'],
    workload: ON_EXT4,
    ours: (document) =>
      (document.intervals ?? [])
        .flatMap((one) => one.histograms ?? [])
        .map((one) => `${one.label?.replace('operation = ', '')} ${above(one.buckets, 0)}`),
    peers: {
      'libbpf-tools': { args: ['-t', 'ext4'], theirs: BY_OPERATION },
      bcc: { name: 'ext4dist', theirs: BY_OPERATION },
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
    args: ['-C', '3600'],
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
    args: ['3600'],
    workload: 'for i in 1 2 3 4; do cat /usr/bin/env > /dev/null; done',
    ours: (document) => some(Number(tableRows(document)[0]?.['hits']), 'hits'),
    peers: {
      'libbpf-tools': { args: ['3600'], theirs: HITS },
      bcc: { args: ['3600'], theirs: HITS },
    },
  },
];
