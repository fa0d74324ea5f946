import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../src/commands/all.ts';
import { GROUPS } from '../src/groups.ts';
import { Cli } from './support/cli.ts';

let cli: Cli;
let folder: string;
const root = process.getuid?.() === 0;
const NOBODY = 65534;

beforeAll(async () => {
  cli = await Cli.make();
  folder = mkdtempSync(join(tmpdir(), 'skep-cli-test-'));
});
afterAll(() => {
  cli.remove();
  rmSync(folder, { recursive: true });
});

/** A file of the test's own folder. */
function file(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const PASS = '#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n';
const LICENSE = 'char LICENSE[] SEC("license") = "GPL";\n';

describe('help and usage', () => {
  it('lists every command, and the exit codes', () => {
    for (const args of [[], ['--help'], ['-h']]) {
      const { status, out, err } = cli.run(args);
      expect([status, err]).toEqual([0, '']);
      const words = new Set(out.split(/\s+/));
      for (const { name } of COMMANDS) expect(words, name).toContain(name);
      for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(130);
      expect(out).toContain('3 refused by a verifier');
    }
  });

  it.each(COMMANDS.map((one) => one.name))('skep %s --help has examples and every option', (name) => {
    const { status, out, err } = cli.run([name, '--help']);
    expect([status, err]).toEqual([0, '']);
    const command = COMMANDS.find((one) => one.name === name)!;
    for (const { line } of command.examples) expect(out).toContain(line);
    for (const { flags, hidden } of command.options) if (!hidden) expect(out).toContain(flags);
    expect(out).toContain('Exit codes: 0 ok');
  });

  it('has every command in one group, and says what is in it', () => {
    const grouped = GROUPS.flatMap((one) => one.commands);
    expect([...grouped].sort()).toEqual(COMMANDS.map((one) => one.name).sort());
    for (const { name, commands } of GROUPS) {
      const { status, out } = cli.run(['help', name]);
      expect(status).toBe(0);
      for (const one of commands) expect(out).toMatch(new RegExp(`^  ${one} +[A-Z]`, 'm'));
    }
    expect(cli.run(['help', 'build']).out).toBe(cli.run(['build', '--help']).out);
    expect(cli.run(['help', 'netwrok'])).toMatchObject({
      status: 2,
      err: expect.stringContaining('did you mean `network`?'),
    });
  });

  it('completes in bash', () => {
    const script = cli.run(['completion', 'bash']).out;
    const complete = (...words: string[]) => {
      const [current, before] = [words.at(-1), words.at(-2)];
      const asked = `${script}\nCOMP_WORDS=(skep ${words.join(' ')}); COMP_CWORD=${words.length}; _skep skep "${current}" "${before ?? 'skep'}"; echo "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['-c', asked], { encoding: 'utf8' }).stdout.trim();
    };
    expect(complete('tcpr')).toBe('tcpretrans tcprtt');
    expect(complete('build', '--em')).toBe('--emit');
    expect(complete('build', '--emit', 'a')).toBe('ast asm');
    expect(cli.run(['completion', 'fish']).out).toContain("-l emit -r -a 'c ast ir asm obj'");
  });

  it('tells its version', () => {
    expect(cli.run(['--version'])).toEqual({ status: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), err: '' });
  });

  it.each([
    [['bild', 'x.c'], "unknown command 'bild'", 'Did you mean build?'],
    [['build', '--emitt', 'ir', 'x.c'], "unknown option '--emitt'", 'Did you mean --emit?'],
    [['build'], "missing required argument 'files'", ''],
    [['build', 'x.c', '--emit', 'obi'], 'E7001', 'did you mean `obj`?'],
    [['build', 'x.c', '--cpu', 'v9'], 'E7001', 'v1'],
    [['build', 'x.c', '-mcpu=v9'], 'E7001', '`v9` is no value'],
    [['build', 'x.c', '-target', 'x86_64'], 'E7008', 'not for `x86_64`'],
    [['build', 'x.c', '-emit-llvm'], 'E7009', '--emit ir'],
    [['build', 'a.c', 'b.c', '-o', 'c', '-S'], 'E7006', 'the asm of several sources'],
    [['link', 'a.o'], "required option '-o, --output <file>'", ''],
    [['run', 'x.c', '--duration', 'soon'], 'E7002', 'a duration such as 5s'],
    [['run', 'x.c', '--count', '-1'], 'E7002', 'a whole number'],
    [['run', 'x.c', '-o', 'jsom'], 'jsom', ''],
    [['doctor', '--', 'ls'], 'takes nothing behind `--`', ''],
    [['types'], 'E7014', 'skep types --kernel task_struct'],
    [['run', 'examples/opens.bpf.c', '--home', 'vm', '--set', 'x'], 'E7003', '--set target_tgid=1234'],
  ])('%j is a mistake of usage', (args, what, help) => {
    const { status, out, err } = cli.run(args);
    expect(err).toContain(what);
    expect(err).toContain(help);
    expect([status, out]).toEqual([2, '']);
  });
});

describe('the built command', () => {
  const bin = fileURLToPath(new URL('../bin/skep.mjs', import.meta.url));
  const built = ['../dist/skep.cjs', '../dist/main.js'].some((name) => existsSync(new URL(name, import.meta.url)));

  it.skipIf(!built)(`starts from bin/skep.mjs${built ? '' : ' (skipped: not built, run `npm run build`)'}`, () => {
    const version = spawnSync(process.execPath, [bin, '--version'], { encoding: 'utf8' });
    expect([version.status, version.stderr, version.stdout]).toEqual([0, '', cli.run(['--version']).out]);
  });
});

describe('bad input', () => {
  it.each([['run'], ['build'], ['disasm'], ['test-run'], ['types'], ['asm']])('skep %s of a missing file', (name) => {
    const { status, out, err } = cli.run([name, 'no/such.bpf.c']);
    expect(err).toContain('error[E8007]: no/such.bpf.c cannot be read: there is no such file');
    expect([status, out]).toEqual([1, '']);
  });

  it('shows a syntax error in a frame, on stderr only', () => {
    const path = file('syntax.bpf.c', `${PASS}SEC("xdp") int f(void *ctx) {\n  return 1 +;\n}\n${LICENSE}`);
    const { status, out, err } = cli.run(['build', path]);
    expect(err).toMatch(/^error\[E11\d\d\]: /);
    expect(err).toContain(`--> ${path}:4:`);
    expect(err).toContain('4 |   return 1 +;');
    expect(err).toMatch(/\^/);
    expect([status, out]).toEqual([1, '']);
  });

  it('suggests the type that was meant', () => {
    const path = file('type.bpf.c', `${PASS}SEC("xdp") int f(struct xdp_mdd *ctx) { return ctx->data; }\n${LICENSE}`);
    const { status, err } = cli.run(['build', path]);
    expect(err).toContain('xdp_mdd');
    expect(err).toContain('xdp_md');
    expect(status).toBe(1);
  });

  it('names what it cannot compile', () => {
    const path = file(
      'float.bpf.c',
      `${PASS}SEC("xdp") int f(void *ctx) { double x = 1.5; return x * 2; }\n${LICENSE}`,
    );
    const { status, err } = cli.run(['build', path]);
    expect(err).toMatch(/floating|double/);
    expect(err).toContain('help: ');
    expect(status).toBe(1);
  });

  it('says which file is damaged', () => {
    const source = file('cut.bpf.c', `${PASS}SEC("xdp") int f(void *ctx) { return 2; }\n${LICENSE}`);
    const object = join(folder, 'cut.bpf.o');
    expect(cli.run(['build', source, '-o', object]).status).toBe(0);
    const bytes = readFileSync(object);
    for (const length of [5, 70, bytes.length - 100]) {
      const cut = file('cut.o', bytes.subarray(0, length));
      for (const args of [
        ['disasm', cut],
        ['run', cut],
        ['link', cut, object, '-o', join(folder, 'x.o')],
      ]) {
        const { status, out, err } = cli.run(args);
        expect(err).toMatch(/^error\[E300\d\]: /);
        expect(err).toContain(cut);
        expect([status, out]).toEqual([1, '']);
      }
    }
  });

  it('says that BTF is damaged, or not there', () => {
    const garbage = file('garbage.btf', 'neither BTF nor ELF, but long enough to be one of them');
    const { status, err } = cli.run(['build', 'examples/opens.bpf.c', '--btf', garbage, '-o', join(folder, 'x.o')]);
    expect(err).toContain(`error[E3101]: ${garbage}: damaged BTF`);
    expect(status).toBe(1);
    const bare = join(folder, 'bare.o');
    expect(cli.run(['asm', '-', '-o', bare], { input: 'r0 = 0; exit' }).status).toBe(0);
    expect(cli.run(['build', 'examples/opens.bpf.c', '--btf', bare, '-o', join(folder, 'x.o')]).err).toContain(
      `${bare} has no BTF`,
    );
  });

  it('says why it cannot write', () => {
    const { status, err } = cli.run(['build', 'examples/xdp_drop.bpf.c', '-o', join(folder, 'no/such/folder.o')]);
    expect(err).toContain('error[E7007]');
    expect(status).toBe(1);
  });

  it('says who cannot be linked', () => {
    const one = file('one.bpf.c', `${PASS}int twice(int x) { return x; }\n${LICENSE}`);
    const two = file('two.bpf.c', `${PASS}int twice(int x) { return x; }\n${LICENSE}`);
    const { status, err } = cli.run(['build', one, two, '-o', join(folder, 'both.o')]);
    expect(err).toContain(`error[E3501]: twice is defined twice: in ${one} and in ${two}`);
    expect(status).toBe(1);
  });
});

describe('build', () => {
  it('takes the options of clang that makefiles give', () => {
    const header = file('own.h', '#define FROM_HEADER 3\n');
    const source = file(
      'make.bpf.c',
      `${PASS}#include "own.h"\n#ifdef EXTRA\nSEC("xdp") int f(void *ctx) { return FROM_HEADER + EXTRA + FORCED; }\n#endif\n${LICENSE}`,
    );
    const forced = file('forced.h', '#define FORCED 10\n');
    const object = join(folder, 'make.bpf.o');
    const line = `-g -O2 -Wall -Wextra -Werror -Wno-unused-function -target bpf -mcpu=v3 -mlittle-endian -D__TARGET_ARCH_x86 -DEXTRA=4 -I${folder} -isystem ${folder} -idirafter ${folder} -include ${forced} -fno-stack-protector -std=gnu11 -Xclang -disable-O0-optnone -MD -MF ${folder}/make.d -MP -c ${source} -o ${object}`;
    const { status, out, err } = cli.run(['build', ...line.split(' ')]);
    expect([status, out, err]).toEqual([0, '', '']);
    expect(readFileSync(`${folder}/make.d`, 'utf8')).toBe(
      `${object}: ${source} \\\n  ${forced} \\\n  ${header}\n\n${forced}:\n\n${header}:\n`,
    );
    expect(cli.run(['disasm', object]).out).toContain('r0 = 17');
  });

  it('knows what C23 has without headers', () => {
    const source = file(
      'c23.bpf.c',
      `${PASS}static_assert(sizeof(bool) == 1);
SEC("xdp") int f(void *ctx) { bool x = ctx != nullptr; return x == true ? 7 : 8; }\n${LICENSE}`,
    );
    const line = ['build', '-target', 'bpf', '-c', source, '-o', join(folder, 'c23.o')];
    expect(cli.run([...line, '-std=gnu2x'])).toEqual({ status: 0, out: '', err: '' });
    expect(cli.run([...line, '-std=gnu17']).err).toContain('bool');
  });

  it('reads a program from standard input, as clang does', () => {
    const object = join(folder, 'piped.o');
    const line = ['build', '-target', 'bpf', '-O2', '-x', 'c', '-c', '-', '-o', object];
    const { status, err } = cli.run(line, { input: `${PASS}SEC("xdp") int f(void *ctx) { return 7; }\n${LICENSE}` });
    expect([status, err]).toEqual([0, '']);
    expect(cli.run(['disasm', object]).out).toContain('r0 = 7');
    // How makefiles ask for the directories of headers.
    expect(cli.run(['build', '-v', '-E', '-'], { input: '' })).toEqual({ status: 0, out: '', err: '' });
    expect(cli.run(['build', '-c', '-', '-o', object], { input: 'int x = ;' }).err).toContain('--> -:1:9');
  });

  it('writes dependencies and preprocessed text', () => {
    const header = file('dep.h', '#define VALUE 5\n');
    const source = file('dep.bpf.c', `#include "dep.h"\nint value = VALUE;\n`);
    expect(cli.run(['build', '-M', source, '-MT', 'all']).out).toBe(`all: ${source} \\\n  ${header}\n`);
    expect(cli.run(['build', '-E', source]).out).toBe('int value = 5;\n');
    const object = join(folder, 'dep.o');
    expect(cli.run(['build', `-Wp,-MMD,${folder}/wp.d`, source, '-o', object]).status).toBe(0);
    expect(readFileSync(`${folder}/wp.d`, 'utf8')).toBe(`${object}: ${source} \\\n  ${header}\n`);
  });

  it.each(['c', 'ast', 'ir', 'asm'])('--emit %s writes text to stdout', (emit) => {
    const { status, out } = cli.run(['build', 'examples/xdp_drop.bpf.c', '--emit', emit]);
    expect(status).toBe(0);
    expect(out.length).toBeGreaterThan(100);
    expect(out.endsWith('\n')).toBe(true);
  });

  it('links several sources and objects', () => {
    const one = file(
      'part1.bpf.c',
      `${PASS}int twice(int x);\nSEC("xdp") int f(void *ctx) { return twice(1); }\n${LICENSE}`,
    );
    const two = file('part2.bpf.c', `${PASS}__attribute__((noinline)) int twice(int x) { return x * 2; }\n`);
    const [half, whole, again] = ['half.o', 'whole.o', 'again.o'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    expect(cli.run(['build', one, two, '-o', whole])).toEqual({ status: 0, out: '', err: '' });
    expect(cli.run(['build', two, '-o', half]).status).toBe(0);
    expect(cli.run(['build', one, half, '-o', again]).status).toBe(0);
    for (const object of [whole, again]) expect(cli.run(['disasm', object]).out).toContain('call twice');
    const first = join(folder, 'first.o');
    expect(cli.run(['build', one, '-o', first]).status).toBe(0);
    expect(cli.run(['link', first, half, '-o', again])).toEqual({ status: 0, out: '', err: '' });
    expect(cli.run(['link', first, '-o', again]).err).toContain('error[E3502]: twice is defined nowhere');
    expect(cli.run(['link', first, '-o', again, '--partial']).status).toBe(0);
  });

  it('shows warnings, makes them errors, or is silent about them', () => {
    const source = file('warn.bpf.c', `#warning "mind this"\nint value;\n`);
    const object = join(folder, 'warn.o');
    const plain = cli.run(['build', source, '-o', object]);
    expect([plain.status, plain.err]).toEqual([0, expect.stringMatching(/^warning\[E1\d\d\d\]: .*mind this/)]);
    expect(cli.run(['build', source, '-o', object, '-w'])).toEqual({ status: 0, out: '', err: '' });
    const strict = cli.run(['build', source, '-o', object, '-Werror']);
    expect([strict.status, strict.err]).toEqual([1, expect.stringMatching(/^error\[E1\d\d\d\]: .*mind this/)]);
  });

  it('takes the names of warnings as clang does', () => {
    const source = file('names.bpf.c', 'int f(int a) { int unused; return a; }\n');
    const err = (...flags: string[]) => cli.run(['build', source, '-o', join(folder, 'names.o'), ...flags]).err;
    expect(err()).toBe('');
    expect(err('-Wall')).toMatch(/^warning\[W1220\]: .* \[-Wunused-variable\]/);
    expect(err('-Wall', '-Wno-unused')).toBe('');
    expect(err('-Wunused-variable')).toContain('W1220');
    expect(err('-Wall', '-Werror=unused-variable')).toMatch(/^error\[W1220\]: .* \[-Werror,-Wunused-variable\]/);
    expect(err('-Wall', '-Werror', '-Wno-error=unused-variable')).toMatch(/^warning\[W1220\]/);
    expect(err('-Wall', '-Werror', '-w')).toBe('');
  });

  it('--watch builds again when a header changes, and ends politely', async () => {
    const header = file('watched.h', '#define VALUE 1\n');
    const source = file(
      'watched.bpf.c',
      `${PASS}#include "watched.h"\nSEC("xdp") int f(void *ctx) { return VALUE; }\n${LICENSE}`,
    );
    const object = join(folder, 'watched.o');
    const running = cli.start(['build', source, '-o', object, '--watch']);
    const builds = () => running.err.split('built in').length - 1;
    await running.until(() => builds() === 1, 'the first build');
    const before = statSync(object).mtimeMs;
    writeFileSync(header, '#define VALUE oops\n');
    await running.until(({ err }) => err.includes('oops'), 'the error');
    writeFileSync(header, '#define VALUE 2\n');
    await running.until(() => builds() === 2, 'the second build');
    expect(statSync(object).mtimeMs).toBeGreaterThan(before);
    expect(cli.run(['disasm', object]).out).toContain('r0 = 2');
    running.signal('SIGINT');
    expect((await running.ended).status).toBe(0);
  });
});

describe('asm and types', () => {
  it('assembles, with subprograms, what then runs', () => {
    const object = join(folder, 'asm.o');
    const text = 'r1 = 20\ncall more\nexit\nmore:\nr0 = r1\nr0 += 1\nexit\n';
    expect(cli.run(['asm', '-', '--section', 'xdp', '--name', 'prog', '-o', object], { input: text }).status).toBe(0);
    const { status, out } = cli.run(['test-run', object, '--home', 'vm', '-o', 'json']);
    expect([status, JSON.parse(out).retval]).toEqual([0, 21]);
    expect(cli.run(['asm', '-', '--emit', 'hex'], { input: 'r0 = 2; exit' }).out).toBe(
      'b7 00 00 00 02 00 00 00\n95 00 00 00 00 00 00 00\n',
    );
  });

  it('points at what it cannot assemble', () => {
    const { status, out, err } = cli.run(['asm', '-'], { input: 'r0 = 2\nr11 = 3\n' });
    expect(err).toMatch(/error\[E33\d\d\]/);
    expect(err).toContain('2 | r11 = 3');
    expect([status, out]).toEqual([1, '']);
    expect(cli.run(['asm', '-'], { input: '# nothing\n' }).err).toContain('error[E7013]');
  });

  it('prints types of the kernel and of sources, as C, TypeScript, JSON', () => {
    const c = cli.run(['types', '--kernel', 'list_head']);
    expect(c.out).toContain('struct list_head *next;');
    expect(cli.run(['types', '--kernel', '--ts', 'list_head']).out).toContain('export interface list_head {');
    const json = JSON.parse(cli.run(['types', '--kernel', '--format', 'json', 'list_head']).out);
    expect(json.types[0]).toMatchObject({ kind: 'struct', name: 'list_head', size: 16 });
    const wrong = cli.run(['types', '--kernel', 'list_hed']);
    expect([wrong.status, wrong.err]).toEqual([1, expect.stringContaining('did you mean `list_head`?')]);
    const declarations = join(folder, 'opens.d.ts');
    expect(cli.run(['types', 'examples/opens.bpf.c', '-o', declarations]).status).toBe(0);
    const text = readFileSync(declarations, 'utf8');
    expect(text).toContain('export interface event {');
    expect(text).toContain('  events: event;');
    expect(text).toContain('  target_tgid: number;');
  });
});

describe('output', () => {
  const replay = ['run', 'examples/opens.bpf.c', '--home', 'vm'];

  it('json is one document, jsonl one a line, and both carry the schema', () => {
    const document = JSON.parse(cli.run([...replay, '-o', 'json']).out);
    expect(document.schema).toBe('skep.dev/v1');
    const lines = cli
      .run([...replay, '-o', 'jsonl'])
      .out.trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.length).toBe(document.events.length);
    for (const args of [
      ['disasm', 'examples/xdp_drop.bpf.c', '-o', 'json'],
      ['doctor', '-o', 'json'],
      ['test-run', 'examples/xdp_drop.bpf.c', '--home', 'vm', '-o', 'json'],
    ]) {
      const { status, out } = cli.run(args);
      expect(status).toBe(0);
      expect(JSON.parse(out).schema).toBe('skep.dev/v1');
    }
  });

  it('ends after so many events', () => {
    const { status, out, err } = cli.run([...replay, '--count', '3', '-o', 'jsonl']);
    expect([status, out.trimEnd().split('\n').length]).toEqual([0, 3]);
    expect(err).toContain('3 events');
  });

  it('colours only where wanted', () => {
    const bad = file('colour.c', 'int x = ;\n');
    expect(cli.run(['build', bad]).err).not.toContain('\x1b');
    expect(cli.run(['build', bad], { env: { FORCE_COLOR: '1' } }).err).toContain('\x1b[31;1m');
    expect(cli.run(['build', bad], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } }).err).not.toContain('\x1b');
  });

  it('is silent when the reader goes away, or never was', () => {
    const run = (line: string) => sh(`${cli.shell} ${line}`);
    const head = run(`run examples/opens.bpf.c --home vm -o jsonl 2>&1 >/dev/stdout | head -1`);
    expect(head.status).toBe(0);
    expect(run('types --kernel 2>err.txt | head -1; cat err.txt; rm err.txt').out).toBe('#ifndef __VMLINUX_H__\n');
    expect(run('run examples/opens.bpf.c --home vm -o jsonl >&-').status).toBe(0);
  });
});

describe('permission and the kernel', () => {
  it.skipIf(!root)(
    'without permission, --home kernel refuses and auto takes the recording (needs root to drop it)',
    (ctx) => {
      if (!existsSync('/sys/kernel/btf/vmlinux')) ctx.skip('this kernel shows no BTF, which is said first');
      const refused = cli.run(['run', 'examples/opens.bpf.c', '--home', 'kernel', '--duration', '1s'], { uid: NOBODY });
      expect(refused.err).toMatch(/error\[E5\d\d\d\]: .*permit/);
      expect(refused.err).toContain('CAP_BPF');
      expect([refused.status, refused.out]).toEqual([4, '']);
      const replayed = cli.run(['run', 'examples/opens.bpf.c', '-o', 'jsonl'], { uid: NOBODY });
      expect(replayed.err).toContain('home: the virtual machine');
      expect([replayed.status, replayed.out.length > 100]).toEqual([0, true]);
    },
  );

  it.skipIf(!root)('names the tracepoint that was meant (needs root)', (ctx) => {
    const source = file(
      'typo.bpf.c',
      `${PASS}SEC("tracepoint/syscalls/sys_enter_opennat") int f(void *ctx) { return 0; }\n${LICENSE}`,
    );
    const { status, err } = cli.run(['run', source, '--home', 'kernel', '--duration', '1s']);
    if (err.includes('tracefs')) ctx.skip('tracefs is not there');
    expect(err).toContain('did you mean syscalls/sys_enter_openat?');
    expect(status).toBe(5);
  });

  it.skipIf(!root)('SIGINT ends a run with its summary (needs root)', async (ctx) => {
    const args = [
      'run',
      'examples/opens.bpf.c',
      '--home',
      'kernel',
      '-o',
      'jsonl',
      '--set',
      `target_tgid=${process.pid}`,
    ];
    const running = cli.start(args);
    await running.until(({ out, err }) => {
      readFileSync('/proc/self/stat');
      return out !== '' || err.includes('error[');
    }, 'the first event');
    if (running.err.includes('error[')) ctx.skip(running.err);
    running.signal('SIGINT');
    const { status, out, err } = await running.ended;
    expect(err).toMatch(/\d+ events · 0 lost/);
    expect(status).toBe(0);
    for (const line of out.trimEnd().split('\n')) expect(JSON.parse(line).pid).toBe(process.pid);
  });

  it.skipIf(!root)('--duration ends a run (needs root)', (ctx) => {
    const args = ['run', 'examples/opens.bpf.c', '--home', 'kernel', '--set', `target_tgid=${process.pid}`];
    const { status, err } = cli.run([...args, '--duration', '200ms']);
    if (err.includes('error[')) ctx.skip(err);
    expect(err).toContain('events · 0 lost');
    expect(status).toBe(0);
  });
});

function sh(line: string) {
  const done = spawnSync('/bin/sh', ['-c', line], { encoding: 'utf8', env: { ...process.env, FORCE_COLOR: '' } });
  return { status: done.status, out: done.stdout, err: done.stderr };
}
