import { readdirSync, readFileSync } from 'node:fs';

/** The text of a file of procfs or sysfs; undefined when it is not there or may not be read. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Names in a directory; empty when it is not there or may not be read. */
export function listNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
