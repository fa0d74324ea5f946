import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG, MAP } from '@skep/abi';
import type { Btf } from '../btf/btf.ts';
import { sectionUnsupported } from '../diagnostics.ts';
import type { ElfSection } from '../elf/model.ts';
import { PLAIN_MAP } from '../plain.ts';
import type { GlobalSpec, MapSpec } from '../spec.ts';
import { dataKind, type ObjectSymbols } from './symbols.ts';

export interface DataMaps {
  readonly maps: readonly MapSpec[];
  readonly globals: readonly GlobalSpec[];
  /** From the index of an ELF section to the name of its map. */
  readonly bySection: ReadonlyMap<number, string>;
  /** The map, with the globals that lie in it if it is the object's arena. */
  readonly arena: (map: MapSpec) => MapSpec;
}

/**
 * One array map of a single value for each data section, named as the section; variables of the arena's address space
 * lie at the start of the arena, which is one of the `defined` maps. @throws SkepError E3402
 */
export function dataMaps(symbols: ObjectSymbols, btf: Btf | undefined, defined: readonly MapSpec[]): DataMaps {
  const maps: MapSpec[] = [];
  const globals: GlobalSpec[] = [];
  const bySection = new Map<number, string>();
  const inArena = symbols.section(ARENA_SECTION);
  const arena = defined.find((one) => one.type === MAP.BPF_MAP_TYPE_ARENA);
  if (inArena && inArena.section.size > 0) {
    if (!arena) throw sectionUnsupported(ARENA_SECTION, 'define the arena that its variables lie in');
    bySection.set(inArena.index, arena.name);
    const found = btf?.find(ARENA_SECTION, 'datasec');
    for (const { linkage, ...global } of variablesOf(inArena.section, inArena.index, symbols, btf, found))
      globals.push({ ...global, map: arena.name });
  }
  for (const [index, section] of symbols.file.sections.entries()) {
    const kind = dataKind(section);
    if (!kind || section.size === 0) continue;
    if (section.size > MAX_VALUE)
      throw sectionUnsupported(section.name, `make it smaller: it has ${section.size} bytes`);
    const found = btf?.find(section.name, 'datasec');
    const variables = variablesOf(section, index, symbols, btf, found);
    globals.push(...variables.map(({ linkage, ...global }) => global));
    // Like libbpf: memory that user space may map only where a variable is meant to be seen from outside.
    const seen = variables.some((one) => one.linkage !== 'static');
    const flags = (kind === 'rodata' ? BPF_F_RDONLY_PROG : 0) | (found !== undefined && seen ? BPF_F_MMAPABLE : 0);
    const initialValue = section.data.length > 0 ? section.data.slice() : new Uint8Array(section.size);
    maps.push(dataMap(section.name, kind, initialValue, flags, found ?? 0));
    bySection.set(index, section.name);
  }
  return {
    maps,
    globals,
    bySection,
    arena: (map) => (map === arena && inArena ? { ...map, initialValue: inArena.section.data.slice() } : map),
  };
}

/** The map of a section of variables. */
export function dataMap(
  name: string,
  data: NonNullable<MapSpec['data']>,
  initialValue: Uint8Array,
  flags: number,
  valueType: number,
): MapSpec {
  return {
    ...PLAIN_MAP,
    name,
    type: MAP.BPF_MAP_TYPE_ARRAY,
    keySize: 4,
    valueSize: initialValue.length,
    maxEntries: 1,
    flags,
    valueType,
    initialValue,
    data,
  };
}

/** The kernel's limit for a value of an array map (`array_map_alloc_check`). */
const MAX_VALUE = 0x7fff_ffff;
const ARENA_SECTION = '.addr_space.1';

type Variable = GlobalSpec & { readonly linkage: 'static' | 'global' | 'extern' };

/** By BTF where there is any, else by symbols, whose types nobody knows. */
function variablesOf(
  section: ElfSection,
  index: number,
  symbols: ObjectSymbols,
  btf: Btf | undefined,
  found: number | undefined,
): Variable[] {
  const variables: Variable[] = [];
  const datasec = found === undefined ? undefined : btf!.type(found);
  if (datasec?.kind === 'datasec') {
    for (const { type, offset, size } of datasec.vars) {
      const variable = btf!.type(type);
      if (variable.kind !== 'var') continue;
      const { name, linkage } = variable;
      variables.push({ name, map: section.name, offset, size, type: variable.type, linkage });
    }
    return variables;
  }
  for (const { name, type, value, size, binding, section: where } of symbols.file.symbols) {
    if (where !== index || type !== 'object' || name === '' || name.startsWith('.L')) continue;
    variables.push({
      name,
      map: section.name,
      offset: value,
      size,
      type: 0,
      linkage: binding === 'local' ? 'static' : 'global',
    });
  }
  return variables.sort((a, b) => a.offset - b.offset);
}
