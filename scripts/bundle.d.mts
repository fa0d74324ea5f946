/** A module of the packages with all that it needs of them, from sources; it runs only inside of the repository. */
export function bundle(entry: string, outfile: string): Promise<void>;
