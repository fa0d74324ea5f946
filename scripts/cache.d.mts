/** Where scripts and tests keep what they have downloaded or built: `$SKEP_CACHE`, or `skep` in the user's cache. */
export function cacheDir(...names: string[]): string;
