import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { globTest, type TraceExecutable, type TraceTarget } from '@skep/compiler';
import {
  Executable,
  findBinary,
  findKernelSymbols,
  kernelFunctions,
  rawTracepointNames,
  tracepointFormat,
  tracepointNames,
} from '@skep/kernel';
import type { Btf } from '@skep/object';
import { compileTypes } from 'skep';

/** What scripts can ask of this machine. */
export function machineTarget(cpus: number, btf: (() => Btf | undefined) | undefined, pid?: number): TraceTarget {
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
    kernelSymbol: (name) => or(() => findKernelSymbols(name)[0]?.address, undefined),
    executable(name) {
      if (!binaries.has(name))
        binaries.set(
          name,
          or(() => openExecutable(name), undefined),
        );
      return binaries.get(name);
    },
    executables: (pattern) =>
      pattern.includes('/') ? or(() => matchingFiles(pattern), []) : mappedBinaries(pattern, pid),
    cgroupId: (path) => or(() => statSync(path, { bigint: true }).ino, undefined),
    readFile: (path) => or(() => (statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined), undefined),
    listDirectory: (path) => or(() => readdirSync(path).sort(), undefined),
    includePaths: ['/usr/include', '/usr/include/x86_64-linux-gnu'].filter((one) => existsSync(one)),
  };
}

function openExecutable(name: string): TraceExecutable | undefined {
  const path = name.includes('/') ? resolve(name) : findBinary(name);
  if (!existsSync(path)) return undefined;
  const file = new Executable(path);
  const all = () => file.functions(/./);
  return {
    path,
    functions: () => [...all().keys()],
    symbol: (wanted) => file.symbolNamed(wanted),
    probes: () => [...new Set(file.usdt().map((one) => `${one.provider}:${one.name}`))],
    probeArguments: (provider, wanted) => file.usdt(provider, wanted).map((one) => one.arguments),
    fixed: file.fixed,
    inode: statSync(path, { bigint: true }).ino,
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
