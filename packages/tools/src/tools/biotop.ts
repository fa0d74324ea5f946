import { kilobytes, left, right } from '../frame/columns.ts';
import { taken } from '../frame/taken.ts';
import type { Tool } from '../frame/tool.ts';
import { heaviest, loadLine, sortedBy, TOP } from '../frame/top.ts';

interface Who {
  readonly pid: number;
  readonly device: number;
  readonly write: number;
  readonly comm: string;
}

interface Entry {
  readonly count: bigint;
  readonly bytes: bigint;
  readonly time: bigint;
}

export const biotop: Tool = {
  name: 'biotop',
  summary: 'Processes by what they read from disks and write to them, as a top view',
  intervals: true,
  every: 1,
  options: [...TOP, sortedBy('io', 'bytes', 'time')],
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
        kilobytes('Kbytes', 'kb', 8),
        right('AVGms', 'average', 7, (ms) => Number(ms).toFixed(2)),
      ],
      title: () => loadLine(given),
      rows(loaded) {
        const rows = taken<Who, Entry>(loaded, 'entries').map(([who, { count, bytes, time }]) => {
          const { pid, device, write, comm } = who;
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
        return heaviest(given, rows, {
          all: (one) => one.kb,
          bytes: (one) => one.kb,
          io: (one) => one.count,
          time: (one) => one.average * one.count,
        });
      },
    };
  },
};
