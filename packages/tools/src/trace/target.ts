import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { globTest, type TraceExecutable, type TraceTarget } from '@skep/compiler';
import {
  Executable,
  findBinary,
  findKernelSymbols,
  kernelFunctions,
  openDebugInfo,
  type Place,
  placeOf,
  rawTracepointNames,
  tracepointFormat,
  tracepointNames,
} from '@skep/kernel';
import type { Btf } from '@skep/object';
import { compileTypes } from 'skep';

export interface MachineTargetOptions {
  /** Binaries are those that this process sees, and patterns mean those that it has mapped. */
  readonly pid?: number | undefined;
  /** Directories with debug information that was split off programs. */
  readonly debugInfo?: readonly string[];
}

/** What scripts can ask of this machine. */
export function machineTarget(
  cpus: number,
  btf: (() => Btf | undefined) | undefined,
  options: MachineTargetOptions = {},
): TraceTarget {
  const { pid } = options;
  const root = pid === undefined ? '' : rootOf(pid);
  const binaries = new Map<string, TraceExecutable | undefined>();
  const once = <T>(make: () => T): (() => T) => {
    let value: { made: T } | undefined;
    return () => {
      value ??= { made: make() };
      return value.made;
    };
  };
  const or = <T>(make: () => T, otherwise: T): T => {
    try {
      return make();
    } catch {
      return otherwise;
    }
  };
  return {
    cpus,
    btf: btf ?? (() => or(compileTypes, undefined)),
    tracepoints: once(() => or(() => tracepointNames().map((one) => one.replace('/', ':')), [])),
    tracepointFormat: (category, name) => or(() => tracepointFormat(category, name), undefined),
    rawTracepoints: once(() => or(() => [...rawTracepointNames()], [])),
    kernelFunctions: once(() => or(() => kernelFunctions('*'), [])),
    kernelModules: once(() => or(loadedModules, [])),
    kernelSymbol: (name) => or(() => findKernelSymbols(name)[0]?.address, undefined),
    executable(name) {
      if (!binaries.has(name))
        binaries.set(
          name,
          or(() => openExecutable(name, root, options.debugInfo ?? []), undefined),
        );
      return binaries.get(name);
    },
    executables: (pattern) =>
      pattern.includes('/') && pid === undefined ? or(() => matchingFiles(pattern), []) : mappedBinaries(pattern, pid),
    pidNamespace: once(() => or(ownPidNamespace, undefined)),
    cgroupId: (path) => or(() => statSync(path, { bigint: true }).ino, undefined),
    readFile: (path) => or(() => (statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined), undefined),
    openToAll: (path) => or(() => (statSync(dirname(path)).mode & 0o002) !== 0, false),
    listDirectory: (path) => or(() => readdirSync(path).sort(), undefined),
    includePaths: ['/usr/include', '/usr/include/x86_64-linux-gnu'].filter((one) => existsSync(one)),
  };
}

/** The root directory of a process with a file system of its own, as we see it; of others nothing is put in front of paths. */
function rootOf(pid: number): string {
  try {
    const own = readlinkSync('/proc/self/ns/mnt');
    return readlinkSync(`/proc/${pid}/ns/mnt`) === own ? '' : `/proc/${pid}/root`;
  } catch {
    return '';
  }
}

/** Undefined in the first one, in which the kernel itself counts. */
function ownPidNamespace(): { device: bigint; inode: bigint } | undefined {
  const { dev: device, ino: inode } = statSync('/proc/self/ns/pid', { bigint: true });
  return inode === PROC_PID_INIT_INO ? undefined : { device, inode };
}

/** `include/linux/proc_ns.h` */
const PROC_PID_INIT_INO = 0xeffffffcn;

function loadedModules(): string[] {
  return readFileSync('/proc/modules', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[0]!)
    .filter(Boolean);
}

function openExecutable(name: string, root: string, debugInfo: readonly string[]): TraceExecutable | undefined {
  const path = name.includes('/') ? root + resolve(name) : findBinary(name);
  const place = placeOf(path);
  if (place === undefined || !statSync(place.file).isFile()) return undefined;
  const { ino: inode } = statSync(place.file, { bigint: true });
  if (!isElf(place)) return codeWithoutNames(path, inode);
  const file = new Executable(path);
  const all = () => file.functions(/./);
  let debug: { found: ReturnType<typeof openDebugInfo> } | undefined;
  return {
    path,
    functions: () => [...all().keys()],
    symbol: (wanted) => file.symbolNamed(wanted),
    probes: () => [...new Set(file.usdt().map((one) => `${one.provider}:${one.name}`))],
    probeArguments: (provider, wanted) => file.usdt(provider, wanted).map((one) => one.arguments),
    fixed: file.fixed,
    inode,
    offsetOf(address) {
      const offset = file.codeOffset(Number(address));
      return offset === undefined ? undefined : BigInt(offset);
    },
    debug() {
      debug ??= { found: openDebugInfo(path, debugInfo) };
      return debug.found;
    },
  };
}

function isElf({ file, offset }: Place): boolean {
  const fd = openSync(file, 'r');
  try {
    const magic = Buffer.alloc(4);
    readSync(fd, magic, 0, 4, offset);
    return magic.toString('latin1') === '\x7fELF';
  } finally {
    closeSync(fd);
  }
}

/** A file of nothing but code: addresses are offsets. */
function codeWithoutNames(path: string, inode: bigint): TraceExecutable {
  return {
    path,
    functions: () => [],
    symbol: () => undefined,
    probes: () => [],
    fixed: false,
    inode,
    offsetOf: (address) => address,
  };
}

/** Programs and libraries that processes have mapped, or one process, matching a pattern. */
function mappedBinaries(pattern: string, pid: number | undefined): readonly string[] {
  const test = globTest(pattern);
  const found = new Set<string>();
  for (const one of pid === undefined ? readdirSync('/proc').filter((name) => /^\d+$/.test(name)) : [String(pid)]) {
    try {
      for (const line of readFileSync(join('/proc', one, 'maps'), 'utf8').split('\n')) {
        const path = /r-xp \S+ \S+ \d+ +(\/.*)$/.exec(line)?.[1];
        if (path && test.test(path)) found.add(path);
      }
    } catch {
      // It has ended meanwhile, or is not ours.
    }
  }
  return [...found];
}

/** Files that can be executed; wildcards stand in the last part of the path. */
function matchingFiles(pattern: string): readonly string[] {
  const directory = dirname(pattern);
  const test = globTest(basename(pattern));
  return readdirSync(directory)
    .filter((name) => test.test(name))
    .map((name) => (pattern.startsWith('./') ? `./${join(directory, name)}` : join(directory, name)))
    .filter((path) => isExecutable(path))
    .sort();
}

function isExecutable(path: string): boolean {
  try {
    const { mode } = statSync(path);
    return statSync(path).isFile() && (mode & 0o111) !== 0;
  } catch {
    return false;
  }
}
