import { MAP } from '@skep/abi';
import { suggest } from '@skep/base';
import type { Btf } from '../btf/btf.ts';
import type { BtfComposite, BtfId } from '../btf/model.ts';
import { legacyMaps, mapDefinition, mapsNeedBtf } from '../diagnostics.ts';
import { R_BPF_64_ABS64 } from '../elf/constants.ts';
import type { ElfSection } from '../elf/model.ts';
import { PLAIN_MAP } from '../plain.ts';
import type { MapSpec } from '../spec.ts';
import type { ObjectSymbols } from './symbols.ts';

export interface CollectedMaps {
  readonly maps: readonly MapSpec[];
  /** The map at an offset of an ELF section, or undefined where none starts. */
  readonly at: (section: number, offset: number) => string | undefined;
  /** Whether the section holds map definitions. */
  readonly holds: (section: number) => boolean;
}

/** Maps defined in `.maps` by BTF, and in `maps` the old way. @throws SkepError E3403 – E3405 */
export function collectMaps(symbols: ObjectSymbols, btf: Btf | undefined): CollectedMaps {
  const maps: MapSpec[] = [];
  const places = new Map<string, string>();
  const sections = new Set<number>();
  const legacy = symbols.section('maps');
  if (legacy) {
    sections.add(legacy.index);
    for (const map of readLegacy(legacy.section, legacy.index, symbols)) {
      places.set(`${legacy.index}:${map.offset}`, map.spec.name);
      maps.push(map.spec);
    }
  }
  const modern = symbols.section('.maps');
  if (modern && modern.section.size > 0) {
    sections.add(modern.index);
    for (const map of readModern(modern.section, modern.index, symbols, btf)) {
      places.set(`${modern.index}:${map.offset}`, map.spec.name);
      maps.push(map.spec);
    }
  }
  return {
    maps,
    at: (section, offset) => places.get(`${section}:${offset}`),
    holds: (section) => sections.has(section),
  };
}

interface PlacedMap {
  readonly offset: number;
  readonly spec: MapSpec;
}

const FIELDS = [
  'type',
  'max_entries',
  'map_flags',
  'numa_node',
  'key_size',
  'value_size',
  'key',
  'value',
  'values',
  'pinning',
  'map_extra',
];

function readModern(section: ElfSection, index: number, symbols: ObjectSymbols, btf: Btf | undefined): PlacedMap[] {
  const id = btf?.find('.maps', 'datasec');
  if (!btf || id === undefined) throw mapsNeedBtf(btf ? 'BTF does not list them' : 'the object has no BTF');
  const datasec = btf.type(id);
  if (datasec.kind !== 'datasec') throw mapsNeedBtf('BTF does not list them');
  return datasec.vars.map((one) => {
    const variable = btf.type(one.type);
    if (variable.kind !== 'var') throw mapsNeedBtf(`[${one.type}] is no variable`);
    const record = btf.type(btf.resolve(variable.type) || one.type);
    if (record.kind !== 'struct')
      throw mapDefinition(variable.name, `its definition is a ${record.kind}, not a struct`);
    const spec = readDefinition(btf, record, variable.name, false);
    const initialSlots = readSlots(section, index, symbols, spec, record, one);
    return { offset: one.offset, spec: { ...spec, initialSlots } };
  });
}

/** What the type of a variable of `.maps` says, undefined when it is no definition. @throws SkepError E3404 */
export function mapDefinitionOf(btf: Btf, id: BtfId, name: string): MapSpec | undefined {
  const target = btf.resolve(id);
  const record = target === 0 ? undefined : btf.type(target);
  return record?.kind === 'struct' ? readDefinition(btf, record, name, false) : undefined;
}

/** Each member says one thing by its type: numbers are lengths of arrays behind a pointer, types stand behind a pointer. */
function readDefinition(btf: Btf, record: BtfComposite, name: string, isInner: boolean): MapSpec {
  const numbers = new Map<string, number>();
  let mapExtra = 0n;
  let key: Pointee | undefined;
  let value: Pointee | undefined;
  let inner: MapSpec | undefined;
  for (const member of record.members) {
    switch (member.name) {
      case 'key':
        key = pointee(btf, member.type, name, 'key');
        break;
      case 'value':
        value = pointee(btf, member.type, name, 'value');
        break;
      case 'values':
        inner = readValues(btf, member.type, name, numbers.get('type') ?? 0, isInner);
        break;
      case 'map_extra':
        mapExtra = wideNumber(btf, member.type, name, member.name);
        break;
      default:
        if (!FIELDS.includes(member.name)) {
          const near = suggest(member.name, FIELDS);
          const help = near ? `did you mean ${near}?` : `known are ${FIELDS.join(', ')}`;
          throw mapDefinition(name, `its definition has a member ${member.name || 'without a name'}`, help);
        }
        numbers.set(member.name, Number(wideNumber(btf, member.type, name, member.name)));
    }
  }
  const type = numbers.get('type') ?? 0;
  if (type === 0) throw mapDefinition(name, 'its definition has no type', 'add __uint(type, BPF_MAP_TYPE_HASH)');
  const pinning = numbers.get('pinning') ?? 0;
  if (pinning > 1) throw mapDefinition(name, `pinning ${pinning} is unknown`, 'use LIBBPF_PIN_BY_NAME');
  const holdsMaps = type === MAP.BPF_MAP_TYPE_ARRAY_OF_MAPS || type === MAP.BPF_MAP_TYPE_HASH_OF_MAPS;
  const holdsFds = holdsMaps || type === MAP.BPF_MAP_TYPE_PROG_ARRAY;
  return {
    name,
    type,
    keySize: sizeOf(name, 'key', numbers.get('key_size'), key) || (holdsFds ? 4 : 0),
    valueSize: sizeOf(name, 'value', numbers.get('value_size'), value) || (holdsFds ? 4 : 0),
    maxEntries: numbers.get('max_entries') ?? 0,
    flags: numbers.get('map_flags') ?? 0,
    keyType: key?.type ?? 0,
    valueType: value?.type ?? 0,
    pinByName: pinning === 1,
    numaNode: numbers.get('numa_node'),
    mapExtra,
    inner,
    initialSlots: new Map(),
    initialValue: undefined,
    data: undefined,
  };
}

interface Pointee {
  readonly type: BtfId;
  readonly size: number;
}

function pointee(btf: Btf, id: BtfId, map: string, what: string): Pointee {
  const pointer = btf.type(btf.resolve(id) || id);
  if (pointer.kind !== 'ptr') throw mapDefinition(map, `${what} is a ${pointer.kind}`, `write __type(${what}, …)`);
  return { type: pointer.type, size: btf.sizeOf(pointer.type) };
}

/** `__uint` makes `int (*name)[number]`, `__ulong` an enum of one enumerator. */
function wideNumber(btf: Btf, id: BtfId, map: string, what: string): bigint {
  const type = id === 0 ? undefined : btf.type(btf.resolve(id) || id);
  if (type?.kind === 'enum' || type?.kind === 'enum64') {
    const only = type.values[0];
    if (only && type.values.length === 1) return BigInt.asUintN(64, only.value);
  }
  const target = type?.kind === 'ptr' && type.type !== 0 ? btf.type(type.type) : undefined;
  if (target?.kind !== 'array') throw mapDefinition(map, `${what} is no number`, `write __uint(${what}, …)`);
  return BigInt(target.count);
}

function sizeOf(map: string, what: string, given: number | undefined, typed: Pointee | undefined): number {
  if (given !== undefined && typed && given !== typed.size)
    throw mapDefinition(map, `${what}_size is ${given}, but its type has ${typed.size} bytes`);
  return given ?? typed?.size ?? 0;
}

/** `__array(values, …)`: an array of pointers to the definition of the inner maps, or to functions. */
function readValues(btf: Btf, id: BtfId, map: string, type: number, isInner: boolean): MapSpec | undefined {
  if (isInner) throw mapDefinition(map, 'an inner map holds maps itself', 'the kernel nests maps one level deep');
  const array = btf.type(btf.resolve(id) || id);
  const pointer =
    array.kind === 'array' && array.type !== 0 ? btf.type(btf.resolve(array.type) || array.type) : undefined;
  const target = pointer?.kind === 'ptr' ? btf.resolve(pointer.type) : 0;
  const what = target === 0 ? undefined : btf.type(target);
  if (type === MAP.BPF_MAP_TYPE_PROG_ARRAY) {
    if (what?.kind !== 'func_proto') throw mapDefinition(map, 'values is no array of pointers to functions');
    return undefined;
  }
  if (type !== MAP.BPF_MAP_TYPE_ARRAY_OF_MAPS && type !== MAP.BPF_MAP_TYPE_HASH_OF_MAPS)
    throw mapDefinition(map, 'values is for maps of maps and of programs', 'put __uint(type, …) before it');
  if (what?.kind !== 'struct') throw mapDefinition(map, 'values is no array of pointers to map definitions');
  return readDefinition(btf, what, `${map}.inner`, true);
}

/** What the relocations of the definition put into the slots of `values`. */
function readSlots(
  section: ElfSection,
  index: number,
  symbols: ObjectSymbols,
  spec: MapSpec,
  record: BtfComposite,
  place: { readonly offset: number; readonly size: number },
): Map<number, string> {
  const slots = new Map<number, string>();
  const values = record.members.find((member) => member.name === 'values');
  for (const one of section.relocations) {
    if (one.offset < place.offset || one.offset >= place.offset + Math.max(place.size, 1)) continue;
    const at = one.offset - place.offset - (values?.bitOffset ?? 0) / 8;
    if (!values || at < 0 || at % 8 !== 0 || one.type !== R_BPF_64_ABS64)
      throw mapDefinition(spec.name, `a value at byte ${one.offset - place.offset} is an address`);
    const symbol = symbols.file.symbols[one.symbol]!;
    if (spec.type === MAP.BPF_MAP_TYPE_PROG_ARRAY) {
      if (symbol.type !== 'func') throw mapDefinition(spec.name, `${symbol.name || 'a value'} is no program`);
    } else if (symbol.section !== index) throw mapDefinition(spec.name, `${symbol.name || 'a value'} is no map`);
    if (symbol.name === '') throw mapDefinition(spec.name, `the value of slot ${at / 8} has no name`);
    slots.set(at / 8, symbol.name);
  }
  return slots;
}

/** `struct bpf_map_def`: five 32-bit numbers; more, which some loaders knew, must be zero. */
function readLegacy(section: ElfSection, index: number, symbols: ObjectSymbols): PlacedMap[] {
  const defined = symbols.file.symbols.filter((one) => one.section === index && one.type === 'object');
  if (defined.length === 0) throw legacyMaps('has no symbols');
  const view = new DataView(section.data.buffer, section.data.byteOffset, section.data.byteLength);
  const size = section.data.length / defined.length;
  if (size < 20 || size % 4 !== 0) throw legacyMaps(`has ${section.data.length} bytes for ${defined.length} maps`);
  return defined.map((symbol) => {
    const { name, value: offset } = symbol;
    if (offset + size > section.data.length) throw legacyMaps(`is too short for map ${name}`);
    for (let at = 20; at < size; at += 4)
      if (view.getUint32(offset + at, true) !== 0) throw legacyMaps(`says more of map ${name} than libbpf understands`);
    const [type, keySize, valueSize, maxEntries, flags] = [0, 4, 8, 12, 16].map((at) =>
      view.getUint32(offset + at, true),
    );
    const spec: MapSpec = {
      ...PLAIN_MAP,
      name,
      type: type!,
      keySize: keySize!,
      valueSize: valueSize!,
      maxEntries: maxEntries!,
      flags: flags!,
    };
    return { offset, spec };
  });
}
