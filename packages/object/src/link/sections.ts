import { cString, type Diagnostic, equalBytes } from '@skep/base';
import { elfCorrupt, elfUnsupported, linkSections, linkUnequal } from '../diagnostics.ts';
import { SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS, SHT_PROGBITS } from '../elf/constants.ts';
import type { ElfSection } from '../elf/model.ts';
import type { LinkInput } from './input.ts';

/** A section of the linked object. */
export interface LinkedSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly align: number;
  readonly entrySize: number;
  readonly size: number;
  /** Empty for `SHT_NOBITS`. */
  readonly data: Uint8Array;
}

export interface LinkedSections {
  readonly list: readonly LinkedSection[];
  readonly problems: readonly Diagnostic[];
}

/** Joins the sections of a name, in the order of the inputs, and notes in these where each came to lie. */
export function placeSections(inputs: readonly LinkInput[]): LinkedSections {
  const drafts: Draft[] = [];
  const byName = new Map<string, number>();
  const problems: Diagnostic[] = [];
  for (const input of inputs) {
    for (const [index, section] of input.file.sections.entries()) {
      if (!isKept(input, section, index)) continue;
      checkSizes(input, section);
      const at = byName.get(section.name);
      if (at === undefined) {
        byName.set(section.name, drafts.length);
        input.places[index] = { section: drafts.length, offset: 0 };
        drafts.push({
          name: section.name,
          flags: section.flags,
          size: section.size,
          parts: [{ input, section, at: 0 }],
        });
        continue;
      }
      const draft = drafts[at]!;
      const first = draft.parts[0]!;
      if (isSaidOnce(section.name)) {
        if (!isSame(first.section, section)) problems.push(linkUnequal(section.name, first.input.name, input.name));
        continue;
      }
      if (((draft.flags ^ section.flags) & SHF_EXECINSTR) !== 0)
        problems.push(linkSections(section.name, first.input.name, input.name, 'one holds code, the other data'));
      const align = Math.max(1, section.align);
      const offset = Math.ceil(draft.size / align) * align;
      draft.parts.push({ input, section, at: offset });
      draft.flags |= section.flags;
      draft.size = offset + section.size;
      if (draft.size > MAX_SECTION)
        throw elfUnsupported(`section ${section.name}, joined, would have ${draft.size} bytes`, 'link fewer objects');
      input.places[index] = { section: at, offset };
    }
  }
  return { list: drafts.map(joined), problems };
}

/** As much as the value of a map can hold (`array_map_alloc_check`). */
const MAX_SECTION = 0x7fff_ffff;
const MAX_ALIGN = 1 << 16;

function checkSizes(input: LinkInput, section: ElfSection): void {
  const { align, size, name } = section;
  if (align > MAX_ALIGN || (align & (align - 1)) !== 0)
    throw elfCorrupt(`section ${name} of ${input.name} is to be aligned to ${align}`);
  if (size > MAX_SECTION) throw elfUnsupported(`section ${name} of ${input.name} has ${size} bytes`, 'make it smaller');
}

interface Draft {
  readonly name: string;
  flags: number;
  size: number;
  readonly parts: { readonly input: LinkInput; readonly section: ElfSection; readonly at: number }[];
}

const SHF_MERGE = 0x10;
const SHF_STRINGS = 0x20;

function joined({ name, flags, size, parts }: Draft): LinkedSection {
  const sections = parts.map((part) => part.section);
  const isEmpty = sections.every((one) => one.type === SHT_NOBITS);
  const entrySize = sections[0]!.entrySize;
  const isUniform = sections.every((one) => one.entrySize === entrySize && one.flags === sections[0]!.flags);
  const data = new Uint8Array(isEmpty ? 0 : size);
  if (!isEmpty) for (const { section, at } of parts) data.set(section.data, at);
  return {
    name,
    type: isEmpty ? SHT_NOBITS : SHT_PROGBITS,
    flags: isUniform ? flags : flags & ~(SHF_MERGE | SHF_STRINGS),
    align: Math.max(...sections.map((one) => one.align)),
    entrySize: isUniform ? entrySize : 0,
    size,
    data,
  };
}

/** Only what is loaded: DWARF and lists for linkers of other machines are not. */
function isKept(input: LinkInput, section: ElfSection, index: number): boolean {
  if ((section.flags & SHF_ALLOC) === 0 || section.name === '.eh_frame') return false;
  if (section.type !== SHT_PROGBITS && section.type !== SHT_NOBITS) return false;
  if (section.size > 0 || section.name !== '.text') return true;
  // Compilers write an empty one even if all functions lie elsewhere.
  return input.file.symbols.some((one) => one.section === index && one.type !== 'section');
}

function isSaidOnce(name: string): boolean {
  return name === 'license' || name === 'version';
}

function isSame(a: ElfSection, b: ElfSection): boolean {
  return a.name === 'license' ? cString(a.data) === cString(b.data) : equalBytes(a.data, b.data);
}
