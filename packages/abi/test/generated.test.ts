import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import type { UapiField } from '../src/index.ts';
import { UAPI_ENUMS, UAPI_MACROS, UAPI_STRUCTS } from '../src/index.ts';

const script = fileURLToPath(new URL('../../../scripts/generate-abi/index.mjs', import.meta.url));
const objectIsBuilt = existsSync(fileURLToPath(new URL('../../object/dist/index.js', import.meta.url)));

/** The unpacked headers that the tables came from; undefined when nobody has generated on this machine. */
async function headers(): Promise<string | undefined> {
  const inputs = await import(
    pathToFileURL(fileURLToPath(new URL('../../../scripts/generate-abi/inputs.mjs', import.meta.url))).href
  );
  return inputs.unpacked(inputs.INPUTS.headers, { fetch: false });
}

it('generating again changes nothing', (test) => {
  const withBtf = objectIsBuilt
    ? spawnSync('node', [script, '--check', '--btf', '--protos'], { encoding: 'utf8' })
    : undefined;
  const run = withBtf && withBtf.status !== 3 ? withBtf : spawnSync('node', [script, '--check'], { encoding: 'utf8' });
  if (run.status === 3) test.skip(`${run.stderr.trim()}: run node scripts/generate-abi/index.mjs once`);
  expect(run.stderr).toContain('0 files differ');
  expect(run.status).toBe(0);
});

it('a C compiler lays the records out alike, and gives the constants the same values', async (test) => {
  const folder = await headers();
  if (folder === undefined)
    test.skip('the kernel headers are not in the cache: run node scripts/generate-abi/index.mjs once');
  if (spawnSync('gcc', ['--version']).status !== 0) test.skip('no gcc');
  const lines = ['#include <stddef.h>', '#include <linux/bpf.h>'];
  for (const record of UAPI_STRUCTS) {
    const type = `${record.kind} ${record.name}`;
    lines.push(`_Static_assert(sizeof(${type}) == ${record.size}, "size of ${type}");`);
    lines.push(`_Static_assert(_Alignof(${type}) == ${record.align}, "alignment of ${type}");`);
    for (const [path, field] of namedFields(record.fields)) {
      if (field.bitSize !== undefined) continue;
      lines.push(`_Static_assert(offsetof(${type}, ${path}) == ${field.offset}, "offset of ${type}.${path}");`);
      if (field.size > 0)
        lines.push(`_Static_assert(sizeof(((${type} *)0)->${path}) == ${field.size}, "size of ${type}.${path}");`);
    }
  }
  for (const { values } of UAPI_ENUMS) {
    for (const name in values) lines.push(`_Static_assert((long long)${name} == ${values[name]}ll, "${name}");`);
  }
  for (const name in UAPI_MACROS) {
    lines.push(`_Static_assert((long long)${name} == ${UAPI_MACROS[name]}ll, "${name}");`);
  }
  expect(lines.length).toBeGreaterThan(1500);
  const work = mkdtempSync(join(tmpdir(), 'skep-layout-'));
  try {
    writeFileSync(join(work, 'layout.c'), lines.join('\n'));
    const include = ['include', 'include/x86_64-linux-gnu'].flatMap((path) => ['-isystem', join(folder!, 'usr', path)]);
    const run = spawnSync(
      'gcc',
      ['-fsyntax-only', '-nostdinc', '-isystem', gccInclude(), ...include, join(work, 'layout.c')],
      { encoding: 'utf8' },
    );
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
  } finally {
    rmSync(work, { recursive: true });
  }
});

/** Where gcc keeps its stddef.h. */
function gccInclude(): string {
  return spawnSync('gcc', ['-print-file-name=include'], { encoding: 'utf8' }).stdout.trim();
}

/** `test.prog_fd` and the field, through anonymous members. */
function* namedFields(fields: readonly UapiField[], prefix = ''): Generator<readonly [string, UapiField]> {
  for (const field of fields) {
    const path = prefix + field.name;
    if (field.name !== '') yield [path, field];
    if (field.fields) yield* namedFields(field.fields, field.name === '' ? prefix : `${path}.`);
  }
}
