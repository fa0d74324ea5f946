import type { BuildOptions } from 'esbuild';

export function bundleModule(entry: string, outfile: string, more?: BuildOptions): Promise<void>;
