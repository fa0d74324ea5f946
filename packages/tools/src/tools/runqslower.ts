import { SkepError } from '@skep/base';
import { badInterval } from '../diagnostics.ts';
import { clock, left, right } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';

interface Event {
  readonly time: bigint;
  readonly waited: bigint;
  readonly pid: number;
  readonly tid: number;
  readonly previous_tid: number;
  readonly comm: string;
  readonly previous: string;
}

export const runqslower: Tool = {
  name: 'runqslower',
  summary: 'Show tasks that waited too long for a processor',
  argument: { name: 'microseconds', summary: 'how long is too long (default: 10000)', required: false },
  options: [
    { flags: '-P, --previous', summary: 'also the task that had the processor' },
    { flags: '-t, --tid', value: 'tid', kind: 'integer', summary: 'only this thread' },
  ],
  routes: [
    {
      name: 'sched',
      kind: 'exact',
      program: 'runqslower',
      needs: [{ kind: 'tracepoint', name: 'sched:sched_switch' }],
    },
  ],
  examples: [
    { line: 'skep runqslower', does: 'who waited longer than 10 ms' },
    { line: 'skep runqslower -P 1000', does: 'longer than 1 ms, and for whom' },
    { line: 'skep runqslower 500 --filter "comm glob *worker*" -o jsonl', does: 'some tasks, as JSON lines' },
  ],
  display(given) {
    const [text] = given.args;
    const target = given.number('tid');
    const least = text === undefined ? 10_000 : Number(text);
    if (!Number.isSafeInteger(least) || least < 0) throw new SkepError(badInterval(text!), 2);
    return {
      kind: 'rows',
      globals: { least },
      columns: [
        clock(),
        left('COMM', 'comm', 16),
        left('TID', 'tid', 7),
        right('LAT(us)', 'waited', 14),
        ...(given.flag('previous') ? [left('PREV COMM', 'previous', 16), left('PREV TID', 'previous_tid', 8)] : []),
      ],
      row(record) {
        const event = record as unknown as Event;
        if (target !== undefined && event.tid !== target) return undefined;
        return { ...event, time: given.realtime(event.time) };
      },
    };
  },
};
