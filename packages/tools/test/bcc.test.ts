import { SkepError } from '@skep/base';
import type { TraceTarget } from '@skep/compiler';
import { describe, expect, it } from 'vitest';
import { argdistScript, parseArgdistSpec } from '../src/bcc/argdist-spec.ts';
import { areProbes, parseTraceSpec, traceScript } from '../src/bcc/trace-spec.ts';
import { typeText } from '../src/bcc/types.ts';
import { outputOf, tool } from './record/testing.ts';

const OPENAT = `	field:unsigned short common_type;	offset:0;	size:2;	signed:0;
	field:int __syscall_nr;	offset:8;	size:4;	signed:1;
	field:int dfd;	offset:16;	size:8;	signed:0;
	field:const char * filename;	offset:24;	size:8;	signed:0;`;
const TARGET: TraceTarget = {
  cpus: 1,
  tracepointFormat: (category, name) =>
    category === 'syscalls' && /^sys_(enter|exit)_openat$/.test(name) ? OPENAT : undefined,
};
const PLAIN = { strings: 80, tid: undefined, uid: undefined, kernelStack: false, userStack: false };
const VALUES = 'nsecs, pid, tid, uid, cpu, cgroup, comm, probe';

/** Without what all scripts begin with, and with single blanks. */
const scriptOf = (...specs: string[]) =>
  traceScript(specs.map(parseTraceSpec), PLAIN, TARGET)
    .text.replace(/^config.*\n/, '')
    .replace(/\s+/g, ' ')
    .trim();

function refusal(make: () => unknown): SkepError {
  try {
    make();
  } catch (error) {
    if (error instanceof SkepError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

const marked = ({ diagnostics }: SkepError) => {
  const { span } = diagnostics[0]!;
  return span?.file.text.slice(span.start, span.end);
};

describe('what skep trace is given', () => {
  const isFile = (path: string) => path === 'opens.bt';
  it.each([
    ['do_nanosleep', true],
    ['c:open "%s {%d}", arg1, arg2', true],
    ['p::vfs_read(struct file *file) (file != 0)', true],
    ['kfree_skb+0x12', true],
    ['t:sched:sched_switch', true],
    ['BEGIN { exit(); }', false],
    ['k:vfs_read { @ = count() }', false],
    ['opens.bt', false],
    ['missing.bt', false],
    ['./missing', false],
    ['-', false],
  ])('%s: probes %s', (text, expected) => {
    expect(areProbes([text], isFile)).toBe(expected);
  });
});

describe('probes of trace as scripts', () => {
  it('has system calls at their tracepoints, with arguments by their place', () => {
    expect(scriptOf('__x64_sys_openat (arg1 == 3) "%s", arg2')).toBe(
      `tracepoint:syscalls:sys_enter_openat { if ( args.dfd == 3 ) { printf("%d%d%d%d%d%d%d%s%s%s", 0, ${VALUES}, str( args.filename )); } }`,
    );
  });

  it('translates names, casts, texts and byte orders of C', () => {
    const text = scriptOf(
      `t:sock:x (STRCMP("a b", arg1@user) && $tgid != 5UL && (unsigned long)arg2 > 'A') "%d %K", ntohs(args->port), arg3`,
    );
    expect(text).toContain(`if (("a b" == str( uptr(arg0) ))&& pid != 5 && (uint64) arg1 > 65 )`);
    expect(text).toContain(
      `printf("%d%d%d%d%d%d%d%s%s%d %s", 0, ${VALUES}, (bswap((uint16)( args ->port))), ksym( arg2 ));`,
    );
  });

  it('declares parameters in front of the filter', () => {
    expect(scriptOf('t:a:f(struct file *file, const char __user *to, unsigned n) (n > 1) "%d", n')).toContain(
      '{ $file = (struct file *)arg0; $to = (char *)arg1; $n = (uint32)arg2; if ( $n > 1 ) {',
    );
  });

  it.each([
    ['const volatile unsigned long long', 'uint64'],
    ['long', 'int64'],
    ['short int', 'int16'],
    ['unsigned', 'uint32'],
    ['__s16', 'int16'],
    ['struct sock * *', 'struct sock **'],
    ['size_t', 'size_t'],
  ])('%s is %s', (type, expected) => expect(typeText(type)).toBe(expected));

  it.each([
    ['q:c:open', 'q:c:open'],
    ['c:open arg1', 'arg1'],
    ['c:open (arg1', '(arg1'],
    ['c:open "%d" arg1', 'arg1'],
    ['c:open "%d", $what', '$what'],
    ['c:open "%d", arg1; arg2', ';'],
    ["c:open (arg1 == 'ab')", "'ab'"],
    ['c:open(int', 'c:open'],
    ['p::', 'p::'],
  ])('refuses %s at %s', (spec, at) => {
    const error = refusal(() => scriptOf(spec));
    expect(error.code).toBe('E9014');
    expect(marked(error)).toContain(at);
  });

  it('shows mistakes that the language finds in what the user wrote', async () => {
    const failing = outputOf(tool('trace'), {}, { args: ['c:open "%d", arg1', 'c:open (arg2 == nowhere) "%s", arg1'] });
    const error = await failing.then(
      () => undefined,
      (reason: unknown) => reason as SkepError,
    );
    expect(error).toBeInstanceOf(SkepError);
    expect(error!.code).toBe('E1510');
    expect(marked(error!)).toBe('nowhere');
  });
});

describe('specifications of argdist as scripts', () => {
  const script = (kind: 'count' | 'histogram', spec: string) =>
    argdistScript([parseArgdistSpec(kind, spec)], { strings: 80, tid: undefined }, TARGET)
      .text.replace(/^config.*\n/, '')
      .replace(/\s+/g, ' ')
      .trim();

  it('counts values by their types, behind a filter', () => {
    expect(script('count', 't:a:b(int fd, char *to):int,char*:fd,to:fd==1 ? to : 0#label')).toBe(
      't:a:b'.replace('t:', 'tracepoint:') +
        ' { $fd = (int32)arg0; $to = (char *)arg1; if ( $fd == 1 ? $to : 0 ) { @d0[(int32)( $fd ), str( $to )] = count(); } }',
    );
    expect(parseArgdistSpec('count', 'p:c:f():int:1#label')).toMatchObject({ title: 'label', label: 'label' });
  });

  it('remembers beginnings where times or entries are asked for', () => {
    expect(script('histogram', 'r::sys_openat(int at):u64:$latency/$entry(at):$latency > 5')).toMatch(
      /^tracepoint:syscalls:sys_enter_openat \{ @t0\[tid\] = nsecs; @e0_at\[tid\] = \(int32\)args\.dfd; \}/,
    );
  });

  it.each([
    ['count', 'p:c:f():int', 'int'],
    ['count', 'p:c:f():int,int:1', 'int,int:1'],
    ['histogram', 'p:c:f()', 'p:c:f()'],
    ['histogram', 'p:c:f():int,int:1,2', '1,2'],
    ['count', 'p:c:f():int:1:2:3', '3'],
    ['count', 'p:c:f():u64:$latency', '$latency'],
    ['count', 'r::sys_openat():int:$entry(no)', 'r::sys_openat()'],
  ] as const)('refuses %s of %s at %s', (kind, spec, at) => {
    const error = refusal(() => script(kind, spec));
    expect(error.code).toBe('E9014');
    expect(marked(error)).toContain(at);
  });
});
