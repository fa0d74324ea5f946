import type { Diagnostic } from '@skep/base';

export function noKernelTypes(file: string): Diagnostic {
  return {
    code: 'E1090',
    severity: 'error',
    message: `'${file}' includes vmlinux.h, but the types of no kernel are at hand`,
    help: "give the BTF of a kernel (/sys/kernel/btf/vmlinux, or skep's bundled one), or put a vmlinux.h on the include path",
  };
}
