import { fileURLToPath } from 'node:url';

/** The package's own folder. This file stays directly below `src`: bundled code believes itself in `dist/index.js`. */
export const ROOM = fileURLToPath(new URL('../', import.meta.url));

/** Whether this is the build, or sources that run as they are. */
export const BUILT = import.meta.url.includes('/dist/');
