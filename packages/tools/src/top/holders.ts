import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** Which processes hold which programs, by a descriptor of the program or of a link to it: `bpftool (812)`. */
export function holders(): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const pid of numbers('/proc')) {
    const programs = new Set<number>();
    for (const fd of numbers(`/proc/${pid}/fd`)) {
      try {
        const target = readlinkSync(`/proc/${pid}/fd/${fd}`);
        // Events of perf hold programs too, and do not tell which.
        if (!/^anon_inode:\[?bpf[-_](prog|link)/.test(target)) continue;
        const id = /^prog_id:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1];
        if (id !== undefined) programs.add(Number(id));
      } catch {
        // Closed meanwhile.
      }
    }
    if (programs.size === 0) continue;
    const who = `${nameOf(pid)} (${pid})`;
    for (const id of programs) found.set(id, [...(found.get(id) ?? []), who]);
  }
  return found;
}

function numbers(folder: string): string[] {
  try {
    return readdirSync(folder).filter((one) => /^\d+$/.test(one));
  } catch {
    // Of another user, or it ended.
    return [];
  }
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trimEnd();
  } catch {
    return '?';
  }
}
