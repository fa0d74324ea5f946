import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { addressIn, Executable } from '../executable.ts';
import { readText } from '../sys/files.ts';
import { type Found, SymbolList, SymbolTable } from './symbol-table.ts';

/** The symbol at an address of a process. */
export interface UserFound extends Found {
  /** The file's last part, `[vdso]`, or `perf map` for code that a runtime made. */
  readonly module: string;
}

/** An address of a process as a place of a file. */
export interface UserPlace {
  /** As this process can open it. */
  readonly file: string;
  /** As the file's symbols are given. */
  readonly address: number;
  /** The path that the process itself sees. */
  readonly module: string;
}

/**
 * Names of a process's addresses: of its files' symbols, their debug files' where they have been split off, and of the
 * code that Node, Java and others make at run time, when they write it to /tmp/perf-PID.map. Of a process that has ended
 * nothing is known any more, so make this while it lives.
 */
export class ProcessSymbols {
  readonly pid: number;
  private mappings: readonly Mapping[];
  private made: SymbolTable | undefined;

  constructor(pid: number) {
    this.pid = pid;
    this.mappings = parseMaps(readText(`/proc/${pid}/maps`) ?? '');
  }

  /** Where a process has ended or never was, there are no mappings. */
  get known(): boolean {
    return this.mappings.length > 0;
  }

  /** Looks again what is loaded where: more libraries, or another program that the process has become. */
  refresh(): void {
    const again = parseMaps(readText(`/proc/${this.pid}/maps`) ?? '');
    if (again.length > 0) this.mappings = again;
  }

  find(address: bigint): UserFound | undefined {
    const mapping = this.mappingOf(address);
    if (!mapping?.path.startsWith('/') || mapping.path.startsWith('/memfd:')) {
      const made = this.perfMap().find(address);
      return made && { ...made, module: 'perf map' };
    }
    const file = fileSymbols(this.pid, mapping);
    const at = file?.address(Number(address - mapping.start) + mapping.offset);
    const found = at === undefined ? undefined : file?.table.find(BigInt(at));
    return found && { ...found, module: basename(mapping.path) };
  }

  /** Which file an address comes from, and where in it; undefined for code of no file. */
  place(address: bigint): UserPlace | undefined {
    const mapping = this.mappingOf(address);
    const file = mapping?.path.startsWith('/') ? fileSymbols(this.pid, mapping) : undefined;
    const at = mapping && file?.address(Number(address - mapping.start) + mapping.offset);
    if (at === undefined || !mapping) return undefined;
    const inside = `/proc/${this.pid}/root${mapping.path}`;
    return { file: existsSync(inside) ? inside : mapping.path, address: at, module: mapping.path };
  }

  /** `[libc.so.6]`, for addresses without a name. */
  moduleOf(address: bigint): string | undefined {
    const path = this.mappingOf(address)?.path;
    return path === undefined || path === '' ? undefined : basename(path);
  }

  private mappingOf(address: bigint): Mapping | undefined {
    const find = () => this.mappings.find((one) => address >= one.start && address < one.end);
    const found = find();
    if (found || this.reread) return found;
    // A library may have been loaded since; once is enough, or every odd address would cost a read.
    this.reread = true;
    this.refresh();
    return find();
  }
  private reread = false;

  private perfMap(): SymbolTable {
    this.made ??= readPerfMap(this.pid);
    return this.made;
  }
}

/** Where a process has the code at an offset of a file; undefined where it has not. */
export function addressInProcess(pid: number, path: string, offset: number): bigint | undefined {
  const wanted = identityOf(path);
  if (wanted === undefined) return undefined;
  for (const mapping of parseMaps(readText(`/proc/${pid}/maps`) ?? '')) {
    const size = Number(mapping.end - mapping.start);
    if (offset < mapping.offset || offset >= mapping.offset + size || !mapping.path.startsWith('/')) continue;
    if (identityOf(`/proc/${pid}/root${mapping.path}`) === wanted)
      return mapping.start + BigInt(offset - mapping.offset);
  }
  return undefined;
}

interface Mapping {
  readonly start: bigint;
  readonly end: bigint;
  /** In the file. */
  readonly offset: number;
  readonly path: string;
}

/** Lines of /proc/PID/maps that can be executed. */
function parseMaps(text: string): Mapping[] {
  const found: Mapping[] = [];
  for (const line of text.split('\n')) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) ..(.). ([0-9a-f]+) \S+ \d+ *(.*)$/.exec(line);
    if (match?.[3] !== 'x') continue;
    found.push({
      start: BigInt(`0x${match[1]}`),
      end: BigInt(`0x${match[2]}`),
      offset: Number.parseInt(match[4]!, 16),
      path: match[5]!.replace(/ \(deleted\)$/, ''),
    });
  }
  return found;
}

interface FileSymbols {
  readonly table: SymbolTable;
  /** Of an offset into the file, the address that symbols are given in. */
  address(offset: number): number | undefined;
}

/** By device and inode: processes share their libraries. */
const files = new Map<string, FileSymbols | undefined>();

function fileSymbols(pid: number, mapping: Mapping): FileSymbols | undefined {
  // Seen from the process's own root, which may be a container's; from ours when the process has ended.
  const path = identityOf(`/proc/${pid}`) === undefined ? mapping.path : `/proc/${pid}/root${mapping.path}`;
  const identity = identityOf(path);
  if (identity === undefined) return undefined;
  if (!files.has(identity)) files.set(identity, readFile(path));
  return files.get(identity);
}

/** Device and inode: a file has many paths. Undefined where it is not there, or may not be looked at (CAP_SYS_PTRACE). */
function identityOf(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

function readFile(path: string): FileSymbols | undefined {
  try {
    using file = new Executable(path);
    const table = new SymbolTable(file.functionRanges());
    const { segments } = file;
    return {
      table,
      address: (offset) => addressIn(segments, offset),
    };
  } catch {
    // Not ELF, or gone: its addresses have no names.
    return undefined;
  }
}

/** `START SIZE name`, hexadecimal, as runtimes write it for perf(1). The file names the pid that the process itself sees. */
function readPerfMap(pid: number): SymbolTable {
  const inside = /^NSpid:.*?(\d+)$/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1] ?? String(pid);
  const text = readText(`/proc/${pid}/root/tmp/perf-${inside}.map`) ?? readText(`/tmp/perf-${pid}.map`) ?? '';
  const list = new SymbolList();
  // A place is used again when code is thrown away: what was written last is there now.
  for (const line of text.split('\n').reverse()) {
    const match = /^(?:0x)?([0-9a-f]{1,16}) (?:0x)?([0-9a-f]{1,8}) (.+)$/i.exec(line);
    if (match === null) continue;
    const start = BigInt(`0x${match[1]}`);
    list.add(start, start + BigInt(`0x${match[2]}`), match[3]!);
  }
  return new SymbolTable(list);
}
