import { uapiConstants } from '@skep/abi';

/**
 * What stands in front of the programs of a script, in place of `linux/bpf.h` and `bpf/bpf_helpers.h`: of these a script needs little,
 * and reading them takes longer than compiling the script. Helpers, and types of the kernel, are declared when they are named.
 */
export function prelude(text: string, kernelTypes: boolean): string {
  const named = new Set(text.match(/\bBPF_[A-Z0-9_]+\b/g));
  const constants = [...named].flatMap((name) => {
    const value = uapiConstants().get(name);
    return value === undefined ? [] : [`${name} = ${value}`];
  });
  return [
    ...(kernelTypes ? ['#include "vmlinux.h"'] : [TYPES]),
    '#include <bpf/bpf_helper_defs.h>',
    MACROS,
    ...(constants.length > 0 ? [`enum { ${constants.join(', ')} };`] : []),
  ].join('\n');
}

const TYPES = [
  ['8', 'char'],
  ['16', 'short'],
  ['32', 'int'],
  ['64', 'long long'],
]
  .flatMap(([bits, type]) => [
    `typedef unsigned ${type} __u${bits}, u${bits};`,
    `typedef signed ${type} __s${bits}, s${bits};`,
  ])
  // For those who compile it with libbpf's headers.
  .concat('typedef u16 __be16; typedef u32 __be32, __wsum;')
  .join(' ');

const MACROS = `#define SEC(name) __attribute__((section(name), used))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __ksym __attribute__((section(".ksyms")))`;
