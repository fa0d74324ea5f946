import { readFileSync } from 'node:fs';
import { SkepError } from '@skep/base';
import { decode, type MapSpec, type ProgramSpec } from '@skep/object';
import { kernelObject, SimulatedWorld, specialFields } from '@skep/vm';
import { compileTypes, type Host, kernel, type Loaded, open, type Spec, type VmHost, vm } from 'skep';

/** What became of one program; `file` is filled in by who asked. */
export interface Outcome {
  readonly file?: string;
  readonly program: string;
  readonly kind:
    | 'same'
    | 'different'
    | 'stopped'
    | 'refused by the VM'
    | 'refused by the kernel'
    | 'left out'
    | 'crashed';
  readonly why: string;
}

/** Types of program that the kernel runs for a test and that touch nothing but their input. */
const RUNNABLE = new Set([
  ...['SCHED_CLS', 'SCHED_ACT', 'XDP', 'SOCKET_FILTER', 'CGROUP_SKB', 'LWT_IN', 'LWT_OUT', 'LWT_XMIT'],
  ...['FLOW_DISSECTOR', 'SK_LOOKUP', 'RAW_TRACEPOINT', 'SYSCALL'],
]);
/** Signals, writing to processes, and what would end the machine. */
const DANGEROUS_HELPERS = new Set([36, 58, 109, 117, 166]);
const DANGEROUS_KFUNCS = /crash_kexec|send_signal|sock_destroy|testmod|kfunc_call_test/;

function compare(spec: Spec, program: ProgramSpec): Omit<Outcome, 'program'> {
  const reason = leftOut(program);
  if (reason !== undefined) return { kind: 'left out', why: reason };
  let native: Result[];
  const real = kernel();
  try {
    native = runAll(spec, program, real);
  } catch (error) {
    return { kind: 'refused by the kernel', why: words(error) };
  } finally {
    real.close();
  }
  let different = '';
  for (const options of [{ engine: 'interpreter' as const }, { compileAfter: 0 }]) {
    const simulated = vm({ ...options, cpus: real.cpus, btf: compileTypes });
    simulated.machine.world = currentTask(simulated);
    try {
      const own = runAll(spec, program, simulated);
      different ||= native.map((one, i) => difference(one, own[i]!)).find((one) => one !== '') ?? '';
    } catch (error) {
      const code = error instanceof SkepError ? error.code : '';
      if (code === 'E4010' || !(error instanceof SkepError)) return { kind: 'stopped', why: words(error) };
      return { kind: 'refused by the VM', why: general(words(error)) };
    } finally {
      simulated.close();
    }
  }
  return { kind: different === '' ? 'same' : 'different', why: different };
}

/** This process, as far as programs look at it. */
function currentTask({ machine }: VmHost): SimulatedWorld {
  const world = new SimulatedWorld();
  const { pid } = process;
  const structure = { pid, tgid: pid, comm: 'node' };
  world.taskAddress = kernelObject(machine, compileTypes(), 'task_struct', structure);
  world.tasks.push({ address: world.taskAddress, pid, tgid: pid });
  return Object.assign(world, { pid, tgid: pid, name: 'node', now: 1_000_000_000n });
}

function leftOut(program: ProgramSpec): string | undefined {
  const type = program.hook?.programType.replace('BPF_PROG_TYPE_', '') ?? 'unknown';
  if (!RUNNABLE.has(type)) return `no test run of ${type}`;
  if (program.references.some((one) => one.kind === 'kfunc' && DANGEROUS_KFUNCS.test(one.name))) return 'dangerous';
  const calls = decode(program.code).some(
    (insn) => insn.kind === 'call' && insn.target.kind === 'helper' && DANGEROUS_HELPERS.has(insn.target.id),
  );
  return calls ? 'dangerous' : undefined;
}

interface Result {
  readonly retval: number | string;
  readonly data: string;
  readonly maps: ReadonlyMap<string, string>;
}

function runAll(spec: Spec, program: ProgramSpec, host: Host): Result[] {
  const loaded = spec.load(host, { programs: [program.name] });
  try {
    const type = program.hook!.programType;
    if (type === 'BPF_PROG_TYPE_RAW_TRACEPOINT' || type === 'BPF_PROG_TYPE_SYSCALL')
      return [runOne(loaded, program, { context: new Uint8Array(96) })];
    if (type === 'BPF_PROG_TYPE_SK_LOOKUP') return [runOne(loaded, program, { context: new Uint8Array(72) })];
    return PACKETS.map((data) => runOne(loaded, program, { data }));
  } finally {
    loaded.close();
  }
}

function runOne(loaded: Loaded, program: ProgramSpec, options: { data?: Uint8Array; context?: Uint8Array }): Result {
  let retval: number | string;
  let data = '';
  try {
    const result = loaded.programs.get(program.name)!.run(options);
    retval = result.retval;
    data = result.dataOut ? Buffer.from(result.dataOut).toString('hex') : '';
  } catch (error) {
    // What the kernel will not run, the virtual machine may.
    if (loaded.host.kind === 'vm') throw error;
    retval = `refused: ${words(error)}`;
  }
  return { retval, data, maps: mapsOf(loaded) };
}

interface RawMap {
  readonly spec: MapSpec;
  entries(): Iterable<readonly [Uint8Array, Uint8Array]>;
}

/** Arrays, hashes, tries and their per-CPU sisters (whose values are summed, as any CPU may have run); and variables. */
const COMPARED = new Set([1, 2, 5, 6, 9, 10, 11]);
const PER_CPU = new Set([5, 6, 10]);

function mapsOf(loaded: Loaded): Map<string, string> {
  const found = new Map<string, string>();
  const maps = (loaded as unknown as { hostMaps: ReadonlyMap<string, RawMap> }).hostMaps;
  for (const [name, map] of maps) {
    if (!COMPARED.has(map.spec.type) || map.spec.data === 'rodata' || map.spec.data === 'kconfig') continue;
    const rows: string[] = [];
    // Lists, trees and the like are addresses of the kernel.
    const special = specialFields(loaded.object.btf, map.spec.valueType);
    let count = 0;
    try {
      for (const [key, value] of map.entries()) {
        if (++count > 4096) break;
        for (const { offset, size } of special) value.fill(0, offset, offset + size);
        if (value.every((byte) => byte === 0)) continue;
        const shown = PER_CPU.has(map.spec.type) ? sorted(value, loaded.host.cpus) : Buffer.from(value).toString('hex');
        rows.push(`${Buffer.from(key).toString('hex')}=${shown}`);
      }
    } catch {
      continue;
    }
    found.set(name, rows.sort().join(' '));
  }
  return found;
}

function sorted(value: Uint8Array, cpus: number): string {
  const size = value.length / cpus;
  return Array.from({ length: cpus }, (_, i) => Buffer.from(value.subarray(i * size, (i + 1) * size)).toString('hex'))
    .sort()
    .join('/');
}

function difference(native: Result, own: Result): string {
  if (typeof native.retval === 'string') return '';
  if (native.retval !== own.retval) return `returns ${own.retval}, the kernel ${native.retval}`;
  if (native.data !== own.data) return `packet ${own.data}, the kernel's ${native.data}`;
  for (const [name, rows] of native.maps) {
    const mine = own.maps.get(name);
    if (mine !== rows) return `map ${name} ${firstDifference(mine ?? '', rows)}`;
  }
  return '';
}

function firstDifference(a: string, b: string): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  const from = Math.max(0, at - 8);
  return `(at ${at}) …${a.slice(from, at + 24)}, the kernel's …${b.slice(from, at + 24)}`;
}

function words(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 240);
}

/** The same words for the same reason. */
function general(text: string): string {
  return text
    .replace(/(program|map) `[^`]*`/g, '$1')
    .replace(/ \(instruction \d+\)/, '')
    .replace(/instruction \d+/, 'an instruction');
}

/** IPv4 and IPv6 with TCP, as the selftests send them, and one of zeroes. */
const PACKETS = (() => {
  const four = new Uint8Array(64);
  four.set([8, 0, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 6, 0, 0, 127, 0, 0, 1, 127, 0, 0, 2, 0x1f, 0x90, 0x30, 0x39], 12);
  four.set([0x50, 0x10, 0, 123], 46);
  const six = new Uint8Array(84);
  six.set([0x86, 0xdd, 0x60, 0, 0, 0, 0, 30, 6, 64], 12);
  six[37] = 1;
  six[53] = 1;
  six.set([0x1f, 0x90, 0x30, 0x39], 54);
  six[66] = 0x50;
  return [four, six, new Uint8Array(64)];
})();

const path = process.argv[2]!;
const { spec } = open(path, new Uint8Array(readFileSync(path)));
for (const program of spec.programs) {
  const outcome = compare(spec, program);
  process.stdout.write(`${JSON.stringify({ program: program.name, ...outcome })}\n`);
}
process.exit(0);
