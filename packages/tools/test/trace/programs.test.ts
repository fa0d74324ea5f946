import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { executeTrace, type TraceCall } from '../../src/trace/index.ts';

const SOURCE = `#include <unistd.h>
struct point { int x, y; char name[8]; struct point *next; };
int GLOBAL = 0x1234;
__attribute__((noinline)) int work(struct point *p, char letter, __int128 wide) {
  return p->x + letter + (int)wide;
}
__attribute__((noinline)) int workhorse(int a) { return a; }
int main(void) {
  struct point other = { 7, 8, "other", 0 }, one = { 1, 2, "one", &other };
  for (;;) { work(&one, 'q', 5); workhorse(3); usleep(20000); }
}
`;

const noCompiler = spawnSync('gcc', ['--version']).status !== 0;
const { ok: mayLoad } = permitted();

describe.skipIf(noCompiler)('scripts know the programs that they trace', () => {
  let directory = '';
  let program = '';
  let pie = '';
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'skep-trace-'));
    program = join(directory, 'program');
    pie = join(directory, 'pie');
    const source = `${program}.c`;
    writeFileSync(source, SOURCE);
    const flags = ['-g', '-O0', '-fno-omit-frame-pointer', '-pthread'];
    execFileSync('gcc', [...flags, '-no-pie', '-o', program, source]);
    execFileSync('gcc', [...flags, '-pie', '-fpie', '-o', pie, source]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function trace(script: string | undefined, more: Partial<TraceCall> = {}): Promise<string> {
    let out = '';
    const keep = (text: string) => {
      out += text;
    };
    const call: TraceCall = {
      ...{ expressions: script === undefined ? [] : [script], args: [], trailing: [], home: 'kernel', includes: [] },
      ...{ json: false, quiet: true, verbose: false, list: false, unsafe: false, helperErrors: false },
      ...{ warnings: false, dryRun: false, ...more },
    };
    const diagnose = (list: readonly { message: string }[]) => keep(list.map((one) => `${one.message}\n`).join(''));
    await executeTrace(call, { out: keep, err: keep, diagnose, signal: AbortSignal.timeout(25_000), environment: {} });
    return out;
  }
  const over = {
    get command() {
      return program;
    },
  };

  test('-lv lists the arguments of functions', async () => {
    expect(await trace(undefined, { list: true, verbose: true, args: [`uprobe:${program}:work`] })).toBe(
      `uprobe:${program}:work\n    struct point* p\n    char letter\n    __int128 wide\n`,
    );
  });

  test.each([
    [(binary: string) => `uprobe:${binary}:nothing { }`, /No matches for uprobe .*:nothing\./],
    [(binary: string) => `uprobe:${binary}:work { print(args.nothing); }`, /no field named 'nothing'/],
    [
      (binary: string) => `uprobe:${binary}:work+100000 { }`,
      /Offset outside the function bounds \('work' size is \d+\)/,
    ],
    [(binary: string) => `uprobe:${binary}:0x10 { }`, /Could not resolve address: .*:0x10/],
    [(binary: string) => `uprobe:${binary}@program.c:999 { }`, /No matches for uprobe .*@program\.c:999\./],
  ])('errors: %s', async (script, message) => {
    await expect(trace(script(program), { home: 'vm' })).rejects.toThrow(message);
  });

  describe.skipIf(!mayLoad)('in the kernel, on a program of its own (as root)', () => {
    test.each([
      ['work { printf("%c %d %d\\n", args.letter, args.p.x, args.p.next.y); exit(); }', /^q 1 8\n/],
      ['work { print(args.p.name); print(args.wide); exit(); }', /^one\n\[5,0\]\n/],
      ['work { print(((struct point *)arg0).next.name); exit(); }', /^other\n/],
      ['work { printf("%x\\n", *uaddr("GLOBAL")); exit(); }', /^1234\n/],
      [
        'work* { @[func] = count(); @n++; if (@n > 3) { exit(); } }',
        /(?=[\s\S]*@\[work\]: \d)[\s\S]*@\[workhorse\]: \d/,
      ],
      ['work { print(ustack(2)); exit(); }', /work\+\d+@\S*program\.c:4\n\s+main\+\d+@\S*program\.c:10\n/],
      ['work { print(ustack(build_id, 1)); exit(); }', /^[0-9a-f]{40} 0x[0-9a-f]+$/m],
    ])('%s', async (body, wanted) => {
      for (const binary of [program, pie])
        expect(await trace(`uprobe:${binary}:${body}`, { command: binary })).toMatch(wanted);
    });

    test.skipIf(spawnSync('g++', ['--version']).status !== 0)(
      'functions of C++ by the names that it has for them',
      async () => {
        const cpp = join(directory, 'cpp');
        const text = `#include <unistd.h>
namespace app { struct Server { __attribute__((noinline)) int handle(int n) { __asm__ volatile(""); return n; } }; }
int main() { app::Server one; for (;;) { one.handle(5); usleep(20000); } }
`;
        writeFileSync(`${cpp}.cc`, text);
        execFileSync('g++', ['-g', '-O1', '-o', cpp, `${cpp}.cc`]);
        for (const name of ['app::Server::handle', 'app::*', 'app::Server::handle(int)'])
          expect(
            await trace(`uprobe:${cpp}:cpp:"${name}" { printf("%d %s\\n", arg1, func); exit(); }`, { command: cpp }),
          ).toMatch(/^5 app::Server::handle\(int\)\n/);
        expect(
          await trace(`config = { cpp_demangle = false } uprobe:${cpp}:cpp:"app::*" { print(func); exit(); }`, {
            command: cpp,
          }),
        ).toMatch(/^_ZN3app6Server6handleEi\n/);
      },
    );

    test('probes at lines of the source', async () => {
      const script = `uprobe:${program}@program.c:5 { print(arg1); exit(); }`;
      expect(await trace(script, over)).toMatch(/^113\n/);
    });

    test('the function of a process that has ended has its name', async () => {
      const script = `uprobe:${pie}:workhorse { @[func] = count(); @n++; if (@n > 2) { exit(); } }`;
      const out = await trace(script, { command: pie });
      expect(out).toMatch(/@\[workhorse\]: [3-9]/);
    });

    test('stacks of the kernel of two processes are one, and depth tells them apart', async () => {
      const script = `uprobe:${program}:work { @[kstack(1)] = count(); @k[kstack] = count(); @u[ustack(1)] = count(); @n[pid] = count(); if (len(@n) > 1) { exit(); } }`;
      const other = spawn(program);
      const out = await trace(script, over).finally(() => other.kill('SIGKILL'));
      expect(out.match(/^@\[/gm) ?? []).toHaveLength(1);
      expect(out.match(/^@u\[/gm) ?? []).toHaveLength(2);
    });

    test('a walk goes on to its end, whatever exit() says', async () => {
      const script = `iter:task { if (ctx.task.pid == ${process.ppid} || ctx.task.pid == ${process.pid}) { printf("%d\\n", ctx.task.pid); exit(); } }`;
      expect(await trace(script)).toMatch(new RegExp(`^${process.ppid}\n${process.pid}\n`));
    });

    test('watchpoints, at code', async () => {
      const address = /^(\w+) T work$/m.exec(execFileSync('nm', [program], { encoding: 'utf8' }))?.[1];
      const script = `watchpoint:0x${address}:8:x { printf("%s %s\\n", comm, usym(reg("ip"))); exit(); }`;
      expect(await trace(script, over)).toMatch(/^program work\n/);
    });

    test('a replay prints what the script printed, byte for byte', async () => {
      const file = join(directory, 'script.skep');
      const script = `BEGIN { printf("%s %d\\n", comm, rand); }
        uprobe:${program}:work { @c[args.letter] = count(); @h = hist(nsecs % 100); if (@n++ < 2) { print(ustack(2)); } }
        uprobe:${program}:work { @last = nsecs; @e = elapsed; }
        interval:ms:200 { print((@n, strftime("%H:%M:%S", nsecs))); time("%H:%M:%S\\n"); if (@n > 5) { exit(); } }
        END { printf("end %s\\n", username); }`;
      const live = await trace(script, { ...over, record: file });
      expect(live).toMatch(/recorded \d+ runs, 0 lost\n$/);
      const replayed = await trace(script, { home: 'vm', replay: file });
      expect(replayed).toBe(live.replace(/recorded .*\n$/, ''));
      // Another script sees the same runs, its intervals by the clock of the recording.
      const other = `uprobe:${program}:work { @[args.p.name] = count(); } interval:ms:100 { @ticks++; }`;
      expect(await trace(other, { home: 'vm', replay: file })).toMatch(/@ticks: [1-9]/);
    });
  });
});
