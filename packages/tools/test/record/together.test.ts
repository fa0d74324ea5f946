import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { afterAll, describe, expect, it } from 'vitest';
import { executeRecord, executeReplay } from '../../src/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'skep-together-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const permission = permitted();
const quiet = { color: false, signal: new AbortController().signal };

async function replayed(path: string, tool: string | undefined, output: string): Promise<string> {
  let out = '';
  const io = { ...quiet, out: (text: string) => (out += text), err: () => {} };
  await executeReplay({ path, tool, output, filter: undefined, io });
  return out;
}

describe.skipIf(!permission.ok)(
  `several tools in one file${permission.ok ? '' : ` (skipped: ${permission.message})`}`,
  () => {
    it('records them together, and shows all or one', async () => {
      const path = join(scratch, 'night.skep');
      const said: string[] = [];
      await executeRecord({
        path,
        tools: ['exec'],
        command: ['/bin/sh', '-c', 'cat /etc/hostname; kill -0 $$'],
        duration: undefined,
        io: { ...quiet, err: (text) => said.push(text) },
      });
      expect(said.join('')).toMatch(/exitsnoop: recorded \d+ runs/);
      const one = await replayed(path, 'execsnoop', 'jsonl');
      expect(one).toMatch(/"args":"[^"]*cat \/etc\/hostname"/);
      expect(one).not.toMatch(/"tool"/);
      const lines = (await replayed(path, undefined, 'jsonl'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      expect(new Set(lines.map((line) => line.tool))).toEqual(new Set(['execsnoop', 'exitsnoop']));
      const { tools } = JSON.parse(await replayed(path, undefined, 'json'));
      expect(tools.execsnoop.summary.events).toBe(one.trimEnd().split('\n').length);
      expect(await replayed(path, undefined, 'table')).toMatch(/── exitsnoop ──\nPCOMM/);
    });

    it('refuses tools that there are not, here or in the recording', async () => {
      const io = { ...quiet, err: () => {} };
      const path = join(scratch, 'none.skep');
      const call = { path, command: ['true'], duration: undefined, io };
      await expect(executeRecord({ ...call, tools: ['opnesnoop'] })).rejects.toThrow(/E9021/);
      await executeRecord({ ...call, tools: ['exitsnoop'] });
      await expect(replayed(path, 'opensnoop', 'jsonl')).rejects.toThrow(/E9021/);
    });
  },
);
