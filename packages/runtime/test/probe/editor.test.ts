import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const EXAMPLES = join(ROOT, 'examples/typescript');
/** Inside of the repository, so that `skep/probe` is found. */
const FOLDER = join(ROOT, '.cache/editor-test');

/** Each: an example, what is changed in it, and what the editor says. */
const WRONG: readonly (readonly [string, string, string, RegExp])[] = [
  ['opensnoop', '  if (!a) return;\n', '', /TS18048: 'a' is possibly 'undefined'/],
  ['runqlat', 'if (since !== undefined) ', '', /TS18048: 'since' is possibly 'undefined'/],
  ['xdpdrop', 'p.eth()?.ipv4()', 'p.eth().ipv4()', /TS2532: Object is possibly 'undefined'/],
  ['xdpdrop', '  if (!ip) return Xdp.Pass;\n', '', /TS18048: 'ip' is possibly 'undefined'/],
  ['runqlat', "'sched_switch'", "'sched_switchh'", /TS2345: Argument of type '"sched_switchh"' is not assignable/],
  [
    'opensnoop',
    'sys_enter_openat',
    'sys_enter_opennat',
    /TS2345: Argument of type '"syscalls:sys_enter_opennat"' is not assignable/,
  ],
  ['opensnoop', 'c.filename', 'c.filenam', /Property 'filenam' does not exist/],
  ['runqlat', 'prev.__state', 'prev.state', /Property 'state' does not exist/],
  ['opensnoop', 'ret: c.ret', 'ret: Number(c.ret)', /TS2322: Type 'number' is not assignable to type 'bigint'/],
  ['opensnoop', ', comm: comm()', '', /Property 'comm' is missing/],
  ['connects', 'return allowed;', '', /TS2769: No overload matches/],
  ['readsize', "'vfs_read', (ret)", "'vfs_reed', (ret)", /TS2345: Argument of type '"vfs_reed"'/],
];

const flags =
  '--ignoreConfig --noEmit --strict --noUncheckedIndexedAccess --module nodenext --target es2022 --lib es2023,dom --types node --allowImportingTsExtensions --customConditions skep-source --skipLibCheck'.split(
    ' ',
  );

function check(files: readonly string[]): string {
  try {
    return execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [...flags, ...files], { cwd: ROOT, encoding: 'utf8' });
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}

describe('what an editor says of probes', () => {
  beforeAll(() => mkdirSync(FOLDER, { recursive: true }));
  afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

  it('is nothing for the examples', () => {
    expect(
      check(
        readdirSync(EXAMPLES)
          .filter((one) => one.endsWith('.ts'))
          .map((one) => join(EXAMPLES, one)),
      ),
    ).toBe('');
  });

  it('is nothing for the programs of the page', () => {
    const page = readFileSync(join(ROOT, 'docs/typescript-probes.md'), 'utf8');
    copyFileSync(join(EXAMPLES, 'opensnoop.ts'), join(FOLDER, 'opensnoop.ts'));
    const files = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code], i) => {
      const file = join(FOLDER, `page-${i}.ts`);
      writeFileSync(file, code!);
      return file;
    });
    expect(files.length).toBeGreaterThan(3);
    const said = check(files).split('\n');
    expect(said.filter((one) => one.includes('page-'))).toEqual([]);
  });

  it('names what is wrong with each that was made wrong', () => {
    const files = WRONG.map(([example, from, to], i) => {
      const text = readFileSync(join(EXAMPLES, `${example}.ts`), 'utf8');
      expect(text, from).toContain(from);
      const file = join(FOLDER, `wrong-${i}.ts`);
      writeFileSync(file, text.replace(from, to));
      return file;
    });
    const said = check(files).split('\n');
    for (const [i, [example, from, , wanted]] of WRONG.entries())
      expect(said.filter((one) => one.includes(`wrong-${i}.ts`)).join('\n'), `${example} without ${from}`).toMatch(
        wanted,
      );
  });
});
