import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { globTest, type TraceConfig } from '@skep/compiler';
import { Executable, type Found, KernelSymbols, ProcessSymbols, SymbolTable } from '@skep/kernel';
import type { TypedMap } from 'skep';
import type { Meanings } from './values.ts';
import type { Clock } from './world.ts';

/** Names of this machine: symbols, users, cgroups. Each is looked up when it is first printed. */
export function machineMeanings(
  config: TraceConfig,
  clock: Clock,
  stacks: () => TypedMap | undefined,
  dummyClock: boolean,
  binaries: readonly string[],
): Meanings {
  let kernel: KernelSymbols | undefined;
  let users: Map<number, string> | undefined;
  const processes = new Map<number, ProcessSymbols>();
  const known = new Map<number, readonly bigint[]>();
  // Once, so that times which were taken together stay together.
  const offset = clock.wall() - clock.now();
  return {
    config,
    kernelSymbol(address, offset) {
      kernel ??= new KernelSymbols();
      const found = kernel.find(address);
      if (!found) return `0x${address.toString(16)}`;
      return offset ? `${found.name}+${found.offset}` : found.name;
    },
    userSymbol(address, pid, offset) {
      let symbols = processes.get(pid);
      if (symbols === undefined) {
        symbols = new ProcessSymbols(pid);
        processes.set(pid, symbols);
      }
      const found = symbols.find(address) ?? fixedSymbol(binaries, address);
      if (!found) return `0x${address.toString(16)}`;
      return offset ? `${found.name}+${found.offset}` : found.name;
    },
    stack(id) {
      const before = known.get(id);
      if (before) return before;
      const key = new Uint8Array(4);
      new DataView(key.buffer).setUint32(0, id, true);
      const bytes = stacks()?.get(key as never) as Uint8Array | undefined;
      if (bytes === undefined) return undefined;
      const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const found: bigint[] = [];
      for (let at = 0; at + 8 <= bytes.length; at += 8) {
        const address = data.getBigUint64(at, true);
        if (address === 0n) break;
        found.push(address);
      }
      known.set(id, found);
      return found;
    },
    userName(uid) {
      users ??= readUsers();
      return users.get(uid);
    },
    cgroupPath,
    wallClock(nanoseconds, which) {
      if (dummyClock || which === 3) return nanoseconds;
      return offset + nanoseconds;
    },
  };
}

/** Of a process that has ended, when the programs that are traced lie where their files say. */
function fixedSymbol(binaries: readonly string[], address: bigint): Found | undefined {
  for (const path of binaries) {
    try {
      using file = new Executable(path);
      if (!file.fixed) continue;
      const found = new SymbolTable(file.functionRanges()).find(address);
      if (found) return found;
    } catch {
      // It is gone.
    }
  }
  return undefined;
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
