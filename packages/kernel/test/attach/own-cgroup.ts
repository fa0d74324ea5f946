import { ok } from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { cgroup2Root } from '../../src/index.ts';

/** A cgroup with only this process in it, which goes back at the end. */
export class OwnCgroup {
  readonly path: string;
  private readonly home: string;

  constructor() {
    const root = cgroup2Root();
    ok(root !== undefined, 'cgroup version 2 is not mounted');
    const own = /^0::(\S+)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))![1]!;
    this.home = `${root}${own}`;
    this.path = OwnCgroup.pathOf(process.pid);
    if (!existsSync(this.path)) mkdirSync(this.path);
    writeFileSync(`${this.path}/cgroup.procs`, String(process.pid));
  }

  static pathOf(process: number): string {
    return `${cgroup2Root()}/skep-test-${process}`;
  }

  [Symbol.dispose](): void {
    writeFileSync(`${this.home}/cgroup.procs`, String(process.pid));
    const pause = new Int32Array(new SharedArrayBuffer(4));
    for (let tries = 0; !removeCgroup(this.path); tries++) {
      ok(tries < 1000, `${this.path} stays busy`);
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}

/** False while a process is in it: one that ends is no longer listed, and keeps it busy for a moment more. */
export function removeCgroup(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EBUSY') return false;
    if (code === 'ENOENT') return true;
    throw error;
  }
}
