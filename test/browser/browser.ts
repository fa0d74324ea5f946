import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { build } from 'esbuild';

/** Where the browser is; undefined without one. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find(existsSync);

/** A script and all that it imports, as a browser takes it. */
export async function bundle(entry: string, minify: boolean): Promise<Uint8Array> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    conditions: ['skep-source', 'browser'],
    minify,
    logLevel: 'silent',
  });
  return result.outputFiles[0]!.contents;
}

export interface Browser {
  /** What it complained about, when it went away by itself. */
  readonly ended: Promise<string>;
  close(): Promise<void>;
}

/** A headless browser on a page, with a profile folder of its own. */
export function openIn(program: string, profile: string, url: string): Browser {
  const flags = [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--disable-dev-shm-usage',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    `--user-data-dir=${profile}`,
    url,
  ];
  const child = spawn(program, flags, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  let complaints = '';
  child.stderr.on('data', (data) => {
    complaints += data;
  });
  const ended = new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(String(error)));
    child.on('exit', () => resolve(complaints));
  });
  return {
    ended,
    close: async () => {
      // Its own group: the browser is many processes.
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
      await ended;
    },
  };
}
