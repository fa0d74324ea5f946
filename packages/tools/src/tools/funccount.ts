import { left, right } from '../frame/columns.ts';
import { INTERVAL, ON_CPU, TIMESTAMP } from '../frame/options.ts';
import { countingProgram, placeName, placesFor } from '../frame/places.ts';
import { taken } from '../frame/taken.ts';
import type { Tool } from '../frame/tool.ts';

export const funccount: Tool = {
  name: 'funccount',
  summary: 'Count calls of functions, tracepoints and static probes',
  description:
    'Places are vfs_read or vfs_* (kernel), c:malloc or /bin/bash:readline (libraries and programs), t:block:* ' +
    '(tracepoints), u:FILE:PROBE (static probes).',
  argument: { name: 'place', summary: 'what to count; * and ? as in file names', required: true },
  options: [INTERVAL, ON_CPU, { flags: '-r, --regexp', summary: 'the place is a regular expression' }, TIMESTAMP],
  routes: [{ name: 'probes', kind: 'exact', program: (given) => countingProgram('funccount.h', given), needs: [] }],
  examples: [
    { line: 'skep funccount t:sched:sched_process_* -- sh -c "ls | wc"', does: 'what one command makes of processes' },
    { line: 'skep funccount c:malloc -p 1234', does: 'how often a process asks for memory' },
    { line: "skep funccount 'vfs_*' -i 1", does: 'functions of the kernel, every second' },
  ],
  display(given) {
    const places = placesFor(given);
    return {
      kind: 'table',
      columns: [left('FUNC', 'func', 36), right('COUNT', 'count', 10)],
      rows(loaded) {
        const rows = taken<bigint, bigint>(loaded, 'counts').map(([place, count]) => ({
          func: placeName(places, place, given),
          count: Number(count),
        }));
        return rows.sort((a, b) => a.count - b.count);
      },
    };
  },
};
