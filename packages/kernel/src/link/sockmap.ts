import { ATTACH, ATTACH_TYPES, PROG } from '@skep/abi';
import { bpf } from '../bpf/call.ts';
import { systemCallFailed } from '../diagnostics.ts';
import type { BpfMap } from '../map.ts';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import { Handle } from '../sys/handle.ts';
import { unmet } from '../unsupported.ts';
import { Link } from './link.ts';

/**
 * Runs the program for every socket in a map (sockmap or sockhash): sk_msg, sk_skb. By a link where the kernel has
 * one (6.10), else by BPF_PROG_ATTACH, which ends with the map.
 */
export function attachSockmap(program: Program, map: BpfMap): Link {
  const what = `sockets of map ${map.name}`;
  const attachType =
    program.expectedAttachType ||
    (program.type === PROG.BPF_PROG_TYPE_SK_MSG ? ATTACH.BPF_SK_MSG_VERDICT : ATTACH.BPF_SK_SKB_STREAM_VERDICT);
  const link = bpf('BPF_LINK_CREATE', { prog_fd: program.fd, target_fd: map.fd, attach_type: attachType });
  if (link >= 0) return new Link(what, 'bpf_link', [new Handle(link, what)]);
  if (link !== -ERRNO.EINVAL) throw systemCallFailed('BPF_LINK_CREATE', -link, what, SOCKMAP_HINTS[-link]);
  const result = bpf('BPF_PROG_ATTACH', { target_fd: map.fd, attach_bpf_fd: program.fd, attach_type: attachType });
  if (result < 0) {
    const { name, since } = ATTACH_TYPES.find((one) => one.value === attachType)!;
    throw (
      unmet({ what: name, since, instead: 'sk_skb/stream_verdict' }, 'BPF_PROG_ATTACH', -result) ??
      systemCallFailed('BPF_PROG_ATTACH', -result, what, SOCKMAP_HINTS[-result])
    );
  }
  return new Link(what, 'prog_attach', [], () => {
    // With the map its programs are gone.
    if (!map.closed) {
      bpf('BPF_PROG_DETACH', { target_fd: map.fd, attach_bpf_fd: program.fd, attach_type: attachType });
    }
  });
}

const SOCKMAP_HINTS: Readonly<Record<number, string>> = {
  [ERRNO.EBUSY]: 'a program of that kind is there already',
  [ERRNO.EOPNOTSUPP]: 'the map is not one of sockets',
};
