import {
  array,
  cgroup,
  cgroup_skb,
  cgroupId,
  comm,
  counter,
  cpu,
  events,
  fentry,
  fexit,
  gid,
  hash,
  histogram,
  IpProto,
  ipv4,
  iter,
  kprobe,
  kptr,
  kretprobe,
  lpm,
  lruHash,
  lsm,
  now,
  params,
  perCpuArray,
  perCpuHash,
  perf,
  pid,
  random,
  raw_tp,
  Tc,
  TcpFlag,
  task,
  tc,
  tid,
  tp_btf,
  tracepoint,
  uid,
  uprobe,
  uptr,
  uretprobe,
  Xdp,
  xdp,
} from 'skep/probe';

const opt = params({ pid: 0, name: 'cat', since: 0n, on: true, int: 4 });
const byName = lruHash({ key: 'char[16]', value: 'u64', max: 10 });
const byPair = perCpuHash({
  key: { a: 'u8', b: 'u32', class: 'char[8]' },
  value: { n: 'u64', who: 'char[16]', net: 'ipv4', ptr: 'uptr', int: 'i16', ok: 'bool' },
});
const slots = array({ value: { n: 'u32', t: 'i64' }, max: 4 });
const mine = perCpuArray({ value: 'u32' });
const nets = lpm({ addr: 'ipv4', value: { why: 'u8', since: 'u64' } });
const lat = histogram({ key: { who: 'char[16]', cpu: 'u8' }, unit: 'ns' });
const all = histogram({ unit: 'ns' });
const seen = hash({ key: 'u32', value: 'u64', max: 64 });
const total = counter();
const sent = events({ a: 'u32', b: 'i64', text: 'char[32]', on: 'bool', net: 'ipv4', at: 'kptr' }, { size: 65536 });
const LIMIT = 4 * 1024;
const Kind = { A: 1, B: 2 } as const;
const busy = (n: number, b: bigint, f: boolean): boolean => {
  if (f) return n > 3;
  return b > 5n;
};
function note(x: number) {
  total.add(x);
}
tracepoint('sched:sched_switch', (c) => {
  if (c.prev_comm === 'bash' || opt.name === c.next_comm) return;
  byName.set(c.next_comm, now());
  const t = byName.take(c.prev_comm);
  if (t === undefined || !opt.on) return;
  lat.log2({ who: comm(), cpu: cpu() }, now() - t);
  all.log2(now() - t);
});
raw_tp('sched_switch', (_p, prev, next) => {
  if (prev.pid === next.pid) return;
  note(prev.tgid);
  sent.emit({
    a: prev.pid,
    b: 1n,
    text: prev.comm,
    on: prev.mm !== undefined && busy(prev.pid, now(), opt.on),
    net: ipv4('10.0.0.1'),
    at: kptr(BigInt(prev.pid)),
  });
});
tp_btf('sched_process_exec', (t, old, bprm) => {
  sent.emit({
    a: old,
    b: BigInt(t.real_parent.tgid),
    text: bprm.filename.str(32),
    on: false,
    net: 0,
    at: bprm.filename,
  });
});
kprobe('vfs_read', (file, _b, count) => {
  if (count > BigInt(LIMIT)) total.add();
  const d = file.f_path.dentry;
  sent.emit({ a: d.d_name.len, b: file.f_pos, text: d.d_name.name.str(32), on: true, net: 1, at: d.d_name.name });
});
kretprobe('vfs_read', (ret) => {
  if (ret < 0n) total.add(Number(-ret));
});
fentry('vfs_read', (file) => {
  const d = file.f_path.dentry;
  sent.emit({
    a: d.d_name.len,
    b: file.f_pos,
    text: d.d_name.name.str(16),
    on: !!d.d_parent,
    net: 1,
    at: d.d_name.name,
  });
});
fexit('vfs_read', (file, _b, count, _pos, ret) => {
  if (BigInt.asIntN(64, count) !== ret) total.add();
  if (file.f_flags & 1) total.add(2n);
});
lsm('file_open', (file) => ((file.f_flags & 3) === 0 ? 0 : -1));
uprobe('/bin/bash:readline', (c) => {
  const p = uptr(c.arg(0));
  const s = p.str(32);
  if (s === 'exit') return;
  sent.emit({ a: pid(), b: 0n, text: s, on: true, net: 0, at: kptr(c.arg(1)) });
});
uretprobe('/bin/bash:readline', (c) => {
  sent.emit({ a: tid(), b: 0n, text: uptr(c.ret).str(32), on: true, net: 0, at: kptr(c.ret) });
});
perf({ frequency: 99 }, () => {
  if (!seen.has(tid()) && cgroupId() > 0n) seen.set(tid(), now());
  else if (task().real_parent.tgid === 1) seen.delete(tid());
  mine.set(0, (mine.get(0) ?? 0) + 1);
  const s = slots.get(random() & 3);
  if (s && s.n > Kind.A) slots.set(1, { n: s.n + 1, t: s.t });
});
iter('task', (t) => {
  if (t.tgid === t.pid) sent.emit({ a: t.tgid, b: 0n, text: t.comm, on: true, net: 0, at: kptr(0n) });
});
iter('tcp', (_sk, uid) => total.add(uid));
tc('ingress', (p) => {
  if (p.length > 1500) return Tc.Shot;
  p.mark = 7;
  const u = p.eth()?.ipv6()?.udp();
  return u?.dport === 53 ? Tc.Shot : Tc.Ok;
});
cgroup_skb('egress', (p) => {
  const ip = p.ipv4();
  if (!ip) return true;
  const n = nets.get(ip.daddr);
  if (n && n.why > 3) return false;
  const t = ip.tcp();
  return !(t && (t.flags & TcpFlag.Syn) !== 0 && ip.proto === IpProto.Tcp);
});
cgroup('connect4', (c) => {
  if (c.addr === ipv4('10.1.2.3')) {
    c.addr = ipv4('127.0.0.1');
    c.port = c.port + 1;
  }
  return c.type !== 3;
});
cgroup('bind6', (c) => c.port > 1024 || uid() === 0 || gid() === 0);
xdp((p) => {
  let n = 0;
  for (let i = 0; i < 8; i++) {
    if (i === 3) continue;
    n += i;
  }
  const k = byPair.get({ a: n & 255, b: 2, class: 'x' });
  if (k?.ok) {
    const w = k.who;
    if (w === 'a') return Xdp.Tx;
  }
  byPair.set({ a: 1, b: 3, class: 'abc' }, { n: now(), who: 'xdp', net: 5, ptr: uptr(5n), int: -3, ok: true });
  switch (p.length % 3) {
    case 0:
      return Xdp.Drop;
    default:
      return Xdp.Pass;
  }
});
