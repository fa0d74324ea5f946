import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCode } from '../src/run-code.ts';

const plugin = fileURLToPath(new URL('../../../conformance/plugin/skep-plugin.mjs', import.meta.url));
const built = existsSync(new URL('../dist/run-code.js', import.meta.url));

const code = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
/** r0 = *(u8 *)(r1 + 1); r0 += r2; exit */
const ADD = '71 10 01 00 00 00 00 00 0f 20 00 00 00 00 00 00 95 00 00 00 00 00 00 00';
/** exit of a program that loops for ever before it */
const ENDLESS = '05 00 ff ff 00 00 00 00 95 00 00 00 00 00 00 00';
/** r1 = 0; *(u8 *)(r1 + 0) = 1; exit */
const WILD = 'b7 01 00 00 00 00 00 00 72 01 00 00 01 00 00 00 95 00 00 00 00 00 00 00';

describe.each(['jit', 'interpreter'] as const)('instructions by themselves (%s)', (engine) => {
  it('get memory in r1 and its length in r2', () => {
    expect(runCode(code(ADD), Uint8Array.of(7, 40), { engine }).r0).toBe(42n);
  });
  it('are stopped when they do not end, or touch what is not theirs', () => {
    expect(() => runCode(code(ENDLESS), new Uint8Array(), { engine, budget: 1000 })).toThrow('E4010');
    expect(() => runCode(code(WILD), new Uint8Array(), { engine })).toThrow('E4010');
  });
});

describe('the conformance plugin', () => {
  it.skipIf(!built).each([[], ['--interpret']])(
    `prints r0 in hexadecimal${built ? '' : ' (skipped: needs npm run build)'} %j`,
    (...options) => {
      const run = (input: string, memory: string) =>
        spawnSync(process.execPath, [plugin, memory, ...options], { input, encoding: 'utf8' });
      expect(run(ADD, '07 28')).toMatchObject({ status: 0, stdout: '2a\n' });
      expect(run(WILD, '')).toMatchObject({ status: 1, stdout: '' });
      expect(run('zz', '')).toMatchObject({ status: 1, stderr: 'the program is not in hexadecimal\n' });
    },
  );
});
