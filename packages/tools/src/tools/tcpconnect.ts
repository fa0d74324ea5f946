import { clock, left, right } from '../frame/columns.ts';
import { type Flow, flowCells, flowGlobals } from '../frame/flows.ts';
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
    { flags: '-L, --lport', summary: 'also the port here', global: 'with_local_port' },
    { flags: '-P, --port', value: 'port', kind: 'integer', summary: 'only to this port', global: 'target_remote_port' },
    { flags: '-4, --ipv4', summary: 'only IPv4' },
    { flags: '-6, --ipv6', summary: 'only IPv6' },
  ],
  routes: [
    {
      name: 'sock',
      kind: 'exact',
      program: 'tcpconnect',
      needs: [{ kind: 'tracepoint', name: 'sock:inet_sock_set_state' }],
      programs: (given) => (given.flag('lport') ? ['set_state', 'connect_exit'] : ['set_state']),
    },
  ],
  examples: [
    { line: 'skep tcpconnect', does: 'everything on the machine' },
    { line: 'skep tcpconnect -P 443 -L', does: 'to port 443, with the port here' },
    { line: "skep tcpconnect --filter 'not raddr startswith 10.' -o jsonl", does: 'what leaves the private network' },
  ],
  display(given) {
    return {
      kind: 'rows',
      globals: flowGlobals(given),
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
