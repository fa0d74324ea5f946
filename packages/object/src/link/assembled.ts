import { utf8Bytes } from '@skep/base';
import {
  EM_BPF,
  R_BPF_64_32,
  R_BPF_64_64,
  SHF_ALLOC,
  SHF_EXECINSTR,
  SHF_WRITE,
  SHT_PROGBITS,
} from '../elf/constants.ts';
import type { ElfRelocation, ElfSection, ElfSymbol } from '../elf/model.ts';
import { writeElf } from '../elf/write.ts';
import { encode } from '../insn/encode.ts';
import { type Insn, slotsOf } from '../insn/model.ts';

/**
 * An object of one program, from its instructions. What they call inside themselves, and what follows, becomes functions
 * of `.text`, where loaders look for them; there is no BTF.
 */
export function assembledObject(
  insns: readonly Insn[],
  options: { readonly name: string; readonly section: string; readonly license: string },
): Uint8Array {
  const code = encode([...insns]);
  const starts = functionStarts(insns);
  const cut = starts[0] === undefined ? code.length : starts[0] * 8;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const inProgram: ElfRelocation[] = [];
  const inText: ElfRelocation[] = [];
  let slot = 0;
  for (const insn of insns) {
    const at = slot * 8;
    slot += slotsOf(insn);
    const target = localTarget(insn, slot);
    if (target === undefined || target * 8 < cut) continue;
    const isCall = insn.kind === 'call';
    // Inside .text, calls are relative and stay so.
    if (isCall && at >= cut) continue;
    view.setInt32(at + 4, isCall ? target - cut / 8 - 1 : target * 8 - cut, true);
    const type = isCall ? R_BPF_64_32 : R_BPF_64_64;
    if (at < cut) inProgram.push({ offset: at, type, symbol: 0, addend: 0 });
    else inText.push({ offset: at - cut, type, symbol: 0, addend: 0 });
  }
  const executable = { type: SHT_PROGBITS, flags: SHF_ALLOC | SHF_EXECINSTR, align: 8, entrySize: 0 };
  const text = code.subarray(cut);
  const license = utf8Bytes(`${options.license}\0`);
  const sections: ElfSection[] = [
    ...(text.length > 0 ? [{ name: '.text', ...executable, size: text.length, data: text, relocations: inText }] : []),
    { name: options.section, ...executable, size: cut, data: code.subarray(0, cut), relocations: inProgram },
    {
      name: 'license',
      type: SHT_PROGBITS,
      flags: SHF_ALLOC | SHF_WRITE,
      align: 1,
      entrySize: 0,
      size: license.length,
      data: license,
      relocations: [],
    },
  ];
  const program = sections.length - 2;
  const symbols: ElfSymbol[] = [];
  const symbol = (one: Pick<ElfSymbol, 'name' | 'value' | 'size' | 'binding' | 'type' | 'section'>) =>
    symbols.push({ ...one, visibility: 'default' });
  if (text.length > 0) symbol({ name: '', value: 0, size: 0, binding: 'local', type: 'section', section: 0 });
  for (const [i, start] of starts.entries()) {
    const end = starts[i + 1] ?? code.length / 8;
    const place = { value: start * 8 - cut, size: (end - start) * 8, section: 0 };
    symbol({ name: `${options.name}_${i + 1}`, binding: 'local', type: 'func', ...place });
  }
  symbol({ name: options.name, value: 0, size: cut, binding: 'global', type: 'func', section: program });
  symbol({ name: '_license', value: 0, size: license.length, binding: 'global', type: 'object', section: program + 1 });
  return writeElf({ littleEndian: true, machine: EM_BPF, sections, symbols });
}

/** The slots at which functions start that the instructions call, ascending, without the first instruction. */
function functionStarts(insns: readonly Insn[]): number[] {
  const starts = new Set<number>();
  let slot = 0;
  for (const insn of insns) {
    slot += slotsOf(insn);
    const target = localTarget(insn, slot);
    if (target !== undefined && target > 0) starts.add(target);
  }
  return [...starts].sort((a, b) => a - b);
}

/** The slot of the function that an instruction names; `next` is the slot behind it, from which calls count. */
function localTarget(insn: Insn, next: number): number | undefined {
  if (insn.kind === 'call' && insn.target.kind === 'local') return next + insn.target.off;
  if (insn.kind === 'ld_imm64' && insn.imm.kind === 'func') return next - 1 + insn.imm.offset;
  return undefined;
}
