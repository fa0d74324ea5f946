import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { bundledBtfUrl } from '@skep/abi';
import { writePcap } from '@skep/capture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ipv4, ipv6 } from '../../examples/test/packets.ts';
import { type Browser, bundle, chromium, openIn } from './browser.ts';
import { type Outcome, work } from './work.ts';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const PACKETS = [
  ipv4(6),
  ipv4(17, 1400),
  ipv4(1, 98, [7]),
  ipv4(17, 60, [1, 2]),
  ipv4(17, 60, [1, 2, 3]),
  ipv6(58, 86),
  ipv6(17, 120),
  ipv4(6, 64).slice(0, 20),
  new Uint8Array(64),
];

describe.skipIf(chromium === undefined)(
  `a real browser${chromium === undefined ? ' (skipped: no chromium here; apt-get install chromium)' : ''}`,
  () => {
    const files = new Map<string, readonly [type: string, bytes: Uint8Array]>();
    let server: Server;
    let profile: string;
    let browser: Browser;
    let dom = '';

    beforeAll(async () => {
      const file = (path: string) => new Uint8Array(readFileSync(path));
      const html =
        '<!doctype html><meta charset=utf-8><pre id=page></pre><pre id=worker></pre><script type=module src=/page.js></script>';
      const plain = 'application/octet-stream';
      files.set('/', ['text/html', new TextEncoder().encode(html)]);
      files.set('/page.js', ['text/javascript', await bundle(join(here, 'page.ts'), true)]);
      files.set('/types.btf.gz', [plain, file(fileURLToPath(bundledBtfUrl()))]);
      files.set('/packets.pcap', [plain, writePcap(PACKETS.map((data, i) => ({ time: BigInt(i), data })))]);
      for (const name of ['xdp_count.bpf.c', 'opens.bpf.c', 'opens.skep'])
        files.set(`/${name}`, [plain, file(join(root, 'examples', name))]);
      const shown = new Promise<string>((resolve) => {
        server = createServer((request, response) => {
          const found = files.get(request.url ?? '');
          if (request.method === 'POST') void text(request).then(resolve);
          response.writeHead(found || request.method === 'POST' ? 200 : 404, {
            'content-type': found?.[0] ?? 'text/plain',
          });
          response.end(found?.[1]);
        });
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      profile = mkdtempSync(join(tmpdir(), 'skep-chromium-'));
      const { port } = server.address() as AddressInfo;
      browser = openIn(chromium!, profile, `http://127.0.0.1:${port}/`);
      dom = await Promise.race([shown, browser.ended]);
    }, 180_000);

    afterAll(async () => {
      await browser?.close();
      server?.closeAllConnections();
      server?.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    });

    const expected = () =>
      work({
        types: files.get('/types.btf.gz')![1],
        xdp: files.get('/xdp_count.bpf.c')![1],
        opens: files.get('/opens.bpf.c')![1],
        recording: files.get('/opens.skep')![1],
        pcap: files.get('/packets.pcap')![1],
      });

    it('does the work: what it is compared with is not empty', async () => {
      const outcome = await expected();
      expect(outcome.packets['jit']!.verdicts).toEqual(PACKETS.map(() => 2));
      expect(outcome.packets['jit']!.counters).toContain('[17,[{"packets":"3","bytes":"1580"}]]');
      expect(outcome.packets['interpreter']).toEqual(outcome.packets['jit']);
      expect(outcome.records.length).toBeGreaterThan(10);
      expect(new Map(outcome.script.maps['@opened'])).toEqual(
        new Map(countsOf(outcome.records.map(parsed), ({ comm }) => textKey(comm))),
      );
      const failed = outcome.records.map(parsed).filter((one) => one.err !== 0);
      expect(new Map(outcome.script.maps['@failed'])).toEqual(new Map(countsOf(failed, ({ err }) => numberText(err))));
      expect(outcome.refusal.slice(0, 2)).toEqual(['E2107', '`table[data[2]]` may lie outside of its 16 elements']);
      expect(outcome.refusal[3]).not.toHaveLength(0);
    });

    for (const place of ['page', 'worker']) {
      it(`compiles and runs programs in a ${place} as Node does, byte for byte`, async () => {
        expect(resultIn(dom, place)).toEqual(await expected());
      });
    }
  },
);

describe('the bundle for browsers', () => {
  it('stays small', async () => {
    const whole = await bundle(join(root, 'packages/runtime/src/browser.ts'), true);
    const packed = gzipSync(whole, { level: 9 }).length;
    console.log(`skep for browsers: ${whole.length} bytes minified, ${packed} gzipped`);
    expect(packed).toBeLessThan(1_000_000);
  });
});

interface OpenRecord {
  readonly comm: string;
  readonly err: number;
}
const parsed = (record: string) => JSON.parse(record) as OpenRecord;
const textKey = (text: string) => Buffer.from(text.padEnd(16, '\0')).toString('hex');
function numberText(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt(value));
  return bytes.toString('hex');
}

/** What `count()` makes of these. */
function countsOf(records: readonly OpenRecord[], keyOf: (record: OpenRecord) => string): [string, string][] {
  const counts = new Map<string, number>();
  for (const one of records) counts.set(keyOf(one), (counts.get(keyOf(one)) ?? 0) + 1);
  return [...counts].map(([key, count]) => [key, numberText(count)]);
}

function resultIn(dom: string, id: string): Outcome | { readonly error: string } {
  const found = new RegExp(`<pre id="${id}">([^<]*)</pre>`).exec(dom)?.[1];
  if (!found) return { error: `the browser showed no ${id}: ${dom.slice(0, 500)}` };
  const plain = found
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
  return JSON.parse(plain);
}
