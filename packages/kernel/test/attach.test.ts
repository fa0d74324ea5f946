import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { EXIT } from '@skep/base';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleChecks, compileUsdt, parseOutcomes } from './attach/bundle.ts';
import { CHECKS } from './attach/checks.ts';
import { expected, LINKS } from './attach/links.ts';
import type { Outcome } from './attach/main.ts';
import { noKernel } from './support/host.ts';

const run = promisify(execFile);

const noTypes = existsSync('/sys/kernel/btf/vmlinux') ? false : 'this kernel shows no BTF';
const noNamespace =
  noKernel || noTypes || (spawnSync('unshare', ['-n', 'true']).status === 0 ? false : 'needs unshare -n');

// Which links are tried here is known before any of them is.
if (!noNamespace) compileUsdt();

describe.skipIf(noNamespace)('attached on this kernel, in a network namespace of our own', () => {
  let outcomes = new Map<string, Outcome>();
  let links = new Map<string, Outcome>();
  beforeAll(async () => {
    const bundle = await bundleChecks('host');
    const inNamespace = async (mode: string): Promise<Map<string, Outcome>> => {
      const { stdout } = await run('unshare', ['--net', process.execPath, '--enable-source-maps', bundle, mode]);
      return parseOutcomes(stdout);
    };
    outcomes = await inNamespace('host');
    links = await inNamespace('links');
  });

  for (const { name } of [...LINKS.filter((one) => expected(one, 'host') !== undefined), { name: 'killed' }]) {
    it(`link: ${name}`, () => expect(links.get(name)).toMatchObject({ name, result: 'ok' }));
  }

  for (const { name } of CHECKS.filter((check) => !check.guestOnly)) {
    it(name, () => expect(outcomes.get(name)).toEqual({ name, result: 'ok' }));
  }
});

describe.skipIf(noKernel)('without rights', () => {
  it('is explained by what the process lacks, with exit code 4', async (ctx) => {
    const bundle = await bundleChecks('unprivileged');
    const nobody = { uid: 65534, gid: 65534 };
    const readable = spawnSync(process.execPath, ['--check', bundle], nobody);
    if (readable.status !== 0) ctx.skip('user 65534 cannot read this directory');
    const { stdout } = await run(process.execPath, [bundle, 'unprivileged'], nobody);
    const { errors, permitted } = JSON.parse(stdout);
    const tracepoint = errors.pop();
    expect(tracepoint.code).toMatch(/^E5002|E5011$/);
    expect(tracepoint.diagnostics[0].help).toMatch(/run as root|mount -t tracefs/);
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'E5002', exitCode: EXIT.notPermitted, errnoName: 'EPERM' });
      expect(error.diagnostics[0].notes[0].message).toMatch(/user 65534\) lacks CAP_BPF, CAP_PERFMON/);
      expect(error.diagnostics[0].help).toMatch(/run as root/);
    }
    expect(permitted.ok).toBe(false);
    expect(permitted.reasons.map((one: { id: string }) => one.id)).toContain('capabilities');
  });
});
