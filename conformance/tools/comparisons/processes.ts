import { NO_MEMORY } from '../../../packages/tools/test/guest/workloads.ts';
import type { Comparison } from '../comparison.ts';
import { cells, events, once, pick, picking, tableRows } from '../reading.ts';

const OPENED = picking(/^\d+ +(\S+) +(-?\d+) +(\d+) +(\S*skepcmp\S*)/);
const ENDED = (text: string) =>
  pick(text.replace(/signal (\d+).*/g, 'signal$1').replace(/code (\d+)/g, 'code$1'), /^(true|false|sh) .* (\S+) *$/);
const KILLED = picking(/^\S+ +\d+ +(sh) +(\d+) +\d+ +(-?\d+)/);
const ASKED = picking(/^\d+ +(\S+) +(-?\d+) +(?:\d+ +)?(\S*skepcmp\S*)/);
const MASKED = picking(/^(umask) +(\d+)/);
const CAPABLE = (text: string) => once(pick(text, /^\S+ +(\d+) +\d+ +(?:\d+ +)?(chown) +(\d+) +(CAP_CHOWN) /));
const OOM = picking(/OOM kill of PID \d+ \("(\w+)"\)/);
const EXECUTED = (row: { readonly [name: string]: unknown }) => /^[^;]*skepcmp[^;]*$/.test(String(row['args']));

export const PROCESSES: readonly Comparison[] = [
  {
    tool: 'execsnoop',
    args: ['-x'],
    workload: '/bin/true skepcmp one; /bin/true skepcmp; /no/such/skepcmp two 2> /dev/null; true',
    ours: (document) => cells(document, EXECUTED, 'comm', 'ret', 'args'),
    peers: {
      'libbpf-tools': { args: ['-x'], theirs: picking(/^(\S+) +\d+ +\d+ +(-?\d+) +(.*skepcmp(?!.*;).*)/) },
      bcc: { args: ['-x'], theirs: picking(/^(\S+) +\d+ +\d+ +(-?\d+) +(.*skepcmp(?!.*;).*)/) },
      bpftrace: {
        theirs: picking(/^\d+ +\d+ +(.*skepcmp(?!.*;).*)/),
        ours: (document) => cells(document, EXECUTED, 'args'),
      },
    },
  },
  {
    tool: 'opensnoop',
    args: [],
    workload:
      'echo x > /tmp/skepcmp; cat /tmp/skepcmp /tmp/skepcmp > /dev/null; cat /tmp/skepcmp-none 2> /dev/null; true',
    ours: (document) => cells(document, (row) => /skepcmp/.test(String(row['path'])), 'comm', 'fd', 'err', 'path'),
    peers: { 'libbpf-tools': { theirs: OPENED }, bcc: { theirs: OPENED }, bpftrace: { theirs: OPENED } },
  },
  {
    tool: 'exitsnoop',
    args: [],
    workload: "/bin/true; /bin/false; sh -c 'exit 7'; sh -c 'kill -9 $$'; true",
    ours: (document) =>
      events(document)
        .filter((row) => /^(true|false|sh)$/.test(String(row['comm'])))
        .map(
          (row) =>
            `${row['comm']} ${row['signal'] ? `signal${row['signal']}` : row['code'] ? `code${row['code']}` : '0'}`,
        ),
    peers: { 'libbpf-tools': { theirs: ENDED }, bcc: { theirs: ENDED } },
  },
  {
    tool: 'killsnoop',
    args: [],
    workload: 'sleep 60 & kill -15 $!; kill -0 1; kill -9 4194300 2> /dev/null; true',
    ours: (document) => cells(document, (row) => row['comm'] === 'sh', 'comm', 'signal', 'result'),
    peers: { 'libbpf-tools': { args: ['-k'], theirs: KILLED }, bcc: { theirs: KILLED }, bpftrace: { theirs: KILLED } },
  },
  {
    tool: 'statsnoop',
    args: [],
    // stat(1) asks by statx(2), Python here by stat(2) as programs did of old.
    workload:
      'touch /tmp/skepcmp; stat /tmp/skepcmp > /dev/null; stat /tmp/skepcmp-none 2> /dev/null; ' +
      `python3 -c 'import ctypes; [ctypes.CDLL(None).syscall(4, name, ctypes.create_string_buffer(256)) for name in (b"/tmp/skepcmp", b"/tmp/skepcmp-none")]'`,
    ours: (document) =>
      events(document)
        .filter((row) => /skepcmp/.test(String(row['path'])))
        .map((row) => `${row['comm']} ${Number(row['ret']) < 0 ? -1 : row['ret']} ${row['path']}`),
    peers: {
      'libbpf-tools': { theirs: ASKED },
      bcc: { theirs: ASKED },
      bpftrace: {
        theirs: picking(/^\d+ +(\S+) +(\d+) +(\S*skepcmp\S*)/),
        ours: (document) => cells(document, (row) => /skepcmp/.test(String(row['path'])), 'comm', 'err', 'path'),
      },
    },
  },
  {
    tool: 'syncsnoop',
    args: [],
    workload: 'echo x > /tmp/skepcmp; sync /tmp/skepcmp; sync -d /tmp/skepcmp; sync -f /tmp/skepcmp; sync; sync',
    ours: (document) => cells(document, (row) => row['comm'] === 'sync', 'call'),
    peers: {
      bcc: { theirs: picking(/^\d+\.\d+ +(sync)\(\)/) },
      bpftrace: { theirs: picking(/ sync +tracepoint:syscalls:sys_enter_(\w+)/) },
    },
  },
  {
    tool: 'syscount',
    args: ['-T', '200'],
    workload: "node -e 'for (let i = 0; i < 4321; i++) process.umask(i & 1)'",
    ours: (document) =>
      tableRows(document).flatMap((row) => (row['syscall'] === 'umask' ? [`umask ${row['count']}`] : [])),
    peers: {
      'libbpf-tools': { args: ['-T', '200'], theirs: MASKED },
      bcc: { args: ['-T', '200'], theirs: MASKED },
      bpftrace: { theirs: (text) => pick(text, /^@syscall\[95\]: (\d+)/).map((count) => `umask ${count}`) },
    },
  },
  {
    tool: 'capable',
    args: [],
    workload: 'touch /tmp/skepcmp; chown 1:1 /tmp/skepcmp',
    ours: (document) =>
      once(
        cells(
          document,
          (row) => row['comm'] === 'chown' && row['name'] === 'CAP_CHOWN',
          ...['uid', 'comm', 'capability', 'name'],
        ),
      ),
    peers: { 'libbpf-tools': { theirs: CAPABLE }, bcc: { theirs: CAPABLE }, bpftrace: { theirs: CAPABLE } },
  },
  {
    tool: 'oomkill',
    args: [],
    workload: NO_MEMORY,
    ours: (document) => cells(document, () => true, 'comm'),
    peers: { 'libbpf-tools': { theirs: OOM }, bcc: { theirs: OOM }, bpftrace: { theirs: OOM } },
  },
  {
    tool: 'gethostlatency',
    args: [],
    workload: 'getent ahosts localhost > /dev/null',
    ours: (document) => once(cells(document, (row) => row['comm'] === 'getent', 'comm', 'host')),
    peers: Object.fromEntries(
      (['libbpf-tools', 'bcc', 'bpftrace'] as const).map((house) => [
        house,
        { theirs: (text: string) => once(pick(text, /^\S+ +\d+ +(getent) +[\d.]+ +(\S+)/)) },
      ]),
    ),
  },
  {
    tool: 'sslsniff',
    args: [],
    workload:
      'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /tmp/k.pem -out /tmp/c.pem -days 1 -subj /CN=localhost 2> /dev/null; ' +
      '(sleep 8; echo clear answer; sleep 6) | openssl s_server -accept 5443 -key /tmp/k.pem -cert /tmp/c.pem -quiet -naccept 1 > /dev/null 2>&1 & ' +
      'sleep 4; (echo clear question; sleep 8) | openssl s_client -connect 127.0.0.1:5443 -quiet -no_ign_eof > /dev/null 2>&1; wait',
    ours: (document) =>
      events(document)
        .filter((row) => /^clear /.test(String(row['data'])))
        .map((row) => `${row['comm']} ${row['func']} ${row['size']} ${String(row['data']).trim()}`),
    peers: {
      bcc: {
        theirs: (text) =>
          [...text.matchAll(/^(WRITE\/SEND|READ\/RECV) +\S+ +(\S+) +\d+ +(\d+) *\n-+ DATA -+\n(clear \w+)/gm)].map(
            ([, func, comm, size, data]) => `${comm} ${func} ${size} ${data}`,
          ),
      },
      bpftrace: {
        name: 'sslsnoop',
        theirs: (text) => pick(text, /^\d+ +\d+ +(openssl) +\d+ +([1-9]\d*) +(?:SSL_)?(read|write)/i),
        ours: (document) =>
          events(document)
            .filter((row) => row['comm'] === 'openssl' && Number(row['size']) > 0)
            .map((row) => `openssl ${row['size']} ${row['func'] === 'WRITE/SEND' ? 'write' : 'read'}`),
      },
    },
  },
];
