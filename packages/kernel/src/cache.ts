import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** What can be computed again: kept in `$XDG_CACHE_HOME/skep`, or `~/.cache/skep`. */
export function readCached(name: string): Uint8Array | undefined {
  const folder = cacheFolder();
  if (folder === undefined) return undefined;
  try {
    const file = readFileSync(join(folder, name));
    // Node gives big files a buffer of their own, aligned for any typed array.
    return new Uint8Array(file.buffer, file.byteOffset, file.length);
  } catch {
    return undefined;
  }
}

/** At the end of the process, when nobody waits any more; a place that cannot be written to costs only time. */
export function writeCached(name: string, contents: () => Uint8Array): void {
  const folder = cacheFolder();
  if (folder === undefined) return;
  process.once('exit', () => {
    try {
      mkdirSync(folder, { recursive: true });
      const scratch = join(folder, `${name}.${process.pid}`);
      writeFileSync(scratch, contents());
      renameSync(scratch, join(folder, name));
    } catch {
      // As said.
    }
  });
}

function cacheFolder(): string | undefined {
  if (process.env['XDG_CACHE_HOME']) return join(process.env['XDG_CACHE_HOME'], 'skep');
  const home = homedir();
  return home ? join(home, '.cache', 'skep') : undefined;
}
