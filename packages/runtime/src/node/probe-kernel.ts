/** Asks the running kernel for its tables: which part of a context, which helpers and which results each type of program has. */
import { BPF_F_SLEEPABLE, HELPERS, PROG, PROG_TYPES } from '@skep/abi';
import { cString } from '@skep/base';
import { FEATURES, kernelRelease, type ProgramOptions, possibleCpus, probeFeature, probeProgram } from '@skep/kernel';
import { assemble, encode } from '@skep/object';
import { type MeasuredTables, PROGRAM_TABLES } from '@skep/verifier';

/** Everything that one kernel answered, as `skep check --kernel FILE` takes it. */
export interface MeasuredKernel extends MeasuredTables {
  readonly schema: 'skep.kernel/1';
  readonly release: string;
  readonly machine: string;
  /** Processors that the machine may have. */
  readonly cpus?: number;
  readonly features: Readonly<Record<string, boolean>>;
  /** How many programs were loaded for it, and in how many milliseconds. */
  readonly probes: { readonly loads: number; readonly ms: number };
}

/** Contexts end before this byte. */
const MOST_CONTEXT = 256;
const SIZES = [1, 2, 4, 8] as const;
const LOG = 64 * 1024;
const GPL = 'GPL';

/**
 * Loads some forty thousand tiny programs, each of which does one thing, and closes those that are taken at once; nothing
 * is attached. `only` chooses types of programs. Where bpf(2) is not permitted, there are none.
 */
export function probeKernel(only?: (type: number) => boolean): MeasuredKernel {
  const probe = new Probe();
  const contexts: string[] = [];
  const helpers: string[] = [];
  const programs: MeasuredTables['programs'][number][] = [];
  const start = performance.now();
  for (const { type, attach } of PROGRAM_TABLES['6.18']) {
    if (only?.(type) === false || !probe.isThere(type, attach)) continue;
    programs.push({
      type,
      attach,
      context: place(contexts, probe.context(type, attach)),
      helpers: place(helpers, probe.helpers(type, attach)),
      result: probe.result(type, attach),
    });
  }
  return {
    schema: 'skep.kernel/1',
    release: kernelRelease(),
    machine: process.arch,
    cpus: possibleCpus(),
    contexts,
    helpers,
    programs,
    features: Object.fromEntries(FEATURES.map((one) => [one.name, probeFeature(one.name).ok])),
    probes: { loads: probe.loads, ms: Math.round(performance.now() - start) },
  };
}

/** The index of a text in the list, which it is added to when it is new. */
function place(list: string[], text: string): number {
  const found = list.indexOf(text);
  return found >= 0 ? found : list.push(text) - 1;
}

class Probe {
  loads = 0;
  private readonly log = new Uint8Array(LOG);

  isThere(type: number, attach: number): boolean {
    if (PROG_TYPES.every((one) => one.value !== type)) return false;
    return [0, 1].some((value) => this.load(type, attach, `r0 = ${value}; exit`) === 0);
  }

  /** `offset.size.access`, 1 read, 2 write, then the pointer that a read gives. */
  context(type: number, attach: number): string {
    const end = this.end(type, attach);
    const out: string[] = [];
    for (let off = 0; off < MOST_CONTEXT; off++) {
      for (const size of SIZES) {
        if (off % size !== 0) continue;
        const bits = size * 8;
        const read = this.load(type, attach, `r2 = *(u${bits} *)(r1 + ${off}); ${end}`) === 0;
        const write = this.load(type, attach, `r2 = 0; *(u${bits} *)(r1 + ${off}) = r2; ${end}`) === 0;
        if (!read && !write) continue;
        const pointer = read && size >= 4 ? this.pointer(type, attach, `r2 = *(u${bits} *)(r1 + ${off}); ${end}`) : '';
        out.push(`${off}.${size}.${(read ? 1 : 0) | (write ? 2 : 0)}${pointer}`);
      }
    }
    return out.join(' ');
  }

  /** Numbers of the helpers that are not refused for the type of program, `1-5,7`. */
  helpers(type: number, attach: number): string {
    const numbers = HELPERS.map((one) => one.id).filter((id) => {
      const text = this.said(type, attach, `call ${id}; ${this.end(type, attach)}`, 1);
      return text !== undefined && !/cannot use helper|unknown func|invalid func/.test(text);
    });
    return ranges(numbers);
  }

  result(type: number, attach: number): readonly [number, number] | undefined {
    const text = this.said(type, attach, 'r0 = 123456789; exit', 1) ?? '';
    const found = /should have been in (?:\[(-?\d+), (-?\d+)\]|\((0x[0-9a-f]+); (0x[0-9a-f]+)\))/.exec(text);
    if (found === null) return undefined;
    if (found[1] !== undefined) return [Number(found[1]), Number(found[2])];
    return [Number(found[3]), Number(found[3]) + Number(found[4])];
  }

  private readonly ends = new Map<string, string>();

  /** What returns a value that is allowed. */
  private end(type: number, attach: number): string {
    const key = `${type}/${attach}`;
    let end = this.ends.get(key);
    if (end === undefined) {
      end = this.load(type, attach, 'r0 = 0; exit') === 0 ? 'r0 = 0; exit' : 'r0 = 1; exit';
      this.ends.set(key, end);
    }
    return end;
  }

  private pointer(type: number, attach: number, code: string): string {
    const found = /\bR2(?:_\w+)?=([a-z_]+)/.exec(this.said(type, attach, code, 2) ?? '')?.[1] ?? '';
    return /^(scalar|inv|Pscalar)/.test(found) ? '' : found;
  }

  /** The log; undefined when there is none for want of room. */
  private said(type: number, attach: number, code: string, logLevel: number): string | undefined {
    this.log.fill(0, 0, 1);
    this.load(type, attach, code, logLevel);
    return cString(this.log);
  }

  private load(type: number, attach: number, code: string, logLevel?: number): number {
    this.loads += 1;
    const options: ProgramOptions = {
      name: 'probe',
      type,
      code: codeOf(code),
      license: GPL,
      expectedAttachType: attach,
      // Programs that make system calls have to be sleepable.
      flags: type === PROG.BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0,
      ...(logLevel !== undefined && { logLevel }),
    };
    return probeProgram(options, logLevel === undefined ? undefined : this.log);
  }
}

const codes = new Map<string, Uint8Array>();
function codeOf(text: string): Uint8Array {
  let code = codes.get(text);
  if (code === undefined) {
    code = encode(assemble(text));
    codes.set(text, code);
  }
  return code;
}

function ranges(numbers: readonly number[]): string {
  const out: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    let j = i;
    while (numbers[j + 1] === numbers[j]! + 1) j++;
    out.push(i === j ? String(numbers[i]) : `${numbers[i]}-${numbers[j]}`);
    i = j + 1;
  }
  return out.join(',');
}
