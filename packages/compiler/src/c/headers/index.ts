import type { SourceFile } from '@skep/base';
import { bpfCoreRead } from './bpf-core-read.ts';
import { BPF_ENDIAN } from './bpf-endian.ts';
import { BPF_HELPERS } from './bpf-helpers.ts';
import { bpfTracing } from './bpf-tracing.ts';
import * as library from './c-library.ts';
import { constantsOf } from './constants.ts';
import { errnoHeader, KERNEL } from './kernel.ts';
import { linuxBpf } from './linux-bpf.ts';
import { ASM_TYPES, LINUX_STDDEF, LINUX_TYPES } from './linux-types.ts';
import { NETWORK } from './network.ts';
import { SYSTEM, systemCalls } from './system.ts';
import { TUNNELS } from './tunnels.ts';
import { usdt } from './usdt.ts';

/** The text of each built-in header, by the name that programs include; some are made from tables when first asked for. */
const HEADERS: Readonly<Record<string, string | (() => string)>> = {
  'bpf/bpf_helpers.h': BPF_HELPERS,
  'bpf/bpf_core_read.h': bpfCoreRead,
  'bpf/bpf_endian.h': BPF_ENDIAN,
  'bpf/bpf_tracing.h': bpfTracing,
  'linux/bpf.h': linuxBpf,
  'linux/types.h': LINUX_TYPES,
  'linux/stddef.h': LINUX_STDDEF,
  'linux/limits.h': library.LINUX_LIMITS,
  'asm/types.h': ASM_TYPES,
  'stdint.h': library.STDINT,
  'stddef.h': library.STDDEF,
  'stdbool.h': library.STDBOOL,
  'stdarg.h': library.STDARG,
  'limits.h': library.LIMITS,
  'string.h': library.STRING,
  'byteswap.h': library.BYTESWAP,
  'errno.h': errnoHeader,
  'bpf/usdt.bpf.h': usdt,
  'asm/unistd.h': systemCalls,
  ...NETWORK,
  ...TUNNELS,
  ...KERNEL,
  ...SYSTEM,
};

/** Headers that only lead to another one. */
const ALIASES: Readonly<Record<string, string>> = {
  'bpf_helpers.h': 'bpf/bpf_helpers.h',
  'bpf_core_read.h': 'bpf/bpf_core_read.h',
  'bpf_endian.h': 'bpf/bpf_endian.h',
  'bpf_tracing.h': 'bpf/bpf_tracing.h',
  'linux/errno.h': 'errno.h',
  'asm/errno.h': 'errno.h',
  'asm-generic/errno.h': 'errno.h',
  'asm-generic/errno-base.h': 'errno.h',
  'asm-generic/types.h': 'asm/types.h',
  'asm-generic/int-ll64.h': 'asm/types.h',
  'asm/posix_types.h': 'linux/types.h',
  'linux/posix_types.h': 'linux/types.h',
  'linux/byteorder/little_endian.h': 'asm/byteorder.h',
  'asm/fcntl.h': 'linux/fcntl.h',
  'asm-generic/fcntl.h': 'linux/fcntl.h',
  'asm/ioctl.h': 'linux/ioctl.h',
  'asm-generic/ioctl.h': 'linux/ioctl.h',
  'sys/ioctl.h': 'linux/ioctl.h',
  'inttypes.h': 'stdint.h',
  'sys/uio.h': 'linux/uio.h',
  'fcntl.h': 'linux/fcntl.h',
  'sys/stat.h': 'linux/stat.h',
  'asm/ptrace.h': 'linux/ptrace.h',
  'arpa/inet.h': 'netinet/in.h',
  'net/if.h': 'linux/if.h',
  'netinet/tcp.h': 'linux/tcp.h',
  'netinet/ip.h': 'linux/ip.h',
  'netinet/udp.h': 'linux/udp.h',
  'netinet/if_ether.h': 'linux/if_ether.h',
  'net/ethernet.h': 'linux/if_ether.h',
  'linux/unistd.h': 'asm/unistd.h',
  'asm/unistd_64.h': 'asm/unistd.h',
  'sys/syscall.h': 'asm/unistd.h',
  'syscall.h': 'asm/unistd.h',
  'sys/time.h': 'time.h',
  'usdt.bpf.h': 'bpf/usdt.bpf.h',
  'bpf_elf.h': 'iproute2/bpf_elf.h',
};

const LICENSE = '/* SPDX-License-Identifier: (GPL-2.0 OR BSD-2-Clause) */\n';
const files = new Map<string, SourceFile>();

/** The built-in header of that name (`bpf/bpf_helpers.h`), always the same object; undefined when there is none. */
export function builtinHeader(asked: string): SourceFile | undefined {
  // Inside of the kernel's tree the headers for programs are in a folder of their own.
  const name = asked.startsWith('uapi/') ? asked.slice(5) : asked;
  const main = Object.hasOwn(ALIASES, name) ? ALIASES[name]! : name;
  let file = files.get(main);
  if (file === undefined && Object.hasOwn(HEADERS, main)) {
    const text = HEADERS[main]!;
    file = {
      name: `<built-in>/${main}`,
      text: guarded(main, (typeof text === 'string' ? text : text()) + constantsOf(main)),
    };
    files.set(main, file);
  }
  return file;
}

export function builtinHeaderNames(): readonly string[] {
  return [...Object.keys(HEADERS), ...Object.keys(ALIASES)];
}

/** Headers without an include guard of their own get one. */
function guarded(name: string, text: string): string {
  if (text.startsWith('#ifndef')) return LICENSE + text;
  const guard = `_SKEP_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
  return `${LICENSE}#ifndef ${guard}\n#define ${guard}\n${text}#endif\n`;
}
