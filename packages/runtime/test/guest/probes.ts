import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type AttachOptions, openProbe, type ProbeFile, run, type Value } from '../../src/index.ts';
import { Events } from '../../src/probe/events.ts';
import { Histogram } from '../../src/probe/maps.ts';
import { told } from './told.ts';

/** What a file of probes showed in the guest: once attached as a library does it, and once recorded as the command does it. */
export interface Probed {
  readonly name: string;
  readonly failed?: string;
  /** By the name of the export: events in their order, entries of maps sorted by their text. */
  readonly seen: { readonly [name: string]: readonly string[] };
  /** What a second run showed, as the object has it, and the recording of that, in base64. */
  readonly rows?: string;
  readonly recording?: string;
  /** Milliseconds. */
  readonly times: { readonly [step: string]: number };
  /** The process that does it, and the descriptor by which it holds /tmp/held-open. */
  readonly own: number;
  readonly held: number;
}

interface Work {
  readonly attach?: AttachOptions;
  /** With the probes attached; the number of its process is one of the answers. */
  readonly during: () => void | Promise<void>;
  /** What a recording can bring to the virtual machine: this command does the same. */
  readonly recorded?: readonly string[];
}

/** On the guest's own root a file would be removed twice, of the overlay and below it. */
const TMPFS = '/mnt';
const CGROUP = '/sys/fs/cgroup/skep-probes';
const sh = (script: string) => ['/bin/sh', '-c', script];
const shell = (script: string): Work => ({
  during: () => void execFileSync('/bin/sh', ['-c', script], { stdio: 'ignore' }),
  recorded: sh(script),
});

/** By the file's name, with a workload whose right answer the test knows. */
export const WORK: { readonly [name: string]: Work } = {
  functions: shell(`cd ${TMPFS}; touch doomed-one doomed-two kept; rm doomed-one; rm doomed-two kept`),
  lsm: shell(
    `cd ${TMPFS}; echo a > public-of-skep; cat public-of-skep; cat secret-of-skep; echo b >> secret-of-skep; cat public-of-skep`,
  ),
  tracepoints: shell(
    'mkdir -p /tmp/skep-probes; cp /bin/true /tmp/skep-probes/tool; /tmp/skep-probes/tool one two; kill -0 $$; /tmp/skep-probes/tool; kill -0 4000000 2>/dev/null; exit 0',
  ),
  'functions-of-programs': shell('SKEP_GIVEN=1 bash -c \'echo "$SKEP_GIVEN" "$SKEP_MISSING" "$SKEP_GIVEN"\''),
  packets: { attach: { interface: 'lo', cgroup: CGROUP }, during: packets },
  timers: {
    during: () =>
      new Promise((resolve) => {
        const busy = spawn('/bin/sh', ['-c', 'while :; do :; done']);
        setTimeout(() => {
          busy.kill();
          resolve();
        }, 1000);
      }),
  },
  iterators: { during: () => {} },
  // Of examples/typescript, those that need more than the kernel that tests run on may have.
  execsnoop: shell('/bin/true'),
  readsize: shell('cat /etc/hostname'),
  runqlat: { during: () => void execFileSync('/bin/sh', ['-c', 'for i in 1 2 3 4; do sleep 0.02 & done; wait']) },
};

/** In the guest: `node probes.mjs FILE…` */
async function main(paths: readonly string[]): Promise<void> {
  mkdirSync(CGROUP);
  execFileSync('mount', ['-t', 'tmpfs', 'none', TMPFS]);
  writeFileSync(`${TMPFS}/secret-of-skep`, 'x');
  writeFileSync('/tmp/held-open', '');
  const held = openSync('/tmp/held-open', 'r');
  for (const path of paths) {
    const name = basename(path, '.ts');
    const times: { [step: string]: number } = {};
    let result: Probed = { name, seen: {}, times, own: process.pid, held };
    try {
      let start = performance.now();
      const lap = (step: string) => {
        times[step] = Math.round(performance.now() - start);
        start = performance.now();
      };
      const probe = await openProbe(path);
      lap('open');
      result = { ...result, seen: await attached(probe, WORK[name]!, lap) };
      if (WORK[name]!.recorded) result = { ...result, ...(await recorded(probe, WORK[name]!.recorded!)) };
      lap('record');
    } catch (error) {
      result = { ...result, failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    }
    writeFileSync(1, `${JSON.stringify(result)}\n`);
  }
  closeSync(held);
}

async function attached(
  probe: ProbeFile,
  work: Work,
  lap: (step: string) => void,
): Promise<{ [name: string]: string[] }> {
  const seen: { [name: string]: string[] } = {};
  const session = probe.load();
  lap('load');
  try {
    session.attach(work.attach ?? {});
    lap('attach');
    const readers = Object.entries(probe.exports).map(async ([name, one]) => {
      if (!(one instanceof Events)) return;
      const rows: string[] = [];
      seen[name] = rows;
      for await (const row of one) rows.push(told([row as Value]));
    });
    await work.during();
    lap('work');
    session.detach();
    await Promise.all(readers);
    for (const [name, one] of Object.entries(probe.exports)) {
      if (one instanceof Events || typeof one !== 'object' || one === null) continue;
      seen[name] = entriesOf(one);
    }
    return seen;
  } finally {
    session.close();
  }
}

async function recorded(probe: ProbeFile, command: readonly string[]): Promise<{ rows: string; recording: string }> {
  const record = join(mkdtempSync(join(tmpdir(), 'skep-recorded-')), 'run.skep');
  const rows: Value[] = [];
  await run(
    probe.spec,
    { home: 'kernel', record, command },
    { records: (batch, ring) => void rows.push(...named(batch, ring)) },
  );
  return { rows: ordered(rows), recording: readFileSync(record).toString('base64') };
}

/** What a map, counter or histogram holds, or an object of the user side. */
export function entriesOf(one: object): string[] {
  const entries =
    one instanceof Histogram
      ? [...one.slots()]
      : 'entries' in one
        ? [...(one as Map<unknown, unknown>).entries()]
        : Object.entries(one);
  return entries.map((entry) => told([entry as never])).sort();
}

/** Rows with the events that they are of; between those there is no order. */
export function named(batch: readonly Value[], ring: string): Value[] {
  return batch.map((row) => ({ ring, row }));
}
export function ordered(rows: readonly Value[]): string {
  const ring = (one: Value) => (one as { ring: string }).ring;
  return told([...rows].sort((a, b) => ring(a).localeCompare(ring(b))));
}

/** Of a process in the cgroup: five to the open port, three to the closed one, and two connections of which one is refused. */
async function packets(): Promise<void> {
  writeFileSync(`${CGROUP}/cgroup.procs`, String(process.pid));
  const socket = createSocket('udp4');
  const send = (port: number) =>
    new Promise((resolve) => socket.send(new Uint8Array(100), port, '127.0.0.1', () => resolve(undefined)));
  for (let i = 0; i < 5; i++) await send(4242);
  for (let i = 0; i < 3; i++) await send(4243);
  socket.close();
  for (const host of ['10.9.9.9', '127.0.0.1'])
    await new Promise((resolve) => {
      const client = connect(4244, host);
      client.once('error', () => resolve(undefined));
    });
  writeFileSync('/sys/fs/cgroup/cgroup.procs', String(process.pid));
}

if (process.env['VMTEST'] !== undefined) await main(process.argv.slice(2));
