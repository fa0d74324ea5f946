import { spawn, spawnSync } from 'node:child_process';
import { TOOLS, type Tool } from '../../src/index.ts';
import { words } from '../../src/trace/execute.ts';
import { parseCommand, runTool } from './command.ts';
import { TRUTHS } from './truths.ts';

/**
 * Runs the examples of the tools, as their pages show them: a line of JSON for each, with the command line and what it
 * printed. Names of tools choose some. Where an example waits for Ctrl-C, something happens, and then it gets it.
 */
export async function main(only: readonly string[]): Promise<void> {
  // Searches for programs show on the pages.
  process.env['PATH'] = '/usr/bin:/usr/sbin:/bin:/sbin';
  spawnSync('/bin/sh', ['-c', DISK], { stdio: 'ignore' });
  for (const tool of TOOLS) {
    if (only.length > 0 && !only.includes(tool.name)) continue;
    for (const { line, does } of tool.examples) {
      const shown = Object.entries(HERE).reduce((text, [from, to]) => text.replace(from, to), line);
      const found = await run(tool, shown).catch((error: unknown) => ({ failed: String(error), out: '', err: '' }));
      console.log(JSON.stringify({ tool: tool.name, does, line: shown, ...found }));
    }
  }
}

/** What examples name that a guest does not have, and what stands there in place of it. */
const HERE: { readonly [text: string]: string } = {
  ' -d sda': ' -d nullb1',
  '-t ext4': '-t overlay',
  ' 443': ' 5555',
  '*worker*': 'd*',
  'age < 0.01': 'age < 0.5',
  './program': "/usr/bin/python3 -c 'import ctypes; keep = [ctypes.CDLL(None).malloc(123456) for i in range(10)]'",
};

const workloadOf = (tool: string) => TRUTHS.find((one) => one.tool === tool)!.command;
/** The slow disk under the name that examples give it, on every kernel. */
const DISK = workloadOf('biosnoop').replaceAll('nullb/skep', 'nullb/nullb1');
const LARGE_FILES =
  'dd if=/dev/zero of=/tmp/large bs=16M count=2 conv=fsync 2> /dev/null; dd if=/tmp/large of=/dev/null bs=16M 2> /dev/null; rm /tmp/large';
/** A client that gets three megabytes from port 5555, and keeps the connection for more than a second. */
const DOWNLOAD = `node -e '
const net = require("net");
const server = net.createServer((socket) => socket.write(Buffer.alloc(3e6))).listen(5555, "127.0.0.1", () => {
  const client = net.connect(5555, "127.0.0.1").on("data", () => {});
  setTimeout(() => { client.destroy(); server.close(); process.exit(); }, 1500);
});'`;

/** What happens under the tools for which the workload of their test shows little; of some examples, by their whole line. */
const WORK: { readonly [toolOrLine: string]: string } = {
  biolatency: DISK,
  biosnoop: DISK,
  biotop: DISK,
  stackcount: DISK,
  capable: 'touch /tmp/one; chown 1:1 /tmp/one; su nobody -s /bin/sh -c "kill -0 1" 2> /dev/null; true',
  fileslower: LARGE_FILES,
  fsslower: LARGE_FILES,
  funccount: 'ls -l /etc > /dev/null',
  funclatency: 'ls -l /etc > /dev/null; sync /etc/hosts',
  // Names of hosts are asked of a server that cannot be reached.
  gethostlatency:
    'getent ahosts localhost; ip link add skep8 type veth peer name skep9; ip link set skep8 up; ip link set skep9 up; ' +
    'ip route replace default dev skep8; echo nameserver 192.0.2.53 > /etc/resolv.conf; ' +
    'RES_OPTIONS="timeout:1 attempts:1" getent ahosts slow.example',
  profile: 'dd if=/dev/zero of=/dev/null bs=1M count=2000 2> /dev/null',
  runqslower: 'for i in 1 2 3 4; do dd if=/dev/zero of=/dev/null bs=1M count=300 2> /dev/null & done; wait',
  'skep sslsniff --library /usr/bin/node --comm node': `node -e '
const tls = require("tls"), { readFileSync } = require("fs");
const server = tls.createServer({ key: readFileSync("/tmp/k.pem"), cert: readFileSync("/tmp/c.pem") }, (socket) => {
  socket.on("data", () => socket.end("clear answer"));
}).listen(5556, "127.0.0.1", () => {
  const client = tls.connect({ port: 5556, host: "127.0.0.1", rejectUnauthorized: false }, () => client.write("clear question"));
  client.on("data", () => {}).on("end", () => process.exit());
});'`,
  'skep stackcount tcp_sendmsg --flame-graph send.svg --duration 10s': workloadOf('tcplife'),
  statsnoop: `${workloadOf('statsnoop')}; node -e 0`,
  // The second connection waits until the other end of the cable has an address.
  tcpconnlat: `${workloadOf('tcpconnlat')}
ip netns add there; ip link add skep2 type veth peer name skep3 netns there; ip addr add 192.0.3.1/24 dev skep2
ip link set skep2 up; ip -n there link set skep3 up
(sleep 1; ip -n there addr add 192.0.3.2/24 dev skep3
 ip netns exec there node -e 'require("net").createServer((s) => s.end()).listen(80); setTimeout(() => process.exit(), 9000)') &
node -e 'const dial = () => require("net").connect(80, "192.0.3.2").on("error", () => setTimeout(dial, 300)).on("data", () => {}).on("end", () => process.exit()); dial(); setTimeout(() => process.exit(), 9000)'
ip netns del there; wait`,
  syncsnoop: `dd if=/dev/zero of=/dev/nullb1 bs=4096 count=1 conv=fsync 2> /dev/null; ${workloadOf('syncsnoop')}`,
  tcplife: DOWNLOAD,
  tcpretrans: `ip link del skep0 2> /dev/null; ${workloadOf('tcpretrans')}`,
  tcpstates: DOWNLOAD,
};
const SLEEPS = `const list = []; setInterval(() => list.push(Buffer.alloc(100000)), 50)`;

async function run(tool: Tool, line: string) {
  const all = words(line.replace(/ >>? [\w.]+$/, '')).slice(2);
  const dashes = all.indexOf('--');
  const trailing = dashes < 0 ? [] : all.slice(dashes + 1);
  const written = dashes < 0 ? all : all.slice(0, dashes);
  const other = written.includes('1234') ? spawn('node', ['-e', SLEEPS], { stdio: 'ignore' }) : undefined;
  const argv = written.map((one) => (one === '1234' ? String(other!.pid) : one));
  const waits = trailing.length === 0 && parseCommand(tool, argv).options.text('command') === undefined;
  const stop = new AbortController();
  const limit = setTimeout(() => stop.abort(), 90_000);
  const attached = () => {
    if (!waits) return;
    const work = WORK[line] ?? WORK[tool.name] ?? workloadOf(tool.name);
    spawn('/bin/sh', ['-c', work], { stdio: 'ignore' }).on('close', () => setTimeout(() => stop.abort(), 500));
  };
  try {
    return await runTool(tool.name, argv, { trailing, attached, signal: stop.signal });
  } finally {
    clearTimeout(limit);
    other?.kill();
  }
}

void main(process.argv.slice(2)).then(() => process.exit());
