import { clock, left, right } from '../frame/columns.ts';
import { countedFlows, FAMILIES, type Flow, flowCells, flowFilter } from '../frame/flows.ts';
import { BY_MAP } from '../frame/options.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly cgroup: bigint;
  readonly flow: Flow;
  readonly pid: number;
  readonly uid: number;
  readonly comm: string;
}

export const tcpconnect: Tool = {
  name: 'tcpconnect',
  summary: 'Show the TCP connections that processes ask for',
  options: [
    { flags: '-t, --timestamp', summary: 'the time of day' },
    { flags: '-U, --print-uid', summary: 'the user' },
    { flags: '-u, --uid', value: 'uid', kind: 'integer', summary: 'only this user', global: 'target_uid' },
    { flags: '-L, --lport', summary: 'also the port here' },
    { flags: '-P, --port', value: 'ports', summary: 'only to these ports: 80,443' },
    { flags: '-c, --flows', summary: 'count by address here, and address and port there', global: 'count' },
    { flags: '-s, --source-port', summary: 'with -c: by port here, too', global: 'by_source_port' },
    ...FAMILIES,
  ],
  refused: [
    ...BY_MAP,
    { flags: '--dns', instead: 'use `skep gethostlatency`, which shows the names that are asked for' },
  ],
  routes: [
    {
      name: 'sock',
      kind: 'exact',
      program: 'tcpconnect',
      needs: [{ kind: 'tracepoint', name: 'sock:inet_sock_set_state' }],
      // The port here is chosen a little later.
      programs: (given) =>
        given.flag('lport') || given.flag('sourcePort') ? ['set_state', 'connect_exit'] : ['set_state'],
    },
  ],
  examples: [
    { line: 'skep tcpconnect', does: 'everything on the machine' },
    { line: 'skep tcpconnect -P 443 -L', does: 'to port 443, with the port here' },
    { line: "skep tcpconnect --filter 'not raddr startswith 10.' -o jsonl", does: 'what leaves the private network' },
  ],
  display(given) {
    const flows = flowFilter(given, { remote: 'port' });
    const late = given.flag('lport') || given.flag('sourcePort');
    const globals = { ...flows.globals, ...(late && { with_local_port: 1 }) };
    if (given.flag('flows')) {
      return {
        kind: 'table',
        globals,
        prepare: flows.prepare,
        columns: [
          left('LADDR', 'laddr', 25),
          ...(given.flag('sourcePort') ? [left('LPORT', 'lport', 6)] : []),
          left('RADDR', 'raddr', 25),
          left('RPORT', 'rport', 6),
          right('CONNECTS', 'count', 8),
        ],
        rows: countedFlows,
      };
    }
    return {
      kind: 'rows',
      globals,
      prepare: flows.prepare,
      columns: [
        ...(given.flag('timestamp') ? [clock()] : []),
        ...(given.flag('printUid') ? [left('UID', 'uid', 6)] : []),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        right('IP', 'ip', 2),
        left('SADDR', 'laddr', 16),
        ...(given.flag('lport') ? [left('LPORT', 'lport', 6)] : []),
        left('DADDR', 'raddr', 16),
        left('DPORT', 'rport', 6),
      ],
      row(record) {
        const { time, flow, ...event } = record as unknown as Event;
        return { time: given.realtime(time), ...event, ...flowCells(flow) };
      },
    };
  },
};
