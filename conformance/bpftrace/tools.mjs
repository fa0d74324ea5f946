// @ts-check
/**
 * node conformance/bpftrace/tools.mjs [DIR] [--seconds 3] [--filter REGEXP]
 *
 * Runs bpftrace's own tools (those that programs.mjs fetched, or those in DIR) in the kernel, one after the other: each is compiled, loaded, attached,
 * left to run, and ended. They trace the whole system: for a guest, `node vmtest/run.mjs 6.12 -- node conformance/bpftrace/tools.mjs`.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { possibleCpus } from '@skep/kernel';
import { machineTarget } from '@skep/tools';
import { bpftrace } from './command.mjs';
import { testsFolder } from './suite.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '3' }, filter: { type: 'string' } },
});
const [directory = join(testsFolder(), 'tools')] = positionals;
if (!existsSync(directory)) {
  process.stderr.write(
    `tools.mjs: there is no ${directory}: node conformance/bpftrace/programs.mjs fetches the tools\n`,
  );
  process.exit(2);
}
const filter = values.filter === undefined ? undefined : new RegExp(values.filter);
const target = machineTarget(possibleCpus(), undefined);
// Something to see: processes, files, sleeping, names of hosts, connections to a server of our own, signals, users.
const server = createServer((socket) => socket.end('hello\n'));
await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
const work = spawn(
  '/bin/bash',
  [
    '-c',
    `while :; do
      cat /etc/hostname > /tmp/skep-work; stat /tmp/skep-work /nowhere; sync
      getent hosts localhost
      exec 3<>/dev/tcp/127.0.0.1/${port} && cat <&3; exec 3>&-
      kill -0 $$; setpriv --reuid=65534 true; dd if=/dev/zero of=/tmp/skep-work bs=64k count=4 conv=fsync
      sleep 0.2
    done`,
  ],
  { stdio: 'ignore', detached: true },
);
let ran = 0;
const names = readdirSync(directory).filter((one) => one.endsWith('.bt') && (filter === undefined || filter.test(one)));
for (const name of names) {
  let output = '';
  let attached = false;
  const stop = new AbortController();
  const take = (/** @type {string} */ text) => {
    output += text;
  };
  let code = 1;
  try {
    code = await bpftrace(['--unsafe', '--no-warnings', join(directory, name)], {
      home: 'kernel',
      signal: stop.signal,
      out: take,
      err: take,
      target,
      attached: () => {
        attached = true;
        setTimeout(() => stop.abort(), Number(values.seconds) * 1000);
      },
    });
  } catch (error) {
    output += String(error);
  }
  const ok = attached && code === 0;
  if (ok) ran += 1;
  const lines = output.split('\n').filter((one) => one.trim() !== '');
  process.stdout.write(
    `${ok ? 'ran ' : 'FAIL'} ${name}: ${ok ? `${lines.length} lines, the last: ${lines.at(-1)?.slice(0, 90)}` : (lines.find((one) => one.includes('ERROR'))?.slice(0, 200) ?? lines.at(-1)?.slice(0, 200))}\n`,
  );
}
if (work.pid) process.kill(-work.pid, 'SIGKILL');
process.stdout.write(`${ran} of ${names.length} ran\n`);
process.exit(0);
