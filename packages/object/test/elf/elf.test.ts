import { SkepError } from '@skep/base';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Btf } from '../../src/btf/btf.ts';
import { buildBtfExt, parseBtfExt } from '../../src/btf/ext.ts';
import type { ElfFile } from '../../src/elf/model.ts';
import { readElf } from '../../src/elf/read.ts';
import { writeElf } from '../../src/elf/write.ts';
import { clang, cpuMilliseconds, HAVE_CLANG, have, runOn } from '../clang.ts';
import { SOURCES } from '../sources.ts';

const SMALL: ElfFile = {
  littleEndian: true,
  machine: 247,
  sections: [
    section('xdp', 6, Uint8Array.of(0x18, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 8),
    section('.bss', 3, new Uint8Array(0), 4, 8, 12),
    section('license', 3, new TextEncoder().encode('GPL\0'), 1),
  ].map((s, i) => (i === 0 ? { ...s, relocations: [{ offset: 0, type: 1, symbol: 2, addend: 0 }] } : s)),
  symbols: [
    symbol('', 'local', 'section', 0),
    symbol('', 'local', 'section', 1),
    symbol('total', 'global', 'object', 1, 4, 8),
    symbol('run', 'global', 'func', 0, 0, 16),
    symbol('missing', 'weak', 'notype', 'undefined'),
  ],
};

describe('ELF written and read', () => {
  it('keeps sections, symbols and relocations', () => {
    expect(readElf(writeElf(SMALL))).toEqual(SMALL);
  });

  it('refuses a model that ELF cannot mean', () => {
    const wrong = { ...SMALL, symbols: [...SMALL.symbols, symbol('late', 'local', 'object', 1)] };
    expect(() => writeElf(wrong)).toThrow('late');
  });

  it.skipIf(!have('llvm-readelf-19'))('is what llvm-readelf expects (needs llvm-readelf-19)', () => {
    const { status, out } = runOn(writeElf(SMALL), 'llvm-readelf-19', '-a', '-W');
    expect(out).not.toMatch(/warning|error/i);
    expect(status).toBe(0);
    expect(out).toMatch(/R_BPF_64_64\s+0{15}4\s+total/);
    expect(out).toContain('.relxdp');
  });
});

describe('damaged ELF', () => {
  const code = (bytes: Uint8Array) => {
    try {
      readElf(bytes);
      return 'read';
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      return error.code;
    }
  };
  it('says what is wrong', () => {
    const bytes = writeElf(SMALL);
    const changed = (at: number, ...values: number[]) => {
      const copy = bytes.slice();
      copy.set(values, at);
      return copy;
    };
    expect(code(new Uint8Array(0))).toBe('E3001');
    expect(code(new TextEncoder().encode('int main(void) { return 0; }'))).toBe('E3001');
    expect(code(changed(4, 1))).toBe('E3002');
    expect(code(changed(16, 2))).toBe('E3002');
    expect(code(changed(62, 0xff, 0xff))).toBe('E3002');
    expect(code(changed(60, 0xff, 0x7f))).toBe('E3003');
    expect(code(changed(40, 0xff, 0xff, 0xff, 0xff))).toBe('E3003');
  });
  it('says so wherever it is cut', () => {
    const bytes = writeElf(SMALL);
    for (let length = 0; length < bytes.length; length++) expect(code(bytes.subarray(0, length))).toMatch(/^E300[13]$/);
  });
  it('throws nothing but its own errors on flipped bytes (property)', () => {
    const bytes = writeElf(SMALL);
    const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(flips, (list) => {
        const copy = bytes.slice();
        for (const [at, value] of list) copy[at] = value;
        code(copy);
      }),
      { numRuns: 3000 },
    );
  });
});

describe.skipIf(!HAVE_CLANG)("clang's objects (needs clang-19)", () => {
  const objects = new Map<string, Uint8Array>();
  beforeAll(() => {
    for (const [name, source] of Object.entries(SOURCES)) objects.set(name, clang(source, '-mcpu=v3'));
  });

  it('are read and written back the same', () => {
    for (const bytes of objects.values()) {
      const file = readElf(bytes);
      expect(file.machine).toBe(247);
      expect(readElf(writeElf(file))).toEqual(file);
    }
  });

  it('have .BTF.ext that is read and written back the same', () => {
    for (const bytes of objects.values()) {
      const file = readElf(bytes);
      const data = (name: string) => file.sections.find((one) => one.name === name)!.data;
      const btf = Btf.parse(data('.BTF'));
      const ext = parseBtfExt(data('.BTF.ext'), btf);
      expect(ext.sections.size).toBeGreaterThan(0);
      const texts: string[] = [''];
      const strings = {
        addString: (text: string) => texts.indexOf(text) + 1 || texts.push(text),
        string: (at: number) => texts[at - 1]!,
      };
      const written = buildBtfExt(ext, strings);
      expect(parseBtfExt(written, strings as unknown as Btf)).toEqual(ext);
    }
  });

  it('are read in big endian too', () => {
    const source = SOURCES['counter']!;
    const little = readElf(clang(source));
    const big = readElf(clang(source, '-target', 'bpfeb'));
    expect(big.littleEndian).toBe(false);
    expect(big.sections.map((one) => one.name)).toEqual(little.sections.map((one) => one.name));
    expect(big.symbols).toEqual(little.symbols);
    const btfOf = (file: ElfFile) => Btf.parse(file.sections.find((one) => one.name === '.BTF')!.data);
    expect([...btfOf(big).ids()].map((id) => btfOf(big).type(id))).toEqual(
      [...btfOf(little).ids()].map((id) => btfOf(little).type(id)),
    );
  });

  it('give only errors with a code when bytes are flipped, and in time (property)', () => {
    const bytes = objects.get('maps')!;
    const flips = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(flips, (list) => {
        const copy = bytes.slice();
        for (const [at, value] of list) copy[at] = value;
        const start = cpuMilliseconds();
        try {
          const file = readElf(copy);
          const part = (name: string) => file.sections.find((one) => one.name === name)?.data ?? new Uint8Array(0);
          parseBtfExt(part('.BTF.ext'), Btf.parse(part('.BTF')));
        } catch (error) {
          expect(error).toBeInstanceOf(SkepError);
        }
        expect(cpuMilliseconds() - start).toBeLessThan(1000);
      }),
      { numRuns: 1000 },
    );
  });
});

function section(name: string, flags: number, data: Uint8Array, align: number, type = 1, size = data.length) {
  return {
    name,
    type,
    flags,
    align,
    entrySize: 0,
    size,
    data,
    relocations: [] as ElfFile['sections'][0]['relocations'],
  };
}

function symbol(
  name: string,
  binding: ElfFile['symbols'][0]['binding'],
  type: ElfFile['symbols'][0]['type'],
  where: ElfFile['symbols'][0]['section'],
  value = 0,
  size = 0,
): ElfFile['symbols'][0] {
  return { name, value, size, binding, type, visibility: 'default', section: where };
}
