#!/usr/bin/env node
/**
 * Writes packages/abi/src/generated/ from Debian's kernel headers:
 *
 *   node scripts/generate-abi/index.mjs            write the tables
 *   node scripts/generate-abi/index.mjs --btf      also packages/abi/data/ and the kfuncs, from Debian's kernel
 *                                                  image; needs zstd and a build of packages/object
 *   node scripts/generate-abi/index.mjs --protos   also what the verifier checks of helpers, from the kernel's sources
 *   node scripts/generate-abi/index.mjs --check    write nothing; exit 1 when a file would change, 3 when a package
 *                                                  is not in the cache (nothing is fetched); goes with the others
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { parseHeader } from './c-header.mjs';
import { parseErrnos, parseSyscalls } from './flat-headers.mjs';
import { parseHelpers } from './helpers.mjs';
import { INPUTS, unpacked } from './inputs.mjs';
import { kfuncTable, PERF_TABLES, protoTables, writeTables } from './tables.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const OUT = join(ROOT, 'packages/abi/src/generated');

const check = process.argv.includes('--check');
const headers = required(INPUTS.headers);
const files = writeTables(readFacts(headers), sourceName(INPUTS.headers));
let changed = 0;
for (const [name, text] of files) write(join(OUT, name), text);

if (process.argv.includes('--btf')) {
  const image = required(INPUTS.kernel);
  const { bundleBtf } = await import('./bundle-btf.mjs');
  const { btf, kfuncs } = bundleBtf(image);
  write(join(OUT, 'kfuncs.ts'), kfuncTable(kfuncs, sourceName(INPUTS.kernel)));
  writeBtf(join(ROOT, 'packages/abi/data/vmlinux-6.12-amd64.btf.gz'), btf);
}
if (process.argv.includes('--protos')) {
  const sources = required(INPUTS.sources);
  const { parseHelperProtos } = await import('./helper-protos.mjs');
  write(join(OUT, 'helper-protos.ts'), protoTables(parseHelperProtos(sources), sourceName(INPUTS.sources)));
}
console.error(`${changed} files ${check ? 'differ' : 'written'}`);
if (check && changed > 0) process.exit(1);

/** The folder of a package, which `--check` does not fetch. */
function required(input) {
  const folder = unpacked(input, { fetch: !check });
  if (folder !== undefined) return folder;
  console.error(`${sourceName(input)} is not in the cache`);
  process.exit(3);
}

function sourceName(input) {
  return `${input.name} ${input.version}`;
}

function write(path, text) {
  if (readIfThere(path)?.toString('utf8') !== text) change(path, text);
}

/** Compared unpacked: how well it packs depends on the zlib at hand. */
function writeBtf(path, bytes) {
  const before = readIfThere(path);
  if (before === undefined || !gunzipSync(before).equals(bytes)) change(path, gzipSync(bytes, { level: 9 }));
}

function change(path, content) {
  changed++;
  if (check) console.error(`${path} differs from what its package gives`);
  else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

function readFacts(folder) {
  const read = (path) => readFileSync(join(folder, 'usr', path), 'utf8');
  const bpf = read('include/linux/bpf.h');
  const common = parseHeader(read('include/linux/bpf_common.h'));
  const header = parseHeader(bpf, {
    macros: Object.fromEntries(Object.entries(common.macros).map(([name, value]) => [name, { body: String(value) }])),
    values: {},
  });
  return {
    helpers: parseHelpers(bpf),
    macros: { ...common.macros, ...header.macros },
    enums: header.enums,
    records: [...header.records.values()],
    syscalls: {
      x86_64: parseSyscalls(read('lib/linux/uapi/x86/asm/unistd_64.h')),
      arm64: parseSyscalls(read('lib/linux/uapi/arm64/asm/unistd_64.h')),
    },
    perf: enumsOf(read('include/linux/perf_event.h'), Object.values(PERF_TABLES)),
    errnos: parseErrnos(read('include/asm-generic/errno-base.h') + read('include/asm-generic/errno.h')),
  };
}

/** Some enumerations of a header of which nothing else is asked. */
function enumsOf(text, names) {
  const plain = text.replace(/\/\*.*?\*\//gs, '');
  const all = [...plain.matchAll(/^enum (\w+) \{.*?^\};/gms)];
  return parseHeader(
    all
      .filter((one) => names.includes(one[1]))
      .map((one) => one[0])
      .join('\n'),
  ).enums;
}

function readIfThere(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
