import { clock, left, right } from '../frame/columns.ts';
import { countedFlows, FAMILIES, type Flow, flowCells, flowFilter, tcpState } from '../frame/flows.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly flow: Flow;
  readonly pid: number;
  readonly state: number;
  readonly sequence: number;
  readonly probe: number;
}

export const tcpretrans: Tool = {
  name: 'tcpretrans',
  summary: 'Show TCP segments that are sent again',
  intervals: true,
  options: [
    { flags: '-s, --sequence', summary: 'sequence numbers' },
    { flags: '-l, --lossprobe', summary: 'also tail loss probes (wants kprobes)' },
    { flags: '-c, --flows', summary: 'count by connection', global: 'count' },
    ...FAMILIES,
  ],
  everybody: 'segments are sent again by timers, whoever is running',
  routes: [
    {
      name: 'tcp',
      kind: 'exact',
      program: 'tcpretrans',
      needs: [{ kind: 'tracepoint', name: 'tcp:tcp_retransmit_skb' }],
      programs: (given) => (given.flag('lossprobe') ? ['retransmit', 'loss_probe'] : ['retransmit']),
    },
  ],
  examples: [
    { line: 'skep tcpretrans', does: 'each, as it happens' },
    { line: 'skep tcpretrans --flows 10', does: 'how many on which connection, every ten seconds' },
    { line: 'skep tcpretrans -l -o jsonl', does: 'tail loss probes too, as JSON lines' },
  ],
  display(given) {
    if (given.flag('flows')) {
      return {
        kind: 'table',
        globals: flowFilter(given).globals,
        columns: [
          left('LADDR', 'laddr', 20),
          left('LPORT', 'lport', 6),
          left('RADDR', 'raddr', 20),
          left('RPORT', 'rport', 6),
          right('RETRANSMITS', 'count', 11),
        ],
        rows: countedFlows,
      };
    }
    return {
      kind: 'rows',
      globals: flowFilter(given).globals,
      columns: [
        clock(),
        left('PID', 'pid', 7),
        right('IP', 'ip', 2),
        left('LADDR', 'laddr', 16),
        left('LPORT', 'lport', 5),
        left('T>', 'type', 2),
        left('RADDR', 'raddr', 16),
        left('RPORT', 'rport', 5),
        left('STATE', 'state', 12),
        ...(given.flag('sequence') ? [right('SEQ', 'sequence', 10)] : []),
      ],
      row(record) {
        const { time, flow, pid, state, sequence, probe } = record as unknown as Event;
        const type = probe ? 'L>' : 'R>';
        return { time: given.realtime(time), pid, ...flowCells(flow), type, state: tcpState(state), sequence };
      },
    };
  },
};
