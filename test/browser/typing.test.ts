import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { bundledBtfUrl } from '@skep/abi';
import { describe, expect, it } from 'vitest';
import { bundle, chromium, openIn } from './browser.ts';
import type { Typing } from './typing-page.ts';

const here = dirname(fileURLToPath(import.meta.url));
const examples = join(dirname(dirname(here)), 'examples');
/** Of the examples: small, with maps, with packets, with registers of probed functions. */
const NAMES = ['hello.bpf.c', 'opens.bpf.c', 'xdp_count.bpf.c', 'readline.bpf.c'];

describe.skipIf(chromium === undefined)(
  `typing a program in a browser${chromium === undefined ? ' (skipped: no chromium here; apt-get install chromium)' : ''}`,
  () => {
    it('shows what is wrong, and compiles again when it is mended', { timeout: 300_000 }, async () => {
      const results = await typing();
      for (const { name, cold, keystrokes, mistakes, same, stale } of results) {
        const sorted = [...keystrokes].sort((a, b) => a - b);
        const [middle, most] = [sorted[sorted.length >> 1]!, sorted[sorted.length - 1]!];
        console.log(
          `typing ${name}: first ${cold.toFixed(0)} ms, a keystroke ${middle.toFixed(1)} ms, at most ${most.toFixed(1)} ms`,
        );
        expect(mistakes.join(), name).toMatch(/^E1201 'x' is not declared \d+$/);
        expect(same, name).toBe(true);
        expect(stale, name).toBeGreaterThanOrEqual(5);
      }
      expect(results.map((one) => one.name)).toEqual(NAMES);
    });
  },
);

async function typing(): Promise<Typing[]> {
  const files = new Map<string, readonly [type: string, data: string | Uint8Array]>();
  const [html, js, plain] = ['text/html', 'text/javascript', 'application/octet-stream'];
  files.set('/', [html, '<!doctype html><meta charset=utf-8><script type=module src=/page.js></script>']);
  files.set('/page.js', [js, await bundle(join(here, 'typing-page.ts'), true)]);
  files.set('/worker.js', [js, await bundle(join(here, 'typing-worker.ts'), true)]);
  files.set('/types.btf.gz', [plain, readFileSync(bundledBtfUrl())]);
  files.set('/names', [plain, JSON.stringify(NAMES)]);
  for (const name of NAMES) files.set(`/${name}`, [plain, readFileSync(join(examples, name))]);
  let show: (text: string) => void;
  const shown = new Promise<string>((resolve) => {
    show = resolve;
  });
  const server = createServer((request, response) => {
    if (request.method === 'POST') void text(request).then(show);
    const found = files.get(request.url ?? '');
    response.writeHead(found || request.method === 'POST' ? 200 : 404, { 'content-type': found?.[0] ?? plain });
    response.end(found?.[1]);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const profile = mkdtempSync(join(tmpdir(), 'skep-chromium-'));
  const browser = openIn(chromium!, profile, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  try {
    const answer = await Promise.race([shown, browser.ended]);
    const results: Typing[] | { readonly error: string } = JSON.parse(answer);
    if ('error' in results) throw new Error(results.error);
    return results;
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}
