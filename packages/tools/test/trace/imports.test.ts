import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SkepError } from '@skep/base';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { executeTrace, virtualClock } from '../../src/trace/index.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'skep-imports-'));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  mkdirSync(join(folder, 'lib'));
  mkdirSync(join(folder, 'open'));
  chmodSync(join(folder, 'open'), 0o777);
  write('helpers.bt', 'import "lib"; macro greet { print("hello"); }');
  write('lib/types.h', 'struct mine { int a; long b; };');
  write('lib/four.bt', 'macro four { 4 }');
  write('open/helpers.bt', 'macro greet { print("ours"); }');
  write('config.bt', 'config = { max_strlen = 5 } begin { }');
  write('broken.bpf.c', 'int x(');
  write(
    'own.bpf.c',
    `struct pair { int a; long b; };
int __add_one(int val) { return 1 + val; }
static bool __is_even(unsigned long n) { return (n & 1) == 0; }
static long __length(const char *s) { long n = 0; for (int i = 0; i < 8 && s[i]; i++) n++; return n; }
static struct pair __pair(void) { struct pair p = { 1, 2 }; return p; }
static int seen;
static void __see(int n) { seen += n; }
static int __seen(void) { return seen; }
`,
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a script in that folder prints, or the codes and texts of what is wrong. */
async function run(script: string): Promise<string> {
  const path = join(folder, 'script.bt');
  writeFileSync(path, script);
  let out = '';
  const call = { expressions: [], args: [path], trailing: [], home: 'vm', includes: [], warnings: false, quiet: true };
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: () => {},
    diagnose: () => {},
    signal: AbortSignal.timeout(20_000),
    clock: virtualClock(),
    comm: 'tester',
    environment: {},
  };
  try {
    await executeTrace(
      {
        ...call,
        home: 'vm',
        json: false,
        verbose: false,
        list: false,
        unsafe: false,
        helperErrors: false,
        dryRun: false,
      },
      io,
    );
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    return error.diagnostics.map((one) => `${one.code} ${one.message} (${one.help})`).join('\n');
  }
  return out.trim();
}

it('scripts, headers and folders are imported once', async () => {
  const script =
    'import "helpers.bt"; import "helpers.bt"; begin { greet; greet!(); print((four, sizeof(struct mine))); }';
  expect(await run(script)).toBe('hello\nhello\n(4, 16)');
});

it('functions of imported C are called', async () => {
  const script = `import "own.bpf.c";
begin {
  print(__add_one(41)); print(__is_even(4)); print(__is_even(__add_one(4) + 2)); print(__length("abcd"));
  $n = 5; __see($n); __see(2); print(__seen());
}`;
  expect(await run(script)).toBe('42\ntrue\nfalse\n4\n7');
});

it.each([
  [
    'import "own.bpf.c"; begin { print(__add_one()); }',
    /^E1530 __add_one\(\) requires 1 argument .*__add_one\(int32\)/,
  ],
  ['import "own.bpf.c"; begin { print(__add_one("x")); }', /^E1520 __add_one\(\) takes 'int32' here, not 'string/],
  ['import "own.bpf.c"; begin { print(__length(5)); }', /^E1520 __length\(\) takes 'int8 \*' here, not 'int/],
  [
    'import "own.bpf.c"; begin { print(__pair()); }',
    /^E1530 __pair\(\) gives 'struct pair', which scripts cannot take/,
  ],
  ['import "own.bpf.c"; begin { print(__add_on(1)); }', /^E1514 Unknown function: '__add_on'.*__add_one/],
  ['import "broken.bpf.c"; begin { }', /^E1552 import of .*broken\.bpf\.c failed: expected a type/],
  ['import "config.bt"; begin { }', /^E1552 .*a config block belongs to the main script/],
  ['import "absent.bt"; begin { }', /^E1552 .*there is no such file/],
  ['import "open/helpers.bt"; begin { greet; }', /^E1552 .*everybody can write to the directory .*move it/],
])('%s', async (script, wanted) => {
  expect(await run(script)).toMatch(wanted);
});
