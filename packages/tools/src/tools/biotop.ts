import { left, right } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';
import { loadLine, TOP } from '../frame/top.ts';

interface Who {
  readonly pid: number;
  readonly device: number;
  readonly write: number;
  readonly comm: string;
}

export const biotop: Tool = {
  name: 'biotop',
  summary: 'Processes by what they read from disks and write to them, as a top view',
  intervals: true,
  every: 1,
  options: [
    ...TOP,
    {
      flags: '-s, --sort',
      value: 'column',
      summary: 'what counts',
      choices: ['all', 'io', 'bytes', 'time'],
      fallback: 'all',
    },
  ],
  routes: [
    { name: 'block', kind: 'exact', program: 'biotop', needs: [{ kind: 'tracepoint', name: 'block:block_rq_issue' }] },
  ],
  examples: [
    { line: 'skep biotop 1', does: 'every second' },
    { line: 'skep biotop -C -r 5 1 10', does: 'the first five, ten times, one below the other' },
    { line: 'skep biotop 10 1 -o json', does: 'ten seconds, as JSON' },
  ],
  display(given) {
    return {
      kind: 'table',
      top: !given.flag('noclear'),
      columns: [
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        left('D', 'type', 1),
        left('DISK', 'disk', 8),
        right('I/O', 'count', 6),
        right('Kbytes', 'kb', 8, (kb) => String(Math.floor(Number(kb)))),
        right('AVGms', 'average', 7, (ms) => Number(ms).toFixed(2)),
      ],
      title: () => loadLine(given),
      rows(loaded) {
        const map = loaded.maps.get('entries')!;
        const rows = map.entries().map(([key, value]) => {
          map.delete(key as never);
          const { pid, device, write, comm } = key as unknown as Who;
          const { count, bytes, time } = value as unknown as { count: bigint; bytes: bigint; time: bigint };
          const average = count === 0n ? 0 : Number(time) / Number(count) / 1e6;
          const type = write ? 'W' : 'R';
          return {
            pid,
            comm,
            type,
            disk: given.names.disk(device),
            count: Number(count),
            kb: Number(bytes) / 1024,
            average,
          };
        });
        const sort = given.text('sort') ?? 'all';
        const weight = (one: (typeof rows)[number]) =>
          sort === 'io' ? one.count : sort === 'time' ? one.average * one.count : one.kb;
        return rows.sort((a, b) => weight(b) - weight(a)).slice(0, given.number('maxrows') ?? 20);
      },
    };
  },
};
