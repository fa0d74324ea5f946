import { left, right } from '../frame/columns.ts';
import { INTERVAL, ON_CPU, TIMESTAMP } from '../frame/options.ts';
import { placesFor } from '../frame/places.ts';
import type { Given, Tool } from '../frame/tool.ts';

export const funccount: Tool = {
  name: 'funccount',
  summary: 'Count calls of functions, tracepoints and static probes',
  description:
    'Places are vfs_read or vfs_* (kernel), c:malloc or /bin/bash:readline (libraries and programs), t:block:* ' +
    '(tracepoints), u:FILE:PROBE (static probes).',
  argument: { name: 'place', summary: 'what to count; * and ? as in file names', required: true },
  options: [INTERVAL, ON_CPU, { flags: '-r, --regexp', summary: 'the place is a regular expression' }, TIMESTAMP],
  routes: [{ name: 'probes', kind: 'exact', program: programOf, needs: [] }],
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
        const map = loaded.maps.get('counts')!;
        const rows = map.entries().map(([key, value]) => {
          map.delete(key as bigint);
          const func = places.multi ? given.names.kernelFunction(key as bigint) : places.single[Number(key)]!.label;
          return { func, count: Number(value) };
        });
        return rows.sort((a, b) => a.count - b.count);
      },
    };
  },
};

function programOf(given: Given): string {
  const { single, multi } = placesFor(given);
  const each = single.map((one, i) => `PLACE(${i}, ${JSON.stringify(one.entry)})\n`);
  const all = multi ? `PLACES(${JSON.stringify(multi.entry)})\n` : '';
  return `#include "tool.h"\n#include "funccount.h"\n${each.join('')}${all}`;
}
