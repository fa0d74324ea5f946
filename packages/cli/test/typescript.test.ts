import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { openObject } from '@skep/object';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cli } from './support/cli.ts';

const permission = permitted();
if (!permission.ok) console.warn(`skipped: bpf(2) is not permitted: ${permission.message}`);
let cli: Cli;
let folder: string;
const EXAMPLE = 'examples/typescript/xdpdrop.ts';

beforeAll(async () => {
  cli = await Cli.make();
  folder = mkdtempSync(join(tmpdir(), 'skep-typescript-'));
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true });
});

const TOO_MUCH = `import { counter, tracepoint } from 'skep/probe';

const hits = counter({ key: 'u32' });

tracepoint('syscalls:sys_enter_openat', () => {
  for (let i = 0; i < 60000; i++) {
    hits.add(i);
  }
});
`;

const WRONG = `import { hash, pid, tracepoint } from 'skep/probe';

const since = hash({ key: 'u32', value: 'u64' });

tracepoint('syscalls:sys_enter_openat', () => {
  const t = since.get(pid());
  since.set(pid(), t + 1n);
});
`;

const OF_ONE = `import { comm, events, params, pid, tracepoint } from 'skep/probe';

const opt = params({ pid: 0 });
export const opened = events({ comm: 'char[16]', path: 'char[64]' });

tracepoint('syscalls:sys_enter_openat', (c) => {
  if (pid() === opt.pid) opened.emit({ comm: comm(), path: c.filename.str(64) });
});
`;

describe('commands on probes in TypeScript', () => {
  it('build writes an object whose line information tells of the file itself', () => {
    const object = join(folder, 'xdpdrop.o');
    expect(cli.run(['build', EXAMPLE, '-o', object]).status).toBe(0);
    const [program] = openObject(new Uint8Array(readFileSync(object)), { name: object }).programs;
    const source = readFileSync(new URL('../../../examples/typescript/xdpdrop.ts', import.meta.url), 'utf8').split(
      '\n',
    );
    const lines = program!.lineInfo.filter((one) => one.line > 0);
    expect(lines.length).toBeGreaterThan(4);
    for (const { file, line, text } of lines) {
      expect(file).toBe(EXAMPLE);
      expect(text.trim()).toBe(source[line - 1]!.trim());
    }
  });

  it('build names the object after the source, and shows what it makes', () => {
    const path = join(folder, 'mine.ts');
    writeFileSync(path, WRONG.replace('t + 1n', '(t ?? 0n) + 1n'));
    expect(cli.run(['build', path]).status).toBe(0);
    expect(readFileSync(join(folder, 'mine.o')).subarray(1, 4).toString()).toBe('ELF');
    const { out } = cli.run(['build', path, '--emit', 'c']);
    expect(out).toContain(`#line 6 ${JSON.stringify(path)}`);
    expect(out).not.toContain('\u0001');
    expect(cli.run(['build', path, '--deps']).out).toBe(`${join(folder, 'mine.o')}: ${path}\n`);
  });

  it('check says what the verifier says, at the line of the file', () => {
    const { status, out } = cli.run(['check', EXAMPLE, '--kernel', '6.1,6.12,6.18']);
    expect(status).toBe(0);
    expect(out.match(/accepted/g)).toHaveLength(3);
    const path = join(folder, 'much.ts');
    writeFileSync(path, TOO_MUCH);
    const refused = cli.run(['check', path, '--kernel', '6.12']);
    expect(refused.status).toBe(3);
    expect(refused.err).toMatch(/^error\[E2116\][^\n]*\n --> [^\n]*much\.ts:[3-7]:/m);
  });

  it('errors are where they were made', () => {
    const path = join(folder, 'wrong.ts');
    writeFileSync(path, WRONG);
    for (const command of ['build', 'check', 'disasm', 'types']) {
      const { status, err } = cli.run([command, path]);
      expect(status).toBe(1);
      expect(err).toMatch(/^error\[E1630\]: `t` may be undefined here\n --> [^\n]*wrong\.ts:7:20/m);
    }
  });

  it('what is too large for a program is said at the line that is', () => {
    const path = join(folder, 'large.ts');
    const names = Array.from({ length: 12 }, (_, i) => `t${i}`);
    writeFileSync(
      path,
      [
        "import { events, tracepoint } from 'skep/probe';",
        `const sent = events({ ${names.map((name) => `${name}: 'char[64]'`).join(', ')} });`,
        "tracepoint('syscalls:sys_enter_openat', (c) => {",
        ...names.map((name) => `  const ${name} = c.filename.str(64);`),
        `  sent.emit({ ${names.join(', ')} });`,
        '});',
      ].join('\n'),
    );
    const { status, err } = cli.run(['build', path]);
    expect(status).toBe(1);
    expect(err).toMatch(/large\.ts:\d+/);
    expect(err).not.toContain('bpf_map_update_elem');
  });

  it.skipIf(!permission.ok)('run watches the process of its command by a parameter `pid`, with a table too', () => {
    const path = join(folder, 'pid.ts');
    writeFileSync(path, OF_ONE);
    const run = (...more: string[]) => cli.run(['run', path, ...more, '-o', 'jsonl', '--', 'cat', '/etc/hostname']);
    const rows = (text: string) =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { comm: string; path: string });
    const found = rows(run().out);
    expect(new Set(found.map((one) => one.comm))).toEqual(new Set(['cat']));
    expect(found.map((one) => one.path)).toContain('/etc/hostname');
    // Nobody is the process 1073741824.
    expect(run('--set', 'pid=1073741824').out).toBe('');
  });

  it('test-run and debug take them', () => {
    const run = cli.run(['test-run', EXAMPLE, '--home', 'vm', '-o', 'json']);
    expect(JSON.parse(run.out)).toMatchObject({ retval: 2 });
    const { out } = cli.run(['debug', EXAMPLE], { input: 'run\nquit\n' });
    expect(out).toContain('xdp');
  });
});
