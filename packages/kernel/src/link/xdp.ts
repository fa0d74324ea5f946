import { ATTACH } from '@skep/abi';
import { bpf } from '../bpf/call.ts';
import { systemCallFailed } from '../diagnostics.ts';
import { interfaceIndex } from '../interfaces.ts';
import type { BpfMap } from '../map.ts';
import { setXdp } from '../netlink.ts';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { releaseAtLeast } from '../sys/release.ts';
import { Link } from './link.ts';
import { outlivingLink } from './outliving.ts';

/** Which interface, and in which mode. */
export interface XdpOptions {
  /** In the driver, in the stack, or on the card; the kernel picks driver or stack when not given. */
  readonly mode?: 'native' | 'generic' | 'offload';
  /** Forced for tests; a bpf_link where the kernel has it (5.9) otherwise. */
  readonly via?: 'bpf_link' | 'netlink';
}

/** Runs the program for each packet that `device` (a name or an index) receives. */
export function attachXdp(program: Program, device: string | number, options: XdpOptions = {}): Link {
  const what = `xdp ${device}`;
  const ifindex = typeof device === 'number' ? device : interfaceIndex(device);
  const flags = options.mode === undefined ? 0 : XDP_FLAGS[options.mode];
  if (options.via !== 'netlink') {
    const result = bpf('BPF_LINK_CREATE', {
      prog_fd: program.fd,
      target_fd: ifindex,
      attach_type: ATTACH.BPF_XDP,
      flags,
    });
    if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
    if (result !== -ERRNO.EINVAL || releaseAtLeast('5.9') || options.via === 'bpf_link') {
      throw systemCallFailed('BPF_LINK_CREATE', -result, what, XDP_HINTS[-result]);
    }
  }
  return outlivingLink(what, setXdp(ifindex, program.fd, flags, what));
}

/**
 * Runs the program for each packet that another XDP program redirects through entry `key` of a map: before it leaves by that
 * interface (devmap), or on that CPU (cpumap). `target` is the index of the interface, or how many packets may wait.
 */
export function attachXdpMap(program: Program, map: BpfMap, key: number, target: number): Link {
  const slot = new Uint8Array(Uint32Array.of(key).buffer);
  map.update(slot, new Uint8Array(Uint32Array.of(target, program.fd).buffer));
  return new Link(`entry ${key} of map ${map.name}`, 'map_update', [], () => {
    // The map may be closed already, and its programs with it.
    if (!map.closed) map.delete(slot);
  });
}

/** XDP_FLAGS_… of include/uapi/linux/if_link.h. */
const XDP_FLAGS = { generic: 1 << 1, native: 1 << 2, offload: 1 << 3 } as const;

const XDP_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EOPNOTSUPP]: 'the driver has no native XDP: use mode generic',
  [ERRNO.EBUSY]: 'another program is attached there: detach it first',
  [ERRNO.EINVAL]: 'the driver does not take it as it is set up (MTU, receive offloads), or needs the other mode',
};
