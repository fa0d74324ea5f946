/** What an accepted program costs the verifier and asks of a kernel. */
import { hasSince, helperById, type KernelVersion, MAP } from '@skep/abi';
import type { ProgramInput } from '../program/program.ts';

/** Something that not every kernel has. */
export interface Need {
  readonly name: string;
  /** The release that brought it, where that is known. */
  readonly since: KernelVersion | undefined;
}

/** What a program asks of a kernel, with the releases that brought it. */
export interface Needs {
  readonly helpers: readonly Need[];
  /** Functions of the kernel (`__ksym`). */
  readonly kfuncs: readonly string[];
  /** Of the instruction set and of the verifier: `may_goto`, callbacks, arenas, … */
  readonly features: readonly Need[];
  /** The newest release that anything above asks for. */
  readonly since: KernelVersion | undefined;
}

/** A limit of the verifier, and how much of it a program takes. */
export interface Limit {
  readonly name: 'processed instructions' | 'stack bytes' | 'functions' | 'maps';
  readonly used: number;
  readonly most: number;
}

/** Instructions that newer kernels brought: opcode, where it takes a certain immediate or offset, and since when. */
const FEATURES: readonly {
  readonly name: string;
  readonly since: KernelVersion;
  readonly uses: (code: number, src: number, off: number, imm: number) => boolean;
}[] = [
  { name: '32-bit jumps', since: '5.1', uses: (code) => (code & 7) === 6 && code !== 0x06 },
  { name: 'atomics that fetch', since: '5.12', uses: (code, _s, _o, imm) => ATOMIC(code) && imm !== 0 && imm < 0x100 },
  { name: 'signed division', since: '6.6', uses: (code, _s, off) => DIVIDES(code) && off === 1 },
  { name: 'sign-extending moves', since: '6.6', uses: (code, _s, off) => (code === 0xbf || code === 0xbc) && off >= 8 },
  { name: 'sign-extending loads', since: '6.6', uses: (code) => (code & 0xe7) === 0x81 },
  { name: 'unconditional byte swaps', since: '6.6', uses: (code) => code === 0xd7 },
  { name: 'long jumps', since: '6.6', uses: (code) => code === 0x06 },
  { name: 'may_goto', since: '6.9', uses: (code) => code === 0xe5 },
  { name: 'address space casts', since: '6.9', uses: (code, _s, off, imm) => code === 0xbf && off === 1 && imm !== 0 },
  {
    name: 'acquiring loads and releasing stores',
    since: '6.15',
    uses: (code, _s, _o, imm) => ATOMIC(code) && imm >= 0x100 && imm <= 0x110,
  },
  { name: 'functions of the kernel', since: '5.13', uses: (code, src) => code === 0x85 && src === 2 },
  { name: 'addresses of functions', since: '5.13', uses: (code, src) => code === 0x18 && src === 4 },
];
const ATOMIC = (code: number): boolean => (code & 0xe7) === 0xc3;
const DIVIDES = (code: number): boolean => ((code & 7) === 4 || (code & 7) === 7) && (code & 0xf0) % 0x60 === 0x30;

/** Looks at every instruction, reached or not: the kernel does the same before it follows any path. */
export function needsOf(input: Pick<ProgramInput, 'code' | 'symbols' | 'maps'>): Needs {
  const { code } = input;
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const helpers = new Map<string, Need>();
  const features = new Map<string, Need>();
  for (let at = 0; at + 8 <= code.length; at += 8) {
    const op = code[at]!;
    const src = code[at + 1]! >> 4;
    const imm = view.getInt32(at + 4, true);
    const off = view.getInt16(at + 2, true);
    const helper = op === 0x85 && src === 0 ? helperById(imm) : undefined;
    if (helper !== undefined) helpers.set(helper.name, { name: helper.name, since: helper.since });
    for (const { name, since, uses } of FEATURES) if (uses(op, src, off, imm)) features.set(name, { name, since });
    if (op === 0x18) at += 8;
  }
  if (input.maps?.some((map) => map.type === MAP.BPF_MAP_TYPE_ARENA))
    features.set('arenas', { name: 'arenas', since: '6.9' });
  const kfuncs = new Set<string>();
  for (const symbol of input.symbols?.values() ?? [])
    if (symbol.kind === 'kfunc' && symbol.name) kfuncs.add(symbol.name);
  let since: KernelVersion | undefined;
  for (const one of [...helpers.values(), ...features.values()])
    if (one.since !== undefined && (since === undefined || hasSince(one.since, since))) since = one.since;
  return { helpers: [...helpers.values()], kfuncs: [...kfuncs], features: [...features.values()], since };
}
