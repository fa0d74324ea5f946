import { INTERVAL, ON_CPU, TIMESTAMP } from '../frame/options.ts';
import { countingProgram, placeName, placesFor } from '../frame/places.ts';
import { STACK_PLACES, STACK_SIDES, type StackKey, takeStacks } from '../frame/stacks.ts';
import type { Tool } from '../frame/tool.ts';

interface Key extends StackKey {
  readonly place: bigint;
}

export const stackcount: Tool = {
  name: 'stackcount',
  summary: 'Count the stacks with which functions, tracepoints and static probes are come by',
  description: 'Places are written as for `skep funccount`.',
  argument: { name: 'place', summary: 'what to count; * and ? as in file names', required: true },
  options: [
    INTERVAL,
    // -d is something else here, as bcc has it.
    { flags: '-D, --duration', value: 'time', kind: 'duration', summary: 'end after this time (5s, 500ms, 2m)' },
    ON_CPU,
    { flags: '-P, --perpid', summary: 'by process', global: 'by_process' },
    { flags: '-r, --regexp', summary: 'the place is a regular expression' },
    ...STACK_SIDES,
    ...STACK_PLACES,
    TIMESTAMP,
  ],
  routes: [{ name: 'probes', kind: 'exact', program: (given) => countingProgram('stackcount.h', given), needs: [] }],
  examples: [
    { line: 'skep stackcount c:malloc -U -- ls /etc', does: 'who asks for memory in one command' },
    { line: 'skep stackcount t:block:block_rq_issue -K', does: 'why disks are asked' },
    { line: 'skep stackcount tcp_sendmsg --flame-graph send.svg --duration 10s', does: 'as a flame graph' },
  ],
  display(given) {
    const places = placesFor(given);
    return {
      kind: 'stacks',
      unit: 'calls',
      folded: given.flag('folded'),
      flameGraph: given.text('flameGraph'),
      poll(loaded) {
        for (const [key] of loaded.maps.get('counts')!) {
          const { pid } = key as unknown as Key;
          if (pid !== 0) given.names.meet(pid);
        }
      },
      stacks: (loaded) => takeStacks<Key>(loaded, 'counts', given, ({ place }) => placeName(places, place, given)),
    };
  },
};
