import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { writeElf } from '../../src/elf/write.ts';
import { assemble } from '../../src/insn/assemble.ts';
import { decode } from '../../src/insn/decode.ts';
import { disassemble } from '../../src/insn/disassemble.ts';
import { encode } from '../../src/insn/encode.ts';
import { examIsThere, examWhy, isaTests } from './exam.ts';

const TOOL = 'llvm-objdump-19';
const toolIsThere = spawnSync(TOOL, ['--version']).status === 0;
const why = toolIsThere ? examWhy : ` (skipped: no ${TOOL})`;

describe.skipIf(!toolIsThere || !examIsThere)(`the dialect of clang’s tools${why}`, () => {
  it('is read back to the same bytes, for every program of the exam', () => {
    // llvm 19 knows neither callx nor load-acquire and store-release.
    const programs = isaTests()
      .filter(({ expect: { result } }) => result !== undefined)
      .map(({ bytecode }) => decode(Uint8Array.from(Buffer.from(bytecode, 'hex'))))
      .filter((insns) => !/callx|load_acquire|store_release/.test(disassemble(insns)));
    expect(programs.length).toBeGreaterThan(300);
    const insns = programs.flat();
    const lines = objdump(encode(insns));
    expect(lines).toHaveLength(insns.length);
    // llvm prints a call's number without saying whether it is a helper's or a distance: calls are left out.
    let compared = 0;
    for (let index = 0; index < insns.length; index++) {
      const insn = insns[index]!;
      if (insn.kind === 'call') continue;
      expect(assemble(lines[index]!), lines[index]).toEqual([insn]);
      compared++;
    }
    expect(compared).toBeGreaterThan(2500);
  });
});

/** The instructions of a section as llvm prints them, one a line, without addresses and places. */
function objdump(data: Uint8Array): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'skep-objdump-'));
  try {
    const file = join(folder, 'text.o');
    writeFileSync(
      file,
      writeElf({
        littleEndian: true,
        machine: 247,
        sections: [
          { name: '.text', type: 1, flags: 6, align: 8, entrySize: 0, size: data.length, data, relocations: [] },
        ],
        symbols: [],
      }),
    );
    const text = execFileSync(TOOL, ['-d', '--mcpu=v4', '--no-show-raw-insn', file], {
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    return [...text.matchAll(/^ +\d+:\s+(.*)$/gm)].map((found) => found[1]!);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
