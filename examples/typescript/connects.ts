/**
 * Refuses connections of a cgroup to listed addresses, and tells of all that are tried.
 *
 * Shows: a program on a cgroup that decides, and addresses as one writes them.
 */
import { cgroup, comm, counter, events, lpm, now, pid } from 'skep/probe';

export const forbidden = lpm({ addr: 'ipv4', value: 'u8', max: 256 });
export const refused = counter();
export const connects = events({ ts: 'u64', pid: 'u32', comm: 'char[16]', addr: 'ipv4', port: 'u16', allowed: 'bool' });

cgroup('connect4', (c) => {
  const allowed = !forbidden.has(c.addr);
  connects.emit({ ts: now(), pid: pid(), comm: comm(), addr: c.addr, port: c.port, allowed });
  if (!allowed) refused.add();
  return allowed;
});
