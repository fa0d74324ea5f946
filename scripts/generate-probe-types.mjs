// What probes in TypeScript know of a kernel: `sudo node scripts/generate-probe-types.mjs`, after a build. The formats of
// tracepoints come from the running kernel's tracefs, types of structs and functions from the BTF that skep brings.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundle } from './bundle.mjs';
import { root } from './prepare.mjs';

const OUT = join(root, 'packages/runtime/dist/generate-probe-types.cjs');
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundle(join(root, 'packages/runtime/src/probe/generate-types.ts'), OUT);
  const { generate } = await import(pathToFileURL(OUT).href);
  const { table, types } = generate();
  writeFileSync(join(root, 'packages/compiler/src/typescript/generated/tracepoints.ts'), table);
  writeFileSync(join(root, 'packages/runtime/src/probe/generated/kernel.ts'), types);
}
