/**
 * Drops packets of listed networks, and those to one TCP port; counts by port what was dropped.
 *
 * Shows: parsing a packet, where each `?.` is one bounds check, and a list that the user side changes at any time.
 */
import { counter, lpm, params, Xdp, xdp } from 'skep/probe';

export const opt = params({ blockPort: 0 });
export const blocked = lpm({ addr: 'ipv4', value: 'u8', max: 1024 });
export const drops = counter({ key: 'u16', max: 4096 });

xdp((p) => {
  const ip = p.eth()?.ipv4();
  if (!ip) return Xdp.Pass;
  const tcp = ip.tcp();
  if (blocked.get(ip.saddr) !== undefined || tcp?.dport === opt.blockPort) {
    drops.add(tcp ? tcp.dport : 0);
    return Xdp.Drop;
  }
  return Xdp.Pass;
});
