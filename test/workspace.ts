import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The rooms from top to bottom: a package imports only from packages above it. */
export const ROOMS = [
  'base',
  'abi',
  'object',
  'compiler',
  'verifier',
  'capture',
  'vm',
  'kernel',
  'runtime',
  'view',
  'tools',
  'cli',
];

/** What each may import, as ARCHITECTURE.md says. */
export const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  abi: ['base'],
  object: ['base', 'abi'],
  compiler: ['base', 'abi', 'object'],
  verifier: ['base', 'abi', 'object'],
  capture: ['base'],
  vm: ['base', 'abi', 'object', 'capture'],
  kernel: ['base', 'abi', 'object'],
  runtime: ['base', 'abi', 'object', 'compiler', 'verifier', 'capture', 'vm', 'kernel'],
  view: ['base'],
  tools: ROOMS.slice(0, -2),
  cli: ROOMS.slice(0, -1),
};

export interface Package {
  readonly room: string;
  readonly name: string;
  /** From the root of the repository. */
  readonly folder: string;
  readonly browser: boolean;
  /** The file a browser would load. */
  readonly browserEntry: string;
  readonly dependencies: readonly string[];
}

/** Every package of the workspace, in the order of {@link ROOMS}. */
export const packages: readonly Package[] = readdirSync(join(root, 'packages'))
  .filter((room) => existsSync(join(root, 'packages', room, 'package.json')))
  .sort((a, b) => ROOMS.indexOf(a) - ROOMS.indexOf(b))
  .map((room) => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages', room, 'package.json'), 'utf8'));
    const entry = manifest.exports['.'];
    return {
      room,
      name: manifest.name,
      folder: `packages/${room}`,
      browser: manifest.skep?.browser === true,
      browserEntry: entry.browser?.['skep-source'] ?? entry['skep-source'],
      dependencies: Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }),
    };
  });

/** Every source file below a folder, relative to the root of the repository. */
export function filesBelow(folder: string, ending: RegExp): string[] {
  const found: string[] = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...filesBelow(path, ending));
    else if (ending.test(entry.name)) found.push(path);
  }
  return found;
}
