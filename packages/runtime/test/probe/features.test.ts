import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { permitted } from '@skep/kernel';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundledTypes, kernel, openProbe, vm } from '../../src/index.ts';
import type { Events } from '../../src/probe/index.ts';
import { fromKernel } from '../../src/probe/values.ts';

/**
 * What people write without thinking. `x` counts from 0, `u` is the same as a bigint, `v` has a text; `say` sends a number.
 */
const HEAD = `import { array, counter, events, hash, lruHash, params, Xdp, xdp } from 'skep/probe';
export const given = array({ value: { x: 'u32', u: 'u64', i: 'i32', name: 'char[16]', path: 'char[48]' } });
export const out = events({ at: 'u32', n: 'i64' });
export const texts = events({ at: 'u32', text: 'char[24]' });
const opt = params({ who: 'cat', level: 3, path: '/etc/hosts' });
const pairs = hash({ key: { a: 'u32', b: 'u8' }, value: { n: 'u32', t: 'char[16]', at: 'u64' }, max: 64 });
const seen = hash({ key: 'u32', value: 'u64', max: 64 });
const names = lruHash({ key: 'u32', value: 'char[16]', max: 64 });
const Kind = { A: 1, B: 2, 'long name': 3 } as const;
const LIST = [10, -20, 30, 40];
const BIG = [1n, 2n, 1n << 40n];
const NAMES = ['none', 'read', 'write'];
const twice = (n: number) => n * 2;
const drop = (k: number): boolean => seen.delete(k);
const biggest = (a: number, b: number): number => { if (a > b) return a; return b; };
const kindOf = (x: number): number => { switch (x) { case Kind.A: return 100; case Kind.B: return 200; default: return 0; } };
`;

/** Statements of a probe; numbers are sent with `say(…)`, texts with `tell(…)`. */
const FEATURES: readonly string[] = [
  // What a function gives back, though it also does something.
  'seen.set(v.x, 1n); say(drop(v.x) ? 1 : 0); say(drop(v.x) ? 1 : 0);',
  'say(twice(v.x)); say(twice(twice(v.x))); say(biggest(v.i, v.x)); say(kindOf(v.x));',
  'switch (v.name) { case "cat": say(1); break; case "dog": case "bash": say(2); break; case "x": break; default: say(3); }',
  'switch (opt.who) { case "dog": say(1); break; case "cat": say(2); }',
  'switch (v.path) { case "/etc/hosts": say(1); case "": say(2); break; case "a text that is far longer than it has room for": say(4); }',
  'const key = { a: v.x, b: 7 }; pairs.set(key, { n: v.x, t: v.name, at: v.u }); const r = pairs.get(key); say(r ? r.n : -1); tell(r?.t ?? "");',
  'const e = { n: v.x, t: "made", at: v.u }; const f = { ...e, n: e.n + 1 }; pairs.set({ a: 1, b: 2 }, f); const r = pairs.get({ a: 1, b: 2 }); if (r) { say(r.n); tell(r.t); const g = { ...r, n: 9 }; say(g.n); tell(g.t); } say(f.n);',
  'say(Kind["long name"]); say(v["x"]);',
  'say(LIST[v.x & 3]); const one = LIST[v.x]; if (one !== undefined) say(one); say(LIST[v.x] ?? -1); say(LIST[v.i] ?? -2); say(LIST[2]);',
  'const big = BIG[v.x]; if (big !== undefined) say(Number(big)); say(Number(BIG[v.x % 3]));',
  'tell(NAMES[v.x % 3]); tell(NAMES[v.x] ?? "other");',
  'for (const one of NAMES) if (v.name === one) say(1); for (const one of ["cat", "bash", "a"]) { if (v.name === one) tell(one); }',
  'const s = { ...Kind, C: 5 }; say(s.A + s.C); say(s["long name"]);',
  'if (v.x & 1) seen.set(100, 5n); say(Number(seen.get(100) ?? seen.get(v.x) ?? 7n)); const some = seen.get(100) ?? seen.get(v.x); say(some === undefined ? -1 : Number(some)); seen.delete(100);',
  'if (v.x > 2) seen.set(200, v.u); const maybe = v.x & 1 ? seen.get(200) : undefined; say(maybe === undefined ? -1 : Number(maybe)); const other = v.x > 1 ? seen.get(200) : 3n; say(Number(other ?? 4n));',
  'names.set(1, v.name); tell(names.get(1) ?? "nobody"); tell(names.get(2) ?? "nobody"); const n1 = names.get(v.x); if (n1 === opt.who) say(1); tell(n1 ?? opt.who);',
  'const name = v.name; const path = v.path; if (name === opt.who) say(1); if (path === opt.path) say(2); if (path.startsWith("/etc/")) say(3); if (name === path) say(4); if (v.path === v.name) say(5); tell(name);',
  'const { x, name: called } = v; say(x); tell(called);',
  'say(-v.x); say(+v.x); say(~v.i); say(v.x ? 1 : 0); say((v.x || 5) + (v.i && 1 ? 1 : 0));',
];

const file = (bodies: readonly string[]) =>
  `${HEAD}xdp(() => {\n  const v = given.get(0);\n  if (v === undefined) return Xdp.Aborted;\n${bodies
    .map((body, i) => {
      const at = `at: ${i}`;
      const sent = body
        .replace(/\bsay\((.*?)\)(?=;| \}|$)/g, (_, n: string) => `out.emit({ ${at}, n: BigInt(${n}) })`)
        .replace(/\btell\((.*?)\)(?=;| \}|$)/g, (_, t: string) => `texts.emit({ ${at}, text: ${t} })`);
      return `  { ${sent} }\n`;
    })
    .join('')}  return Xdp.Pass;\n});\n`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-features-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const INPUTS = [0, 1, 2, 3, 4, 250].map((x, i) => ({
  x,
  u: BigInt(x) << 33n,
  i: x - 2,
  name: ['cat', 'dog', 'bash', '', 'x', 'something-long-'][i]!,
  path: ['/etc/hosts', '', '/etc/', 'cat', 'x', '/etc/hosts-that-go-on-and-on-and-on-and-on-and-'][i]!,
}));
const SHAPES = { out: { at: 'u32', n: 'i64' }, texts: { at: 'u32', text: 'char[24]' } } as const;

// Few statements a program, so that the stack suffices.
const groups = Array.from({ length: Math.ceil(FEATURES.length / 3) }, (_, i) => FEATURES.slice(3 * i, 3 * i + 3));
it.each(groups.map((bodies, i) => [i, bodies] as const))(
  'the same in JavaScript, the virtual machine and the kernel (%i)',
  async (i, bodies) => {
    const path = join(folder, `features-${i}.ts`);
    writeFileSync(path, file(bodies));
    const probe = await openProbe(path, { btf: bundledTypes() });
    const setGiven = (input: unknown) => (probe.exports['given'] as { set(k: number, v: unknown): void }).set(0, input);
    const simulation = probe.simulate();
    for (const input of INPUTS) {
      setGiven(input);
      simulation.run('xdp', new Uint8Array(64));
    }
    const wanted = ['out', 'texts'].map((name) => (probe.exports[name] as Events<unknown>).collected.slice());
    expect(wanted.flat().length).toBeGreaterThan(10);
    simulation.reset();
    for (const host of [vm({ btf: bundledTypes() }), ...(permitted().ok ? [kernel()] : [])]) {
      const session = probe.load(host);
      for (const input of INPUTS) {
        setGiven(input);
        session.loaded.programs.get('xdp')!.run({ data: new Uint8Array(64) });
      }
      const found = (['out', 'texts'] as const).map((name) => {
        const records: unknown[] = [];
        session.loaded.records.get(name)!.drain((one) => records.push(fromKernel(SHAPES[name], one)), 1_000_000);
        return records;
      });
      session.close();
      expect(found).toEqual(wanted);
    }
  },
);
