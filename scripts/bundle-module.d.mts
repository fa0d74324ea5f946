import type { BuildOptions } from 'esbuild';

export function bundleModule(entry: string, outfile: string, more?: BuildOptions): Promise<void>;
export function bundleText(contents: string, from: string, folder: string, more?: BuildOptions): Promise<string>;
