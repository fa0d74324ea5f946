import { left, right } from '../frame/columns.ts';
import { endText, FLOWS, type Flow, flowCells, flowFilter } from '../frame/flows.ts';
import { BY_MAP } from '../frame/options.ts';
import type { Tool } from '../frame/tool.ts';
import { loadLine, TOP } from '../frame/top.ts';

interface Key {
  readonly flow: Flow;
  readonly pid: number;
  readonly comm: string;
}

export const tcptop: Tool = {
  name: 'tcptop',
  summary: 'TCP connections by how much they carry, as a top view',
  intervals: true,
  every: 1,
  options: [
    ...TOP,
    {
      flags: '-s, --sort',
      value: 'column',
      summary: 'what counts',
      choices: ['all', 'sent', 'received'],
      fallback: 'all',
    },
    ...FLOWS,
  ],
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
        right('RX_KB', 'rx_kb', 6, (kb) => String(Math.floor(Number(kb)))),
        right('TX_KB', 'tx_kb', 6, (kb) => String(Math.floor(Number(kb)))),
      ],
      title: () => loadLine(given),
      rows(loaded) {
        const map = loaded.maps.get('entries')!;
        const rows = map.entries().map(([key, value]) => {
          map.delete(key as never);
          const { flow, pid, comm } = key as unknown as Key;
          const { sent, received } = value as unknown as { sent: bigint; received: bigint };
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
        const sort = given.text('sort') ?? 'all';
        const weight = (one: (typeof rows)[number]) =>
          (sort === 'sent' ? 0 : one.rx_kb) + (sort === 'received' ? 0 : one.tx_kb);
        rows.sort((a, b) => weight(b) - weight(a));
        return rows.slice(0, given.number('maxrows') ?? 20);
      },
    };
  },
};
