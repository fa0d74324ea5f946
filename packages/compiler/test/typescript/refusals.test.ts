import { SkepError } from '@skep/base';
import { describe, expect, it } from 'vitest';
import { Random } from '../../../../test/support/random.mjs';
import { CONSTRUCTS, compileProbes } from '../../src/index.ts';

const HEAD = `import { array, comm, counter, events, hash, ipv4, now, params, pid, tracepoint, xdp, Xdp } from 'skep/probe';
const opt = params({ limit: 5 });
const seen = hash({ key: 'u32', value: 'u64' });
const wide = hash({ key: 'u32', value: { a: 'char[200]', b: 'char[200]' } });
const hits = counter({ key: 'u16' });
const sent = events({ pid: 'u32', when: 'u64', comm: 'char[16]' });
let state = 0;
const twice = (n: number): number => n * 2;
const deep = (n: number): number => (n > 0 ? deep(n - 1) : 0);
`;

async function refusal(text: string): Promise<{ code: string; marked: string; help: string | undefined }> {
  const file = { name: 'test.ts', text };
  try {
    await compileProbes(file, {});
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    const [{ code, span, help }] = error.diagnostics as [(typeof error.diagnostics)[number]];
    return { code, marked: span ? text.slice(span.start, span.end) : '', help };
  }
  throw new Error('it was accepted');
}

const inProbe = (body: string) => refusal(`${HEAD}tracepoint('syscalls:sys_enter_openat', (c) => { ${body} });\n`);

/** Each: what is written, the code, what is marked. */
const BODIES: readonly (readonly [string, string, string])[] = [
  ['const x = 0.5;', 'E1610', '0.5'],
  ['const x = pid() / 2;', 'E1611', 'pid() / 2'],
  ['state = 1;', 'E1612', 'state'],
  ['hits.add(state);', 'E1612', 'state'],
  ['const x = [1, 2];', 'E1613', '[1, 2]'],
  ['const x = [pid()];', 'E1613', '[pid()]'],
  ['hits.add(deep(3));', 'E1614', 'deep(n - 1)'],
  ['throw new Error();', 'E1615', 'throw new Error();'],
  ['try { hits.add(1); } catch {}', 'E1615', 'try { hits.add(1); } catch {}'],
  ['while (true) hits.add(1);', 'E1616', 'while (true) '],
  ['for (;;) hits.add(1);', 'E1616', 'for (;;) '],
  ['for (let i = 0; i < pid(); i++) hits.add(i);', 'E1616', 'for (let i = 0; i < pid(); i++) '],
  ['for (let i = 0; i < 4; i--) hits.add(i);', 'E1616', 'for (let i = 0; i < 4; i--) '],
  ['for (const x of [pid()]) hits.add(x);', 'E1616', 'for (const x of [pid()]) '],
  ['const f = () => 1;', 'E1618', '() => 1'],
  [`const x = \`a\${pid()}\`;`, 'E1619', `\`a\${pid()}\``],
  ["const x = comm() + 'x';", 'E1619', "comm() + 'x'"],
  ['const x = comm().length;', 'E1619', 'comm().length'],
  ['const { flags = 1 } = c;', 'E1620', 'flags = 1'],
  ['const { ...rest } = c;', 'E1620', '...rest'],
  ['let n = 0; n ||= 1;', 'E1625', 'n ||= 1'],
  ['hits.add(seen.size);', 'E1646', 'seen.size'],
  ['let n = 0; hits.add(n = 1);', 'E1621', 'n = 1'],
  ['const x = c[comm()];', 'E1622', 'comm()'],
  ['const x = Math.sqrt(4);', 'E1623', 'Math.sqrt(4)'],
  ['console.log(1);', 'E1623', 'console.log(1)'],
  ['const x = new Map();', 'E1624', 'new Map()'],
  ['const x = typeof c.flags;', 'E1624', 'typeof c.flags'],
  ['const x = 2 ** pid();', 'E1625', '2 ** pid()'],
  ['if (pid() == 1) return;', 'E1626', 'pid() == 1'],
  ['var x = 1;', 'E1627', 'var x = 1;'],
  ['let x = seen.get(1);', 'E1628', 'x = seen.get(1)'],
  ['hits.add(Number(seen.get(1)));', 'E1630', 'seen.get(1)'],
  ['const t = seen.get(1); seen.set(2, t);', 'E1630', 't'],
  ['hits.add(pidd());', 'E1631', 'pidd'],
  ['hits.add(c.flag);', 'E1632', 'flag'],
  ['seen.take();', 'E1636', 'seen.take()'],
  ['seen.gett(1);', 'E1632', 'seen.gett(1)'],
  ['hits.entries();', 'E1646', 'hits.entries()'],
  ['seen.set(1, 2);', 'E1633', '2'],
  ['hits.add(now());', 'E1633', 'now()'],
  ['if (c.flags) { const x = now() + 1; }', 'E1633', '1'],
  ['const x = (pid() * 4) * (pid() * 4);', 'E1635', '(pid() * 4) * (pid() * 4)'],
  ['sent.emit({ pid: pid(), when: now() });', 'E1637', '{ pid: pid(), when: now() }'],
  ['sent.emit({ pid: pid(), when: now(), comm: comm(), more: 1 });', 'E1632', '1'],
  ['hits.add(70000);', 'E1638', '70000'],
  ['wide.get(1);', 'E1639', 'wide.get(1)'],
  ['const m = hash({ key: "u32", value: "u32" });', 'E1640', 'hash({ key: "u32", value: "u32" })'],
  ["const x = ipv4('300.0.0.1');", 'E1633', "'300.0.0.1'"],
  ['const x = 1; x = 2;', 'E1641', 'x'],
];

const FILES: readonly (readonly [string, string, string])[] = [
  [`${HEAD}xdp((p) => { hits.add(pid()); return Xdp.Pass; });`, 'E1648', 'pid()'],
  ['const x = ;', 'E1600', ';'],
  ["import { hash } from 'skep/probe';", 'E1601', 'i'],
  ["import * as skep from 'skep/probe';", 'E1602', '* as skep'],
  ["import { tracepont } from 'skep/probe';", 'E1603', 'tracepont'],
  [
    "import { xdp, Xdp } from 'skep/probe'; import { f } from './f.ts'; xdp((p) => { f(); return Xdp.Pass; });",
    'E1604',
    'f',
  ],
  [`${HEAD}tracepoint('syscalls:sys_enter_opennat', (c) => {});`, 'E1643', "'syscalls:sys_enter_opennat'"],
  [`${HEAD}tracepoint('openat', (c) => {});`, 'E1644', "'openat'"],
  [`${HEAD}tracepoint('syscalls:sys_enter_openat', async (c) => {});`, 'E1617', 'async (c) => {}'],
  [`${HEAD}xdp((p) => { if (p.length > 5) return Xdp.Drop; });`, 'E1645', '}'],
  [`${HEAD}xdp((p) => { const ip = p.eth().ipv4(); return Xdp.Pass; });`, 'E1630', 'p.eth()'],
  [`${HEAD}const m = hash({ key: 'u33', value: 'u32' }); xdp((p) => Xdp.Pass);`, 'E1642', "'u33'"],
  [`${HEAD}const m = hash({ key: 'u32' }); xdp((p) => Xdp.Pass);`, 'E1641', "m = hash({ key: 'u32' })"],
];

describe('what probes cannot have', () => {
  it.each(BODIES)('%s', async (body, code, marked) => {
    const found = await inProbe(body);
    expect(found).toMatchObject({ code, marked });
    expect(found.help).toBeTruthy();
  });
  it.each(FILES)('%s', async (text, code, marked) => {
    const found = await refusal(text);
    expect(found).toMatchObject({ code, marked });
    expect(found.help).toBeTruthy();
  });
  it('says what there is instead, where that is known', async () => {
    const instead = async (body: string) => (await inProbe(body)).help;
    expect(await instead('console.log(1);')).toContain('as an event');
    expect(await instead('const t = Date.now();')).toContain('`now()`');
    expect(await instead('sent.emit({ pid: pid(), when: now(), comm: c.filename });')).toContain('.str(64)');
    expect(await instead('hits.add(c.nothing);')).toContain('`filename`');
  });
  it('says of what is refused only that', async () => {
    for (const body of ['const f = (x: number) => x; hits.add(f(1));', 'hits.add(Kind.A);']) {
      const text = `${HEAD}enum Kind { A }\ntracepoint('syscalls:sys_enter_openat', (c) => { ${body} });\n`;
      const found = await compileProbes({ name: 'test.ts', text }, {}).catch((error: SkepError) => error.diagnostics);
      expect((found as readonly { code: string }[]).map((one) => one.code).filter((one) => one !== 'E1605')).toEqual(
        body.startsWith('const') ? ['E1618'] : [],
      );
    }
  });
  it('names every construct of the table in some test', () => {
    const tested = new Set([...BODIES, ...FILES].map(([, code]) => code));
    // E1605 is said when the module is made a script; see strip.test.ts.
    const missing = Object.values(CONSTRUCTS).filter((one) => !tested.has(one.code) && one.code !== 'E1605');
    expect(missing).toEqual([]);
  });
  it('finds all of them at once', async () => {
    const text = `${HEAD}tracepoint('syscalls:sys_enter_openat', (c) => { const x = 0.5; state = 1; hits.add(c.flag); });\n`;
    const codes = await compileProbes({ name: 'test.ts', text }, {}).then(
      () => [],
      (error: SkepError) => error.diagnostics.map((one) => one.code),
    );
    expect(codes).toEqual(['E1610', 'E1612', 'E1632']);
  });
  it('ends with diagnostics on any mutation of a program', async () => {
    const text = `${HEAD}xdp((p) => { const ip = p.eth()?.ipv4(); if (!ip) return Xdp.Pass; for (let i = 0; i < 4; i++) hits.add(twice(i)); return ip.ttl > 3 ? Xdp.Drop : Xdp.Pass; });`;
    const random = new Random(7);
    let refused = 0;
    for (let i = 0; i < 400; i++) {
      const at = random.below(text.length);
      const piece = random.pick(['', '(', '}', '?.', 'ip', ' = ', '0n', '`', '...', 'let ']);
      const mutated = text.slice(0, at) + piece + text.slice(at + random.below(6));
      try {
        await compileProbes({ name: 'mutated.ts', text: mutated }, {});
      } catch (error) {
        if (!(error instanceof SkepError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(200);
  });
});
