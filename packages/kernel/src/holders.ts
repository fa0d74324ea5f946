import { readlinkSync } from 'node:fs';
import { listNames, readText } from './sys/files.ts';

/** A process that has a descriptor of something that is loaded. */
export interface Holder {
  readonly pid: number;
  readonly name: string;
}

/** What processes can hold of the kernel's. */
export type HeldKind = 'program' | 'map' | 'link' | 'btf';

/**
 * Which other processes hold what is loaded, by its kind and number: `program 42`. What nobody holds is pinned, or held by a link
 * or by what it is attached to. Of processes that are not shown to us nothing is known.
 */
export function holders(): ReadonlyMap<string, readonly Holder[]> {
  const found = new Map<string, Holder[]>();
  for (const pid of listNames('/proc')) {
    // Not ourselves, who look at it.
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    let name: string | undefined;
    const seen = new Set<string>();
    for (const fd of listNames(`/proc/${pid}/fd`)) {
      if (!isBpf(`/proc/${pid}/fd/${fd}`)) continue;
      const held = whatIsHeld(readText(`/proc/${pid}/fdinfo/${fd}`) ?? '');
      if (held === undefined || seen.has(held)) continue;
      seen.add(held);
      name ??= (readText(`/proc/${pid}/comm`) ?? '').trim();
      const list = found.get(held) ?? [];
      found.set(held, list);
      list.push({ pid: Number(pid), name });
    }
  }
  return found;
}

/** Descriptors of bpf(2) are named so (anon_inode_getfd): asking each other one what it is would cost much more. */
function isBpf(path: string): boolean {
  try {
    return /^anon_inode:\[?(bpf|btf)/.test(readlinkSync(path));
  } catch {
    return false; // closed meanwhile
  }
}

/** Lines of fdinfo: a link names its program too, and is none. */
function whatIsHeld(text: string): string | undefined {
  for (const [kind, field] of FIELDS) {
    const id = new RegExp(`^${field}:\\s*(\\d+)`, 'm').exec(text)?.[1];
    if (id !== undefined) return `${kind} ${id}`;
  }
  return undefined;
}

const FIELDS: readonly (readonly [HeldKind, string])[] = [
  ['link', 'link_id'],
  ['program', 'prog_id'],
  ['map', 'map_id'],
  ['btf', 'btf_id'],
];
