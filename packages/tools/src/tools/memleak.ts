import { STACKS } from '../frame/options.ts';
import { stackReader } from '../frame/stacks.ts';
import type { Given, Tool } from '../frame/tool.ts';

interface Allocation {
  readonly size: bigint;
  readonly time: bigint;
  readonly pid: number;
  readonly user: number;
  readonly kernel: number;
  readonly comm: string;
}

const KERNEL = ['kmalloc', 'kmem_cache_alloc', 'kfree', 'kmem_cache_free'];
const PERCPU = ['percpu_alloc', 'percpu_free'];
const PROCESS = ['malloc', 'calloc', 'realloc', 'memalign', 'aligned_alloc'].flatMap((one) => [
  `${one}_enter`,
  `${one}_exit`,
]);

export const memleak: Tool = {
  name: 'memleak',
  summary: 'Show memory that was asked for and not given back, by stack',
  description: 'Of processes by the functions of the C library; with --kernel, of the kernel itself.',
  intervals: true,
  every: 5,
  options: [
    { flags: '-k, --kernel', summary: 'memory of the kernel' },
    { flags: '-a, --show-allocs', summary: 'every allocation, with address and size' },
    { flags: '--older', value: 'ms', kind: 'integer', summary: 'only what is older (default: 500)' },
    { flags: '-T, --top', value: 'n', kind: 'integer', summary: 'so many stacks at most (default: 10)' },
    { flags: '-s, --sample-rate', value: 'n', kind: 'integer', summary: 'only one of n', global: 'sample_every' },
    { flags: '-z, --min-size', value: 'bytes', kind: 'integer', summary: 'at least so large', global: 'least_size' },
    { flags: '-Z, --max-size', value: 'bytes', kind: 'integer', summary: 'at most so large', global: 'most_size' },
    { flags: '-O, --library', value: 'file', summary: 'where malloc and free are (default: libc.so.6)' },
    { flags: '-P, --percpu', summary: 'memory of the kernel that each processor has for itself' },
    { flags: '--sort', value: 'by', summary: 'what counts', choices: ['size', 'count'], fallback: 'size' },
    { flags: '-S, --symbols-prefix', value: 'text', summary: 'in front of malloc, free …: je_ for jemalloc' },
    ...STACKS,
  ],
  refused: [
    { flags: '-t, --trace', instead: 'use `skep trace \'c:malloc "%d bytes", arg1\' \'c:free "%p", arg1\'`' },
    { flags: '--wa-missing-free', instead: 'an address that is given out again replaces what was there before' },
    { flags: '-C, --combined-only', instead: 'sums by stack are what it shows' },
  ],
  routes: [
    {
      name: 'uprobe',
      kind: 'exact',
      program: 'memleak',
      programs: (given) => {
        const kernel = [...(given.flag('kernel') ? KERNEL : []), ...(given.flag('percpu') ? PERCPU : [])];
        return kernel.length > 0 ? kernel : [...PROCESS, 'free_enter'];
      },
      needs: [],
    },
  ],
  examples: [
    { line: 'skep memleak -p 1234 5', does: 'what a process has not given back, every five seconds' },
    { line: 'skep memleak --older 0 -- ./program', does: 'what a program has not given back when it ends' },
    { line: 'skep memleak -k --flame-graph leaks.svg 10 1', does: 'what the kernel holds after ten seconds' },
  ],
  display(given) {
    return {
      kind: 'stacks',
      unit: 'bytes',
      folded: given.flag('folded'),
      flameGraph: given.text('flameGraph'),
      ...targetsOf(given),
      poll(loaded) {
        const seen = new Set<number>();
        for (const [, value] of loaded.maps.get('allocations')!) seen.add((value as unknown as Allocation).pid);
        for (const pid of seen) given.names.meet(pid);
      },
      stacks(loaded) {
        const read = stackReader(loaded, 'stacks', given.names);
        const now = BigInt(given.fact('now', () => String(process.hrtime.bigint())) || 0);
        const older = BigInt(given.number('older') ?? 500) * 1_000_000n;
        const found = new Map<string, { bytes: number; count: number; one: Allocation; list: string[] }>();
        for (const [key, value] of loaded.maps.get('allocations')!) {
          const one = value as unknown as Allocation;
          if (now - one.time < older) continue;
          const id = `${one.pid} ${one.user} ${one.kernel}`;
          const entry = found.get(id) ?? { bytes: 0, count: 0, one, list: [] };
          entry.bytes += Number(one.size);
          entry.count += 1;
          if (given.flag('showAllocs')) {
            entry.list.push(
              `address 0x${(key as unknown as { address: bigint }).address.toString(16)} size ${one.size}`,
            );
          }
          found.set(id, entry);
        }
        const by = given.text('sort') === 'count' ? 'count' : 'bytes';
        const largest = [...found.values()].sort((a, b) => b[by] - a[by]).slice(0, given.number('top') ?? 10);
        return largest.map(({ bytes, count, one, list }) => {
          const frames = one.user >= 0 ? read.user(one.pid, one.user) : read.kernel(one.kernel);
          const label = `${bytes} bytes in ${count} allocations of ${one.comm} (${one.pid})`;
          return { frames, value: bytes, label: [label, ...list].join('\n    ') };
        });
      },
    };
  },
};

function targetsOf(given: Given) {
  const prefix = given.text('symbolsPrefix') ?? '';
  if (given.text('library') === undefined && prefix === '') return {};
  const library = `${given.text('library') ?? 'libc.so.6'}:${prefix}`;
  const sections = ['malloc', 'calloc', 'realloc', 'aligned_alloc'].flatMap((one) => [
    [`${one}_enter`, `uprobe/${library}${one}`],
    [`${one}_exit`, `uretprobe/${library}${one}`],
  ]);
  const rest = {
    memalign_enter: `uprobe/${library}posix_memalign`,
    memalign_exit: `uretprobe/${library}posix_memalign`,
    free_enter: `uprobe/${library}free`,
  };
  return { targets: { ...Object.fromEntries(sections), ...rest } };
}
