import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { permitted } from '@skep/kernel';
import { compileTypes, kernel, type Opened, open, type Spec } from 'skep';
import { PacketBatch } from '../src/hooks/batch.ts';
import { XdpPacket } from '../src/hooks/xdp.ts';
import type { Trust } from '../src/jit/shared.ts';
import { Machine } from '../src/machine.ts';
import type { VmMap } from '../src/maps/map.ts';
import type { VmProgram } from '../src/program.ts';
import { type Workload, workloads } from './workloads.ts';

/**
 * Nanoseconds of one run of each workload: in the interpreter, compiled with and without checks, in the kernel and as
 * native code of gcc -O2 from the same source. All engines take turns, round by round; the least time of all rounds
 * counts, because everything that disturbs a run makes it longer. Results and packets must be equal everywhere.
 * Beside it the time to a first result, and packets a second through the load balancer.
 *
 * A run is one call of the program's function, which nobody inlines: ours come from a loop in WebAssembly (sixteen calls
 * a turn, as `skep test-run --repeat` does them), the kernel's from the loop of BPF_PROG_TEST_RUN, those of gcc's and
 * ubpf's code through a pointer from a loop in C. Context and packet are the same in all runs and are not reset between
 * them. Native maps are those of native/bpf/bpf_helpers.h: a hash table with our hash and as many chains as there may be
 * entries, and a trie of one node a bit, all specialised for each map by the compiler.
 *
 *     npm run bench -w packages/vm [-- NAME …] [--rounds N] [--json]
 *
 * `SKEP_UBPF=/path/to/libubpf.so` adds ubpf's JIT and interpreter, for the workloads without maps, which it lacks.
 */
const ROUNDS = Number(option('--rounds') ?? 25);
/** Nanoseconds that one engine gets in one round. */
const SLICE = 4e6;

interface Engine {
  readonly name: string;
  /** Runs so many times: nanoseconds for all of them and the last result. */
  run(times: number): Promise<{ readonly time: number; readonly result: number }>;
  /** The packet after the runs. */
  packet(): Uint8Array | undefined;
  close(): void;
}

const COLUMNS = [
  'interpreter',
  'unverified',
  'bounded',
  'verified',
  'kernel',
  'gcc -O2',
  'ubpf JIT',
  'ubpf interpreter',
] as const;
type Column = (typeof COLUMNS)[number];

interface Row {
  readonly name: string;
  readonly insns: number;
  readonly best: Partial<Record<Column, number>>;
  readonly first: First;
}

/** Milliseconds to a first result, on a JavaScript engine that has seen other programs before. */
interface First {
  /** From the bytes of an object: opened, maps made, loaded, run (interpreted, as first runs are). */
  readonly object: number;
  /** From a loaded program to the result of compiled code. */
  readonly compiled: number;
}

async function main(): Promise<void> {
  const wanted = process.argv.slice(2).filter((one, i, all) => !one.startsWith('--') && all[i - 1] !== '--rounds');
  const folder = mkdtempSync(join(tmpdir(), 'skep-bench-'));
  const rows: Row[] = [];
  let rates: Partial<Record<Trust, number>> = {};
  const notes = new Set<string>();
  try {
    for (const workload of workloads()) {
      if (wanted.length > 0 && !wanted.includes(workload.name)) continue;
      const row = await measure(workload, folder, notes);
      if (row) rows.push(row);
      if (row && workload.name === 'xdp_lb') rates = packetRates(workload);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  if (process.argv.includes('--json')) console.log(JSON.stringify({ rows, rates, notes: [...notes] }));
  else print(rows, rates, notes);
}

async function measure(workload: Workload, folder: string, notes: Set<string>): Promise<Row | undefined> {
  const name = fileURLToPath(workload.source);
  let opened: Opened;
  try {
    opened = open(name, readFileSync(name), { vmlinux: compileTypes });
  } catch (error) {
    notes.add(`${workload.name}: not compiled: ${message(error)}`);
    return undefined;
  }
  const { spec } = opened;
  const engines: Engine[] = [];
  const tries: [Column, () => Engine][] = [
    ['interpreter', () => vmEngine('interpreter', spec, workload.packet, undefined)],
    ['unverified', () => vmEngine('unverified', spec, workload.packet, 'unverified')],
    ['bounded', () => vmEngine('bounded', spec, workload.packet, 'bounded')],
    ['verified', () => vmEngine('verified', spec, workload.packet, 'verified')],
    ['kernel', () => kernelEngine(spec, workload.packet)],
    ['gcc -O2', () => nativeEngine(workload, spec, folder)],
  ];
  const ubpf = process.env.SKEP_UBPF;
  if (ubpf !== undefined && spec.maps.length === 0) {
    for (const kind of ['JIT', 'interpreter'] as const)
      tries.push([`ubpf ${kind}`, () => ubpfEngine(kind, ubpf, workload, spec, folder)]);
  }
  for (const [column, make] of tries) {
    try {
      engines.push(make());
    } catch (error) {
      notes.add(`${workload.name}: no column "${column}": ${message(error)}`);
    }
  }
  const best: Partial<Record<Column, number>> = {};
  try {
    const results = new Map<string, string>();
    const times = new Map<Engine, number>();
    for (const engine of engines) {
      const { result } = await engine.run(1);
      results.set(engine.name, `${result} ${hex(engine.packet())}`);
      const { time } = await engine.run(100);
      times.set(engine, Math.max(10, Math.min(4e6, Math.round(SLICE / Math.max(0.5, time / 100)))));
    }
    const want = [...results.values()][0]!;
    for (const [name, got] of results) {
      const packetless = got.endsWith(' -') ? want.replace(/ .*/, ' -') : want;
      if (got !== packetless) throw new Error(`${workload.name}: ${name} gives ${got}, not ${want}`);
    }
    for (let round = 0; round < ROUNDS; round++) {
      for (const engine of engines) {
        const runs = times.get(engine)!;
        const { time } = await engine.run(runs);
        const each = time / runs;
        const column = engine.name as Column;
        if (each < (best[column] ?? Number.POSITIVE_INFINITY)) best[column] = each;
        // Compiled code gets faster while the engine optimises it: the next round has as much to do as it should.
        times.set(engine, Math.max(10, Math.min(2e7, Math.round(SLICE / Math.max(0.5, each)))));
      }
    }
  } finally {
    for (const engine of engines) engine.close();
  }
  const program = spec.programs.find((one) => one.name === 'work')!;
  return { name: workload.name, insns: program.code.length / 8, best, first: firstResult(opened, workload.packet) };
}

function load(
  spec: Spec,
  options: ConstructorParameters<typeof Machine>[0],
): { machine: Machine; maps: Map<string, VmMap> } {
  const machine = new Machine({ budget: 0x7fffffff, ...options });
  const maps = new Map(spec.maps.map((map) => [map.name, machine.createMap(map)]));
  return { machine, maps };
}

function vmEngine(name: Column, spec: Spec, packet: Uint8Array, trust: Trust | undefined): Engine {
  const { machine, maps } = load(spec, trust ? { trust } : { engine: 'interpreter' });
  machine.packet = new XdpPacket(machine.memory);
  machine.packet.fill(packet, 1, 0);
  const programs = new Map<string, VmProgram>(
    spec.programs.map((one) => [one.name, machine.loadProgram(one, maps)] as const),
  );
  const setup = programs.get('setup');
  if (setup) machine.run(setup, machine.packet.context);
  const work = programs.get('work')!;
  const { context } = machine.packet;
  if (trust) machine.compile(work);
  return {
    name,
    run: async (times) => {
      const start = process.hrtime.bigint();
      const result = machine.repeat(work, context, times) >>> 0;
      return { time: Number(process.hrtime.bigint() - start), result };
    },
    packet: () => machine.packet!.bytes(),
    close: () => {},
  };
}

function firstResult({ compiled }: Opened, packet: Uint8Array): First {
  let object = Number.POSITIVE_INFINITY;
  let translated = Number.POSITIVE_INFINITY;
  const bytes = compiled?.ok ? compiled.object : new Uint8Array();
  for (let i = 0; i < 7; i++) {
    for (const compileAfter of [undefined, 0]) {
      const start = performance.now();
      const { spec } = open('first', bytes);
      const { machine, maps } = load(spec, compileAfter === undefined ? {} : { compileAfter });
      machine.packet = new XdpPacket(machine.memory);
      machine.packet.fill(packet, 1, 0);
      const program = machine.loadProgram(spec.programs.find((one) => one.name === 'work')!, maps);
      const ready = performance.now();
      machine.run(program, machine.packet.context);
      const end = performance.now();
      if (compileAfter === undefined) object = Math.min(object, end - start);
      else translated = Math.min(translated, end - ready);
    }
  }
  return { object, compiled: translated };
}

/** Millions of packets a second, of 1024 flows, which lie in the machine's memory already. */
function packetRates(workload: Workload): Partial<Record<Trust, number>> {
  const rates: Partial<Record<Trust, number>> = {};
  const { spec } = open(workload.name, readFileSync(workload.source), { vmlinux: compileTypes });
  for (const trust of ['unverified', 'bounded', 'verified'] as const) {
    const { machine, maps } = load(spec, { trust });
    machine.packet = new XdpPacket(machine.memory);
    machine.packet.fill(workload.packet, 1, 0);
    const [setup, work] = ['setup', 'work'].map((name) =>
      machine.loadProgram(spec.programs.find((one) => one.name === name)!, maps),
    ) as [VmProgram, VmProgram];
    machine.run(setup, machine.packet.context);
    if (!PacketBatch.takes(machine, work)) throw new Error('it is not for batches');
    const batch = new PacketBatch(machine, 1024);
    for (let i = 0; i < 1024; i++) {
      const packet = workload.packet.slice();
      packet.set([i >> 8, i & 255], 34);
      batch.add(packet);
    }
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 4 * ROUNDS; round++) {
      const start = process.hrtime.bigint();
      for (let i = 0; i < 32; i++) batch.run(work);
      least = Math.min(least, Number(process.hrtime.bigint() - start) / (32 * 1024));
    }
    for (let i = 0; i < 1024; i++) if (batch.verdict(i) !== 3) throw new Error(`packet ${i}: ${batch.verdict(i)}`);
    rates[trust] = 1000 / least;
  }
  return rates;
}

function kernelEngine(spec: Spec, packet: Uint8Array): Engine {
  const permission = permitted();
  if (!permission.ok) throw new Error(permission.message);
  const loaded = spec.load(kernel());
  const work = loaded.programs.get('work')!;
  if (spec.programs.some((one) => one.name === 'setup')) loaded.programs.get('setup')!.run({ data: packet });
  let last: Uint8Array | undefined;
  return {
    name: 'kernel',
    run: async (times) => {
      // One call has a cost of its own, but its figure counts the runs alone, in whole nanoseconds.
      const { retval, dataOut, nsPerRun } = uninterrupted(() => work.run({ data: packet, repeat: times }));
      last = dataOut;
      return { time: nsPerRun * times, result: retval >>> 0 };
    },
    packet: () => last,
    close: () => loaded.close(),
  };
}

/** Signals that come in between end a test run (EINTR). */
function uninterrupted<T>(run: () => T): T {
  for (let i = 0; ; i++) {
    try {
      return run();
    } catch (error) {
      if (i === 10 || !message(error).includes('EINTR')) throw error;
    }
  }
}

function nativeEngine(workload: Workload, spec: Spec, folder: string): Engine {
  const native = fileURLToPath(new URL('native/', import.meta.url));
  const file = join(folder, workload.name);
  const setup = spec.programs.some((one) => one.name === 'setup') ? ['-DSETUP'] : [];
  const gcc = spawnSync('gcc', [
    '-O2',
    '-w',
    `-I${native}`,
    `-DWORKLOAD="${fileURLToPath(workload.source)}"`,
    ...setup,
    join(native, 'main.c'),
    '-o',
    file,
  ]);
  if (gcc.error) throw gcc.error;
  if (gcc.status !== 0) throw new Error(gcc.stderr.toString().slice(0, 400));
  writeFileSync(`${file}.packet`, workload.packet);
  return processEngine('gcc -O2', file, [`${file}.packet`]);
}

function ubpfEngine(
  kind: 'JIT' | 'interpreter',
  library: string,
  workload: Workload,
  spec: Spec,
  folder: string,
): Engine {
  const source = fileURLToPath(new URL('native/ubpf.c', import.meta.url));
  const file = join(folder, 'ubpf');
  const gcc = spawnSync('gcc', ['-O2', '-w', source, '-o', file, '-ldl']);
  if (gcc.error) throw gcc.error;
  if (gcc.status !== 0) throw new Error(gcc.stderr.toString().slice(0, 400));
  const [code, packet] = [join(folder, `${workload.name}.code`), join(folder, `${workload.name}.data`)];
  writeFileSync(code, spec.programs.find((one) => one.name === 'work')!.code);
  writeFileSync(packet, workload.packet);
  return processEngine(`ubpf ${kind}`, file, [library, kind.toLowerCase(), code, packet]);
}

/** A process that takes numbers of runs and answers with nanoseconds and the last result. */
function processEngine(name: Column, file: string, args: readonly string[]): Engine {
  const child: ChildProcess = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    name,
    run: async (times) => {
      child.stdin!.write(`${times}\n`);
      const [time, result] = (await lines.next()).value!.split(' ').map(Number);
      return { time: time!, result: result! };
    },
    packet: () => undefined,
    close: () => child.stdin!.end(),
  };
}

function print(rows: readonly Row[], rates: Partial<Record<Trust, number>>, notes: ReadonlySet<string>): void {
  const columns = COLUMNS.filter((column) => rows.some((row) => row.best[column] !== undefined));
  const head = ['workload', 'insns', ...columns, '/kernel', '/gcc', '/ubpf', 'first ms', 'compiled'];
  const table = rows.map((row) => [
    row.name,
    String(row.insns),
    ...columns.map((column) => figure(row.best[column])),
    ratio(row.best.verified, row.best.kernel),
    ratio(row.best.verified, row.best['gcc -O2']),
    ratio(row.best.verified, row.best['ubpf JIT']),
    row.first.object.toFixed(2),
    row.first.compiled.toFixed(2),
  ]);
  const means = ['geometric mean of verified /', '', ...columns.map((column) => mean(rows, column))];
  const widths = head.map((title, i) => Math.max(title.length, ...table.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]!))).join('  ');
  console.log(
    `nanoseconds per run, the least of ${ROUNDS} rounds; ${cpus()[0]?.model}, load ${loadavg()[0]!.toFixed(1)}, Node ${process.version}\n`,
  );
  console.log(line(head));
  for (const row of table) console.log(line(row));
  console.log(
    `\nverified as part of others, geometric mean: ${columns
      .map((column, i) => `${column} ${means[i + 2]}`)
      .filter((text) => !text.startsWith('verified '))
      .join(', ')}`,
  );
  const shown = Object.entries(rates).map(([trust, rate]) => `${trust} ${rate.toFixed(1)}`);
  if (shown.length > 0) console.log(`load balancer, million packets a second from memory: ${shown.join(', ')}`);
  for (const note of notes) console.log(note);
}

const figure = (value: number | undefined): string =>
  value === undefined ? '-' : value < 10 ? value.toFixed(2) : value < 1000 ? value.toFixed(1) : value.toFixed(0);
const ratio = (a: number | undefined, b: number | undefined): string =>
  a === undefined || b === undefined ? '-' : (a / b).toFixed(2);

function mean(rows: readonly Row[], column: Column): string {
  const ratios = rows.flatMap(({ best }) => {
    const [a, b] = [best.verified, best[column]];
    return a === undefined || b === undefined ? [] : [Math.log(a / b)];
  });
  if (ratios.length === 0) return '-';
  return `${Math.exp(ratios.reduce((sum, one) => sum + one, 0) / ratios.length).toFixed(3)} (${ratios.length})`;
}

const hex = (bytes: Uint8Array | undefined): string => (bytes ? Buffer.from(bytes).toString('hex') : '-');
const message = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!;

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

await main();
