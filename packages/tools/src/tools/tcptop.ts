import { kilobytes, left } from '../frame/columns.ts';
import { endText, FLOWS, type Flow, flowCells, flowFilter } from '../frame/flows.ts';
import { BY_MAP } from '../frame/options.ts';
import { taken } from '../frame/taken.ts';
import type { Tool } from '../frame/tool.ts';
import { heaviest, loadLine, sortedBy, TOP } from '../frame/top.ts';

interface Key {
  readonly flow: Flow;
  readonly pid: number;
  readonly comm: string;
}

interface Entry {
  readonly sent: bigint;
  readonly received: bigint;
}

export const tcptop: Tool = {
  name: 'tcptop',
  summary: 'TCP connections by how much they carry, as a top view',
  intervals: true,
  every: 1,
  options: [...TOP, sortedBy('sent', 'received'), ...FLOWS],
  refused: BY_MAP,
  routes: [
    {
      name: 'sock',
      kind: 'exact',
      program: 'tcptop',
      programs: ['send_length', 'recv_length'],
      needs: [{ kind: 'tracepoint', name: 'sock:sock_send_length' }],
    },
    {
      name: 'kprobe',
      kind: 'exact',
      program: 'tcptop',
      programs: ['sendmsg', 'received'],
      needs: [{ kind: 'kprobe', name: 'tcp_cleanup_rbuf' }],
    },
  ],
  examples: [
    { line: 'skep tcptop 1', does: 'every second' },
    { line: 'skep tcptop -C 1 10', does: 'ten times, one below the other' },
    { line: 'skep tcptop 5 1 -o json', does: 'five seconds, as JSON' },
  ],
  display(given) {
    return {
      kind: 'table',
      top: !given.flag('noclear'),
      ...flowFilter(given),
      columns: [
        left('PID', 'pid', 7),
        left('COMM', 'comm', 12),
        left('LADDR', 'local', 21),
        left('RADDR', 'remote', 21),
        kilobytes('RX_KB', 'rx_kb', 6),
        kilobytes('TX_KB', 'tx_kb', 6),
      ],
      title: () => loadLine(given),
      rows(loaded) {
        const rows = taken<Key, Entry>(loaded, 'entries').map(([{ flow, pid, comm }, { sent, received }]) => {
          const cells = flowCells(flow);
          return {
            pid,
            comm,
            ...cells,
            local: endText(cells['laddr'], cells['lport']),
            remote: endText(cells['raddr'], cells['rport']),
            rx_kb: Number(received) / 1024,
            tx_kb: Number(sent) / 1024,
          };
        });
        return heaviest(given, rows, {
          all: (one) => one.rx_kb + one.tx_kb,
          sent: (one) => one.tx_kb,
          received: (one) => one.rx_kb,
        });
      },
    };
  },
};
