import { kilobytes, left, right, stopwatch, when } from '../frame/columns.ts';
import { FLOW_LINES, type Flow, flowCells, flowColumns, flowFilter } from '../frame/flows.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly took: bigint;
  readonly cgroup: bigint;
  readonly received: bigint;
  readonly sent: bigint;
  readonly flow: Flow;
  readonly pid: number;
  readonly comm: string;
}

export const tcplife: Tool = {
  name: 'tcplife',
  summary: 'Show TCP connections when they end: whose, how long, how much',
  options: FLOW_LINES,
  routes: [
    {
      name: 'sock',
      kind: 'exact',
      program: 'tcplife',
      needs: [{ kind: 'tracepoint', name: 'sock:inet_sock_set_state' }],
    },
  ],
  examples: [
    { line: 'skep tcplife', does: 'all connections, as they end' },
    { line: 'skep tcplife -T -D 443', does: 'those to port 443 elsewhere, with the time' },
    { line: "skep tcplife --filter 'rx_kb > 1024' -o jsonl", does: 'those that received more than a megabyte' },
  ],
  display(given) {
    const since = stopwatch();
    return {
      kind: 'rows',
      ...flowFilter(given),
      columns: [
        ...when(given),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        ...flowColumns(given),
        kilobytes('TX_KB', 'tx_kb', 5),
        kilobytes('RX_KB', 'rx_kb', 5),
        right('MS', 'ms', 10, (ms) => Number(ms).toFixed(2)),
      ],
      row(record) {
        const { time, took, cgroup, received, sent, flow, pid, comm } = record as unknown as Event;
        // The SYN counts as a byte, and so does the FIN.
        const bytes = { tx_bytes: sent, rx_bytes: received };
        return {
          time: given.realtime(time),
          ...(given.flag('timestamp') && { since: since(time) }),
          pid,
          comm,
          ...flowCells(flow),
          tx_kb: Number(sent) / 1024,
          rx_kb: Number(received) / 1024,
          ...bytes,
          ms: Number(took) / 1e6,
          cgroup,
        };
      },
    };
  },
};
