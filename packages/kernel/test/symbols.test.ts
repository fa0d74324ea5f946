import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { KernelSymbols, ProcessSymbols, SymbolList, SymbolTable } from '../src/index.ts';

describe('a symbol table', () => {
  const list = new SymbolList();
  list.add(0xffffffff81000100n, 0xffffffff81000180n, 'second');
  list.add(0xffffffff81000000n, 0n, 'first');
  list.add(0xffffffff81000000n, 0n, 'alias');
  const table = new SymbolTable(list);

  it('finds the symbol that an address lies in', () => {
    expect(table.find(0xffffffff81000000n)).toEqual({ name: 'first', offset: 0 });
    expect(table.find(0xffffffff810000ffn)).toEqual({ name: 'first', offset: 255 });
    expect(table.find(0xffffffff8100017fn)).toEqual({ name: 'second', offset: 127 });
  });

  it('finds nothing before the first and behind the end of the last', () => {
    expect(table.find(0xffffffff80ffffffn)).toBeUndefined();
    expect(table.find(0xffffffff81000180n)).toBeUndefined();
    expect(new SymbolTable(new SymbolList()).find(1n)).toBeUndefined();
  });
});

it('reads /proc/kallsyms: functions, those of modules with their module', () => {
  const symbols = new KernelSymbols(
    'ffffffff81000000 T _text\nffffffff81000010 D data\nffffffff81000020 t do_work\nffffffffc0000000 t helper\t[nft]\n',
  );
  expect(symbols.size).toBe(3);
  expect(symbols.find(0xffffffff81000012n)).toEqual({ name: '_text', offset: 18, module: undefined });
  expect(symbols.find(0xffffffff81000024n)).toEqual({ name: 'do_work', offset: 4, module: undefined });
  expect(symbols.find(0xffffffffc0000001n)).toEqual({ name: 'helper', offset: 1, module: 'nft' });
});

it('names the functions of a process, of its program and of its libraries', async (ctx) => {
  try {
    execFileSync('gcc', ['--version']);
  } catch {
    ctx.skip('there is no gcc');
  }
  const directory = mkdtempSync(join(tmpdir(), 'skep-symbols-'));
  const source = join(directory, 'one.c');
  writeFileSync(
    source,
    '#include <stdio.h>\n#include <unistd.h>\nvoid inner(void) { }\nint main(void) { printf("%p %p\\n", (void *)inner, (void *)getpid); fflush(stdout); pause(); }\n',
  );
  execFileSync('gcc', ['-O0', '-o', join(directory, 'one'), source]);
  const child = spawn(join(directory, 'one'), { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const line = await new Promise<string>((resolve) => child.stdout.once('data', (data) => resolve(String(data))));
    const [inner, getpid] = line.trim().split(' ').map(BigInt) as [bigint, bigint];
    writeFileSync(`/tmp/perf-${child.pid}.map`, 'ffffffffffff0000 10 js\n');
    const symbols = new ProcessSymbols(child.pid!);
    expect(symbols.known).toBe(true);
    expect(symbols.find(inner + 1n)).toEqual({ name: 'inner', offset: 1, module: 'one' });
    expect(symbols.find(getpid)?.name).toMatch(/getpid$/);
    expect(symbols.find(0x10n)).toBeUndefined();
  } finally {
    child.kill('SIGKILL');
    rmSync(`/tmp/perf-${child.pid}.map`, { force: true });
    rmSync(directory, { recursive: true });
  }
});

it("names what a runtime's perf map tells of code that is in no file", async () => {
  // Node writes the map itself when it is asked to.
  const child = spawn(process.execPath, [
    '--perf-basic-prof',
    '-e',
    'function busyLoop() { let x = 0; for (let i = 0; i < 1e7; i++) x += i; return x } busyLoop(); console.log("on"); setInterval(() => {}, 1000)',
  ]);
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const map = readFileSync(`/tmp/perf-${child.pid}.map`, 'utf8');
    const line = map.split('\n').find((one) => /busyLoop/.test(one))!;
    const start = BigInt(`0x${line.split(' ', 1)[0]}`);
    const found = new ProcessSymbols(child.pid!).find(start);
    expect(found).toMatchObject({ offset: 0, module: 'perf map' });
    expect(found!.name).toMatch(/busyLoop/);
  } finally {
    child.kill('SIGKILL');
    rmSync(`/tmp/perf-${child.pid}.map`, { force: true });
  }
});
