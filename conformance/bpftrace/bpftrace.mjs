#!/usr/bin/env node
// @ts-check
/** `skep trace` under the name and with the command line of bpftrace, for tests that call it from a shell. */
import { writeSync } from 'node:fs';
import { bpftrace } from './command.mjs';

process.title = 'bpftrace';
const stop = new AbortController();
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) process.on(signal, () => stop.abort());
const home = process.env['SKEP_HOME'] === 'vm' ? 'vm' : 'kernel';
process.exitCode = await bpftrace(process.argv.slice(2), {
  home,
  signal: stop.signal,
  comm: 'bpftrace',
  out: (text) => writeSync(1, text),
  err: (text) => writeSync(2, text),
  attached: () => {
    if (process.env['__BPFTRACE_NOTIFY_PROBES_ATTACHED']) writeSync(1, '__BPFTRACE_NOTIFY_PROBES_ATTACHED\n');
  },
});
process.exit();
