import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { globTest, type TraceConfig } from '@skep/compiler';
import {
  Executable,
  type Found,
  KernelSymbols,
  openDebugInfo,
  ProcessSymbols,
  SymbolTable,
  type UserPlace,
} from '@skep/kernel';
import { type DebugFrame, type DebugInfo, demangle } from '@skep/object';
import type { TypedMap } from 'skep';
import type { Meanings } from './values.ts';
import type { Clock } from './world.ts';

/** Names of this machine: symbols, users, cgroups. Each is looked up when it is first printed. */
export function machineMeanings(options: {
  readonly config: TraceConfig;
  readonly clock: Clock;
  /** The maps that stacks are kept in, by their depth, once they are there. */
  readonly stacks: (depth: number) => TypedMap | undefined;
  readonly buildIds: () => TypedMap | undefined;
  readonly functions: readonly string[];
  readonly dummyClock: boolean;
  /** Programs that are traced: their addresses have names even when the process has ended. */
  readonly binaries: readonly string[];
  readonly debugInfo: readonly string[];
}): Meanings {
  const { config, clock, dummyClock, binaries } = options;
  const sources = new SourceLines(options.debugInfo);
  let kernel: KernelSymbols | undefined;
  let users: Map<number, string> | undefined;
  const processes = new Map<number, ProcessSymbols>();
  const known = new Map<string, readonly bigint[]>();
  const symbolsOf = (pid: number): ProcessSymbols => {
    let symbols = processes.get(pid);
    if (symbols === undefined) {
      symbols = new ProcessSymbols(pid);
      processes.set(pid, symbols);
    }
    return symbols;
  };
  const entry = (map: TypedMap | undefined, id: number): DataView | undefined => {
    const key = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, id, true);
    const bytes = map?.get(key as never) as Uint8Array | undefined;
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const nameOf = (symbol: string): string => (config.cpp_demangle ? (demangle(symbol) ?? symbol) : symbol);
  // Once, so that times which were taken together stay together.
  const offset = clock.wall() - clock.now();
  return {
    config,
    functions: options.functions,
    kernelSymbol(address, offset) {
      kernel ??= new KernelSymbols();
      const found = kernel.find(address);
      if (!found) return `0x${address.toString(16)}`;
      return offset ? `${found.name}+${found.offset}` : found.name;
    },
    userSymbol(address, pid, offset) {
      const found = symbolsOf(pid).find(address) ?? fixedSymbol(binaries, address);
      if (!found) return `0x${address.toString(16)}`;
      const name = nameOf(found.name);
      return offset ? `${name}+${found.offset}` : name;
    },
    userFrames(address, pid, called) {
      const symbols = symbolsOf(pid);
      const place = symbols.place(address) ?? fixedPlace(binaries, address);
      const found = symbols.find(address) ?? fixedSymbol(binaries, address);
      const name = found ? `${nameOf(found.name)}+${found.offset}` : `0x${address.toString(16)}`;
      const plain = { name, inlined: false, source: undefined, module: place?.module };
      if (!place || !config.show_debug_info) return [plain];
      // Behind a call: the line of the call itself is meant.
      const frames = sources.framesAt(place.file, called ? place.address - 1 : place.address);
      return frames.length === 0
        ? [plain]
        : frames.map((one) => ({
            name: one.inlined ? (one.function ?? '?') : name,
            inlined: one.inlined,
            source: one.file === undefined ? undefined : `${one.file}:${one.line ?? 0}`,
            module: place.module,
          }));
    },
    buildIds(id) {
      const data = entry(options.buildIds(), id);
      if (data === undefined) return undefined;
      const found: { id: string; offset: bigint }[] = [];
      // struct bpf_stack_build_id: how it went, the id, the offset.
      for (let at = 0; at + 32 <= data.byteLength && data.getInt32(at, true) !== 0; at += 32) {
        const bytes = new Uint8Array(data.buffer, data.byteOffset + at + 4, 20);
        const known = data.getInt32(at, true) === BPF_STACK_BUILD_ID_VALID;
        found.push({
          id: known ? Array.from(bytes, (one) => one.toString(16).padStart(2, '0')).join('') : '0',
          offset: data.getBigUint64(at + 24, true),
        });
      }
      return found;
    },
    stack(id, depth) {
      const name = `${depth}:${id}`;
      const before = known.get(name);
      if (before) return before;
      const data = entry(options.stacks(depth), id);
      if (data === undefined) return undefined;
      const found: bigint[] = [];
      for (let at = 0; at + 8 <= data.byteLength; at += 8) {
        const address = data.getBigUint64(at, true);
        if (address === 0n) break;
        found.push(address);
      }
      known.set(name, found);
      return found;
    },
    userName(uid) {
      users ??= readUsers();
      return users.get(uid);
    },
    cgroupPath,
    timeOfDay: () => clock.wall(),
    wallClock(nanoseconds, which) {
      if (dummyClock || which === 3) return nanoseconds;
      return offset + nanoseconds;
    },
  };
}

const BPF_STACK_BUILD_ID_VALID = 1;

/** Of a process that has ended, when the programs that are traced lie where their files say. */
function fixedSymbol(binaries: readonly string[], address: bigint): Found | undefined {
  return inFixed(binaries, (file) => new SymbolTable(file.functionRanges()).find(address));
}

function fixedPlace(binaries: readonly string[], address: bigint): UserPlace | undefined {
  return inFixed(binaries, (file, path) =>
    file.offsetOf(Number(address)) === undefined ? undefined : { file: path, address: Number(address), module: path },
  );
}

function inFixed<T>(
  binaries: readonly string[],
  look: (file: Executable, path: string) => T | undefined,
): T | undefined {
  for (const path of binaries) {
    try {
      using file = new Executable(path);
      const found = file.fixed ? look(file, path) : undefined;
      if (found !== undefined) return found;
    } catch {
      // It is gone.
    }
  }
  return undefined;
}

/** Which lines of the source addresses come from; every file and address is looked up once. */
class SourceLines {
  private readonly directories: readonly string[];
  private readonly files = new Map<string, DebugInfo | undefined>();
  private readonly known = new Map<string, DebugFrame[]>();

  constructor(directories: readonly string[]) {
    this.directories = directories;
  }

  framesAt(path: string, address: number): DebugFrame[] {
    const key = `${path}:${address}`;
    let frames = this.known.get(key);
    if (frames === undefined) {
      frames = this.read(path, address);
      this.known.set(key, frames);
    }
    return frames;
  }

  private read(path: string, address: number): DebugFrame[] {
    try {
      if (!this.files.has(path)) this.files.set(path, openDebugInfo(path, this.directories));
      return this.files.get(path)?.framesAt(address) ?? [];
    } catch {
      // Damaged, or gone: names come from the symbols all the same.
      return [];
    }
  }
}

function readUsers(): Map<number, string> {
  try {
    return new Map(
      readFileSync('/etc/passwd', 'utf8')
        .split('\n')
        .map((line) => line.split(':'))
        .filter((one) => one.length > 2)
        .map((one): [number, string] => [Number(one[2]), one[0]!]),
    );
  } catch {
    return new Map();
  }
}

/** `unified:/system.slice`: directories whose inode is the id, in every hierarchy that the filter allows. */
function cgroupPath(id: bigint, filter: string): string {
  const found: string[] = [];
  const test = globTest(filter);
  for (const { name, root } of hierarchies()) {
    if (!test.test(name)) continue;
    const path = findInode(root, '', id, 6);
    if (path !== undefined) found.push(`${name}:${path || '/'}`);
  }
  return found.join(';');
}

function hierarchies(): { name: string; root: string }[] {
  try {
    return readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '))
      .filter((one) => one[2] === 'cgroup2' || one[2] === 'cgroup')
      .map((one) => ({ name: one[2] === 'cgroup2' ? 'unified' : one[1]!.split('/').at(-1)!, root: one[1]! }));
  } catch {
    return [];
  }
}

function findInode(root: string, path: string, id: bigint, depth: number): string | undefined {
  try {
    if (statSync(join(root, path), { bigint: true }).ino === id) return path;
    if (depth === 0) return undefined;
    for (const one of readdirSync(join(root, path), { withFileTypes: true })) {
      if (!one.isDirectory()) continue;
      const found = findInode(root, `${path}/${one.name}`, id, depth - 1);
      if (found !== undefined) return found;
    }
  } catch {
    // It went away meanwhile.
  }
  return undefined;
}
