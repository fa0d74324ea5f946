import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT, SkepError } from '@skep/base';
import { cgroup2Root } from '@skep/kernel';
import { noCgroup } from '../diagnostics.ts';

/** What the path of a cgroup tells of who runs in it. */
export interface Container {
  /** The cgroup's path below the root of version 2. */
  readonly path: string;
  /** The first twelve digits of the container's id; undefined when it is none. */
  readonly id: string | undefined;
  /** The pod's uid, on Kubernetes. */
  readonly pod: string | undefined;
}

/** Cgroups by the number that `bpf_get_current_cgroup_id` gives: the inode of their directory. */
export class Containers {
  private byId = new Map<bigint, Container>();
  private readonly root = cgroup2Root();
  /** Milliseconds; walking the tree for every cgroup that ended meanwhile would be dear. */
  private walked = Number.NEGATIVE_INFINITY;

  find(cgroup: bigint): Container | undefined {
    const known = this.byId.get(cgroup);
    if (known || this.root === undefined || performance.now() - this.walked < 1000) return known;
    this.walked = performance.now();
    this.walk();
    return this.byId.get(cgroup);
  }

  private walk(): void {
    const open = [''];
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      const folder = join(this.root!, path);
      try {
        this.byId.set(statSync(folder, { bigint: true }).ino, describe(path === '' ? '/' : path));
        for (const entry of readdirSync(folder, { withFileTypes: true })) {
          if (entry.isDirectory()) open.push(`${path}/${entry.name}`);
        }
      } catch {
        // It ended between being listed and being looked at.
      }
    }
  }
}

/** Docker, containerd, CRI-O and podman all end the path with a container id of 64 hexadecimal digits. */
export function describe(path: string): Container {
  const id = /([0-9a-f]{64})(?:\.scope)?(?:\/|$)/.exec(path)?.[1];
  // As systemd spells it, `-` is `_`; as cgroupfs does, it stays.
  const pod = /pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})/.exec(path)?.[1];
  return { path, id: id?.slice(0, 12), pod: pod?.replaceAll('_', '-') };
}

/** The number of a cgroup, by the path of its directory. Throws E9005. */
export function cgroupId(path: string): number {
  try {
    return Number(statSync(path, { bigint: true }).ino);
  } catch {
    throw new SkepError(noCgroup(path, cgroup2Root()), EXIT.usage);
  }
}
