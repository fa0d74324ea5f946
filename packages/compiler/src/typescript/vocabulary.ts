/** What `skep/probe` exports, by what probes can do with it. */

export const MAP_KINDS = [
  'hash',
  'lruHash',
  'perCpuHash',
  'array',
  'perCpuArray',
  'lpm',
  'counter',
  'histogram',
] as const;
export type MapKind = (typeof MAP_KINDS)[number];

export const PROBE_KINDS = [
  'tracepoint',
  'raw_tp',
  'tp_btf',
  'kprobe',
  'kretprobe',
  'fentry',
  'fexit',
  'uprobe',
  'uretprobe',
  'xdp',
  'tc',
  'lsm',
  'perf',
  'iter',
  'cgroup',
  'cgroup_skb',
] as const;
export type ProbeKind = (typeof PROBE_KINDS)[number];

/** Functions without arguments that ask who and when. */
export const FACTS = ['pid', 'tid', 'uid', 'gid', 'cpu', 'now', 'comm', 'cgroupId', 'random', 'task'] as const;
export type Fact = (typeof FACTS)[number];

/** Constants that are the same on both sides. */
export const ENUMS = {
  Xdp: { Aborted: 0, Drop: 1, Pass: 2, Tx: 3, Redirect: 4 },
  Tc: { Unspec: -1, Ok: 0, Reclassify: 1, Shot: 2, Pipe: 3 },
  IpProto: { Icmp: 1, Tcp: 6, Udp: 17, Icmp6: 58 },
  TcpFlag: { Fin: 1, Syn: 2, Rst: 4, Psh: 8, Ack: 16, Urg: 32 },
} as const;

/** Functions that only the user side calls. */
const USER_SIDE = ['interval', 'simulate', 'formatIpv4'] as const;

export const EXPORTS: ReadonlySet<string> = new Set([
  ...MAP_KINDS,
  ...PROBE_KINDS,
  ...FACTS,
  ...Object.keys(ENUMS),
  ...USER_SIDE,
  'params',
  'events',
  'ipv4',
  'uptr',
  'kptr',
]);
