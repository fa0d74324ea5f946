import { ATTACH, BPF_F_NETFILTER_IP_DEFRAG } from '@skep/abi';
import type { Program } from '../program.ts';
import { ERRNO } from '../sys/errno.ts';
import type { Link } from './link.ts';
import { createLink } from './link-create.ts';

/** Where in the network stack (include/uapi/linux/netfilter.h). */
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;
const HOOKS = { pre_routing: 0, input: 1, forward: 2, output: 3, post_routing: 4 } as const;

/** Where in the network stack, and in which order. */
export interface NetfilterOptions {
  readonly family?: keyof typeof FAMILIES;
  readonly hook: keyof typeof HOOKS;
  /** Lower runs earlier; every program of a hook has its own. Any but the lowest and the highest number of 32 bits. */
  readonly priority?: number;
  /** Programs see whole packets, not fragments (6.6). */
  readonly defragment?: boolean;
}

/** On a hook of netfilter in our network namespace, beside nftables and iptables. */
export function attachNetfilter(program: Program, options: NetfilterOptions): Link {
  const family = options.family ?? 'ipv4';
  return createLink(
    `netfilter ${family} ${options.hook}`,
    {
      prog_fd: program.fd,
      attach_type: ATTACH.BPF_NETFILTER,
      'netfilter.pf': FAMILIES[family],
      'netfilter.hooknum': HOOKS[options.hook],
      'netfilter.priority': (options.priority ?? -128) >>> 0,
      'netfilter.flags': options.defragment ? BPF_F_NETFILTER_IP_DEFRAG : 0,
    },
    { what: 'netfilter programs', since: '6.4', config: 'CONFIG_NETFILTER_BPF_LINK', instead: 'tc or cgroup_skb' },
    { [ERRNO.EBUSY]: 'a program with that priority is there: give another one' },
  );
}
