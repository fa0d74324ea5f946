import { fileURLToPath } from 'node:url';

/**
 * The package's own folder; asked for late, since finding it takes a while and scripts never want it. This file stays directly below
 * `src`: bundled code believes itself in `dist/index.js`.
 */
export function room(): string {
  return fileURLToPath(new URL('../', import.meta.url));
}

/** Whether this is the build, or sources that run as they are. */
export function isBuilt(): boolean {
  return import.meta.url.includes('/dist/');
}
