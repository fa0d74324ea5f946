import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bundledBtfUrl } from '@skep/abi';
import { SkepError } from '@skep/base';
import { Btf } from '@skep/object';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compile, compileTrace, type TraceOptions } from '../../src/index.ts';

const target: TraceOptions['target'] = {
  cpus: 2,
  tracepoints: () => ['syscalls:sys_enter_openat', 'sched:sched_switch', 'sched:sched_wakeup'],
  tracepointFormat: (_, name) => (name === 'sys_enter_openat' ? OPENAT : SWITCH),
  rawTracepoints: () => ['sched_switch'],
  kernelFunctions: () => ['do_nanosleep', 'vfs_read', 'vfs_write'],
};
const OPENAT = `name: sys_enter_openat
	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:int dfd;	offset:16;	size:8;	signed:0;
	field:const char * filename;	offset:24;	size:8;	signed:0;
`;
const SWITCH = `name: sched_switch
	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t prev_pid;	offset:24;	size:4;	signed:1;
`;

/** With the kernel's types. */
const typed: TraceOptions['target'] = {
  ...target,
  kernelFunctions: () => ['__sys_bpf', 'vfs_read'],
  btf: () => Btf.parse(new Uint8Array(gunzipSync(readFileSync(bundledBtfUrl())))),
};

function compiled(text: string, options: Partial<TraceOptions> = {}) {
  return compileTrace({ name: 'test.bt', text }, { target, ...options });
}

/** The codes and messages of a script that is refused. */
function refusal(text: string, options: Partial<TraceOptions> = {}): string {
  try {
    compiled(text, options);
  } catch (error) {
    if (error instanceof SkepError)
      return error.diagnostics
        .filter((one) => one.severity === 'error')
        .map((one) => `${one.code} ${one.message} @${one.span?.start ?? -1}`)
        .join('\n');
    throw error;
  }
  return 'accepted';
}

describe('scripts become C that compiles', () => {
  test.each([
    'BEGIN { printf("%d %s\\n", 1, "x"); exit(); }',
    'tracepoint:syscalls:sys_enter_openat { @[comm, str(args.filename)] = count(); }',
    'tracepoint:sched:sched_* { @[args.prev_comm] = hist(args.prev_pid); }',
    'kprobe:vfs_* /pid != 0/ { @start[tid] = nsecs; } kretprobe:vfs_* { @us = lhist((nsecs - @start[tid]) / 1000, 0, 100, 10); delete(@start, tid); }',
    'begin { @a[1, "x"] = (1, 2); for ($kv : @a) { print($kv.0.1); if ($kv.1.0 == 1) { break; } } }',
    'begin { $n = 10; for ($i : 0..$n) { if ($i == 5) { return; } } }',
    'macro twice(x) { x + x } begin { print(twice({ $y = 1; $y })); }',
    'struct s { int a; struct { char b:3; } c; } uprobe:/x:f { print(((struct s *)arg0).c.b); }',
    'begin { @x = kstack; @y[ustack(raw, 3)] = 1; print(strftime("%H", nsecs)); }',
    'let @m = lruhash(5); begin { @m["k"] = 1; if (find(@m, "k", $v)) { print($v); } }'
      .replace('find', 'has_key')
      .replace(', $v', '')
      .replace('$v', '1'),
    'begin { $a = (a=1, b="x"); $a = (b="longer", a=2); print($a.b); }',
    'begin { unroll(3) { print("x"); } $i = 0; while ($i < 3) { $i++; if ($i == 2) { continue; } } }',
    'config = { max_strlen = 64 } begin { print(str(0)); }',
    'first=begin { assert_str("a"); print(default_str_length); }',
    '#define TEXT "abc"\n#include <linux/socket.h>\nbegin { printf("%s %d\\n", TEXT, AF_INET6); }',
    'uprobe:/x:f { @[func] = count(); }',
  ])('%s', (text) => {
    const { c } = compiled(text, {
      target: {
        ...target,
        executable: () => ({
          path: '/x',
          functions: () => ['f'],
          symbol: () => ({ address: 1n, size: 8 }),
          probes: () => [],
          fixed: true,
          inode: 1n,
        }),
      },
    });
    const result = compile({ name: 'test.c', text: c });
    expect(result.ok ? '' : result.diagnostics.map((one) => one.message).join('\n')).toBe('');
  });

  test('lines of the program are those of the script', () => {
    const { c } = compiled('BEGIN {\n  $x = 1;\n  print($x);\n}');
    expect(c).toContain('#line 3 "test.bt"');
  });

  test('of the headers of the kernel nothing is read that the script does not use', () => {
    const { c } = compiled('begin { @ = count(); print(1); }');
    expect(c).not.toMatch(/#include <linux|vmlinux/);
    expect(c).toContain('BPF_MAP_TYPE_PERCPU_HASH = 5');
    expect(compiled('kprobe:vfs_read { print(((struct file *)arg0).f_flags); }', { target: typed }).c).toContain(
      'vmlinux.h',
    );
  });

  const noClang =
    spawnSync('clang-19', ['--version']).status !== 0 || !existsSync('/usr/include/bpf/bpf_helper_defs.h');
  test.skipIf(noClang)('clang takes it too, with the headers of libbpf (needs clang-19 and libbpf-dev)', () => {
    const { c } = compiled('begin { @h = hist(nsecs); @[comm, 1] = count(); print(@h); printf("%s\\n", comm); }');
    const { status, stderr } = spawnSync(
      'clang-19',
      ['-target', 'bpf', '-O2', '-x', 'c', '-c', '-o', '/dev/null', '-'],
      {
        input: c,
        encoding: 'utf8',
      },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('stacks of the kernel are the same in all processes, and those of one depth are in one map', () => {
    const { c } = compiled('kprobe:vfs_read { @[kstack(3)] = count(); @u[ustack] = count(); }');
    expect(c).toMatch(/__uint\(value_size, 24\); } skep_stacks_3 /);
    expect(c).toMatch(/__uint\(value_size, 1016\); } skep_stacks_127 /);
    expect(c.match(/= bpf_get_current_pid_tgid\(\) >> 32|>> 32;/g)).toHaveLength(1);
  });

  test('entry and return of the same functions are one program where the kernel has such', () => {
    const text =
      'kprobe:vfs_read { @[tid] = nsecs; } kretprobe:vfs_read { print(retval); } kretprobe:__sys_bpf { print(1); }';
    const multi = { kprobe: true, uprobe: true, session: true };
    const { c, programs } = compiled(text, { target: typed, multi });
    expect(programs.map((one) => one.section)).toEqual(['kprobe.session/vfs_read', 'kretprobe/__sys_bpf']);
    const result = compile({ name: 'test.c', text: c }, { vmlinux: typed.btf!()! });
    expect(result.ok ? '' : result.diagnostics.map((one) => one.message).join('\n')).toBe('');
    expect(compiled(text, { target: typed }).programs).toHaveLength(3);
    // Without the types of the kernel nobody knows whether it has them.
    expect(compiled(text.replace('__sys_bpf', 'vfs_write'), { multi }).programs).toHaveLength(3);
  });

  test('a struct that is passed by value takes two places', () => {
    // int __sys_bpf(enum bpf_cmd cmd, bpfptr_t uattr, unsigned int size)
    const { c } = compiled('fexit:__sys_bpf { print(args.size); print(retval); }', { target: typed });
    expect(c).toContain('((char *)ctx) + 24');
    expect(c).toContain('((u64 *)ctx)[4]');
  });

  test('types grow with what is assigned', () => {
    const map = (text: string) => compiled(text).maps.find((one) => one.name === '@')!.value;
    expect(map('begin { @ = 1; }')).toMatchObject({ kind: 'int', size: 1 });
    expect(map('begin { @ = 1; @ = 300; }')).toMatchObject({ kind: 'int', size: 2 });
    expect(map('begin { @ = "a"; @ = "abc"; }')).toMatchObject({ kind: 'string', size: 4 });
    expect(map('begin { $x = "ab"; @ = (1, $x); $x = "abcd"; }')).toMatchObject({
      items: [{ kind: 'int' }, { size: 5 }],
    });
    expect(map('begin { @ = (int32)1; @ = (uint32)1; }')).toMatchObject({ size: 8, signed: true });
  });
});

describe('what is wrong is said in terms of the script', () => {
  test.each([
    ['begin { print(1 }', 'E1500'],
    ['begin { print("x); }', 'E1502'],
    ['begin { $x = 1y; }', 'E1503'],
    ['config = { max_strle = 1 } begin {}', 'E1505'],
    ['config = { license = "no" } begin {}', 'E1506'],
    ['', 'E1507'],
    ['macro a() { a() } begin { a(); }', 'E1508'],
    ['begin { print(pidd); }', 'E1510'],
    ['begin { print($x); }', 'E1511'],
    ['begin { print(@x + 1); }', 'E1512'],
    ['begin { let $x; let $x; }', 'E1513'],
    ['begin { strlenn("x"); }', 'E1514'],
    ['struct s { int a; } begin { print(((struct s *)0).b); }', 'E1515'],
    ['begin { print((struct nothing *)0); }', 'E1516'],
    ['struct s { intt a; }; begin { }', 'E1517'],
    ['macro m() { @x++ } begin { m(); }', 'E1518'],
    ['begin { $x = 1; $x = "a"; }', 'E1520'],
    ['begin { print(~"a"); }', 'E1521'],
    ['begin { print((1, 2).5); }', 'E1522'],
    ['begin { @a[1] = 1; @a["x"] = 1; }', 'E1523'],
    ['begin { @a[1] = 1; @a = 1; }', 'E1524'],
    ['begin { 1 = 2; }', 'E1525'],
    ['begin { unroll($x) { } $x = 1; }', 'E1511'],
    ['begin { $n = 1; unroll($n) { } }', 'E1527'],
    ['begin { strlen(); }', 'E1530'],
    ['begin { system("ls"); }', 'E1531'],
    ['begin { printf("%d\\n"); }', 'E1532'],
    ['begin { printf("%s\\n", 1); }', 'E1532'],
    ['begin { fail("no"); }', 'E1533'],
    ['begin { print(arg0); }', 'E1534'],
    ['begni { }', 'E1540'],
    ['tracepoint:syscalls:sys_enter_openet { }', 'E1541'],
    ['kprobe:vfs[ { }', 'E1541'],
    ['begin { print(buf(1, "hello")); }', 'E1530 buf() expects an integer length @21'],
    ['begin { print(1 + typeof(uint64)); }', 'E1520 A type is not a value @18'],
    ['kprobe:vfs_[z-a] { }', 'E1541'],
    ['watchpoint:main+arg1:8:w { }', 'E1542'],
    ['watchpoint:0x101:8:w { }', 'E1540'],
    ['watchpoint:0x100:3:w { }', 'E1540'],
    ['watchpoint:0x100:8:wx { }', 'E1540'],
    ['test:a { }', 'E1543'],
    ['kprobe:vfs_read { print(kaddr("nothing")); }', 'E1551'],
    ['import "nothing.bt"; begin { }', 'E1552'],
    ['let @c = percpuhash(5); begin { @c[1] = 2; }', 'E1524 Incompatible map types'],
    ['let @c = hash(5); begin { @c[1] = count(); }', 'E1524 Incompatible map types'],
    ['config = { unstable_tseries = error } begin { @ = tseries(1, 1s, 2); }', 'E1550 tseries() is switched off'],
    ['config = { unstable_map_decl = error } let @a = hash(1); begin { @a[1] = 1; }', 'E1550 the declaration of a map'],
    ['config = { unstable_typeinfo = error } begin { print(typeinfo(uint8)); }', 'E1550 typeinfo() is switched off'],
    ['config = { unstable_import = error } import "a.bt"; begin { }', 'E1550 import is switched off'],
    ['begin { assert_str(1); }', 'E1530 assert_str() wants a string'],
    ['begin { print(dw_ustack(perf)); }', 'E1550 dw_ustack() is not supported'],
    ['begin { unwatch(1); }', 'E1550 unwatch() is not supported'],
    ['fentry:vfs_read { print(path(args.file.f_path)); }', 'E1530 helper bpf_d_path not allowed in probe'],
    ['config = { max_bpf_progs = 1 } kprobe:vfs_* { @[probe] = count(); }', 'E1540 Your program is trying to generate'],
  ])('%s: %s', (text, code) => {
    expect(refusal(text)).toContain(code);
  });

  test('a name that is nearly right', () => {
    try {
      compiled('tracepoint:syscalls:sys_enter_openat { print(args.filname); }');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(SkepError);
      expect((error as SkepError).diagnostics[0]!.help).toBe('did you mean `filename`?');
    }
  });

  test('the place is that of the wrong thing', () => {
    expect(refusal('begin { printf("ok"); $x = 1; $x = "a"; }')).toMatch(/@30$/);
  });
});

test('no text makes it crash', () => {
  const piece = fc.constantFrom(
    ...[
      'begin',
      '{',
      '}',
      '(',
      ')',
      ';',
      ',',
      '$x',
      '$x = 1;',
      '@a',
      '@a[1]',
      '@a[$x]',
      '=',
      '+',
      '==',
      '"s"',
      '1',
      'print(',
      'count()',
      'if',
      'else',
      'for ($i : 0..5)',
      'for ($k : @a)',
    ],
    ...[
      'while (1)',
      'comm',
      'pid',
      'nsecs',
      'str(',
      '.',
      '->',
      '[',
      ']',
      '&',
      '*',
      '-',
      '(int8)',
      '(struct s *)',
      'struct s { int a; };',
      'macro m(x) { x }',
      'm(1)',
      'let',
      ':',
      '?',
      '/',
      'sizeof(',
      'exit()',
      'hist(',
      'tracepoint:sched:sched_switch',
      'args',
      'a=1',
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
      const text = `begin { ${pieces.join(' ')} }`;
      const result = refusal(text);
      if (result !== 'accepted') return true;
      const made = compile({ name: 'x.c', text: compiled(text).c });
      expect(made.ok ? '' : `${text}: ${made.diagnostics.map((one) => `${one.code} ${one.message}`).join('\n')}`).toBe(
        '',
      );
      return true;
    }),
    { numRuns: Number(process.env['SKEP_FUZZ'] ?? 300) },
  );
});
