import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { permitted } from '@skep/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileProbeFile, kernel, openProbe } from '../../src/index.ts';
import type { Events } from '../../src/probe/index.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const EXAMPLES = join(ROOT, 'examples/typescript');
const COMMAND = join(ROOT, 'packages/cli/bin/skep.mjs');
const permission = permitted();
if (!permission.ok) console.warn(`skipped: bpf(2) is not permitted: ${permission.message}`);
const built = existsSync(join(ROOT, 'packages/cli/dist/main.js'));
if (!built) console.warn('skipped: the command and the hook of Node are not built (npx tsc -b)');
const isolated = process.getuid?.() === 0 && existsSync('/usr/bin/unshare') && existsSync('/usr/sbin/ip');

describe.skipIf(!permission.ok)('examples in the kernel of this machine', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'skep-probe-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['opensnoop', 'runqlat', 'xdpdrop', 'execsnoop', 'connects'])('the verifier takes %s', async (name) => {
    const probe = await openProbe(join(EXAMPLES, `${name}.ts`));
    const session = probe.load();
    expect(session.loaded.programs.size).toBe(probe.file.probes.probes.length);
    session.close();
  });

  it('the verifier takes a program of every kind', async () => {
    const file = await compileProbeFile(fileURLToPath(new URL('kinds.ts', import.meta.url)));
    expect(new Set(file.probes.probes.map((one) => one.kind)).size).toBe(16);
    for (const { name, section } of file.spec.programs) {
      // This machine may permit no programs that change what the kernel does.
      if (/^(fentry|fexit|lsm)\//.test(section)) continue;
      file.spec.load(kernel(), { programs: [name] }).close();
    }
  });

  it('opensnoop sees the files that this process opens, and nothing of others', async () => {
    const probe = await openProbe(join(EXAMPLES, 'opensnoop.ts'));
    expect(probe.setParam('pid', process.pid)).toBe(true);
    const session = probe.attach();
    const path = join(folder, 'x'.repeat(40));
    writeFileSync(path, 'here');
    for (let i = 0; i < 3; i++) readFileSync(path);
    expect(() => readFileSync(`${path}-absent`)).toThrow();
    setTimeout(() => session.detach(), 100);
    const found: { pid: number; path: string; ret: bigint }[] = [];
    for await (const one of probe.exports['opened'] as Events<{ pid: number; path: string; ret: bigint }>)
      found.push(one);
    session.close();
    expect(found.filter((one) => one.path === path).length).toBe(4);
    expect(found.filter((one) => one.path === `${path}-absent`).map((one) => one.ret)).toEqual([-2n]);
    expect(new Set(found.map((one) => one.pid))).toEqual(new Set([process.pid]));
  });

  it.skipIf(!built || !isolated)('xdpdrop drops what goes to a port, in a network of its own', () => {
    const send = join(folder, 'send.mjs');
    writeFileSync(
      send,
      "import { connect } from 'node:net';\nfor (const port of [80, 81, 81, 81]) connect(port, '10.9.0.2').on('error', () => {});\nsetTimeout(() => process.exit(0), 300);\n",
    );
    const network = [
      'ip link set lo up && ip link add va type veth peer name vb && ip link set va up && ip link set vb up',
      'ip addr add 10.9.0.1/24 dev va && ip neigh add 10.9.0.2 lladdr 02:00:00:00:00:02 dev va',
      `${process.execPath} ${COMMAND} run ${EXAMPLES}/xdpdrop.ts -i vb --set blockPort=81 -- ${process.execPath} ${send}`,
    ];
    const out = execFileSync('/usr/bin/unshare', ['-n', 'sh', '-c', network.join(' && ')], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // More on a machine that is busy: who gets no answer for a second asks again.
    expect(Number(/^drops:\n {2}81: (\d+)$/m.exec(out)?.[1])).toBeGreaterThanOrEqual(3);
  });

  it.skipIf(!built)('a program of Node imports the file, with the same maps and events', () => {
    const app = join(ROOT, `.cache/import-probe-${process.pid}.mjs`);
    mkdirSync(join(ROOT, '.cache'), { recursive: true });
    writeFileSync(
      app,
      `import { readFileSync } from 'node:fs';
import { pointerTo, simulate } from 'skep/probe';
import { probeOf } from 'skep';
import * as opensnoop from '../examples/typescript/opensnoop.ts';
const simulation = simulate(opensnoop);
simulation.run('syscalls:sys_enter_openat', { filename: pointerTo('/a'), flags: 0 }, { pid: 7, tid: 7 });
simulation.run('syscalls:sys_exit_openat', { ret: 3n }, { pid: 7, tid: 7, comm: 'cat' });
console.log(opensnoop.opened.collected.map((one) => one.comm + one.path).join());
simulation.reset();
opensnoop.opt.pid = process.pid;
const session = (await probeOf(opensnoop)).attach();
for (let i = 0; i < 3; i++) readFileSync('/etc/hostname');
setTimeout(() => session.detach(), 100);
let seen = 0;
for await (const one of opensnoop.opened) if (one.path === '/etc/hostname') seen++;
session.close();
console.log(seen);
`,
    );
    try {
      expect(execFileSync(process.execPath, ['--import', 'skep/register', app], { encoding: 'utf8', cwd: ROOT })).toBe(
        'cat/a\n3\n',
      );
    } finally {
      rmSync(app);
    }
  });
});
