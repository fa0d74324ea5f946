import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SkepError } from '@skep/base';
import { DebugInfo, type DebugType, plainDebugType, showDebugType, sizeOfDebugType } from '@skep/object';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Executable, openDebugInfo } from '../src/index.ts';

const SOURCE = `enum color { RED, GREEN = 5, BLUE = -1 };
typedef unsigned char byte;
struct point {
  int x, y;
  char name[12];
  unsigned flag : 3, rest : 5;
  union { long l; byte bytes[8]; };
  struct point *next;
  int grid[2][3];
};
__attribute__((noinline)) int first(struct point *p, const char *text, enum color c, byte b) {
  return p->x + text[0] + c + b;
}
static inline __attribute__((always_inline)) int inner(int a) {
  volatile int r = a * 3;
  return r;
}
__attribute__((noinline)) int second(__int128 wide, double real, struct point by_value) {
  return inner((int)wide) + (int)real + by_value.x;
}
int main(int argc, char **argv) {
  struct point p = { .x = argc };
  return first(&p, argv[0], RED, 1) + second(argc, 1.5, p);
}
`;

const noCompiler = spawnSync('gcc', ['--version']).status !== 0;
const noClang = spawnSync('clang-19', ['--version']).status !== 0;

describe.skipIf(noCompiler)('debug information of programs', () => {
  let directory = '';
  const path = (name: string) => join(directory, name);
  const build = (compiler: string, name: string, ...flags: string[]) =>
    execFileSync(compiler, ['-g', '-O0', 'program.c', '-o', name, ...flags], { cwd: directory, stdio: 'ignore' });
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'skep-debug-'));
    writeFileSync(path('program.c'), SOURCE);
    for (const version of ['2', '3', '4', '5']) build('gcc', `dwarf${version}`, `-gdwarf-${version}`);
    build('gcc', 'pressed', '-gz=zlib');
    build('gcc', 'split', '-gsplit-dwarf', '-gdwarf-5');
    build('gcc', 'whole', '-Wl,--build-id');
    if (!noClang) for (const version of ['4', '5']) build('clang-19', `clang${version}`, `-gdwarf-${version}`);
    const objcopy = (...args: string[]) => execFileSync('objcopy', args, { cwd: directory });
    objcopy('--only-keep-debug', 'whole', 'apart.debug');
    objcopy('--strip-debug', 'whole', 'apart');
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  const builds = ['dwarf2', 'dwarf3', 'dwarf4', 'dwarf5', 'pressed', 'split', ...(noClang ? [] : ['clang4', 'clang5'])];
  const infoOf = (name: string): DebugInfo => openDebugInfo(path(name))!;

  it.each(builds)('%s: parameters of functions', (name) => {
    const info = infoOf(name);
    const shown = (one: string) =>
      info.function(one)?.parameters.map(({ type, name }) => `${showDebugType(type)} ${name}`);
    expect(shown('first')).toEqual(['struct point* p', 'const char* text', 'enum color c', 'byte b']);
    expect(shown('second')).toEqual(['__int128 wide', 'double real', 'struct point by_value']);
    expect(shown('main')).toEqual(['int argc', 'char** argv']);
    expect(showDebugType(info.function('main')!.result)).toBe('int');
    expect(info.function('third')).toBeUndefined();
  });

  it.each(builds)('%s: types and their members', (name) => {
    const info = infoOf(name);
    const point = info.type('struct point')!;
    expect(point.kind).toBe('record');
    const members = (point as DebugType & { kind: 'record' }).members();
    expect(members.map((one) => [one.name, one.offset, sizeOfDebugType(one.type), one.bits])).toEqual([
      ['x', 0, 4, undefined],
      ['y', 4, 4, undefined],
      ['name', 8, 12, undefined],
      ['flag', 20, 4, { offset: 0, width: 3 }],
      ['rest', 20, 4, { offset: 3, width: 5 }],
      [undefined, 24, 8, undefined],
      ['next', 32, 8, undefined],
      ['grid', 40, 24, undefined],
    ]);
    expect(showDebugType(members[7]!.type)).toBe('int[3][2]');
    const color = plainDebugType(info.type('enum color')!);
    expect(color.kind === 'enum' && color.values).toEqual([
      { name: 'RED', value: 0n },
      { name: 'GREEN', value: 5n },
      { name: 'BLUE', value: -1n },
    ]);
    expect(info.type('struct nothing')).toBeUndefined();
  });

  it.each(builds)('%s: lines, and functions that were inlined', (name) => {
    const info = infoOf(name);
    using file = new Executable(path(name));
    const line = SOURCE.split('\n').findIndex((one) => one.includes('int first(')) + 1;
    expect(info.addressesOfLine('program.c', line)).toContain(Number(file.symbolNamed('first')!.address));
    expect(info.addressesOfLine('other.c', line)).toEqual([]);
    const [copy] = info.inlinedAt('inner');
    const { address, size } = file.symbolNamed('second')!;
    expect(copy).toBeGreaterThan(Number(address));
    expect(copy).toBeLessThan(Number(address) + size);
    const frames = info.framesAt(copy! + 1);
    expect(frames.map((one) => [one.function, one.inlined])).toEqual([
      ['inner', true],
      ['second', false],
    ]);
    expect(frames.every((one) => one.file?.endsWith('program.c'))).toBe(true);
    expect(frames[1]!.line).toBe(SOURCE.split('\n').findIndex((one) => one.includes('return inner(')) + 1);
  });

  it('is found in the file that was split off, by name and in directories that are named', () => {
    expect(openDebugInfo(path('apart'))).toBeUndefined();
    expect(openDebugInfo(path('apart'), [directory])?.function('first')?.parameters).toHaveLength(4);
    expect(openDebugInfo(path('apart'), ['.'])?.function('first')?.parameters).toHaveLength(4);
  });

  it('damaged information gives an error with a code, or none of it', () => {
    using file = new Executable(path('dwarf5'));
    const sections = new Map(
      ['.debug_info', '.debug_abbrev', '.debug_str', '.debug_line_str', '.debug_line', '.debug_rnglists'].map(
        (name) => [name, file.section(name)],
      ),
    );
    const ask = (info: DebugInfo) => {
      info.function('second');
      const type = info.type('struct point');
      if (type?.kind === 'record') for (const one of type.members()) showDebugType(one.type);
      info.addressesOfLine('program.c', 11);
      info.framesAt(Number(file.symbolNamed('second')!.address) + 8);
      info.inlinedAt('inner');
    };
    fc.assert(
      fc.property(
        fc.constantFrom(...sections.keys()),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.option(fc.nat()),
        (name, changes, cut) => {
          const whole = Uint8Array.from(sections.get(name) ?? []);
          for (const [at, byte] of changes) if (whole.length > 0) whole[at % whole.length] = byte;
          const bytes = cut === null ? whole : whole.subarray(0, cut % (whole.length + 1));
          const damaged = new DebugInfo({ section: (one) => (one === name ? bytes : sections.get(one)) });
          try {
            ask(damaged);
          } catch (error) {
            if (!(error instanceof SkepError) || error.code !== 'E3004') throw error;
          }
        },
      ),
      { numRuns: 400 },
    );
  });
});
