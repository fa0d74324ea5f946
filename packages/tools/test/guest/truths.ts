import type { Bucket, Document, Row } from './document.ts';
import { OPTION_TRUTHS } from './option-truths.ts';
import { NO_ANSWER, NO_MEMORY, READ_SLOWLY, TCP, WAIT_LONG } from './workloads.ts';

/** A workload whose right answer is known, and what a tool must make of it. */
export interface Truth {
  readonly tool: string;
  /** Besides `-o json`. */
  readonly args: readonly string[];
  /** Files without which a machine cannot run it. */
  readonly needs?: readonly string[];
  /** For a shell; what the tool shows is limited to it. */
  readonly command: string;
  /** What is wrong with what the tool said; undefined when it is right. */
  wrong(document: Document): string | undefined;
}

const events = (document: Document): readonly Row[] => document.events ?? [];
const rows = (document: Document): readonly Row[] => (document.intervals ?? []).flatMap((one) => one.rows ?? []);
const buckets = (document: Document): readonly Bucket[] =>
  (document.intervals ?? []).flatMap((one) => (one.histograms ?? []).flatMap((it) => it.buckets));
const total = (document: Document) => buckets(document).reduce((sum, one) => sum + one.count, 0);
const stacks = (document: Document) => (document.intervals ?? []).flatMap((one) => one.stacks ?? []);
const count = (list: readonly Row[], like: Row): number =>
  list.filter((row) => Object.entries(like).every(([name, value]) => row[name] === value)).length;

/** `expected` of something, or a sentence that says how many there were instead. */
function exactly(expected: number, found: number, what: string): string | undefined {
  return found === expected ? undefined : `${found} ${what}, not ${expected}`;
}

function first(...problems: readonly (string | undefined)[]): string | undefined {
  return problems.find((one) => one !== undefined);
}

export const TRUTHS: readonly Truth[] = [
  {
    tool: 'biolatency',
    args: [],
    command: READ_SLOWLY,
    wrong: (document) => {
      const slow = buckets(document).filter((one) => one.to >= 50_000);
      const count = slow.reduce((sum, one) => sum + one.count, 0);
      return count >= 8 ? undefined : `only ${count} requests took 50 ms`;
    },
  },
  {
    tool: 'biosnoop',
    args: [],
    command: READ_SLOWLY,
    wrong: (document) => {
      const reads = events(document).filter((row) => row['comm'] === 'dd' && row['type'] === 'R');
      const slow = reads.filter((row) => Number(row['took']) >= 50e6);
      return first(
        exactly(8, reads.filter((row) => row['bytes'] === 4096).length, 'reads of 4 KiB'),
        exactly(reads.length, slow.length, 'slow reads'),
      );
    },
  },
  {
    tool: 'biotop',
    args: ['-C'],
    command: READ_SLOWLY,
    wrong: (document) => {
      const row = rows(document).find((one) => one['comm'] === 'dd' && one['type'] === 'R');
      return first(
        exactly(8, Number(row?.['count']), 'reads'),
        exactly(32, Number(row?.['kb']), 'KiB'),
        Number(row?.['average']) >= 50 ? undefined : `${row?.['average']} ms on average`,
      );
    },
  },
  {
    tool: 'filetop',
    args: ['-C'],
    command: 'head -c 100000 /dev/zero > /tmp/written; exec cat /tmp/written > /dev/null',
    wrong: (document) => {
      const written = rows(document).find((row) => row['comm'] === 'head' && row['file'] === 'written');
      const read = rows(document).find((row) => row['comm'] === 'cat' && row['file'] === 'written');
      return first(
        exactly(100_000, Number(written?.['w_bytes']), 'bytes written'),
        exactly(100_000, Number(read?.['r_bytes']), 'bytes read'),
      );
    },
  },
  {
    tool: 'fileslower',
    args: ['0'],
    command: 'head -c 5000 /dev/zero > /tmp/slower; exec cat /tmp/slower > /dev/null',
    wrong: (document) => {
      const read = events(document).filter((row) => row['file'] === 'slower' && row['type'] === 'R');
      return exactly(
        5000,
        read.reduce((sum, row) => sum + Number(row['bytes']), 0),
        'bytes read',
      );
    },
  },
  {
    tool: 'fsslower',
    args: ['0'],
    command: 'echo hello > /tmp/slower; sync /tmp/slower; exec cat /tmp/slower > /dev/null',
    wrong: (document) =>
      first(
        exactly(1, count(events(document), { file: 'slower', type: 'F' }), 'syncs'),
        exactly(1, count(events(document), { file: 'slower', type: 'R', bytes: 6 }), 'reads of 6 bytes'),
      ),
  },
  {
    tool: 'fsdist',
    args: [],
    command: 'for i in 1 2 3 4; do echo $i > /tmp/dist; sync /tmp/dist; done',
    wrong: (document) => {
      const syncs = (document.intervals ?? []).flatMap((one) => one.histograms ?? []);
      const found = syncs.find((one) => one.label === 'operation = fsync');
      return exactly(
        4,
        (found?.buckets ?? []).reduce((sum, one) => sum + one.count, 0),
        'syncs',
      );
    },
  },
  {
    tool: 'cachestat',
    args: [],
    command: 'cat /usr/bin/env > /dev/null; cat /usr/bin/env > /dev/null',
    wrong: (document) => (Number(rows(document)[0]?.['hits']) > 0 ? undefined : 'nothing was in the cache'),
  },
  {
    tool: 'gethostlatency',
    args: [],
    command: 'getent ahosts localhost > /dev/null',
    wrong: (document) =>
      count(events(document), { comm: 'getent', host: 'localhost' }) > 0 ? undefined : 'nobody asked for localhost',
  },
  {
    tool: 'sslsniff',
    args: ['--handshake'],
    // A server and a client in one process of Python, which has OpenSSL as a library.
    command: `/usr/bin/python3 -c '
import ssl, socket, threading, subprocess
subprocess.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /tmp/k.pem -out /tmp/c.pem -days 1 -subj /CN=localhost".split(), check=True, stderr=subprocess.DEVNULL)
a, b = socket.socketpair()
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); server.load_cert_chain("/tmp/c.pem", "/tmp/k.pem")
client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT); client.check_hostname = False; client.verify_mode = ssl.CERT_NONE
def serve():
    s = server.wrap_socket(a, server_side=True); s.recv(100); s.sendall(b"clear answer"); s.close()
t = threading.Thread(target=serve); t.start()
c = client.wrap_socket(b); c.sendall(b"clear question"); print(c.recv(100)); t.join()'`,
    wrong: (document) =>
      first(
        exactly(1, count(events(document), { func: 'WRITE/SEND', data: 'clear question' }), 'questions sent'),
        exactly(1, count(events(document), { func: 'READ/RECV', data: 'clear question' }), 'questions received'),
        exactly(1, count(events(document), { func: 'READ/RECV', data: 'clear answer' }), 'answers received'),
        exactly(2, count(events(document), { func: 'HANDSHAKE' }), 'handshakes'),
      ),
  },
  {
    tool: 'sslsniff',
    args: [],
    needs: ['/usr/bin/wget', '/usr/bin/openssl'],
    // wget has GnuTLS.
    command:
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /tmp/k.pem -out /tmp/c.pem -days 1 -subj /CN=localhost 2> /dev/null; ' +
      'openssl s_server -accept 5444 -www -key /tmp/k.pem -cert /tmp/c.pem -naccept 1 > /dev/null 2>&1 & ' +
      'for i in 1 2 3 4 5 6 7 8 9; do wget -qO /dev/null -t 1 --no-check-certificate https://127.0.0.1:5444/clear && break; sleep 0.3; done; wait',
    wrong: (document) => {
      const asked = events(document).filter((row) => String(row['data']).startsWith('GET /clear'));
      return first(
        exactly(1, count(asked, { comm: 'wget', func: 'WRITE/SEND' }), 'questions by GnuTLS'),
        count(events(document), { comm: 'wget', func: 'READ/RECV' }) > 0 ? undefined : 'no answer by GnuTLS',
      );
    },
  },
  {
    tool: 'sslsniff',
    args: ['--without-openssl', '-g'],
    needs: ['/usr/lib/x86_64-linux-gnu/libnspr4.so'],
    command: `/usr/bin/python3 -c '
import ctypes
nspr = ctypes.CDLL("libnspr4.so")
for name in ("PR_Write", "PR_Read"): getattr(nspr, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
r, w = ctypes.c_void_p(), ctypes.c_void_p()
nspr.PR_CreatePipe(ctypes.byref(r), ctypes.byref(w))
nspr.PR_Write(w, b"clear note", 10); nspr.PR_Read(r, ctypes.create_string_buffer(100), 100)'`,
    wrong: (document) =>
      first(
        exactly(1, count(events(document), { func: 'WRITE/SEND', data: 'clear note' }), 'notes written'),
        exactly(1, count(events(document), { func: 'READ/RECV', data: 'clear note' }), 'notes read'),
      ),
  },
  {
    tool: 'memleak',
    args: ['--older', '0'],
    command: "exec /usr/bin/python3 -c 'import ctypes; keep = [ctypes.CDLL(None).malloc(123456) for i in range(10)]'",
    wrong: (document) => {
      const largest = stacks(document).find((one) => one.value === 10 * 123456);
      return largest ? undefined : `no stack holds ten times 123456 bytes: ${stacks(document).map((one) => one.value)}`;
    },
  },
  {
    tool: 'oomkill',
    args: [],
    command: NO_MEMORY,
    wrong: (document) => exactly(1, count(events(document), { comm: 'tail' }), 'processes killed for want of memory'),
  },
  {
    tool: 'funccount',
    args: ['t:sched:sched_process_e*'],
    command: '/bin/true; /bin/true; /bin/true',
    // The shell is one, too.
    wrong: (document) =>
      exactly(
        4,
        Number(rows(document).find((row) => row['func'] === 'sched:sched_process_exec')?.['count']),
        'programs',
      ),
  },
  {
    tool: 'funccount',
    args: ['vfs_fsyn*'],
    command: 'echo x > /tmp/counted; sync /tmp/counted; sync -d /tmp/counted',
    wrong: (document) => {
      const count = rows(document).reduce((sum, row) => sum + Number(row['count']), 0);
      return count >= 2 ? undefined : `${count} calls`;
    },
  },
  {
    tool: 'funccount',
    args: ['c:umask'],
    command: "exec node -e 'for (let i = 0; i < 123; i++) process.umask(i & 1)'",
    wrong: (document) => exactly(123, Number(rows(document)[0]?.['count']), 'calls of umask'),
  },
  {
    tool: 'stackcount',
    args: ['ksys_sync'],
    command: 'sync; sync',
    wrong: (document) => {
      const found = stacks(document).filter((one) => one.frames.at(-1) === 'ksys_sync');
      return exactly(
        2,
        found.reduce((sum, one) => sum + one.value, 0),
        'calls of sync',
      );
    },
  },
  {
    tool: 'funclatency',
    args: ['-m', 'c:clock_nanosleep'],
    command: 'exec sleep 0.3',
    wrong: (document) =>
      buckets(document).some((one) => one.count === 1 && one.from <= 300 && one.to >= 300)
        ? undefined
        : 'nobody slept for 300 ms',
  },
  {
    tool: 'tcpdrop',
    args: [],
    // Nobody listens there, and the answer to a segment that belongs to no connection is dropped after it is answered.
    command: `node -e 'require("net").connect(5999, "127.0.0.1").on("error", () => {})'`,
    wrong: (document) =>
      count(events(document), { dport: 5999, reason: 'NO_SOCKET' }) > 0
        ? undefined
        : 'no segment was dropped for want of a socket',
  },
  {
    tool: 'opensnoop',
    args: [],
    command: 'for i in 1 2 3; do cat /etc/hostname > /dev/null; done; cat /nowhere/at/all 2> /dev/null; true',
    wrong: (document) =>
      first(
        exactly(3, count(events(document), { path: '/etc/hostname', comm: 'cat', err: 0 }), 'opens of /etc/hostname'),
        exactly(1, count(events(document), { path: '/nowhere/at/all', err: 2, fd: -1 }), 'opens of what is not there'),
      ),
  },
  {
    tool: 'execsnoop',
    args: ['-x'],
    command: '/bin/true one two; /bin/true; /no/such/thing 2> /dev/null; true',
    wrong: (document) =>
      first(
        exactly(1, count(events(document), { args: '/bin/true one two', ret: 0 }), 'starts of `true one two`'),
        exactly(1, count(events(document), { args: '/bin/true', ret: 0 }), 'starts of `true`'),
        exactly(1, count(events(document), { args: '/no/such/thing', ret: -2 }), 'failed starts'),
      ),
  },
  {
    tool: 'exitsnoop',
    args: [],
    command: "/bin/true; /bin/false; sh -c 'exit 7'; sh -c 'kill -9 $$'; sleep 0.3",
    wrong: (document) => {
      const age = events(document).find((row) => row['comm'] === 'sleep')?.['age'] as number | undefined;
      return first(
        exactly(1, count(events(document), { comm: 'true', exit: '0' }), 'ends of true'),
        exactly(1, count(events(document), { comm: 'false', code: 1 }), 'ends of false'),
        exactly(1, count(events(document), { code: 7 }), 'ends with 7'),
        exactly(1, count(events(document), { signal: 9 }), 'processes killed'),
        age !== undefined && age >= 0.3 && age < 30 ? undefined : `sleep lived ${age} s`,
      );
    },
  },
  {
    tool: 'killsnoop',
    args: [],
    command: 'sleep 60 & kill -15 $!; kill -0 1; kill -9 4194300 2> /dev/null; true',
    wrong: (document) =>
      first(
        exactly(1, count(events(document), { signal: 15, result: 0 }), 'signals 15'),
        exactly(1, count(events(document), { signal: 0, target: 1, result: 0 }), 'questions whether 1 is there'),
        exactly(1, count(events(document), { signal: 9, target: 4194300, result: -3 }), 'signals to nobody'),
      ),
  },
  {
    tool: 'statsnoop',
    args: [],
    command: 'stat /etc/hostname > /dev/null; stat /nowhere/at/all 2> /dev/null; true',
    wrong: (document) =>
      first(
        count(events(document), { path: '/etc/hostname', ret: 0 }) > 0 ? undefined : 'nobody asked about /etc/hostname',
        count(events(document), { path: '/nowhere/at/all', err: 2 }) > 0 ? undefined : 'nobody missed a file',
      ),
  },
  {
    tool: 'syncsnoop',
    args: [],
    command: 'echo x > /tmp/synced; sync /tmp/synced; sync -d /tmp/synced; sync -f /tmp/synced; sync',
    wrong: (document) =>
      first(
        exactly(1, count(events(document), { call: 'fsync', comm: 'sync' }), 'fsync'),
        exactly(1, count(events(document), { call: 'fdatasync', comm: 'sync' }), 'fdatasync'),
        exactly(1, count(events(document), { call: 'syncfs', comm: 'sync' }), 'syncfs'),
        exactly(1, count(events(document), { call: 'sync', comm: 'sync' }), 'sync'),
      ),
  },
  {
    tool: 'syscount',
    args: [],
    command: "exec node -e 'for (let i = 0; i < 321; i++) process.umask(i & 1)'",
    wrong: (document) => {
      const calls = rows(document).find((row) => row['syscall'] === 'umask')?.['count'] as number | undefined;
      return exactly(321, calls ?? 0, 'calls of umask');
    },
  },
  {
    tool: 'syscount',
    args: ['-x', '-e', 'ENOENT', '-L'],
    command: 'cat /nowhere/1 /nowhere/2 2> /dev/null; true',
    wrong: (document) => (rows(document).some((row) => Number(row['count']) >= 2) ? undefined : 'no failed calls'),
  },
  {
    tool: 'runqlat',
    args: ['-P'],
    command: 'for i in 1 2 3 4 5; do /bin/true; done',
    wrong: (document) => (total(document) >= 10 ? undefined : `only ${total(document)} waits`),
  },
  {
    tool: 'runqslower',
    args: ['200000'],
    command: WAIT_LONG,
    wrong: (document) => {
      const late = events(document).filter((row) => row['comm'] === 'skeplate');
      return first(
        exactly(1, late.length, 'waits of skeplate'),
        Number(late[0]?.['waited']) < 700_000 ? undefined : `it waited for ${late[0]?.['waited']} µs`,
      );
    },
  },
  {
    tool: 'cpudist',
    args: ['-O'],
    command: 'exec sleep 0.3',
    wrong: (document) =>
      buckets(document).some((one) => one.count > 0 && one.to >= 300_000) ? undefined : 'nobody slept for 300 ms',
  },
  {
    tool: 'offcputime',
    args: [],
    command: 'exec sleep 0.3',
    wrong: (document) => {
      const slept = stacks(document).find((one) => one.frames.some((frame) => /nanosleep/.test(frame)));
      return slept && slept.value >= 290_000 ? undefined : `it slept for ${slept?.value} µs`;
    },
  },
  {
    tool: 'profile',
    args: ['-F', '199', '-f'],
    command: "exec node -e 'const end = Date.now() + 700; while (Date.now() < end);'",
    wrong: (document) => {
      const samples = stacks(document).filter((one) => /node/.test(one.frames[0] ?? ''));
      const seen = samples.reduce((sum, one) => sum + one.value, 0);
      return seen >= 50 ? undefined : `only ${seen} samples of a busy process`;
    },
  },
  {
    tool: 'softirqs',
    args: [],
    command: 'sleep 0.3',
    wrong: (document) => (rows(document).some((row) => row['softirq'] === 'timer') ? undefined : 'no timers'),
  },
  {
    tool: 'hardirqs',
    args: ['-C'],
    command: 'for i in 1 2 3; do cat /usr/bin/env > /dev/null; sleep 0.1; done',
    wrong: (document) => (rows(document).length > 0 ? undefined : 'no interrupts'),
  },
  {
    tool: 'capable',
    args: [],
    command: 'chown 1:1 /tmp/synced 2> /dev/null || touch /tmp/owned && chown 1:1 /tmp/owned',
    wrong: (document) =>
      count(events(document), { name: 'CAP_CHOWN', verdict: 'granted' }) > 0
        ? undefined
        : 'nobody was asked for CAP_CHOWN',
  },
  {
    tool: 'tcpconnect',
    args: ['-L'],
    command: TCP,
    wrong: (document) =>
      first(
        exactly(1, events(document).length, 'connections'),
        exactly(1, count(events(document), { ip: 4, raddr: '127.0.0.1', rport: 5555 }), 'to the server'),
        Number(events(document)[0]?.['lport']) > 1024 ? undefined : 'no port here',
      ),
  },
  {
    tool: 'tcpaccept',
    args: [],
    command: TCP,
    wrong: (document) => exactly(1, count(events(document), { ip: 4, laddr: '127.0.0.1', lport: 5555 }), 'accepted'),
  },
  {
    tool: 'tcpaccept',
    args: ['--route', 'syscalls'],
    command: TCP,
    wrong: (document) => exactly(1, count(events(document), { ip: 4, laddr: '127.0.0.1', lport: 5555 }), 'accepted'),
  },
  {
    tool: 'tcpconnlat',
    args: [],
    command: TCP,
    wrong: (document) =>
      first(
        exactly(1, count(events(document), { raddr: '127.0.0.1', rport: 5555 }), 'connections'),
        Number(events(document)[0]?.['took']) > 0 ? undefined : 'it took no time',
      ),
  },
  {
    tool: 'tcpstates',
    args: ['-D', '5555'],
    command: TCP,
    wrong: (document) => {
      const seen = events(document).map((row) => row['newstate']);
      const expected = ['SYN_SENT', 'ESTABLISHED', 'FIN_WAIT1'];
      return expected.every((state) => seen.includes(state)) ? undefined : `states ${seen.join(' ')}`;
    },
  },
  {
    tool: 'tcplife',
    args: [],
    command: TCP,
    wrong: (document) => {
      const client = events(document).find((row) => row['rport'] === 5555);
      const server = events(document).find((row) => row['lport'] === 5555);
      return first(
        client ? undefined : 'no client',
        server ? undefined : 'no server',
        // The kernel counts the end of the stream as a byte.
        exactly(2049, Number(client?.['rx_bytes']), 'bytes received by the client'),
        exactly(10241, Number(server?.['rx_bytes']), 'bytes received by the server'),
      );
    },
  },
  {
    tool: 'tcptop',
    args: ['-C'],
    command: TCP,
    wrong: (document) => {
      const client = rows(document).find((row) => row['rport'] === 5555);
      return first(
        exactly(10, Number(client?.['tx_kb']), 'KiB sent by the client'),
        exactly(2, Number(client?.['rx_kb']), 'KiB received by the client'),
      );
    },
  },
  {
    tool: 'tcprtt',
    args: [],
    command: TCP,
    wrong: (document) => (total(document) > 0 ? undefined : 'no round trips'),
  },
  {
    tool: 'tcpretrans',
    args: [],
    command: NO_ANSWER,
    wrong: (document) =>
      count(events(document), { raddr: '192.0.2.2', rport: 9, state: 'SYN_SENT' }) > 0
        ? undefined
        : 'nothing was sent again',
  },
  {
    tool: 'trace',
    args: [
      'c:clock_nanosleep (arg1 == 0) "flags %d", arg2',
      'p::vfs_read(struct file *file, char *to, size_t count) (count == 12345) "%d of %s", count, file->f_path.dentry->d_name.name',
      'r::vfs_read (retval == 12345) "got %d", retval',
      't:sched:sched_process_exec "%s", args->filename',
      'r::sys_openat (retval < 0) "failed with %d", retval',
      'vfs_unlink(void *who, struct inode *in, struct dentry *file) (STRCMP("skep-gone", file->d_name.name)) "gone: %s", file->d_name.name',
    ],
    command:
      'head -c 40000 /dev/zero > /tmp/skep-gone; dd if=/tmp/skep-gone of=/dev/null bs=12345 count=2 2> /dev/null; ' +
      'cat /nowhere/at/all 2> /dev/null; rm /tmp/skep-gone; exec sleep 0.01',
    wrong: (document) =>
      first(
        exactly(1, count(events(document), { func: 'clock_nanosleep', message: 'flags 0', comm: 'sleep' }), 'naps'),
        exactly(2, count(events(document), { func: 'vfs_read', message: '12345 of skep-gone' }), 'calls of vfs_read'),
        exactly(2, count(events(document), { message: 'got 12345' }), 'returns of vfs_read'),
        exactly(1, count(events(document), { func: 'sched_process_exec', message: '/usr/bin/dd' }), 'starts of dd'),
        count(events(document), { func: 'sys_openat', comm: 'cat', message: 'failed with -2' }) > 0
          ? undefined
          : 'no failed open',
        // Of an overlay two are: its own, and the one below.
        count(events(document), { func: 'vfs_unlink', message: 'gone: skep-gone' }) > 0 ? undefined : 'no removed file',
      ),
  },
  {
    tool: 'argdist',
    args: [
      ...['-C', 'p::vfs_read(struct file *file, char *to, size_t count):size_t:count:count==12345'],
      ...[
        '-C',
        'r::vfs_read(struct file *file, char *to, size_t count):size_t,int:$entry(count),$retval:$entry(count)==12345',
      ],
      ...['-C', 't:sched:sched_process_exec():char*:args->filename#programs'],
      ...['-H', 'r::sys_clock_nanosleep():u64:$latency/1000000#ms'],
      ...['-H', 'p:c:umask(int mask):int:mask'],
    ],
    command:
      'head -c 40000 /dev/zero > /tmp/skep-read; dd if=/tmp/skep-read of=/dev/null bs=12345 count=2 2> /dev/null; ' +
      "sleep 0.3; exec node -e 'for (let i = 0; i < 100; i++) process.umask(18)'",
    wrong: (document) => {
      const sections = (document.intervals ?? []).flatMap((one) => one.sections ?? []);
      const counted = (event: string) =>
        Number(sections.flatMap((one) => one.rows ?? []).find((row) => row['event'] === event)?.['count'] ?? 0);
      const slept = sections.find((one) => one.label === 'ms')?.buckets ?? [];
      const masks = sections.find((one) => one.label?.startsWith('p:c:umask'))?.buckets ?? [];
      return first(
        exactly(2, counted('count = 12345'), 'reads of 12345 bytes'),
        exactly(2, counted('entry(count) = 12345, retval = 12345'), 'ends of them'),
        exactly(1, counted('args->filename = /usr/bin/dd'), 'starts of dd'),
        exactly(1, slept.find((one) => one.from === 256)?.count ?? 0, 'naps of 300 ms'),
        exactly(100, masks.find((one) => one.from === 16)?.count ?? 0, 'calls of umask'),
      );
    },
  },
  ...OPTION_TRUTHS,
];
