import { placesOf } from '../frame/places.ts';
import { STACK_SIDES, stackReader } from '../frame/stacks.ts';
import type { Given, Tool } from '../frame/tool.ts';

interface Key {
  readonly place: bigint;
  readonly pid: number;
  readonly user: number;
  readonly kernel: number;
  readonly comm: string;
}

export const stackcount: Tool = {
  name: 'stackcount',
  summary: 'Count the stacks with which functions, tracepoints and static probes are come by',
  description: 'Places are written as for `skep funccount`.',
  argument: { name: 'place', summary: 'what to count; * and ? as in file names', required: true },
  options: [
    { flags: '-i, --interval', value: 'seconds', kind: 'integer', summary: 'how often to print' },
    { flags: '-P, --perpid', summary: 'by process', global: 'by_process' },
    { flags: '-r, --regexp', summary: 'the place is a regular expression' },
    ...STACK_SIDES,
  ],
  routes: [{ name: 'probes', kind: 'exact', program: programOf, needs: [] }],
  examples: [
    { line: 'skep stackcount c:malloc -U -- ls /etc', does: 'who asks for memory in one command' },
    { line: 'skep stackcount t:block:block_rq_issue -K', does: 'why disks are asked' },
    { line: 'skep stackcount tcp_sendmsg --flame-graph send.svg --duration 10s', does: 'as a flame graph' },
  ],
  display(given) {
    const places = placesOf(given.args[0]!, given.flag('regexp'));
    const asLine = given.flag('folded') || given.text('flameGraph') !== undefined;
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
      stacks(loaded) {
        const read = stackReader(loaded, 'stacks', given.names, given.flag('annotations'));
        const map = loaded.maps.get('counts')!;
        return map.entries().map(([key, value]) => {
          map.delete(key as never);
          const { place, pid, user, kernel, comm } = key as unknown as Key;
          const inProcess = given.flag('kernelStacksOnly') ? [] : read.user(pid, user);
          const inKernel = given.flag('userStacksOnly') ? [] : read.kernel(kernel);
          const between = given.flag('delimited') && inProcess.length > 0 && inKernel.length > 0 ? ['--'] : [];
          const name = places.multi ? given.names.kernelFunction(place) : places.single[Number(place)]!.label;
          const frames = [...inProcess, ...between, ...inKernel];
          const who = comm === '' ? [] : [comm];
          const whole = frames.at(-1) === name ? frames : [...frames, name];
          return {
            frames: asLine ? [...who, ...whole] : whole,
            value: Number(value),
            label: comm === '' ? undefined : `${comm} (${pid})`,
          };
        });
      },
    };
  },
};

function programOf(given: Given): string {
  const { single, multi } = placesOf(given.args[0]!, given.flag('regexp'));
  const each = single.map((one, i) => `PLACE(${i}, ${JSON.stringify(one.entry)})\n`);
  const all = multi ? `PLACES(${JSON.stringify(multi.entry)})\n` : '';
  return `#include "tool.h"\n#include "stackcount.h"\n${each.join('')}${all}`;
}
