/** A tool, the same tool of another house, and a workload under which both are to say the same. */
export interface Comparison {
  readonly tool: string;
  /** The program in the packages, with its options. */
  readonly peer: readonly string[];
  /** Of skep's tool, besides `-o json`. */
  readonly args: readonly string[];
  /** For a shell, when both are attached. */
  readonly workload: string;
  /** Its output comes when it ends by itself, not on SIGINT. */
  readonly ends?: true;
  /** What its output says of the workload: a line each, in any order. */
  theirs(text: string): string[];
  /** What `-o json` says of it, in the same words. */
  ours(document: Document): string[];
}

export interface Document {
  readonly events?: readonly Row[];
  readonly intervals?: readonly {
    readonly rows?: readonly Row[];
    readonly histograms?: readonly { readonly label?: string; readonly buckets: readonly Bucket[] }[];
    readonly stacks?: readonly {
      readonly frames: readonly string[];
      readonly value: number;
      readonly label?: string;
    }[];
  }[];
}
type Row = { readonly [name: string]: unknown };
interface Bucket {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Cells of the lines that a pattern matches, joined: `pick(text, /(\S+) +(\d+)/)`. */
function pick(text: string, pattern: RegExp): string[] {
  return text.split('\n').flatMap((line) => {
    const found = pattern.exec(line);
    return found ? [found.slice(1).join(' ').trim()] : [];
  });
}

/** Cells of the events that are meant. */
function cells(document: Document, mine: (row: Row) => boolean, ...names: readonly string[]): string[] {
  return (document.events ?? []).filter(mine).map((row) => names.map((name) => String(row[name])).join(' '));
}

const tableRows = (document: Document): readonly Row[] => (document.intervals ?? []).flatMap((one) => one.rows ?? []);

/** Histograms of Debian's tools: `  65536 -> 131071 : 8 |****|`. */
function theirBuckets(text: string): Bucket[] {
  return [...text.matchAll(/^ *(\d+) -> (\d+) *: (\d+)/gm)].map(([, from, to, count]) => ({
    ...{ from: Number(from), to: Number(to), count: Number(count) },
  }));
}

function ourBuckets(document: Document): Bucket[] {
  return (document.intervals ?? []).flatMap((one) => (one.histograms ?? []).flatMap((it) => it.buckets));
}

/** How many fell into buckets from a value on. */
function above(buckets: readonly Bucket[], value: number, what: string): string[] {
  return [`${buckets.filter((one) => one.from >= value).reduce((sum, one) => sum + one.count, 0)} ${what}`];
}

/** The port of the client is another one each time. */
function anyPort(line: string): string {
  return line.replace(/\b\d{5}\b/, 'client');
}

/** Two tools that look at the same machine from different moments on never count alike: what matters is that both did. */
function some(count: number, what: string): string[] {
  return [count > 0 ? what : `no ${what}`];
}

const TCP = `node -e '
const net = require("net");
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on("data", () => {});
  socket.on("end", () => { socket.end(Buffer.alloc(2048)); server.close(); });
}).listen(5555, "127.0.0.1", () => {
  const client = net.connect({ port: 5555, host: "127.0.0.1" }, () => client.end(Buffer.alloc(10240)));
  client.on("data", () => {});
});'`;
const SLOW_DISK =
  'mount -t configfs configfs /sys/kernel/config 2> /dev/null; slow=/sys/kernel/config/nullb/skep; ' +
  'test -d $slow || { mkdir $slow; echo 2 > $slow/irqmode; echo 50000000 > $slow/completion_nsec; echo 100 > $slow/size; ' +
  'echo 1 > $slow/power; }; disk=/dev/$(ls /sys/block | grep -E "^(skep|nullb1)$")';
const READ_SLOWLY = `${SLOW_DISK}; dd if=$disk of=/dev/null bs=4096 count=8 iflag=direct 2> /dev/null`;

/** Functions of the kernel under which tasks sleep; those of processes are not shown by everybody. */
const KERNEL_NAP = /^(do|hrtimer|__x64_sys)_\w*nanosleep$/;

export const COMPARISONS: readonly Comparison[] = [
  {
    tool: 'execsnoop',
    peer: ['execsnoop', '-x'],
    args: ['-x'],
    workload: '/bin/true skepcmp one; /bin/true skepcmp; /no/such/skepcmp two 2> /dev/null; true',
    theirs: (text) => pick(text, /^(\S+) +\d+ +\d+ +(-?\d+) +(.*skepcmp(?!.*;).*)/),
    ours: (document) =>
      cells(document, (row) => /^[^;]*skepcmp[^;]*$/.test(String(row['args'])), 'comm', 'ret', 'args'),
  },
  {
    tool: 'opensnoop',
    peer: ['opensnoop'],
    args: [],
    workload:
      'echo x > /tmp/skepcmp; cat /tmp/skepcmp /tmp/skepcmp > /dev/null; cat /tmp/skepcmp-none 2> /dev/null; true',
    theirs: (text) => pick(text, /^\d+ +(\S+) +(-?\d+) +(\d+) +(\S*skepcmp\S*)/),
    ours: (document) => cells(document, (row) => /skepcmp/.test(String(row['path'])), 'comm', 'fd', 'err', 'path'),
  },
  {
    tool: 'exitsnoop',
    peer: ['exitsnoop'],
    args: [],
    workload: "/bin/true; /bin/false; sh -c 'exit 7'; sh -c 'kill -9 $$'; true",
    theirs: (text) =>
      pick(
        text.replace(/signal (\d+).*/g, 'signal$1').replace(/code (\d+)/g, 'code$1'),
        /^(true|false|sh) .* (\S+) *$/,
      ),
    ours: (document) =>
      cells(
        {
          events: (document.events ?? []).map((row) => ({
            ...row,
            end: row['signal'] ? `signal${row['signal']}` : row['code'] ? `code${row['code']}` : '0',
          })),
        },
        (row) => /^(true|false|sh)$/.test(String(row['comm'])),
        'comm',
        'end',
      ),
  },
  {
    tool: 'killsnoop',
    peer: ['killsnoop', '-k'],
    args: [],
    workload: 'sleep 60 & kill -15 $!; kill -0 1; kill -9 4194300 2> /dev/null; true',
    theirs: (text) => pick(text, /^\S+ +\d+ +(sh) +(\d+) +\d+ +(-?\d+)/),
    ours: (document) => cells(document, (row) => row['comm'] === 'sh', 'comm', 'signal', 'result'),
  },
  {
    tool: 'statsnoop',
    peer: ['statsnoop'],
    args: [],
    workload: 'touch /tmp/skepcmp; stat /tmp/skepcmp > /dev/null; stat /tmp/skepcmp-none 2> /dev/null; true',
    theirs: (text) => pick(text, /^\d+ +(\S+) +(-?\d+) +(?:\d+ +)?(\S*skepcmp\S*)/),
    ours: (document) =>
      cells(
        {
          events: (document.events ?? []).map((row) => ({
            ...row,
            ret: Number(row['ret']) < 0 ? -1 : Number(row['ret']),
          })),
        },
        (row) => /skepcmp/.test(String(row['path'])),
        'comm',
        'ret',
        'path',
      ),
  },
  {
    tool: 'syscount',
    peer: ['syscount', '-T', '200'],
    args: ['-T', '200'],
    workload: "node -e 'for (let i = 0; i < 321; i++) process.umask(i & 1)'",
    theirs: (text) => pick(text, /^(umask) +(\d+)/),
    ours: (document) =>
      tableRows(document).flatMap((row) => (row['syscall'] === 'umask' ? [`umask ${row['count']}`] : [])),
  },
  {
    tool: 'filetop',
    peer: ['filetop', '-C', '-r', '200', '20', '1'],
    args: ['-C', '-r', '200'],
    ends: true,
    workload: 'head -c 100000 /dev/zero > /tmp/skepcmp; cat /tmp/skepcmp > /dev/null',
    theirs: (text) => pick(text, /^\d+ +(\S+) +\d+ +\d+ +(\d+) +(\d+) +R +(skepcmp)/),
    ours: (document) =>
      tableRows(document).flatMap((row) =>
        row['file'] === 'skepcmp'
          ? [
              `${row['comm']} ${Math.floor(Number(row['r_bytes']) / 1024)} ${Math.floor(Number(row['w_bytes']) / 1024)} skepcmp`,
            ]
          : [],
      ),
  },
  {
    tool: 'biolatency',
    peer: ['biolatency'],
    args: [],
    workload: READ_SLOWLY,
    theirs: (text) => above(theirBuckets(text), 32768, 'slow requests'),
    ours: (document) => above(ourBuckets(document), 32768, 'slow requests'),
  },
  {
    tool: 'biosnoop',
    peer: ['biosnoop'],
    args: [],
    workload: READ_SLOWLY,
    theirs: (text) => pick(text, /^ *\S+ +(dd) +\d+ +\S+ +(R)\S* +(\d+) +(\d+) /),
    ours: (document) =>
      cells(document, (row) => row['comm'] === 'dd' && row['type'] === 'R', 'comm', 'type', 'sector', 'bytes'),
  },
  {
    tool: 'biotop',
    peer: ['biotop', '-C', '20', '1'],
    args: ['-C'],
    ends: true,
    workload: READ_SLOWLY,
    theirs: (text) => pick(text, /^\d+ +(dd) +(R) .* (\d+) +(\d+) +[\d.]+ *$/),
    ours: (document) =>
      tableRows(document).flatMap((row) =>
        row['comm'] === 'dd' && row['type'] === 'R' ? [`dd R ${row['count']} ${row['kb']}`] : [],
      ),
  },
  {
    tool: 'cachestat',
    peer: ['cachestat', '15', '1'],
    args: [],
    ends: true,
    workload: 'for i in 1 2 3 4; do cat /usr/bin/env > /dev/null; done',
    theirs: (text) => some(Number(/^ *(\d+) +\d+ +\d+/m.exec(text)?.[1] ?? 0), 'hits'),
    ours: (document) => some(Number(tableRows(document)[0]?.['hits']), 'hits'),
  },
  {
    tool: 'runqlat',
    peer: ['runqlat'],
    args: [],
    workload: 'for i in 1 2 3 4 5; do /bin/true; done',
    theirs: (text) =>
      some(
        theirBuckets(text).reduce((sum, one) => sum + one.count, 0),
        'waits',
      ),
    ours: (document) =>
      some(
        ourBuckets(document).reduce((sum, one) => sum + one.count, 0),
        'waits',
      ),
  },
  {
    tool: 'runqslower',
    peer: ['runqslower', '1'],
    args: ['1'],
    workload: 'for i in 1 2 3 4 5; do /bin/true; done',
    theirs: (text) => some(pick(text, /(\d+) *$/).length, 'waits'),
    ours: (document) => some((document.events ?? []).length, 'waits'),
  },
  {
    tool: 'cpudist',
    peer: ['cpudist', '-O'],
    args: ['-O'],
    workload: 'sleep 9',
    // One was attached before the other, and other tasks were away then.
    theirs: (text) => some(theirBuckets(text).filter((one) => one.from >= 8388608).length, 'task away for 8 seconds'),
    ours: (document) =>
      some(ourBuckets(document).filter((one) => one.from >= 8388608).length, 'task away for 8 seconds'),
  },
  {
    tool: 'offcputime',
    peer: ['offcputime'],
    args: [],
    workload: 'sleep 0.5',
    theirs: (text) =>
      text.split('\n\n').flatMap((one) => {
        const frames = one
          .split('\n')
          .map((line) => line.trim())
          .filter(Boolean);
        return /^- +sleep \(/.test(frames.at(-2) ?? '') && Number(frames.at(-1)) > 400_000
          ? [
              frames
                .map((frame) => frame.replace(/^.*?(\w+)\b.*$/, '$1'))
                .filter((frame) => KERNEL_NAP.test(frame))
                .join(' '),
            ]
          : [];
      }),
    ours: (document) =>
      (document.intervals ?? [])
        .flatMap((one) => one.stacks ?? [])
        .filter((one) => /sleep \(/.test(one.label ?? '') && one.value > 400_000)
        .map((one) =>
          one.frames
            .toReversed()
            .filter((frame) => KERNEL_NAP.test(frame))
            .join(' '),
        ),
  },
  {
    tool: 'softirqs',
    peer: ['softirqs'],
    args: [],
    workload: 'sleep 1',
    theirs: (text) => pick(text, /^(timer|rcu|sched) +[1-9]/),
    ours: (document) =>
      tableRows(document).flatMap((row) =>
        /^(timer|rcu|sched)$/.test(String(row['softirq'])) ? [String(row['softirq'])] : [],
      ),
  },
  {
    tool: 'hardirqs',
    peer: ['hardirqs'],
    args: [],
    workload: 'for i in 1 2 3; do cat /usr/bin/env > /dev/null; sleep 0.1; done',
    theirs: (text) => some(pick(text, /^(\S+) +\d+$/).length, 'handlers'),
    ours: (document) => some(tableRows(document).length, 'handlers'),
  },
  {
    tool: 'capable',
    peer: ['capable'],
    args: [],
    workload: 'touch /tmp/skepcmp; chown 1:1 /tmp/skepcmp',
    theirs: (text) => [...new Set(pick(text, /^\S+ +(\d+) +\d+ +(chown) +(\d+) +(CAP_CHOWN) /))],
    ours: (document) => [
      ...new Set(
        cells(
          document,
          (row) => row['comm'] === 'chown' && row['name'] === 'CAP_CHOWN',
          'uid',
          'comm',
          'capability',
          'name',
        ),
      ),
    ],
  },
  {
    tool: 'oomkill',
    peer: ['oomkill'],
    args: [],
    workload:
      'echo +memory > /sys/fs/cgroup/cgroup.subtree_control; mkdir -p /sys/fs/cgroup/skep-oom && ' +
      'echo 30000000 > /sys/fs/cgroup/skep-oom/memory.max && echo 0 > /sys/fs/cgroup/skep-oom/memory.swap.max 2> /dev/null; ' +
      "sh -c 'echo $$ > /sys/fs/cgroup/skep-oom/cgroup.procs; exec tail /dev/zero' 2> /dev/null; sleep 0.5",
    theirs: (text) => pick(text, /OOM kill of PID \d+ \("(\w+)"\)/),
    ours: (document) => cells(document, () => true, 'comm'),
  },
  {
    tool: 'tcplife',
    peer: ['tcplife'],
    args: [],
    workload: TCP,
    theirs: (text) => pick(text, /^\d+ +(\S+) +127\.0\.0\.1 +(\d+) +127\.0\.0\.1 +(\d+) +(\d+)\S* +(\d+)/).map(anyPort),
    ours: (document) =>
      (document.events ?? []).flatMap((row) =>
        row['lport'] === 5555 || row['rport'] === 5555
          ? [
              anyPort(
                `${row['comm']} ${row['lport']} ${row['rport']} ${Math.floor(Number(row['tx_bytes']) / 1024)} ${Math.floor(Number(row['rx_bytes']) / 1024)}`,
              ),
            ]
          : [],
      ),
  },
  {
    tool: 'tcpstates',
    peer: ['tcpstates', '-D', '5555'],
    args: ['-D', '5555'],
    workload: TCP,
    theirs: (text) => pick(text, / 5555 +([A-Z_12]+) +-> ([A-Z_12]+) /),
    ours: (document) => cells(document, () => true, 'oldstate', 'newstate'),
  },
  {
    tool: 'tcpconnect',
    peer: ['tcpconnect'],
    args: [],
    workload: TCP,
    theirs: (text) => pick(text, /^\d+ +(\S+) +(4) +(\S+) +(\S+) +(5555)/),
    ours: (document) => cells(document, (row) => row['rport'] === 5555, 'comm', 'ip', 'laddr', 'raddr', 'rport'),
  },
  {
    tool: 'tcpconnlat',
    peer: ['tcpconnlat'],
    args: [],
    workload: TCP,
    theirs: (text) => pick(text, /^\d+ +(\S+) +(4) +(\S+) +(\S+) +(5555) +[\d.]+/),
    ours: (document) => cells(document, (row) => row['rport'] === 5555, 'comm', 'ip', 'laddr', 'raddr', 'rport'),
  },
  {
    tool: 'tcptop',
    peer: ['tcptop', '-C', '20', '1'],
    args: ['-C'],
    ends: true,
    workload: TCP,
    theirs: (text) => pick(text, /^\d+ +(\S+) .*:5555 +(\d+) +(\d+) *$/),
    ours: (document) =>
      tableRows(document).flatMap((row) =>
        row['rport'] === 5555 ? [`${row['comm']} ${row['rx_kb']} ${row['tx_kb']}`] : [],
      ),
  },
  {
    tool: 'tcprtt',
    peer: ['tcprtt'],
    args: [],
    workload: TCP,
    theirs: (text) =>
      some(
        theirBuckets(text).reduce((sum, one) => sum + one.count, 0),
        'round trips',
      ),
    ours: (document) =>
      some(
        ourBuckets(document).reduce((sum, one) => sum + one.count, 0),
        'round trips',
      ),
  },
  {
    tool: 'gethostlatency',
    peer: ['gethostlatency'],
    args: [],
    workload: 'getent ahosts localhost > /dev/null',
    theirs: (text) => [...new Set(pick(text, /^\S+ +\d+ +(getent) +[\d.]+ +(\S+)/))],
    ours: (document) => [...new Set(cells(document, (row) => row['comm'] === 'getent', 'comm', 'host'))],
  },
  {
    tool: 'funclatency',
    peer: ['funclatency', 'ksys_sync'],
    args: ['ksys_sync'],
    workload: 'sync; sync',
    theirs: (text) => above(theirBuckets(text), 0, 'calls'),
    ours: (document) => above(ourBuckets(document), 0, 'calls'),
  },
];
