import type { Document, Row } from './document.ts';
import type { Truth } from './truths.ts';
import { NAME_SERVER, READ_SLOWLY, TCP } from './workloads.ts';

const events = (document: Document): readonly Row[] => document.events ?? [];
const tables = (document: Document): readonly Row[] => (document.intervals ?? []).flatMap((one) => one.rows ?? []);
const histograms = (document: Document) => (document.intervals ?? []).flatMap((one) => one.histograms ?? []);
const samples = (document: Document) =>
  histograms(document).reduce((sum, one) => sum + one.buckets.reduce((all, it) => all + it.count, 0), 0);
const stacks = (document: Document) => (document.intervals ?? []).flatMap((one) => one.stacks ?? []);
const frames = (row: Row | undefined) => (row?.['stack'] ?? []) as readonly string[];

/** `told` when it is not so. */
function unless(right: boolean | undefined, told: string): string | undefined {
  return right ? undefined : told;
}

/** Options that change what is looked at or shown, each under a workload whose answer is known. */
export const OPTION_TRUTHS: readonly Truth[] = [
  {
    tool: 'biolatency',
    args: ['-e', '-m'],
    command: READ_SLOWLY,
    wrong: (document) => {
      const label = histograms(document)[0]?.label ?? '';
      const [, average, count] = /^avg = (\d+) msecs, total: \d+ msecs, count: (\d+)$/.exec(label) ?? [];
      return unless(Number(average) >= 40 && Number(count) >= 8, `sums: ${label}`);
    },
  },
  {
    tool: 'biosnoop',
    args: ['-P', '-F', '-m', '40'],
    command: READ_SLOWLY,
    wrong: (document) => {
      const reads = events(document).filter((row) => row['comm'] === 'dd');
      const pattern = reads.map((row) => row['pattern']).join('');
      return unless(/^.S{7}$/.test(pattern) && reads.every((row) => /Read$/.test(String(row['type']))), pattern);
    },
  },
  {
    tool: 'fileslower',
    args: ['0', '-a'],
    command: 'echo 12345 | cat > /dev/null',
    wrong: (document) =>
      unless(
        events(document).some((row) => row['comm'] === 'cat' && row['type'] === 'R' && row['bytes'] === 6),
        'no read of a pipe',
      ),
  },
  {
    tool: 'filetop',
    args: ['-C', '--read-only'],
    command: 'head -c 100000 /dev/zero > /tmp/written; exec cat /tmp/written > /dev/null',
    wrong: (document) => {
      const mine = tables(document).filter((row) => row['file'] === 'written');
      return unless(mine.length === 1 && mine[0]!['r_bytes'] === 100_000, `${mine.length} rows`);
    },
  },
  {
    tool: 'opensnoop',
    args: ['-F'],
    command:
      'cd /usr/share/locale; cat ../../../etc/hostname ./en/nothing 2> /dev/null > /dev/null; cd /dev; cat shm/nothing 2> /dev/null; true',
    wrong: (document) => {
      const paths = events(document).map((row) => row['path']);
      const wanted = ['/etc/hostname', '/usr/share/locale/en/nothing', '/dev/shm/nothing'];
      return unless(
        wanted.every((one) => paths.includes(one)),
        paths.join(' '),
      );
    },
  },
  {
    tool: 'execsnoop',
    args: ['-n', '^(true|sh)$', '-l', '^one$', '-q'],
    command: '/bin/true one two; /bin/true none; /bin/echo one > /dev/null; true',
    wrong: (document) => {
      const args = events(document).map((row) => row['args']);
      return unless(args.length === 1 && args[0] === '"/bin/true" "one" "two"', args.join(', '));
    },
  },
  {
    tool: 'exitsnoop',
    args: ['--label', 'mine', '--utc'],
    command: '/bin/true; exec /bin/true',
    wrong: (document) => unless(events(document).filter((row) => row['label'] === 'mine').length === 2, 'no labels'),
  },
  {
    tool: 'capable',
    args: ['-K', '-U', '-x'],
    command: 'touch /tmp/owned; chown 1:1 /tmp/owned',
    wrong: (document) => {
      const row = events(document).find((one) => one['name'] === 'CAP_CHOWN');
      return unless(
        frames(row).some((one) => /chown/.test(one)) && row!['insetid'] === 0,
        `its stack: ${frames(row).join(' ')}`,
      );
    },
  },
  {
    tool: 'stackcount',
    args: ['t:sched:sched_process_exec', '-s', '-v', '-K'],
    command: '/bin/true; /bin/true; true',
    wrong: (document) => {
      const all = stacks(document);
      const count = all.reduce((sum, one) => sum + one.value, 0);
      const located = all.every((one) => one.frames.some((frame) => /^0x[0-9a-f]+ \w+\+0x[0-9a-f]+$/.test(frame)));
      // The shell is one, too.
      return unless(count === 3 && located, `${count}: ${all.map((one) => one.frames.join(' ')).join('; ')}`);
    },
  },
  {
    tool: 'funccount',
    args: ['t:syscalls:sys_enter_sync', '--cpu', '7'],
    command: 'sync; sync',
    wrong: (document) => unless(tables(document).length === 0, 'a processor that is not there ran something'),
  },
  {
    tool: 'cpudist',
    args: ['-e', '-O', '-I'],
    command: 'exec sleep 0.3',
    wrong: (document) => {
      const label = histograms(document)[0]?.label ?? '';
      const total = Number(/total: (\d+) usecs/.exec(label)?.[1]);
      return unless(total >= 290_000, `sums: ${label}`);
    },
  },
  {
    tool: 'memleak',
    args: ['--percpu', '--older', '0'],
    command: 'ip link add skepleak type veth peer name skepleek; true',
    wrong: (document) =>
      unless(
        stacks(document).some((one) => one.value > 0 && one.frames.length > 0),
        'nobody has memory for each processor',
      ),
  },
  {
    tool: 'statsnoop',
    args: ['-s'],
    command: '/usr/bin/stat /etc/hostname > /dev/null',
    wrong: (document) => {
      const calls = events(document).flatMap((row) => (row['path'] === '/etc/hostname' ? [row['call']] : []));
      return unless(/^(statx|newfstatat)$/.test(calls.join(' ')), calls.join(' '));
    },
  },
  {
    tool: 'tcpconnect',
    args: ['-c', '-s', '-P', '80,5555'],
    command: TCP,
    wrong: (document) => {
      const [row, ...more] = tables(document);
      return unless(
        more.length === 0 && row?.['rport'] === 5555 && row['count'] === 1 && Number(row['lport']) > 1024,
        JSON.stringify(tables(document)),
      );
    },
  },
  {
    tool: 'tcpaccept',
    args: ['-P', '80,443'],
    command: TCP,
    wrong: (document) => unless(events(document).length === 0, 'connections to a port that was not asked for'),
  },
  {
    tool: 'tcptop',
    args: ['-C', '-s', 'sent', '-D', '5555'],
    command: TCP,
    wrong: (document) =>
      unless(tables(document).length === 1 && tables(document)[0]!['rport'] === 5555, 'not the client alone'),
  },
  {
    tool: 'tcprtt',
    args: ['-P', '9,5555', '-A', '127.0.0.1', '-e'],
    command: TCP,
    wrong: (document) => unless(histograms(document).length === 1, 'no round trips of the client'),
  },
  {
    tool: 'tcprtt',
    args: ['-p', '9', '-a', '::1'],
    command: TCP,
    wrong: (document) => unless(histograms(document).length === 0, 'round trips of others'),
  },
  {
    tool: 'funclatency',
    args: ['-l', '2', 'c:glob'],
    needs: ['/usr/bin/python3'],
    // A pattern of three folders: glob calls itself for the two in front, and these for the first.
    command: `exec /usr/bin/python3 -c 'import ctypes; ctypes.CDLL(None).glob(b"/e*/host*/x*", 0, None, ctypes.create_string_buffer(200))'`,
    wrong: (document) => unless(samples(document) === 2, `${samples(document)} calls, not the outer two of three`),
  },
  {
    tool: 'funclatency',
    args: ['-m', 'do_nanos?eep'],
    command: 'exec sleep 0.3',
    wrong: (document) => unless(samples(document) === 1, `${samples(document)} calls of the kernel, not 1`),
  },
  {
    tool: 'tcpconnect',
    args: ['-d'],
    command: NAME_SERVER,
    wrong: (document) =>
      unless(
        events(document).some(
          (row) => row['raddr'] === '127.0.0.2' && row['rport'] === 5999 && row['query'] === 'skep.test',
        ),
        JSON.stringify(events(document)),
      ),
  },
];
