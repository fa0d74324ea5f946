import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { TraceExecutable, TraceTarget } from '@skep/compiler';
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
export function machineTarget(cpus: number, btf: (() => Btf | undefined) | undefined): TraceTarget {
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
    executables: mappedBinaries,
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
    fixed: file.fixed,
    inode: statSync(path, { bigint: true }).ino,
  };
}

/** Programs and libraries that processes have mapped, matching a pattern. */
function mappedBinaries(pattern: string): readonly string[] {
  const test = new RegExp(`^${pattern.replace(/[.+^${}()|\\]/g, '\\$&').replaceAll('*', '.*')}$`);
  const found = new Set<string>();
  for (const pid of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    try {
      for (const line of readFileSync(join('/proc', pid, 'maps'), 'utf8').split('\n')) {
        const path = /r-xp \S+ \S+ \d+ +(\/.*)$/.exec(line)?.[1];
        if (path && test.test(path)) found.add(path);
      }
    } catch {
      // It has ended meanwhile, or is not ours.
    }
  }
  return [...found];
}
