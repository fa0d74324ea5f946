import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bundledBtfUrl } from '@skep/abi';
import { renderDiagnostics, SkepError } from '@skep/base';
import { Btf } from '@skep/object';
import { expect, test } from 'vitest';
import { mistakes } from '../../../../conformance/bpftrace/mistakes.mjs';
import { compileTrace, type TraceOptions } from '../../src/index.ts';

let btf: Btf | undefined;
const target: TraceOptions['target'] = {
  cpus: 2,
  btf() {
    btf ??= Btf.parse(new Uint8Array(gunzipSync(readFileSync(bundledBtfUrl()))));
    return btf;
  },
  tracepoints: () => ['syscalls:sys_enter_openat', 'syscalls:sys_exit_openat', 'sched:sched_switch'],
  tracepointFormat: () => '\tfield:const char * filename;\toffset:24;\tsize:8;\tsigned:0;\n',
  kernelFunctions: () => ['vfs_read', 'vfs_write'],
  executable: (name) =>
    name === '/bin/sh'
      ? { path: name, functions: () => ['main'], symbol: () => undefined, probes: () => [], fixed: false, inode: 1n }
      : undefined,
};

const list = mistakes();

test('there are mistakes enough', () => {
  expect(list.length).toBeGreaterThan(40);
  expect(list.filter((one) => one.says === '')).toEqual([]);
});

test.each(list)('$script', ({ script, says }) => {
  const found = messagesOf(script);
  const text = renderDiagnostics(found, { color: false });
  expect(text).toContain(says);
  // One mistake, one message, with its place and a remedy.
  expect(found).toHaveLength(1);
  expect(found[0]!.span?.file.text).toBe(script);
  expect(found[0]!.help).toBeDefined();
});

function messagesOf(script: string) {
  try {
    compileTrace({ name: 'stdin', text: script }, { target });
  } catch (error) {
    if (error instanceof SkepError) return error.diagnostics.filter((one) => one.severity === 'error');
    throw error;
  }
  throw new Error('it is accepted');
}
