import { type FSWatcher, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/**
 * Does the work, and does it again whenever one of the files that it read has changed, until the signal is given. A file
 * that is not there counts too: it may be what was missing.
 */
export async function workOnChange(
  work: () => Promise<{ readonly files: readonly string[] }>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const started = Date.now();
    const { files } = await work();
    const before = fingerprint(files);
    // A file that was saved while it was being read.
    if (files.some((file) => modified(file) > started)) {
      await pause(DEBOUNCE, signal);
      continue;
    }
    while (!signal.aborted && fingerprint(files) === before) await nextEvent(files, signal);
    // Editors write a file in several steps.
    await pause(DEBOUNCE, signal);
  }
}

const DEBOUNCE = 40;
/** How long to wait between looks where the system tells nothing. */
const SLOW = 1000;

/** Folders are watched, since editors replace files. */
function nextEvent(files: readonly string[], signal: AbortSignal): Promise<void> {
  const folders = new Map<string, Set<string>>();
  for (const file of files) {
    const folder = dirname(file);
    folders.set(folder, (folders.get(folder) ?? new Set()).add(basename(file)));
  }
  return new Promise((resolve) => {
    const watchers: FSWatcher[] = [];
    const done = () => {
      for (const one of watchers) one.close();
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, SLOW);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
    for (const [folder, names] of folders) {
      try {
        const made = watch(folder, (_, name) => (name === null || names.has(name) ? done() : undefined));
        made.on('error', done);
        watchers.push(made);
      } catch {
        // No such folder yet, or no more watches: the timer looks after it.
      }
    }
  });
}

function fingerprint(files: readonly string[]): string {
  return files
    .map((file) => {
      const stat = statSync(file, { throwIfNoEntry: false });
      return stat === undefined ? '-' : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
    })
    .join(' ');
}

function modified(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
