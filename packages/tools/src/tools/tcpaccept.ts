import { left, right, stopwatch, when } from '../frame/columns.ts';
import { FAMILIES, type Flow, flowCells, flowFilter } from '../frame/flows.ts';
import { BY_MAP, WHEN } from '../frame/options.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly cgroup: bigint;
  readonly flow: Flow;
  readonly pid: number;
  readonly comm: string;
}

export const tcpaccept: Tool = {
  name: 'tcpaccept',
  summary: 'Show the TCP connections that processes accept',
  options: [...WHEN, { flags: '-P, --port', value: 'ports', summary: 'only on these ports: 80,443' }, ...FAMILIES],
  refused: BY_MAP,
  routes: [
    {
      name: 'kretprobe',
      kind: 'exact',
      program: 'tcpaccept_kretprobe',
      needs: [{ kind: 'kprobe', name: 'inet_csk_accept' }],
    },
    {
      name: 'syscalls',
      kind: 'approximate',
      misses: 'what io_uring accepts',
      program: 'tcpaccept',
      needs: [{ kind: 'tracepoint', name: 'syscalls:sys_exit_accept4' }],
    },
  ],
  examples: [
    { line: 'skep tcpaccept', does: 'everything on the machine' },
    { line: 'skep tcpaccept -P 443 -T', does: 'on port 443, with the time' },
    { line: 'skep tcpaccept -o wide', does: 'with container and pod' },
  ],
  display(given) {
    const since = stopwatch();
    return {
      kind: 'rows',
      ...flowFilter(given, { local: 'port' }),
      columns: [
        ...when(given),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        right('IP', 'ip', 2),
        left('RADDR', 'raddr', 16),
        left('RPORT', 'rport', 5),
        left('LADDR', 'laddr', 16),
        left('LPORT', 'lport', 5),
      ],
      row(record) {
        const { time, flow, ...event } = record as unknown as Event;
        const when = { time: given.realtime(time), ...(given.flag('timestamp') && { since: since(time) }) };
        return { ...when, ...event, ...flowCells(flow) };
      },
    };
  },
};
