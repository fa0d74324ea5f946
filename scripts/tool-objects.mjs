// Compiles the programs of the tools, so that starting a tool is reading an object.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileProgram } from '../packages/tools/dist/index.js';
import { root } from './prepare.mjs';

const out = join(root, 'packages/tools/dist/programs');
rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const file of readdirSync(join(root, 'packages/tools/programs'))) {
  const name = /^(.+)\.bpf\.c$/.exec(file)?.[1];
  if (name !== undefined) writeFileSync(join(out, `${name}.o`), compileProgram(name));
}
