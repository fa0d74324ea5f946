import { STACKS } from '../frame/options.ts';
import { stackReader } from '../frame/stacks.ts';
import type { Tool } from '../frame/tool.ts';

interface Key {
  readonly pid: number;
  readonly tid: number;
  readonly user: number;
  readonly kernel: number;
  readonly comm: string;
}

export const profile: Tool = {
  name: 'profile',
  summary: 'Sample what processors do: stacks, so many times a second',
  intervals: true,
  options: [
    { flags: '-F, --frequency', value: 'hertz', kind: 'integer', summary: 'samples a second (default: 49)' },
    { flags: '-L, --tid', value: 'tid', kind: 'integer', summary: 'only this thread', global: 'target_tid' },
    { flags: '-U, --user-stacks-only', summary: 'only what processes do', global: 'only_user' },
    { flags: '-K, --kernel-stacks-only', summary: 'only what the kernel does', global: 'only_kernel' },
    { flags: '-I, --include-idle', summary: 'idle processors too', global: 'with_idle' },
    { flags: '-d, --delimited', summary: 'a line between the stacks of kernel and process' },
    { flags: '-a, --annotations', summary: 'mark functions of the kernel with _[k]' },
    ...STACKS,
  ],
  routes: [{ name: 'cpu-clock', kind: 'exact', program: 'profile', needs: [] }],
  examples: [
    { line: "skep profile -F 199 -c 'gzip -9 < /bin/bash'", does: 'where one command spends its time' },
    { line: 'skep profile -af --duration 10s > out.folded', does: 'the whole machine for ten seconds, folded' },
    { line: 'skep profile --flame-graph flame.svg --duration 30s', does: 'a flame graph for the browser' },
  ],
  display(given) {
    const folded = given.flag('folded');
    return {
      kind: 'stacks',
      unit: 'samples',
      frequency: given.number('frequency') ?? 49,
      folded,
      flameGraph: given.text('flameGraph'),
      poll(loaded) {
        for (const [key] of loaded.maps.get('counts')!) given.names.meet((key as unknown as Key).pid);
      },
      stacks(loaded) {
        const read = stackReader(loaded, 'stacks', given.names, given.flag('annotations'));
        const map = loaded.maps.get('counts')!;
        const found = [...map.entries()].map(([key, value]) => {
          const { pid, user, kernel, comm } = key as unknown as Key;
          map.delete(key as never);
          const inProcess = given.flag('kernelStacksOnly') ? [] : read.user(pid, user);
          const inKernel = given.flag('userStacksOnly') ? [] : read.kernel(kernel);
          const between = given.flag('delimited') && inProcess.length > 0 && inKernel.length > 0 ? ['--'] : [];
          const frames = [...inProcess, ...between, ...inKernel];
          const asLine = folded || given.text('flameGraph') !== undefined;
          return {
            frames: asLine ? [comm, ...frames] : frames,
            value: Number(value),
            label: `-                ${comm} (${pid})`,
          };
        });
        read.clear();
        return found;
      },
    };
  },
};
