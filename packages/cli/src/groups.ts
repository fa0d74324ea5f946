/**
 * Commands by what somebody wants to do. A command that stands nowhere here is found by no one: a test holds that each is in
 * exactly one group.
 */
export const GROUPS: readonly Group[] = [
  {
    name: 'write',
    title: 'Write programs, and know what the kernel will say of them',
    commands: ['build', 'check', 'explain', 'types', 'link', 'disasm', 'asm', 'probe-kernel'],
  },
  {
    name: 'run',
    title: 'Run them: in the kernel, on a recording or a capture, step by step',
    commands: ['run', 'trace', 'test-run', 'debug'],
  },
  {
    name: 'processes',
    title: 'Look at processes and system calls',
    commands: ['execsnoop', 'exitsnoop', 'killsnoop', 'syscount', 'capable', 'oomkill'],
  },
  {
    name: 'files',
    title: 'Look at files',
    commands: ['opensnoop', 'statsnoop', 'syncsnoop', 'filetop', 'fileslower', 'fsslower', 'fsdist', 'cachestat'],
  },
  { name: 'disks', title: 'Look at disks', commands: ['biosnoop', 'biotop', 'biolatency'] },
  {
    name: 'network',
    title: 'Look at the network',
    commands: [
      'tcpconnect',
      'tcpaccept',
      'tcplife',
      'tcptop',
      'tcpstates',
      'tcpconnlat',
      'tcprtt',
      'tcpretrans',
      'tcpdrop',
      'gethostlatency',
      'sslsniff',
    ],
  },
  {
    name: 'cpu',
    title: 'Look at where time goes',
    commands: ['profile', 'offcputime', 'cpudist', 'runqlat', 'runqslower', 'hardirqs', 'softirqs'],
  },
  {
    name: 'functions',
    title: 'Look at functions and memory of programs and of the kernel',
    commands: ['funccount', 'funclatency', 'argdist', 'stackcount', 'memleak'],
  },
  {
    name: 'keep',
    title: 'Keep what was seen, and know what it costs',
    commands: ['record', 'replay', 'cost', 'top'],
  },
  {
    name: 'manage',
    title: 'See what this machine allows, and what is loaded',
    commands: ['doctor', 'prog', 'map', 'links', 'btf', 'completion'],
  },
];

export interface Group {
  readonly name: string;
  readonly title: string;
  /** The most useful first. */
  readonly commands: readonly string[];
}
