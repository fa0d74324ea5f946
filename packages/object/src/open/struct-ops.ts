import { BPF_F_LINK, MAP, STRUCT_OPS_SECTIONS } from '@skep/abi';
import type { Btf } from '../btf/btf.ts';
import type { BtfComposite, BtfId } from '../btf/model.ts';
import { mapDefinition, mapsNeedBtf } from '../diagnostics.ts';
import { R_BPF_64_ABS64 } from '../elf/constants.ts';
import type { ElfSection } from '../elf/model.ts';
import { PLAIN_MAP } from '../plain.ts';
import type { MapSpec } from '../spec.ts';
import type { ObjectSymbols } from './symbols.ts';

/**
 * The structures of functions that stand in `.struct_ops` and its like: a map for each variable, whose value is the
 * structure as the program declares it. @throws SkepError E3403, E3404
 */
export function collectStructOps(symbols: ObjectSymbols, btf: Btf | undefined): MapSpec[] {
  return STRUCT_OPS_SECTIONS.flatMap((name) => {
    const found = symbols.section(name);
    if (!found || found.section.size === 0) return [];
    const id = btf?.find(name, 'datasec');
    const datasec = id === undefined ? undefined : btf!.type(id);
    if (datasec?.kind !== 'datasec') throw mapsNeedBtf(`BTF does not list the variables of section ${name}`);
    return datasec.vars.map((one) => readVariable(symbols, btf!, found.section, one));
  });
}

function readVariable(
  symbols: ObjectSymbols,
  btf: Btf,
  section: ElfSection,
  place: { readonly type: BtfId; readonly offset: number },
): MapSpec {
  const variable = btf.type(place.type);
  if (variable.kind !== 'var') throw mapsNeedBtf(`[${place.type}] is no variable`);
  const { name } = variable;
  const id = btf.resolve(variable.type);
  const struct = id === 0 ? undefined : btf.type(id);
  if (struct?.kind !== 'struct') throw mapDefinition(name, `in section ${section.name} is no struct`);
  if (struct.name === '') throw mapDefinition(name, 'has a struct without a name', 'name it as the kernel does');
  if (place.offset + struct.size > section.data.length)
    throw mapDefinition(name, `ends behind the end of section ${section.name}`);
  return {
    ...PLAIN_MAP,
    name,
    type: MAP.BPF_MAP_TYPE_STRUCT_OPS,
    keySize: 4,
    valueSize: struct.size,
    maxEntries: 1,
    flags: section.name.endsWith('.link') ? BPF_F_LINK : 0,
    valueType: id,
    initialValue: section.data.slice(place.offset, place.offset + struct.size),
    structOps: {
      type: id,
      programs: programsOf(symbols, section, name, struct, place.offset),
      optional: section.name.startsWith('?'),
    },
  };
}

/** What the relocations put into the members, each a pointer to a function. */
function programsOf(
  symbols: ObjectSymbols,
  section: ElfSection,
  name: string,
  struct: BtfComposite,
  start: number,
): Map<number, string> {
  const programs = new Map<number, string>();
  for (const one of section.relocations) {
    if (one.offset < start || one.offset >= start + struct.size) continue;
    const index = struct.members.findIndex((member) => start + member.bitOffset / 8 === one.offset);
    const symbol = symbols.file.symbols[one.symbol]!;
    if (index < 0 || one.type !== R_BPF_64_ABS64)
      throw mapDefinition(name, `byte ${one.offset - start} holds an address`, 'only whole members can be functions');
    if (symbol.type !== 'func' || symbol.name === '')
      throw mapDefinition(name, `${struct.members[index]!.name} is set to something that is no program`);
    programs.set(index, symbol.name);
  }
  return programs;
}
