import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { SkepError } from '@skep/base';
import { permitted } from '@skep/kernel';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
  'const how = v.x === 1 ? "one" : v.x > 2 && seen.get(v.x) === undefined ? v.name : v.i < 0 ? names.get(9) ?? "none" : opt.who; tell(how); if (how === "one") say(1); tell(v.x ? (v.i ? "a" : "bc") : "d");',
  'const who = v.name || "nobody"; tell(who); tell(names.get(v.x)?.startsWith("b") ? "b" : v.name || opt.who); if (v.name || v.x > 2) say(1); if (v.name || "") say(2);',
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

describe('several files', () => {
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);

  it('constants, lists and functions of other files are used', async () => {
    write(
      'shared.ts',
      `import { now } from 'skep/probe';
import { HALF, halve } from './more.ts';
export const LIMIT = 40, PORTS = [80, 443], Kind = { Small: 1, Large: 2 } as const;
export const kindOf = (n: number, limit = LIMIT): number => (n > limit ? Kind.Large : Kind.Small);
export function isWeb(port: number): boolean { return PORTS.includes(port); }
export const late = (): boolean => now() > 0n;
const hidden = (n: number) => halve(n) + HALF;
export { hidden as both };
export interface Row { n: number }
`,
    );
    write(
      'more.ts',
      `import { LIMIT } from './shared.ts';
export const HALF = 7;
export const halve = (n: number): number => Math.trunc(n / 2);
export const around = () => LIMIT;
`,
    );
    write(
      'several.ts',
      `import { array, events, Xdp, xdp } from 'skep/probe';
import { both, isWeb, Kind, kindOf, LIMIT as MOST, type Row } from './shared.ts';
import * as path from 'node:path';
export const slots = array({ value: 'u32', max: MOST });
export const out = events({ at: 'u32', n: 'i64' });
const halve = (n: number) => n;
xdp((p) => {
  const kind = kindOf(p.length);
  out.emit({ at: kind + (isWeb(p.length) ? 10 : 0), n: BigInt(both(p.length) * kindOf(p.length, 1000) + halve(MOST)) });
  return kind === Kind.Large ? Xdp.Drop : Xdp.Pass;
});
export default () => path.sep;
`,
    );
    const probe = await openProbe(join(folder, 'several.ts'), { btf: bundledTypes() });
    const sizes = [14, 40, 41, 80, 443];
    const simulation = probe.simulate();
    const verdicts = sizes.map((size) => simulation.run('xdp', new Uint8Array(size)));
    const wanted = (probe.exports['out'] as Events<unknown>).collected.slice();
    expect(verdicts).toEqual([2, 2, 1, 1, 1]);
    simulation.reset();
    const session = probe.load(vm({ btf: bundledTypes() }));
    const program = session.loaded.programs.get('xdp')!;
    expect(sizes.map((size) => program.run({ data: new Uint8Array(size) }).retval)).toEqual(verdicts);
    const found: unknown[] = [];
    session.loaded.records.get('out')!.drain((one) => found.push(fromKernel(SHAPES.out, one)), 100);
    session.close();
    expect(found).toEqual(wanted);
  });

  it('what is wrong is told where it stands', async () => {
    write(
      'wrong.ts',
      `import { counter } from 'skep/probe';
export const seen = counter();
export const divided = (n: number) => n / 2;
export const counted = () => { seen.add(1); return 1; };
export const deep = (n: number): number => deep(n - 1);
export default 5;
`,
    );
    const uses = [
      'divided(p.length)',
      'divided(1 << 20)',
      'counted()',
      'deep(1)',
      'seen',
      'absent',
      'all.LIMIT',
      'standard',
      'gone',
      'sep',
    ];
    write(
      'uses.ts',
      `import { counter, Xdp, xdp } from 'skep/probe';
import { absent, counted, deep, divided, seen } from './wrong.ts';
import * as all from './wrong.ts';
import standard from './wrong.ts';
import { gone } from './gone.ts';
import { sep } from 'node:path';
export const hits = counter();
${uses.map((one) => `xdp((p) => { hits.add(${one}); return Xdp.Pass; });`).join('\n')}
`,
    );
    const error = await openProbe(join(folder, 'uses.ts'), { btf: bundledTypes() }).catch((one: unknown) => one);
    if (!(error instanceof SkepError)) throw error;
    const told = error.diagnostics.map(({ code, span, help }) => {
      expect(help).toBeTruthy();
      return `${code} ${basename(span!.file.name)}:${span!.file.text.slice(span!.start, span!.end)}`;
    });
    expect(told).toEqual([
      'E1611 wrong.ts:n / 2',
      'E1604 wrong.ts:seen',
      'E1614 wrong.ts:deep(n - 1)',
      ...['seen', 'absent', 'all', 'standard', 'gone', 'sep'].map((one) => `E1604 uses.ts:${one}`),
    ]);
  });
});

it('what needs more stack than there is is told with the places of what takes it', async () => {
  const names = Array.from({ length: 12 }, (_, i) => `n${i}`);
  const text = `import { events, tracepoint } from 'skep/probe';
export const sent = events({ ${names.map((one) => `${one}: 'char[64]'`).join(', ')} });
tracepoint('syscalls:sys_enter_openat', (c) => {
${names.map((one, i) => `  const ${one} = c.filename.str(${64 - i});`).join('\n')}
  sent.emit({ ${names.join(', ')} });
});
`;
  writeFileSync(join(folder, 'stack.ts'), text);
  const error = await openProbe(join(folder, 'stack.ts'), { btf: bundledTypes() }).catch((one: unknown) => one);
  if (!(error instanceof SkepError)) throw error;
  const [first] = error.diagnostics;
  expect(first).toMatchObject({ code: 'E1300', help: expect.stringMatching(/keep fewer texts/) });
  const notes = first!.notes!.filter((one) => one.span).map((one) => [one.message, one.span!.file.name]);
  expect(notes[0]).toEqual(['`n0` takes 64 bytes', join(folder, 'stack.ts')]);
});
