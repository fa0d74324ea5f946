import { SkepError } from '@skep/base';
import { badInterval } from '../diagnostics.ts';
import { clock, left, milliseconds, right } from '../frame/columns.ts';
import { FILE_ROUTES, FILE_SYSTEM, magicOf, OPERATIONS } from '../frame/file-systems.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly took: bigint;
  readonly cgroup: bigint;
  readonly offset: bigint;
  readonly bytes: bigint;
  readonly pid: number;
  readonly operation: number;
  readonly comm: string;
  readonly name: string;
}

export const fsslower: Tool = {
  name: 'fsslower',
  summary: 'Show calls on files that take long',
  description: 'As `fileslower`, and as ext4slower, xfsslower and others with `--type`.',
  argument: { name: 'milliseconds', summary: 'how long is long (default: 10; 0 shows all)', required: false },
  options: [FILE_SYSTEM, { flags: '-j, --csv', summary: 'comma-separated, as -o csv' }],
  routes: FILE_ROUTES,
  examples: [
    { line: 'skep fsslower', does: 'what takes longer than 10 ms' },
    { line: 'skep fsslower 1 -t ext4', does: 'longer than 1 ms, on ext4 only' },
    { line: 'skep fsslower 0 -- cat /etc/hostname', does: 'everything that one command does to files' },
  ],
  display(given) {
    const [text] = given.args;
    const least = text === undefined ? 10 : Number(text);
    if (!(least >= 0)) throw new SkepError(badInterval(text!), 2);
    return {
      kind: 'rows',
      globals: { least: Math.round(least * 1e6), target_magic: magicOf(given.text('type')) },
      columns: [
        clock(),
        left('COMM', 'comm', 16),
        left('PID', 'pid', 7),
        left('T', 'type', 1),
        right('BYTES', 'bytes', 7),
        right('OFF_KB', 'off_kb', 8),
        milliseconds('LAT(ms)', 'took', 8),
        left('FILENAME', 'file', 24),
      ],
      row(record) {
        const { time, took, cgroup, offset, bytes, pid, operation, comm, name } = record as unknown as Event;
        const type = OPERATIONS[operation]?.letter ?? '?';
        return { time: given.realtime(time), comm, pid, type, bytes, off_kb: offset / 1024n, took, file: name, cgroup };
      },
    };
  },
};
