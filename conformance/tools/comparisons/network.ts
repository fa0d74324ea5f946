import { NO_ANSWER, SILENT_NEIGHBOUR, TCP } from '../../../packages/tools/test/guest/workloads.ts';
import type { Comparison } from '../comparison.ts';
import {
  above,
  anyPort,
  cells,
  events,
  once,
  ourBuckets,
  pick,
  picking,
  some,
  tableRows,
  theirBuckets,
} from '../reading.ts';

const LIVED = (text: string) =>
  pick(text, /^\d+ +(\S+) +127\.0\.0\.1 +(\d+) +127\.0\.0\.1 +(\d+) +(\d+)\S* +(\d+)/).map(anyPort);
const STATES = picking(/ 5555 +([A-Z_12]+) +-> ([A-Z_12]+) /);
const CONNECTED = picking(/^\d+ +(\S+) +(4) +(\S+) +(\S+) +(5555)/);
const CARRIED = picking(/^\d+ +(?:b')?([^\s']+)'? .*:5555 +(\d+) +(\d+) *$/);
const TRIPS = (text: string) => some(above(theirBuckets(text), 0), 'round trips');

export const NETWORK: readonly Comparison[] = [
  {
    tool: 'tcplife',
    args: [],
    workload: TCP,
    ours: (document) =>
      events(document)
        .filter((row) => row['lport'] === 5555 || row['rport'] === 5555)
        .map((row) =>
          anyPort(
            [
              row['comm'],
              row['lport'],
              row['rport'],
              ...['tx', 'rx'].map((to) => Math.floor(Number(row[`${to}_bytes`]) / 1024)),
            ].join(' '),
          ),
        ),
    peers: { 'libbpf-tools': { theirs: LIVED }, bcc: { theirs: LIVED }, bpftrace: { theirs: LIVED } },
  },
  {
    tool: 'tcpstates',
    args: ['-D', '5555'],
    workload: TCP,
    ours: (document) => cells(document, () => true, 'oldstate', 'newstate'),
    peers: {
      'libbpf-tools': { args: ['-D', '5555'], theirs: STATES },
      bcc: { args: ['-D', '5555'], theirs: STATES },
    },
  },
  {
    tool: 'tcpconnect',
    args: [],
    workload: TCP,
    ours: (document) => cells(document, (row) => row['rport'] === 5555, ...['comm', 'ip', 'laddr', 'raddr', 'rport']),
    peers: {
      'libbpf-tools': { theirs: CONNECTED },
      bcc: { theirs: CONNECTED },
      bpftrace: {
        theirs: picking(/^\S+ +\d+ +(\S+) +(\S+) +\d+ +(\S+) +(5555)/),
        ours: (document) => cells(document, (row) => row['rport'] === 5555, ...['comm', 'laddr', 'raddr', 'rport']),
      },
    },
  },
  {
    tool: 'tcpaccept',
    args: [],
    workload: TCP,
    ours: (document) => cells(document, (row) => row['lport'] === 5555, ...['comm', 'ip', 'raddr', 'laddr', 'lport']),
    peers: {
      bcc: { theirs: picking(/^\d+ +(\S+) +(4) +(\S+) +\d+ +(\S+) +(5555)/) },
      bpftrace: {
        theirs: picking(/^\S+ +\d+ +(\S+) +(\S+) +\d+ +(\S+) +(5555)/),
        ours: (document) => cells(document, (row) => row['lport'] === 5555, ...['comm', 'raddr', 'laddr', 'lport']),
      },
    },
  },
  {
    tool: 'tcpconnlat',
    args: [],
    workload: TCP,
    ours: (document) => cells(document, (row) => row['rport'] === 5555, ...['comm', 'ip', 'laddr', 'raddr', 'rport']),
    peers: { 'libbpf-tools': { theirs: CONNECTED }, bcc: { theirs: CONNECTED } },
  },
  {
    tool: 'tcpretrans',
    args: [],
    workload: NO_ANSWER,
    ours: (document) =>
      cells(document, (row) => row['rport'] === 9, ...['ip', 'laddr', 'type', 'raddr', 'rport', 'state']),
    peers: {
      bcc: { theirs: picking(/^\S+ +\d+ +(4) +(\S+):\d+ +(R>) +(\S+):(9) +(\S+)/) },
      bpftrace: {
        theirs: picking(/^\S+ +\d+ +(\S+):\d+ +(\S+):(9) +(\S+)/),
        ours: (document) => cells(document, (row) => row['rport'] === 9, ...['laddr', 'raddr', 'rport', 'state']),
      },
    },
  },
  {
    tool: 'tcpdrop',
    args: [],
    // A queue that takes nothing: the segment is dropped while it still belongs to a socket, which is all that bcc and bpftrace show.
    workload:
      `${SILENT_NEIGHBOUR}; tc qdisc replace dev skep0 root pfifo limit 0; ` +
      `node -e 'require("net").connect(9, "192.0.2.2").on("error", () => {}); setTimeout(() => process.exit(), 500)'; tc qdisc del dev skep0 root`,
    ours: (document) =>
      once(cells(document, (row) => row['dport'] === 9, ...['ip', 'saddr', 'daddr', 'dport', 'state'])),
    peers: {
      bcc: { theirs: (text) => once(pick(text, /^\S+ +\d+ +(4) +(\S+):\d+ +> (\S+):(9) +(\S+ \(\S+\))/)) },
      bpftrace: {
        theirs: (text) => once(pick(text, /^\S+ +\d+ +\S+ +(\S+):\d+ +(\S+):(9) +(\S+)/)),
        ours: (document) =>
          once(
            events(document)
              .filter((row) => row['dport'] === 9)
              .map((row) => `${row['saddr']} ${row['daddr']} 9 ${String(row['state']).split(' ', 1)[0]}`),
          ),
      },
    },
  },
  {
    tool: 'tcptop',
    args: ['-C', '3600'],
    workload: TCP,
    ours: (document) =>
      tableRows(document).flatMap((row) =>
        row['rport'] === 5555 ? [`${row['comm']} ${row['rx_kb']} ${row['tx_kb']}`] : [],
      ),
    peers: {
      'libbpf-tools': { args: ['-C', '3600'], theirs: CARRIED },
      bcc: { args: ['-C', '3600'], theirs: CARRIED },
    },
  },
  {
    tool: 'tcprtt',
    args: [],
    workload: TCP,
    ours: (document) => some(above(ourBuckets(document), 0), 'round trips'),
    peers: { 'libbpf-tools': { theirs: TRIPS }, bcc: { theirs: TRIPS } },
  },
];
