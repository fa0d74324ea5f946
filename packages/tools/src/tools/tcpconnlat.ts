import { SkepError } from '@skep/base';
import { badInterval } from '../diagnostics.ts';
import { clock, left, milliseconds, right } from '../frame/columns.ts';
import { FAMILIES, type Flow, flowCells, flowFilter } from '../frame/flows.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly took: bigint;
  readonly cgroup: bigint;
  readonly flow: Flow;
  readonly pid: number;
  readonly comm: string;
}

export const tcpconnlat: Tool = {
  name: 'tcpconnlat',
  summary: 'Show how long TCP connections take to come about',
  argument: { name: 'milliseconds', summary: 'only those that take longer', required: false },
  options: [
    { flags: '-t, --timestamp', summary: 'the time of day' },
    { flags: '-L, --lport', summary: 'also the port here' },
    ...FAMILIES,
  ],
  routes: [
    {
      name: 'sock',
      kind: 'exact',
      program: 'tcpconnlat',
      needs: [{ kind: 'tracepoint', name: 'sock:inet_sock_set_state' }],
    },
  ],
  examples: [
    { line: 'skep tcpconnlat', does: 'every connection' },
    { line: 'skep tcpconnlat 10', does: 'those that take longer than 10 ms' },
    { line: 'skep tcpconnlat -t -L -o jsonl', does: 'with time and port, as JSON lines' },
  ],
  display(given) {
    const [text] = given.args;
    const least = text === undefined ? 0 : Number(text) * 1e6;
    if (!(least >= 0)) throw new SkepError(badInterval(text!), 2);
    return {
      kind: 'rows',
      globals: { ...flowFilter(given).globals, least: Math.round(least) },
      columns: [
        ...(given.flag('timestamp') ? [clock()] : []),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        right('IP', 'ip', 2),
        left('SADDR', 'laddr', 16),
        ...(given.flag('lport') ? [left('LPORT', 'lport', 6)] : []),
        left('DADDR', 'raddr', 16),
        left('DPORT', 'rport', 6),
        milliseconds('LAT(ms)', 'took', 9),
      ],
      row(record) {
        const { time, flow, ...event } = record as unknown as Event;
        return { time: given.realtime(time), ...event, ...flowCells(flow) };
      },
    };
  },
};
