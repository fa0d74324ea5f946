import { STACK_ROOM } from '../frame/options.ts';
import { STACK_SIDES, type StackKey, takeStacks } from '../frame/stacks.ts';
import type { Tool } from '../frame/tool.ts';

export const offcputime: Tool = {
  name: 'offcputime',
  summary: 'Where tasks wait: stacks with the time they were off the processor',
  description: 'A number says for how many seconds it looks; with a second one, it starts anew so many times.',
  intervals: 'once',
  options: [
    { flags: '-t, --tid', value: 'tid', kind: 'integer', summary: 'only this thread', global: 'target_tid' },
    { flags: '-u, --user-threads-only', summary: 'no threads of the kernel', global: 'user_threads' },
    { flags: '-k, --kernel-threads-only', summary: 'only threads of the kernel', global: 'kernel_threads' },
    { flags: '-m, --min-block-time', value: 'us', kind: 'integer', summary: 'at least so long', global: 'least' },
    { flags: '-M, --max-block-time', value: 'us', kind: 'integer', summary: 'at most so long', global: 'most' },
    { flags: '--state', value: 'state', kind: 'integer', summary: 'only in this state', global: 'target_state' },
    ...STACK_SIDES,
    { flags: '-s, --offset', summary: 'where in each function: vfs_read+0x1c' },
  ],
  refused: [STACK_ROOM],
  routes: [
    {
      name: 'sched',
      kind: 'exact',
      program: 'offcputime',
      needs: [{ kind: 'tracepoint', name: 'sched:sched_switch' }],
    },
  ],
  examples: [
    { line: 'skep offcputime -- sleep 1', does: 'where one command waits' },
    { line: 'skep offcputime -K --duration 5s', does: 'the whole machine for five seconds, stacks of the kernel' },
    { line: 'skep offcputime -f -u 10 1 > out.folded', does: 'folded, for a flame graph' },
  ],
  display(given) {
    return {
      kind: 'stacks',
      unit: 'us',
      folded: given.flag('folded'),
      flameGraph: given.text('flameGraph'),
      poll(loaded) {
        for (const [, start] of loaded.maps.get('started')!) {
          given.names.meet((start as unknown as { key: StackKey }).key.pid);
        }
      },
      stacks: (loaded) => takeStacks(loaded, 'times', given),
    };
  },
};
