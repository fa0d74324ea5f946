import { cgroup, cgroup_skb, counter, events, hash, IpProto, ipv4, params, Tc, tc, Xdp, xdp } from 'skep/probe';

export const opt = params({ open: 4242, closed: 4243 });
/** By the hook and the port. */
export const seen = hash({ key: { hook: 'char[8]', port: 'u16' }, value: { packets: 'u64', bytes: 'u64' } });
export const connects = events({ addr: 'ipv4', port: 'u16', allowed: 'bool' });
export const marked = counter();

xdp((p) => {
  const udp = p.eth()?.ipv4()?.udp();
  if (udp === undefined || (udp.dport !== opt.open && udp.dport !== opt.closed)) return Xdp.Pass;
  const before = seen.get({ hook: 'xdp', port: udp.dport });
  seen.set(
    { hook: 'xdp', port: udp.dport },
    { packets: (before?.packets ?? 0n) + 1n, bytes: (before?.bytes ?? 0n) + BigInt(udp.length) },
  );
  return udp.dport === opt.closed ? Xdp.Drop : Xdp.Pass;
});

tc('egress', (p) => {
  const ip = p.eth()?.ipv4();
  const udp = ip?.udp();
  if (udp?.dport !== opt.open || ip?.proto !== IpProto.Udp) return Tc.Ok;
  p.mark = 7;
  if (p.mark === 7) marked.add();
  return Tc.Ok;
});

cgroup_skb('egress', (p) => {
  const udp = p.ipv4()?.udp();
  if (udp === undefined || udp.dport !== opt.open) return true;
  const before = seen.get({ hook: 'cgroup', port: udp.dport });
  seen.set(
    { hook: 'cgroup', port: udp.dport },
    { packets: (before?.packets ?? 0n) + 1n, bytes: (before?.bytes ?? 0n) + BigInt(udp.length) },
  );
  return true;
});

cgroup('connect4', (c) => {
  const allowed = c.addr !== ipv4('10.9.9.9');
  connects.emit({ addr: c.addr, port: c.port, allowed });
  return allowed;
});
