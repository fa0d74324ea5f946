// @ts-check
/**
 * node packages/verifier/scripts/generate-contexts.mjs DIRECTORY
 *
 * Makes src/generated/contexts.ts from measurements of kernels (`probe-6.12.jsonl.gz` …): by loading programs that do
 * one thing each, what may be read and written of a context, which helpers may be called, which results are allowed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

const KERNELS = ['6.1', '6.12', '6.18'];
const directory = process.argv[2];
if (directory === undefined) throw new Error('which directory holds the measurements?');

/** @type {string[]} */
const contexts = [];
/** @type {string[]} */
const helpers = [];
const indexIn = (/** @type {string[]} */ list, /** @type {string} */ text) => {
  const at = list.indexOf(text);
  return at >= 0 ? at : list.push(text) - 1;
};

/** @param {readonly number[]} numbers */
function runs(numbers) {
  /** @type {string[]} */
  const out = [];
  const sorted = [...numbers].sort((a, b) => a - b);
  for (let i = 0; i < sorted.length; ) {
    let j = i;
    while (sorted[j + 1] === /** @type {number} */ (sorted[j]) + 1) j++;
    out.push(i === j ? `${sorted[i]}` : `${sorted[i]}-${sorted[j]}`);
    i = j + 1;
  }
  return out.join(',');
}

/** @param {string} kernel */
function rowsOf(kernel) {
  /** @type {Map<string, { type: number, attach: number, result: string, access: string[], helpers: number[] }>} */
  const programs = new Map();
  const lines = gunzipSync(
    readFileSync(join(/** @type {string} */ (directory), `probe-${kernel}.jsonl.gz`)),
  ).toString();
  for (const line of lines.split('\n')) {
    if (line === '') continue;
    const one = JSON.parse(line);
    if (one.k === 'type') {
      if (one.errno !== 0) continue;
      const least = Math.min(...one.ret_ok);
      const most = Math.max(...one.ret_ok);
      const any = one.ret_unknown_msg === 'accept';
      programs.set(one.prog, {
        type: one.type,
        attach: one.attach,
        result: any ? 'undefined' : `[${least}, ${most}]`,
        access: [],
        helpers: [],
      });
      continue;
    }
    const program = programs.get(one.prog);
    if (program === undefined) continue;
    if (one.k === 'ctx') {
      const pointer = /^scalar|^[0-9-]|^inv|^$/.test(one.t ?? '') ? '' : String(one.t).replace(/\(.*$/, '');
      program.access.push(`${one.off}.${one.size}.${one.r | (one.w << 1)}${pointer}`);
    } else if (one.k === 'helpers') program.helpers = one.ids ?? one.ok;
  }
  return [...programs.values()].map(
    (one) =>
      `    { type: ${one.type}, attach: ${one.attach}, context: ${indexIn(contexts, one.access.join(' '))}, helpers: ${indexIn(helpers, runs(one.helpers))}, result: ${one.result} },`,
  );
}

const order = ['6.12', ...KERNELS.filter((one) => one !== '6.12')];
const tables = order.map((kernel) => `  '${kernel}': [\n${rowsOf(kernel).join('\n')}\n  ],`);
writeFileSync(
  new URL('../src/generated/contexts.ts', import.meta.url),
  `// Measured by loading programs that do one thing each: scripts/generate-contexts.mjs. Do not edit.

/** Readable and writable bytes of a context: \`offset.size.access\`, access 1 read, 2 write, then the pointer it gives. */
export const CONTEXT_TABLES: readonly string[] = [
${contexts.map((text) => `  '${text}',`).join('\n')}
];

/** Helper numbers. */
export const HELPER_TABLES: readonly string[] = [
${helpers.map((text) => `  '${text}',`).join('\n')}
];

export interface ProgramTable {
  readonly type: number;
  readonly attach: number;
  readonly context: number;
  readonly helpers: number;
  readonly result: readonly [number, number] | undefined;
}

/** By kernel. */
export const PROGRAM_TABLES: Readonly<Record<'6.1' | '6.12' | '6.18', readonly ProgramTable[]>> = {
${tables.join('\n')}
};
`,
);
