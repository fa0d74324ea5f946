#!/usr/bin/env node
/**
 * The plugin contract of the public bpf_conformance suite: the program as hexadecimal bytes on standard input, memory
 * as hexadecimal in the first argument, r0 in hexadecimal on standard output. Compiles the program to WebAssembly;
 * `--interpret` runs the interpreter. Needs `npm run build`.
 *
 *     echo "b7 00 00 00 2a 00 00 00 95 00 00 00 00 00 00 00" | conformance/plugin/skep-plugin.mjs
 */
import { readFileSync } from 'node:fs';
import { runCode } from '@skep/vm';

const args = process.argv.slice(2);
const memory = args.find((one) => !one.startsWith('--')) ?? '';
try {
  const unknown = args.find((one) => one.startsWith('--') && one !== '--interpret' && one !== '--jit');
  if (unknown !== undefined) throw new Error(`there is no option ${unknown}`);
  const engine = args.includes('--interpret') ? 'interpreter' : 'jit';
  const { r0 } = runCode(bytes(readFileSync(0, 'utf8'), 'the program'), bytes(memory, 'the memory'), { engine });
  console.log(r0.toString(16));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

function bytes(text, what) {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits)) throw new Error(`${what} is not in hexadecimal`);
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}
