import { cString } from '@skep/base';
import { Btf } from '../btf/btf.ts';
import { parseBtfExt } from '../btf/ext.ts';
import { aboutFile, elfUnsupported, objectBigEndian, sectionUnsupported } from '../diagnostics.ts';
import { EM_BPF } from '../elf/constants.ts';
import { readElf } from '../elf/read.ts';
import type { MapSpec, ObjectSpec } from '../spec.ts';
import { dataMaps } from './data.ts';
import { collectExterns } from './externs.ts';
import { fixBtf } from './fix-btf.ts';
import { collectMaps } from './maps.ts';
import { collectPrograms } from './programs.ts';
import { collectStructOps } from './struct-ops.ts';
import { ObjectSymbols } from './symbols.ts';

/**
 * What an object holds. `name` is its file name, with or without folders and endings.
 * @throws SkepError E30xx, E31xx and E34xx for what is damaged or not supported
 */
export function openObject(bytes: Uint8Array, options: { readonly name: string }): ObjectSpec {
  return aboutFile(options.name, () => read(bytes, options));
}

function read(bytes: Uint8Array, options: { readonly name: string }): ObjectSpec {
  const file = readElf(bytes, options.name);
  if (!file.littleEndian) throw objectBigEndian(options.name);
  if (file.machine !== EM_BPF)
    throw elfUnsupported(`machine ${file.machine}, not BPF (${EM_BPF})`, 'compile with -target bpf');
  for (const section of file.sections) refuse(section.name);
  const symbols = new ObjectSymbols(file);
  const section = (name: string) => file.sections.find((one) => one.name === name);

  const types = section('.BTF');
  const info = section('.BTF.ext');
  const written = types && Btf.parse(types.data);
  // Read before the BTF is built again: its strings move.
  const btfExt = written && info ? parseBtfExt(info.data, written) : undefined;
  const externs = collectExterns(symbols, written);
  const configOffsets = new Map(externs.globals.map((one) => [one.name, one.offset]));
  const btf = written && fixBtf(written, symbols, configOffsets);

  const maps = collectMaps(symbols, btf);
  const data = dataMaps(symbols, btf, maps.maps);
  const programs = collectPrograms(symbols, btfExt, { maps, data, externs }, btf);
  const allMaps: MapSpec[] = [...maps.maps.map((one) => data.arena(one)), ...data.maps];
  if (externs.map) allMaps.push(externs.map);
  allMaps.push(...collectStructOps(symbols, btf));
  return {
    name: objectName(options.name),
    license: cString(section('license')?.data ?? new Uint8Array(0)),
    kernelVersion: versionOf(section('version')?.data),
    btf,
    btfExt,
    programs,
    maps: allMaps,
    globals: [...data.globals, ...externs.globals],
  };
}

/**
 * The name that the kernel shows for a map of an object: its own, or, for a data section, the object's name before the
 * section's, cut to 15 characters as libbpf does: `opens.rodata`. Sections with a name of their own (`.data.names`) keep it.
 */
export function kernelMapName(object: string, map: string): string {
  let name = map;
  if (map.startsWith('.') && !map.includes('.', 1)) {
    const suffix = Math.min(Math.max(7, map.length), MAX_NAME);
    name = object.slice(0, MAX_NAME - suffix) + map;
  }
  return name.slice(0, MAX_NAME).replace(/[^A-Za-z0-9_.]/g, '_');
}

/** `BPF_OBJ_NAME_LEN` without the NUL. */
const MAX_NAME = 15;

function objectName(path: string): string {
  const file = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const dot = file.indexOf('.', 1);
  return (dot < 0 ? file : file.slice(0, dot)).replace(/[^A-Za-z0-9_]/g, '_').slice(0, MAX_NAME);
}

function versionOf(data: Uint8Array | undefined): number {
  if (!data || data.length < 4) return 0;
  return new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0, true);
}

function refuse(section: string): void {
  if (section === '.jumptables') throw sectionUnsupported(section, 'compile with -fno-jump-tables');
}
