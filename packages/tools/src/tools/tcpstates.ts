import { left, right, stopwatch, when } from '../frame/columns.ts';
import { FLOW_LINES, type Flow, flowCells, flowColumns, flowFilter, tcpState } from '../frame/flows.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly took: bigint;
  readonly socket: bigint;
  readonly cgroup: bigint;
  readonly flow: Flow;
  readonly pid: number;
  readonly before: number;
  readonly after: number;
  readonly comm: string;
}

export const tcpstates: Tool = {
  name: 'tcpstates',
  summary: 'Show every change of state of TCP connections, with the time in the state before',
  options: FLOW_LINES,
  refused: [{ flags: '-Y, --journal', instead: 'use `-o jsonl | systemd-cat -t tcpstates`' }],
  routes: [
    {
      name: 'sock',
      kind: 'exact',
      program: 'tcpstates',
      needs: [{ kind: 'tracepoint', name: 'sock:inet_sock_set_state' }],
    },
  ],
  examples: [
    { line: 'skep tcpstates', does: 'all connections' },
    { line: 'skep tcpstates -L 443', does: 'those that come to port 443 here' },
    { line: "skep tcpstates --filter 'ms > 1000' -o jsonl", does: 'states that lasted longer than a second' },
  ],
  display(given) {
    const since = stopwatch();
    return {
      kind: 'rows',
      ...flowFilter(given),
      columns: [
        ...when(given),
        left('SKADDR', 'socket', 16),
        left('C-PID', 'pid', 7),
        left('C-COMM', 'comm', 10),
        ...flowColumns(given),
        left('OLDSTATE', 'oldstate', 11),
        left('->', 'arrow', 2),
        left('NEWSTATE', 'newstate', 11),
        right('MS', 'ms', 11, (ms) => Number(ms).toFixed(3)),
      ],
      row(record) {
        const { time, took, socket, cgroup, flow, pid, before, after, comm } = record as unknown as Event;
        return {
          time: given.realtime(time),
          ...(given.flag('timestamp') && { since: since(time) }),
          socket: socket.toString(16).padStart(16, '0'),
          pid,
          comm,
          ...flowCells(flow),
          oldstate: tcpState(before),
          arrow: '->',
          newstate: tcpState(after),
          ms: Number(took) / 1e6,
          cgroup,
        };
      },
    };
  },
};
