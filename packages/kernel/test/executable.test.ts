import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Executable, findBinary, KernelError } from '../src/index.ts';

const noCompiler = spawnSync('cc', ['--version']).status !== 0;
const noReadelf = spawnSync('readelf', ['--version']).status !== 0;

const SOURCE = `
#include <string.h>
__attribute__((noinline, visibility("default"))) int shown(int a) { return a * 3; }
__attribute__((noinline)) static int hidden(int a) { return a ^ 5; }
__attribute__((noinline, weak)) int weakly(int a) { return a - 1; }
int main(int argc, char **argv) { return shown(argc) + hidden(argc) + weakly(argc) + (int)strlen(argv[0]); }
`;

describe.skipIf(noCompiler || noReadelf)('programs on disk', () => {
  let directory = '';
  const path = (name: string) => join(directory, name);
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'skep-executable-'));
    writeFileSync(path('program.c'), SOURCE);
    const cc = (...args: string[]) => execFileSync('cc', ['-O1', path('program.c'), ...args], { stdio: 'ignore' });
    cc('-o', path('pie'), '-Wl,--build-id');
    cc('-no-pie', '-o', path('fixed'));
    cc('-rdynamic', '-s', '-o', path('stripped'));
    cc('-shared', '-fPIC', '-o', path('libmine.so'));
    execFileSync('cc', ['-O1', '-o', path('usdt'), join(import.meta.dirname, 'attach/usdt.c')]);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it('of several versions of a function, it is the one that programs are linked to now', () => {
    const source = ['first', 'second', 'third'].map((one, i) => `int ${one}(int a) { return a * ${i + 7}; }`);
    const names = ['first,f@V1', 'second,f@@V2', 'third,g@@V1'].map((one) => `__asm__(".symver ${one}");`);
    writeFileSync(path('versions.c'), [...source, ...names].join('\n'));
    writeFileSync(path('versions.map'), 'V1 { local: first; second; third; };\nV2 {} V1;\n');
    const script = `-Wl,--version-script=${path('versions.map')}`;
    execFileSync('cc', ['-shared', '-fPIC', script, '-o', path('libversions.so'), path('versions.c')]);
    using file = new Executable(path('libversions.so'));
    const second = file.functionOffset('second');
    execFileSync('strip', [path('libversions.so')]);
    using stripped = new Executable(path('libversions.so'));
    expect(stripped.functionOffset('f')).toBe(second);
    expect(stripped.functions(/^f$/)).toEqual(new Map([['f', second]]));
  });

  it.each(['pie', 'fixed', 'libmine.so', 'stripped'])('%s: functions lie where their code is in the file', (name) => {
    using file = new Executable(path(name));
    const bytes = readFileSync(path(name));
    for (const func of name === 'stripped' ? ['shown'] : ['shown', 'hidden', 'weakly']) {
      const offset = file.functionOffset(func);
      // Against readelf: the address, minus where its section is in memory, plus where it is in the file.
      if (name !== 'stripped') expect(offset).toBe(offsetByReadelf(path(name), func));
      expect(bytes.subarray(offset, offset + 64).includes(0xc3), 'no return instruction').toBe(process.arch === 'x64');
    }
  });

  it('gives all functions of a pattern once', () => {
    using file = new Executable(path('pie'));
    expect([...file.functions(/^(shown|hidden|weakly|main)$/).keys()].sort()).toEqual([
      'hidden',
      'main',
      'shown',
      'weakly',
    ]);
  });

  it('tells what is only imported, what is misspelt, and what is stripped away', () => {
    using file = new Executable(path('pie'));
    expect(errorOf(() => file.functionOffset('shwon'))).toMatchObject({ code: 'E5018', help: 'did you mean shown?' });
    expect(errorOf(() => file.functionOffset('strlen')).help).toMatch(/comes from a library/);
    using stripped = new Executable(path('stripped'));
    expect(errorOf(() => stripped.functionOffset('hidden')).help).toMatch(/stripped|did you mean/);
  });

  it('finds functions in members of archives that are not compressed', () => {
    const text = Buffer.from('something else');
    const pie = readFileSync(path('pie'));
    writeFileSync(path('base.apk'), zipOf({ 'assets/text': text, 'lib/pie': pie, 'lib/packed': { deflated: pie } }));
    using plain = new Executable(path('pie'));
    const name = `${path('base.apk')}!/lib/pie`;
    using member = new Executable(findBinary(name));
    const start = readFileSync(member.file).indexOf(pie);
    expect(start).toBeGreaterThan(text.length);
    for (const func of ['shown', 'hidden', 'weakly'])
      expect(member.functionOffset(func)).toBe(start + plain.functionOffset(func));
    expect(member.symbolNamed('shown')).toEqual(plain.symbolNamed('shown'));
    expect(member.addressOf(member.functionOffset('shown'))).toBe(plain.addressOf(plain.functionOffset('shown')));
    for (const wrong of ['lib/packed', 'lib/absent', ''])
      expect(errorOf(() => findBinary(`${path('base.apk')}!/${wrong}`)).code).toBe('E5017');
    truncateSync(path('base.apk'), 100);
    expect(errorOf(() => findBinary(name)).code).toBe('E5017');
  });

  it('finds functions of a stripped file in its debugging symbols, by debug link', (ctx) => {
    if (spawnSync('objcopy', ['--version']).status !== 0) ctx.skip('needs objcopy');
    const run = (...args: string[]) => execFileSync('objcopy', args, { cwd: directory });
    run('--only-keep-debug', 'pie', 'pie.debug');
    run('--strip-all', '--add-gnu-debuglink=pie.debug', 'pie', 'linked');
    using whole = new Executable(path('pie'));
    using linked = new Executable(path('linked'));
    expect(linked.functionOffset('hidden')).toBe(whole.functionOffset('hidden'));
    expect(linked.buildId()).toBe(whole.buildId());
    expect(linked.buildId()).toMatch(/^[0-9a-f]{40}$/);
  });

  it('reads static probes with their semaphores', () => {
    using file = new Executable(path('usdt'));
    const [place] = file.requireUsdt('skep', 'tick');
    expect(place).toMatchObject({ provider: 'skep', name: 'tick' });
    expect(place!.arguments).toMatch(/^-4@/);
    expect(place!.semaphore).toBeGreaterThan(0);
    expect(readFileSync(path('usdt'))[place!.offset]).toBe(process.arch === 'x64' ? 0x90 : 0x1f);
    expect(errorOf(() => file.requireUsdt('skep', 'tock'))).toMatchObject({
      code: 'E5019',
      help: 'did you mean skep:tick?',
    });
  });

  it('refuses what is no program, and what is cut off, without a crash', () => {
    const bytes = readFileSync(path('pie'));
    writeFileSync(path('odd'), 'not a program');
    expect(errorOf(() => new Executable(path('odd'))).code).toBe('E5020');
    expect(errorOf(() => new Executable(path('absent'))).code).toBe('E5020');
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(bytes.length - 1), fc.nat(255), (length, at, value) => {
        const damaged = Buffer.from(bytes);
        // Headers are what matters: most damage goes there.
        damaged[at % 4 === 0 ? at : at % 64] = value;
        writeFileSync(path('odd'), damaged);
        if (length % 3 === 0) truncateSync(path('odd'), length);
        try {
          using file = new Executable(path('odd'));
          file.functions(/./);
          file.usdt();
          file.functionOffset('hidden');
        } catch (error) {
          if (!(error instanceof KernelError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('names of programs and libraries', () => {
  it('are found as the loader and the shell would', () => {
    expect(findBinary(process.execPath)).toBe(process.execPath);
    expect(findBinary('sh')).toMatch(/\/sh$/);
    if (existsSync('/lib/x86_64-linux-gnu/libc.so.6')) {
      expect(findBinary('libc.so.6')).toMatch(/\/libc\.so\.6$/);
      expect(findBinary('libc')).toMatch(/\/libc\.so\.6$/);
    }
    expect(errorOf(() => findBinary('no-such-program-anywhere')).code).toBe('E5017');
    expect(errorOf(() => findBinary('/no/such/file')).code).toBe('E5017');
  });
});

function offsetByReadelf(path: string, name: string): number {
  const run = (...args: string[]) => execFileSync('readelf', [...args, path], { encoding: 'utf8' });
  const symbol = new RegExp(`([0-9a-f]{16}).* (\\d+) ${name}$`, 'm').exec(run('-sW'))!;
  const section = new RegExp(`\\[ *${symbol[2]}\\] \\S+ +\\S+ +([0-9a-f]{16}) ([0-9a-f]+)`).exec(run('-SW'))!;
  return Number.parseInt(symbol[1]!, 16) - Number.parseInt(section[1]!, 16) + Number.parseInt(section[2]!, 16);
}

function errorOf(run: () => unknown): { code: string; help: string | undefined } {
  try {
    run();
  } catch (error) {
    if (error instanceof KernelError) return { code: error.code, help: error.diagnostics[0]!.help };
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** An archive of these members, stored as they are. */
function zipOf(members: { readonly [name: string]: Buffer | { readonly deflated: Buffer } }): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, member] of Object.entries(members)) {
    const whole = Buffer.isBuffer(member) ? member : member.deflated;
    const data = Buffer.isBuffer(member) ? member : deflateRawSync(member.deflated);
    // From the version that it takes to read it, to the length of what is said besides.
    const about = Buffer.alloc(26);
    about.writeUInt16LE(Buffer.isBuffer(member) ? 0 : 8, 4);
    about.writeUInt32LE(data.length, 14);
    about.writeUInt32LE(whole.length, 18);
    about.writeUInt16LE(name.length, 22);
    const entry = Buffer.alloc(46);
    entry.write('PK\x01\x02', 'latin1');
    about.copy(entry, 6);
    entry.writeUInt32LE(at, 42);
    const file = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), about, Buffer.from(name), data]);
    files.push(file);
    directory.push(entry, Buffer.from(name));
    at += file.length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...files, ...directory, end]);
}
