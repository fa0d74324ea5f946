import { equal, match, ok } from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { SkepError } from '@skep/base';
import { type Loaded, open, readRecording, type Spec, type Value } from '../../src/index.ts';
import { type RunOptions, run } from '../../src/node/run.ts';

/** One line of the output: what became of an example. */
export interface Outcome {
  readonly name: string;
  readonly result: 'ok' | 'failed';
  readonly message?: string;
  /** Of the error. */
  readonly code?: string | undefined;
  /** What became of it in the virtual machine, over a recording of the same workload. */
  readonly replayed?: Outcome;
}

/** Examples that a kernel cannot run, and the code of the error that says so. */
export const REFUSED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Linux 7 has no do_unlinkat.
  '7.3': { unlink_kprobe: 'E5015', unlink_fentry: 'E5015' },
};

/** Examples whose runs a recording does not bring to the virtual machine yet, and why. */
export const NOT_REPLAYED: Readonly<Record<string, string>> = {
  xdp_count: 'packets come from captures',
  xdp_drop: 'packets come from captures',
};

/** What a run showed. */
interface Shown {
  readonly records: readonly Value[];
  readonly trace: readonly string[];
  /** Entries of a map at the end. */
  readonly maps: ReadonlyMap<string, readonly (readonly [Value, Value])[]>;
  readonly lost: number;
}

interface Example {
  readonly options: Omit<RunOptions, 'home'>;
  /** With the programs attached. */
  readonly during?: (loaded: Loaded) => void | Promise<void>;
  readonly check: (shown: Shown) => void;
}

type Fields = { readonly [name: string]: Value };
const sh = (script: string) => ({ command: ['/bin/sh', '-c', script] });
const has = (records: readonly Value[], wanted: Fields): void => {
  const fits = (record: Value) => Object.entries(wanted).every(([name, value]) => (record as Fields)[name] === value);
  ok(records.some(fits), `${json(wanted)} is not among ${json(records)}`);
};
const printed = (shown: Shown, pattern: RegExp): void => match(shown.trace.join('\n'), pattern);

/** Each with a workload whose right answer is known. */
export const EXAMPLES: Readonly<Record<string, Example>> = {
  execs: {
    options: sh('/bin/true; /bin/ls >/dev/null'),
    check({ records }) {
      has(records, { path: '/bin/true', comm: 'sh', uid: 0 });
      has(records, { path: '/bin/ls', comm: 'sh' });
    },
  },
  exits: {
    options: sh('(exit 3); kill -9 $$'),
    check({ records }) {
      has(records, { exit_code: 3, signal: 0, comm: 'sh' });
      has(records, { exit_code: 0, signal: 9, comm: 'sh' });
    },
  },
  hello: {
    options: sh('echo hi >/dev/null; echo ho >/dev/null'),
    check: (shown) => equal(shown.trace.filter((line) => /^hello from process \d+$/.test(line)).length, 2),
  },
  open_filter: {
    options: { ...sh('cat /etc/hostname >/dev/null'), globals: { target_pid: 0 } },
    check: (shown) => printed(shown, /^pid \d+ opens \/etc\/hostname$/m),
  },
  opens: {
    options: sh('cat /etc/hostname /nowhere >/dev/null 2>&1'),
    check({ records }) {
      has(records, { path: '/etc/hostname', comm: 'cat', fd: 3, err: 0 });
      has(records, { path: '/nowhere', comm: 'cat', fd: -1, err: 2 });
    },
  },
  signals: {
    options: sh('sleep 9 & kill -9 $!'),
    check: (shown) => printed(shown, /^pid \d+ sends signal 9 to \d+$/m),
  },
  unlink_kprobe: {
    options: sh('touch /tmp/doomed; rm /tmp/doomed'),
    check(shown) {
      printed(shown, /^pid \d+ deletes \/tmp\/doomed$/m);
      printed(shown, /^pid \d+: result 0$/m);
    },
  },
  unlink_fentry: {
    options: sh('touch /tmp/doomed; rm /tmp/doomed'),
    check(shown) {
      printed(shown, /^pid \d+ deletes \/tmp\/doomed$/m);
      printed(shown, /^pid \d+: result 0 for \/tmp\/doomed$/m);
    },
  },
  hardirqs: {
    // Files come from outside of the guest, by a device that interrupts.
    options: sh('cat /usr/share/perl/*/*.pm /usr/include/*.h >/dev/null 2>&1; find /usr/share/doc >/dev/null'),
    check({ maps }) {
      const totals = maps.get('totals')!;
      ok(
        totals.some(([, cpus]) => Number((cpus as Fields[])[0]!['count']) > 0),
        json(totals),
      );
    },
  },
  runq: {
    options: sh('for i in 1 2 3 4; do sleep 0.02 & done; wait'),
    check({ maps }) {
      const slots = (maps.get('waits')![0]![1] as Fields)['slots'] as number[];
      ok(slots.reduce((sum, one) => sum + one, 0) >= 4, json(slots));
    },
  },
  profile: {
    options: sh('i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done'),
    check({ maps }) {
      const samples = maps.get('counts')!.filter(([key]) => (key as Fields)['comm'] === 'sh');
      ok(samples.length > 0);
      ok(maps.get('stacks')!.length > 0);
    },
  },
  readline: {
    options: sh(`printf 'echo typed\\nexit\\n' | script -qec 'bash --norc -i' /dev/null >/dev/null`),
    check: ({ records }) => has(records, { line: 'echo typed', comm: 'bash' }),
  },
  xdp_count: {
    options: { interface: 'lo', duration: 600 },
    during: () => packets(7),
    check({ maps }) {
      const udp = maps.get('counters')!.find(([key]) => key === 17)![1] as Fields[];
      equal(
        udp.reduce((sum, one) => sum + Number(one['packets']), 0),
        7,
      );
      equal(
        udp.reduce((sum, one) => sum + Number(one['bytes']), 0),
        7 * (14 + 20 + 8 + 100),
      );
    },
  },
  xdp_drop: {
    options: { interface: 'lo', duration: 600 },
    async during(loaded) {
      const localhost = 0x0100_007f;
      loaded.maps.get('blocked')!.set(localhost, 0);
      await packets(5);
    },
    check({ maps }) {
      equal(Number(maps.get('blocked')![0]![1]), 5);
    },
  },
};

/** In the guest: `node examples.mjs OBJECT…` */
async function main(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const name = basename(path).split('.', 1)[0]!;
    const { spec } = open(path, readFileSync(path));
    const recording = join(tmpdir(), `${name}.skep`);
    const live = await outcomeOf(name, () => tryExample(name, spec, { home: 'kernel' }));
    // The same again in the virtual machine, from a recording of a second run.
    const replayed = await outcomeOf(name, async () => {
      await tryExample(name, spec, { home: 'kernel', record: recording });
      await tryExample(name, spec, { home: 'vm', recording: () => readRecording(recording) });
    });
    writeFileSync(1, `${json({ ...live, replayed } satisfies Outcome)}\n`);
  }
}

async function outcomeOf(name: string, body: () => Promise<void>): Promise<Outcome> {
  try {
    await body();
    return { name, result: 'ok' };
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? '') : String(error);
    return { name, result: 'failed', message, code: error instanceof SkepError ? error.code : undefined };
  }
}

async function tryExample(name: string, spec: Spec, where: RunOptions): Promise<void> {
  const example = EXAMPLES[name]!;
  const { globals, ...live } = example.options;
  const options = where.home === 'vm' ? { ...(globals && { globals }) } : { ...live, ...(globals && { globals }) };
  const records: Value[] = [];
  const trace: string[] = [];
  const maps = new Map<string, (readonly [Value, Value])[]>();
  const during: (void | Promise<void>)[] = [];
  const summary = await run(
    spec,
    { ...options, ...where },
    {
      started({ loaded }) {
        if (where.home !== 'vm') during.push(example.during?.(loaded));
      },
      records: (batch) => void records.push(...batch),
      trace: (text) => void trace.push(text),
      ended(loaded) {
        for (const [map, typed] of loaded.maps) if (typed.spec.data === undefined) maps.set(map, [...typed]);
      },
    },
  );
  await Promise.all(during);
  example.check({ records, trace, maps, lost: summary.lost });
  equal(summary.lost, 0);
}

async function packets(count: number): Promise<void> {
  const receiver = createSocket('udp4');
  await new Promise<void>((resolve) => receiver.bind(0, '127.0.0.1', resolve));
  const sender = createSocket('udp4');
  for (let i = 0; i < count; i++) {
    await new Promise((resolve) => sender.send(new Uint8Array(100), receiver.address().port, '127.0.0.1', resolve));
  }
  sender.close();
  receiver.close();
}

function json(value: unknown): string {
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? Number(one) : one));
}

if (process.argv[1]?.endsWith('.mjs')) await main(process.argv.slice(2));
