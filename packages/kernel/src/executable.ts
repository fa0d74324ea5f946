import { closeSync, existsSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs';
import { arch } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { cString, hex, suggest } from '@skep/base';
import { placeOf } from './archive.ts';
import { executableUnreadable, noSuchBinary, noSuchUsdt, noSuchUserFunction } from './diagnostics.ts';
import { SymbolList } from './symbols/symbol-table.ts';

/**
 * A program or library on disk (ELF64): where its functions and static probes are, as offsets into the file, which is
 * how the kernel sets probes. Only the parts that are asked for are read.
 */
export class Executable {
  readonly path: string;
  /** The file, where {@link path} names a member of an archive. */
  readonly file: string;
  private readonly fd: number;
  private readonly start: number;
  private readonly size: number;
  private readonly sections: readonly Section[];
  /** What of the file is loaded where. */
  readonly segments: readonly Segment[];

  /** Throws E5020. */
  constructor(path: string) {
    this.path = path;
    const place = placeOf(path);
    this.file = place?.file ?? path;
    this.start = place?.offset ?? 0;
    try {
      this.fd = openSync(this.file, 'r');
    } catch (error) {
      throw executableUnreadable(path, (error as NodeJS.ErrnoException).code ?? String(error));
    }
    this.size = place?.size ?? fstatSync(this.fd).size;
    try {
      const header = this.read(0, 64);
      if (header.length < 64 || header.toString('latin1', 0, 4) !== '\x7fELF') this.fail('it is not an ELF file');
      if (header[4] !== 2) this.fail('it is 32-bit');
      if (header[5] !== 1) this.fail('it is big-endian');
      this.segments = this.readSegments(header);
      this.sections = this.readSections(header);
    } catch (error) {
      closeSync(this.fd);
      throw error;
    }
  }

  /** Offset into the file of a function; of a name with a version (`memcpy@GLIBC_2.14`), of that one. Throws E5018. */
  functionOffset(name: string): number {
    const found = this.findFunction(name) ?? this.findInDebugFile(name);
    if (found !== undefined) return found;
    const imported = this.symbols('.dynsym').some((one) => one.name === name && !one.defined);
    const names = ['.symtab', '.dynsym'].flatMap((table) => this.symbols(table).map((one) => one.name));
    throw noSuchUserFunction(this.path, name, imported ? 'imported' : 'absent', suggest(name, names));
  }

  /** Functions that match a pattern of `*` and `?`, with their offsets, one for each offset. */
  functions(matches: RegExp): Map<string, number> {
    const found = new Map<string, number>();
    const taken = new Set<number>();
    for (const table of ['.symtab', '.dynsym']) {
      for (const one of this.symbols(table)) {
        if (!one.isFunction || !one.defined || !matches.test(one.name)) continue;
        const offset = this.offsetOf(one.value);
        if (offset === undefined || taken.has(offset) || (one.old && found.has(one.name))) continue;
        taken.add(offset);
        found.set(one.name, offset);
      }
    }
    return found;
  }

  /** Every function with the addresses it covers, as the linker laid them out; from the debug file too, if there is one. */
  functionRanges(list = new SymbolList()): SymbolList {
    for (const table of ['.symtab', '.dynsym']) {
      for (const { isFunction, defined, value, size, name } of this.symbols(table)) {
        if (!isFunction || !defined) continue;
        const end = value + size;
        list.addHalves(
          value >>> 0,
          Math.floor(value / 2 ** 32),
          end >>> 0,
          Math.floor(end / 2 ** 32),
          name.split('@', 1)[0]!,
        );
      }
    }
    if (this.symbols('.symtab').length > 0) return list;
    const path = this.debugFiles().find((one) => existsSync(one));
    if (path === undefined) return list;
    using debug = new Executable(path);
    return debug.functionRanges(list);
  }

  /** A function or a variable: where the file says it is, and how large. Undefined when there is none, or no size. */
  symbolNamed(name: string): { readonly address: bigint; readonly size: number } | undefined {
    for (const table of ['.symtab', '.dynsym']) {
      const found = this.symbols(table).find((one) => one.name === name && one.defined);
      if (found) return { address: BigInt(found.value), size: found.size };
    }
    return undefined;
  }

  /** It runs where the file says, not wherever there is room. */
  get fixed(): boolean {
    return this.read(16, 2).readUInt16LE(0) === ET_EXEC;
  }

  /** Static probes (USDT): every place of `provider:name`, or of all when not given. */
  usdt(provider?: string, name?: string): UsdtPlace[] {
    const places: UsdtPlace[] = [];
    // The linker may have moved the program since the notes were written (prelink): the base tells by how much.
    const base = this.sections.find((one) => one.name === '.stapsdt.base');
    for (const note of this.notes('.note.stapsdt')) {
      if (note.name !== 'stapsdt' || note.type !== NT_STAPSDT || note.data.length < 24) continue;
      const moved = base ? base.address - Number(note.data.readBigUInt64LE(8)) : 0;
      const semaphore = Number(note.data.readBigUInt64LE(16));
      const [place = '', probe = '', args = ''] = note.data.toString('latin1', 24).split('\0');
      if ((provider !== undefined && place !== provider) || (name !== undefined && probe !== name)) continue;
      const offset = this.offsetOf(Number(note.data.readBigUInt64LE(0)) + moved);
      if (offset === undefined) continue;
      places.push({
        provider: place,
        name: probe,
        arguments: args,
        offset,
        semaphore: semaphore === 0 ? 0 : (this.offsetOf(semaphore + moved) ?? 0),
      });
    }
    return places;
  }

  /** The places of one probe. Throws E5019. */
  requireUsdt(provider: string, name: string): UsdtPlace[] {
    const places = this.usdt(provider, name);
    if (places.length > 0) return places;
    const all = this.usdt().map((one) => `${one.provider}:${one.name}`);
    throw noSuchUsdt(this.path, `${provider}:${name}`, suggest(`${provider}:${name}`, all));
  }

  /** Hexadecimal; undefined when the linker left none. */
  buildId(): string | undefined {
    const note = this.notes('.note.gnu.build-id').find((one) => one.name === 'GNU' && one.type === NT_GNU_BUILD_ID);
    return note && hex(note.data);
  }

  /** The bytes of a section, uncompressed; undefined when there is none, or it is compressed in a way that Node cannot undo. */
  section(name: string): Buffer | undefined {
    const section = this.sections.find((one) => one.name === name && one.type !== SHT_NOBITS);
    const data = section && this.read(section.offset, section.size);
    if (!section || !data || (section.flags & SHF_COMPRESSED) === 0) return data;
    try {
      return data.readUInt32LE(0) === ELFCOMPRESS_ZLIB ? inflateSync(data.subarray(24)) : undefined;
    } catch {
      return this.fail(`its section ${name} is damaged`);
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private findFunction(name: string): number | undefined {
    const address = this.findAddress(name);
    return address === undefined ? undefined : this.offsetOf(address);
  }

  /** A global symbol before a weak one before a local one; among these the version that programs are linked to now. */
  private findAddress(name: string): number | undefined {
    const [plain, version] = name.split(/@+/, 2) as [string, string | undefined];
    let best: ElfSymbol | undefined;
    for (const table of ['.dynsym', '.symtab']) {
      for (const one of this.symbols(table)) {
        if (!one.isFunction || !one.defined) continue;
        const [itsName, itsVersion] = one.name.split(/@+/, 2) as [string, string | undefined];
        if (itsName !== plain || (version !== undefined && itsVersion !== undefined && itsVersion !== version))
          continue;
        if (best === undefined || one.rank > best.rank || (one.rank === best.rank && best.old && !one.old)) best = one;
      }
      if (best !== undefined) return best.value;
    }
    return undefined;
  }

  /** In the separate file with debugging symbols, by build id or debug link; addresses are the same there. */
  private findInDebugFile(name: string): number | undefined {
    for (const path of this.debugFiles()) {
      if (!existsSync(path)) continue;
      using debug = new Executable(path);
      const address = debug.findAddress(name);
      if (address !== undefined) return this.offsetOf(address);
    }
    return undefined;
  }

  /** Where the separate file with debugging symbols may lie; in the named directories first. */
  debugFiles(named: readonly string[] = []): string[] {
    const id = this.buildId();
    const real = realpathSync(this.file);
    const link = this.section('.gnu_debuglink');
    const linked = link && cString(link);
    // As debuggers do, relative ones are looked for beside the program too.
    const directories = named.flatMap((one) => (isAbsolute(one) ? [one] : [one, join(dirname(real), one)]));
    return [
      ...directories.flatMap((one) => [
        ...(id === undefined ? [] : [join(one, '.build-id', id.slice(0, 2), `${id.slice(2)}.debug`)]),
        ...(linked ? [join(one, linked)] : []),
        join(one, `${basename(real)}.debug`),
      ]),
      ...(id === undefined ? [] : [`/usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`]),
      ...(linked ? [join(dirname(real), linked), join(dirname(real), '.debug', linked)] : []),
      ...(linked ? [join('/usr/lib/debug', dirname(real), linked)] : []),
    ].filter((path) => path !== real);
  }

  /** Of an address that holds code, the offset into the file. */
  codeOffset(address: number): number | undefined {
    return this.segments.some((one) => one.executable && address >= one.address && address < one.address + one.size)
      ? this.offsetOf(address)
      : undefined;
  }

  /** Of an offset into the file, the address that symbols are given in. */
  addressOf(offset: number): number | undefined {
    return addressIn(this.segments, offset);
  }

  /** Of an address, as symbols are given, the offset into the file. */
  offsetOf(address: number): number | undefined {
    const segment = this.segments.find((one) => address >= one.address && address < one.address + one.size);
    return segment && address - segment.address + segment.offset;
  }

  private symbols(table: string): readonly ElfSymbol[] {
    let list = this.tables.get(table);
    if (list === undefined) {
      list = this.readSymbols(table);
      this.tables.set(table, list);
    }
    return list;
  }

  private readonly tables = new Map<string, readonly ElfSymbol[]>();

  private readSymbols(table: string): ElfSymbol[] {
    const section = this.sections.find((one) => one.name === table && one.type !== SHT_NOBITS);
    const strings = section && this.sections[section.link];
    if (!section || !strings) return [];
    const data = this.read(section.offset, section.size);
    const names = this.read(strings.offset, strings.size);
    const versions = table === '.dynsym' ? this.section('.gnu.version') : undefined;
    const list: ElfSymbol[] = [];
    for (let at = 24; at + 24 <= data.length; at += 24) {
      const info = data[at + 4]!;
      const type = info & 15;
      const start = data.readUInt32LE(at);
      const end = names.indexOf(0, start);
      if (start === 0 || end < 0) continue;
      const name = names.toString('latin1', start, end);
      const version = (at / 24) * 2;
      list.push({
        name,
        value: Number(data.readBigUInt64LE(at + 8)),
        size: Number(data.readBigUInt64LE(at + 16)),
        isFunction: type === STT_FUNC || type === STT_GNU_IFUNC,
        defined: data.readUInt16LE(at + 6) !== 0 && data.readBigUInt64LE(at + 8) !== 0n,
        rank: RANK[info >> 4] ?? 0,
        old:
          versions !== undefined && version + 2 <= versions.length
            ? (versions.readUInt16LE(version) & VERSION_HIDDEN) !== 0
            : /[^@]@[^@]/.test(name),
      });
    }
    return list;
  }

  private notes(name: string): { name: string; type: number; data: Buffer }[] {
    const section = this.section(name);
    const found: { name: string; type: number; data: Buffer }[] = [];
    for (let at = 0; section && at + 12 <= section.length; ) {
      const nameSize = section.readUInt32LE(at);
      const dataSize = section.readUInt32LE(at + 4);
      const data = at + 12 + align4(nameSize);
      found.push({
        name: cString(section.subarray(at + 12, at + 12 + nameSize)),
        type: section.readUInt32LE(at + 8),
        data: section.subarray(data, data + dataSize),
      });
      at = data + align4(dataSize);
    }
    return found;
  }

  private readSegments(header: Buffer): Segment[] {
    const size = header.readUInt16LE(54);
    const count = header.readUInt16LE(56);
    if (count > 0 && size !== 56) this.fail('its program headers have an odd size');
    const table = this.read(Number(header.readBigUInt64LE(32)), size * count);
    const segments: Segment[] = [];
    for (let at = 0; at + 56 <= table.length; at += 56) {
      if (table.readUInt32LE(at) !== PT_LOAD) continue;
      segments.push({
        offset: this.start + Number(table.readBigUInt64LE(at + 8)),
        address: Number(table.readBigUInt64LE(at + 16)),
        size: Number(table.readBigUInt64LE(at + 40)),
        executable: (table.readUInt32LE(at + 4) & PF_X) !== 0,
      });
    }
    return segments;
  }

  private readSections(header: Buffer): Section[] {
    const count = header.readUInt16LE(60);
    const nameTable = header.readUInt16LE(62);
    if (count === 0) return [];
    if (header.readUInt16LE(58) !== 64) this.fail('its section headers have an odd size');
    const table = this.read(Number(header.readBigUInt64LE(40)), 64 * count);
    if (table.length < 64 * count || nameTable >= count) this.fail('its section headers are cut off');
    const number = (index: number, at: number) => Number(table.readBigUInt64LE(index * 64 + at));
    const names = this.read(number(nameTable, 24), number(nameTable, 32));
    return Array.from({ length: count }, (_, i) => ({
      name: cString(names.subarray(Math.min(table.readUInt32LE(i * 64), names.length))),
      type: table.readUInt32LE(i * 64 + 4),
      flags: number(i, 8),
      address: number(i, 16),
      offset: number(i, 24),
      size: number(i, 32),
      link: table.readUInt32LE(i * 64 + 40),
    }));
  }

  private read(offset: number, length: number): Buffer {
    if (offset + length > this.size && offset > 0) this.fail('it is cut off');
    const bytes = Buffer.alloc(Math.min(length, this.size));
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(this.fd, bytes, done, bytes.length - done, this.start + offset + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }

  private fail(why: string): never {
    throw executableUnreadable(this.path, why);
  }
}

/** Of an offset into a file with these segments, the address that its symbols are given in. */
export function addressIn(segments: readonly Segment[], offset: number): number | undefined {
  const segment = segments.find((one) => offset >= one.offset && offset < one.offset + one.size);
  return segment && offset - segment.offset + segment.address;
}

/** One place of a static probe. */
export interface UsdtPlace {
  readonly provider: string;
  readonly name: string;
  /** As the notes spell them: `-4@%edi 8@16(%rsp)`. */
  readonly arguments: string;
  /** In the file. */
  readonly offset: number;
  /** In the file; 0 when there is none. A counter that tells the program that somebody listens. */
  readonly semaphore: number;
}

/**
 * The file that a probe's path means: a path as it is, also of a member of an archive (`base.apk!/lib/libx.so`); `libc.so.6` and `libc` as the loader would find a library; anything
 * else in PATH. Throws E5017.
 */
export function findBinary(name: string): string {
  if (name.includes('/')) {
    if (placeOf(name) === undefined) throw noSuchBinary(name, []);
    return name;
  }
  const libraries = (process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter(Boolean).concat(LIBRARY_DIRECTORIES);
  const programs = (process.env['PATH'] ?? '').split(':').filter(Boolean).concat('/usr/bin', '/usr/sbin');
  const library = name.includes('.so');
  for (const directory of library ? libraries : programs) {
    if (existsSync(join(directory, name))) return join(directory, name);
  }
  // `libc` for libc.so.6, and `c` for nothing: that would be guessing.
  if (!library && name.startsWith('lib')) {
    for (const directory of libraries) {
      const found = ['.so', '.so.6', '.so.2', '.so.1', '.so.3'].map((end) => join(directory, name + end)).find(isElf);
      if (found !== undefined) return found;
    }
  }
  throw noSuchBinary(name, [...new Set(library || name.startsWith('lib') ? libraries : programs)]);
}

/** `libc.so` in a development package is a script of the linker. */
function isElf(path: string): boolean {
  try {
    const fd = openSync(path, 'r');
    const magic = Buffer.alloc(4);
    readSync(fd, magic, 0, 4, 0);
    closeSync(fd);
    return magic.toString('latin1') === '\x7fELF';
  } catch {
    return false;
  }
}

/** For messages: `bash:readline`. */
export function shortName(path: string, name: string): string {
  return `${basename(path)}:${name}`;
}

const TRIPLET = arch() === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
const LIBRARY_DIRECTORIES = [`/lib/${TRIPLET}`, `/usr/lib/${TRIPLET}`, '/lib64', '/usr/lib64', '/lib', '/usr/lib'];

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

export interface Segment {
  readonly executable: boolean;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

interface ElfSymbol {
  readonly name: string;
  readonly value: number;
  /** Bytes; 0 when it is not known. */
  readonly size: number;
  readonly isFunction: boolean;
  readonly defined: boolean;
  readonly rank: number;
  /** Of a version that is there for programs which were linked before: `glob@GLIBC_2.2.5` beside `glob@@GLIBC_2.27`. */
  readonly old: boolean;
}

const PT_LOAD = 1;
const PF_X = 1;
const SHT_NOBITS = 8;
const SHF_COMPRESSED = 0x800;
const ELFCOMPRESS_ZLIB = 1;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
const NT_GNU_BUILD_ID = 3;
const ET_EXEC = 2;
const NT_STAPSDT = 3;
/** VERSYM_HIDDEN. */
const VERSION_HIDDEN = 0x8000;
/** By binding: local, global, weak. */
const RANK = [1, 3, 2];

function align4(value: number): number {
  return (value + 3) & ~3;
}
