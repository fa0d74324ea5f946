import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { kernel, open } from 'skep';

/** Loads objects into the running kernel: a line of JSON for each, `{"name", "error"}` with null for those it takes. */
export function loadAll(paths: readonly string[], say: (line: string) => void): void {
  const host = kernel();
  for (const path of paths) {
    let error: string | null = null;
    try {
      open(basename(path), new Uint8Array(readFileSync(path)))
        .spec.load(host)
        .close();
    } catch (thrown) {
      error = String((thrown as Error).message);
    }
    say(JSON.stringify({ name: basename(path), error }));
  }
  host.close();
}

loadAll(process.argv.slice(2), (line) => console.log(line));
