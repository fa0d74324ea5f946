import { SkepError } from '@skep/base';
import { aboutFile, linkNothing } from '../diagnostics.ts';
import { EM_BPF } from '../elf/constants.ts';
import type { ElfSection } from '../elf/model.ts';
import { writeElf } from '../elf/write.ts';
import { LinkInput } from './input.ts';
import { relocate } from './relocate.ts';
import { placeSections } from './sections.ts';
import { resolveSymbols } from './symbols.ts';
import { mergeTypes } from './types.ts';

/** One of the objects, and what to call it in messages. */
export interface ObjectFile {
  /** Its file name, for errors. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** How objects are put together. */
export interface LinkOptions {
  /** Leaves symbols that no object defines to a later link. */
  readonly partial?: boolean;
}

/**
 * One object out of several, of any compiler: sections of a name are joined, symbols resolved (weak definitions give way
 * to strong ones, hidden ones stay so), relocations rewritten, BTF merged so that each type is there once, and with it
 * function, line and CO-RE information. Debug sections of other kinds are left out. A single object is only tidied.
 * @throws SkepError E35xx with all that does not fit together; E30xx and E31xx for damaged objects
 */
export function linkObjects(objects: readonly ObjectFile[], options: LinkOptions = {}): Uint8Array {
  if (objects.length === 0) throw linkNothing();
  const inputs = objects.map((one, index) => aboutFile(one.name, () => new LinkInput(one.name, one.bytes, index)));
  const sections = placeSections(inputs);
  const symbols = resolveSymbols(inputs, sections);
  const types = mergeTypes(inputs, sections, symbols);
  const { relocations, table } = relocate(inputs, sections, symbols, options.partial ?? false);
  const problems = [...sections.problems, ...symbols.problems, ...types.problems, ...table.problems];
  if (problems.length > 0) throw new SkepError(problems);
  const joined = sections.list.map((one, index): ElfSection => {
    const { name, type, flags, align, entrySize, size, data } = one;
    return { name, type, flags, align, entrySize, size, data, relocations: relocations[index]! };
  });
  return writeElf({
    littleEndian: true,
    machine: EM_BPF,
    sections: [...joined, ...types.sections],
    symbols: table.symbols,
  });
}
