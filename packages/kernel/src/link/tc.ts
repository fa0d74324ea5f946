import { ATTACH } from '@skep/abi';
import { bpf } from '../bpf/call.ts';
import { systemCallFailed } from '../diagnostics.ts';
import { interfaceIndex } from '../interfaces.ts';
import { addTcFilter } from '../netlink.ts';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { releaseAtLeast } from '../sys/release.ts';
import { Link } from './link.ts';
import { createLink } from './link-create.ts';
import { outlivingLink } from './outliving.ts';

/** Which interface and direction, and in which order. */
export interface TcOptions {
  readonly direction: 'ingress' | 'egress';
  /** Forced for tests; a link (tcx) where the kernel has it, 6.6, else a filter of clsact. */
  readonly via?: 'bpf_link' | 'netlink';
}

/** Runs the program for each packet of a network interface, in or out. */
export function attachTc(program: Program, device: string | number, options: TcOptions): Link {
  const { direction, via } = options;
  const what = `tc ${direction} of ${device}`;
  const ifindex = typeof device === 'number' ? device : interfaceIndex(device);
  if (via !== 'netlink') {
    const result = bpf('BPF_LINK_CREATE', {
      prog_fd: program.fd,
      target_fd: ifindex,
      attach_type: direction === 'ingress' ? ATTACH.BPF_TCX_INGRESS : ATTACH.BPF_TCX_EGRESS,
    });
    if (result >= 0) return new Link(what, 'bpf_link', [new Handle(result, what)]);
    if (result !== -ERRNO.EINVAL || releaseAtLeast('6.6')) throw systemCallFailed('BPF_LINK_CREATE', -result, what);
  }
  const removal = addTcFilter(ifindex, direction, program, what);
  return outlivingLink(what, removal, via === undefined ? 'a filter of clsact' : undefined);
}

/** On a netkit device, at the end of the host (`primary`) or at that of the container (`peer`); named by its primary. */
export function attachNetkit(program: Program, device: string | number, end: 'primary' | 'peer'): Link {
  return createLink(
    `netkit ${end} ${device}`,
    {
      prog_fd: program.fd,
      target_fd: typeof device === 'number' ? device : interfaceIndex(device),
      attach_type: end === 'primary' ? ATTACH.BPF_NETKIT_PRIMARY : ATTACH.BPF_NETKIT_PEER,
    },
    { what: 'netkit', since: '6.7', config: 'CONFIG_NETKIT', instead: 'a veth pair and tc' },
    { [ERRNO.EINVAL]: 'the interface is not a netkit device' },
  );
}
