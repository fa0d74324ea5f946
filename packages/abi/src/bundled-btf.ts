import { KFUNCS } from './generated/kfuncs.ts';

/** The kfuncs of the bundled kernel, which newer and older kernels may have more or fewer of. */
export { KFUNCS };

/**
 * Type information of a Debian cloud kernel, for compiling, checking and simulating where no kernel's own is at hand:
 * raw BTF, gzipped, with every struct, union, enum and typedef, the kfuncs, the LSM hooks and what tracing programs
 * attach to left in.
 */
export const bundledBtf = { release: '6.12', arch: 'x86_64' } as const;

/** Where it lies. A function, because finding the package's place takes longer than many a run does without. */
export function bundledBtfUrl(): URL {
  return new URL('../data/vmlinux-6.12-amd64.btf.gz', import.meta.url);
}
