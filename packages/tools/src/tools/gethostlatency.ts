import { clock, left, milliseconds } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly took: bigint;
  readonly cgroup: bigint;
  readonly pid: number;
  readonly comm: string;
  readonly host: string;
}

export const gethostlatency: Tool = {
  name: 'gethostlatency',
  summary: 'Show how long the names of hosts take to be resolved',
  options: [{ flags: '-l, --libc', value: 'file', summary: 'the C library (default: where the loader finds it)' }],
  routes: [
    {
      name: 'uprobe',
      kind: 'approximate',
      misses: 'programs that do not ask the C library, such as those in Go',
      program: 'gethostlatency',
      needs: [],
    },
  ],
  examples: [
    { line: 'skep gethostlatency -- getent hosts localhost', does: 'what one command asks for' },
    { line: 'skep gethostlatency', does: 'everybody on the machine' },
    { line: "skep gethostlatency --filter 'took > 100000000' -o jsonl", does: 'what takes longer than 100 ms' },
  ],
  display(given) {
    const libc = given.text('libc');
    const calls = ['getaddrinfo', 'gethostbyname', 'gethostbyname2'];
    const targets = calls.flatMap((call) => [
      [`${call}_enter`, `uprobe/${libc}:${call}`],
      [`${call}_exit`, `uretprobe/${libc}:${call}`],
    ]);
    return {
      kind: 'rows',
      ...(libc !== undefined && { targets: Object.fromEntries(targets) }),
      columns: [
        clock(),
        left('PID', 'pid', 7),
        left('COMM', 'comm', 16),
        milliseconds('LATms', 'took', 10),
        left('HOST', 'host', 24),
      ],
      row(record) {
        const event = record as unknown as Event;
        return { ...event, time: given.realtime(event.time) };
      },
    };
  },
};
