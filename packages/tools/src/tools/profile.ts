import { BY_MAP, STACK_ROOM } from '../frame/options.ts';
import { STACK_SIDES, type StackKey, takeStacks } from '../frame/stacks.ts';
import type { Tool } from '../frame/tool.ts';

export const profile: Tool = {
  name: 'profile',
  summary: 'Sample what processors do: stacks, so many times a second',
  description: 'A number says for how many seconds it looks; with a second one, it starts anew so many times.',
  intervals: 'once',
  options: [
    { flags: '-F, --frequency', value: 'hertz', kind: 'integer', summary: 'samples a second (default: 49)' },
    { flags: '-L, --tid', value: 'tid', kind: 'integer', summary: 'only this thread', global: 'target_tid' },
    { flags: '-I, --include-idle', summary: 'idle processors too', global: 'with_idle' },
    { flags: '-C, --cpu', value: 'number', kind: 'integer', summary: 'only this processor', global: 'target_cpu' },
    ...STACK_SIDES,
    { flags: '-A, --address', summary: 'the address of each frame' },
  ],
  refused: [
    ...BY_MAP,
    STACK_ROOM,
    { flags: '--hash-storage-size', value: 'n', instead: 'there is room for 40960 stacks with their tasks' },
  ],
  routes: [{ name: 'cpu-clock', kind: 'exact', program: 'profile', needs: [] }],
  examples: [
    { line: "skep profile -F 199 -c 'gzip -9 < /bin/bash > /dev/null'", does: 'where one command spends its time' },
    { line: 'skep profile -af --duration 10s > out.folded', does: 'the whole machine for ten seconds, folded' },
    { line: 'skep profile --flame-graph flame.svg --duration 30s', does: 'a flame graph for the browser' },
  ],
  display(given) {
    return {
      kind: 'stacks',
      unit: 'samples',
      frequency: given.number('frequency') ?? 49,
      folded: given.flag('folded'),
      flameGraph: given.text('flameGraph'),
      poll(loaded) {
        for (const [key] of loaded.maps.get('counts')!) given.names.meet((key as unknown as StackKey).pid);
      },
      stacks: (loaded) => takeStacks(loaded, 'counts', given),
    };
  },
};
