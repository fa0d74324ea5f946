import { helperById } from '@skep/abi';
import { SkepError } from '@skep/base';
import { type Btf, type CodeReference, decode, POISON_HELPER, type ProgramSpec } from '@skep/object';
import { badProgram, stopped, unsupportedHelper, unsupportedKfunc } from './diagnostics.ts';
import type { Fault } from './fault.ts';
import { refusedHelpers } from './helpers/index.ts';
import type { Compiled } from './jit/compile.ts';
import { FIRST_KFUNC, kfuncNumber, refusedKfuncs } from './kfuncs/index.ts';
import type { Machine } from './machine.ts';
import { ArenaMap } from './maps/arena.ts';
import { ArrayMap } from './maps/array.ts';
import type { VmMap } from './maps/map.ts';
import { ARENA_HIGH } from './memory.ts';

/** A program with its references filled in, ready to run. */
export interface VmProgram {
  readonly spec: ProgramSpec;
  /** See {@link interpret}. */
  readonly code: Int32Array;
  /** The program as WebAssembly; null when only the interpreter takes it. */
  compiled: Compiled | null | undefined;
  /** Instructions that the interpreter has run of it. */
  heat: number;
  /** Types of its object. */
  readonly types: Btf | undefined;
  /** Where the function starts that runs after `bpf_throw`. */
  readonly exceptionCallback: number | undefined;
  /** It has loops that end by `may_goto`. */
  readonly bounded: boolean;
  /** It has pointers into an arena. */
  readonly arena: boolean;
}

/** High half of a callback's "address": no memory is there, so that a program can only pass it on. */
export const CALLBACK = 0x5ca11bac;

/**
 * Checks what can be checked without running (opcodes, jump targets, helpers that the machine has) and fills in maps,
 * data and callbacks. Throws E4004, E4005.
 */
export function loadProgram(
  machine: Machine,
  spec: ProgramSpec,
  maps: ReadonlyMap<string, VmMap>,
  types?: Btf,
): VmProgram {
  const bytes = spec.code.slice();
  const bounded = checkInstructions(machine, spec);
  const code = new Int32Array(bytes.buffer, 0, bytes.length >> 2);
  for (const reference of spec.references) fill(machine, code, spec, reference, maps);
  const { exceptionCallback } = spec;
  const arena = spec.references.some((one) => 'map' in one && maps.get(one.map) instanceof ArenaMap);
  return { spec, code, compiled: undefined, heat: 0, types, exceptionCallback, bounded, arena };
}

/** Whether there is a `may_goto` in it. */
function checkInstructions(machine: Machine, spec: ProgramSpec): boolean {
  let bounded = false;
  const linked = new Set(spec.references.flatMap((one) => (one.kind === 'kfunc' ? [one.slot] : [])));
  const slots = spec.code.length / 8;
  let slot = 0;
  const starts = new Set<number>();
  const targets: number[] = [];
  const functions: number[] = [];
  const kinds: string[] = [];
  let last = 'none';
  try {
    for (const insn of decode(spec.code)) {
      starts.add(slot);
      const next = slot + (insn.kind === 'ld_imm64' ? 2 : 1);
      if (insn.kind === 'jump' || insn.kind === 'goto' || insn.kind === 'may_goto') targets.push(next + insn.off);
      if (insn.kind === 'may_goto') bounded = true;
      if (insn.kind === 'call') {
        if (insn.target.kind === 'local') functions.push(next + insn.target.off);
        else if (insn.target.kind === 'helper') checkHelper(machine, spec, insn.target.id, slot);
        else if (insn.target.kind === 'kfunc') {
          if (!linked.has(slot))
            throw badProgram(spec.name, `instruction ${slot} calls a kernel function (kfunc) that it does not name`);
        } else throw badProgram(spec.name, `instruction ${slot} calls through a register, which no kernel takes`);
      }
      last = insn.kind;
      kinds[slot] = last;
      slot = next;
    }
  } catch (error) {
    if (error instanceof SkepError && error.code.startsWith('E33')) throw badProgram(spec.name, error.message);
    throw error;
  }
  if (last !== 'exit' && last !== 'goto') throw badProgram(spec.name, 'its last instruction is no exit');
  for (const start of functions) {
    const before = start > 0 ? kinds[start - 1] : 'exit';
    if (before !== 'exit' && before !== 'goto')
      throw badProgram(spec.name, `the function before ${start} does not end with an exit`);
  }
  for (const target of [...targets, ...functions]) {
    if (target < 0 || target >= slots || !starts.has(target))
      throw badProgram(spec.name, `a jump leads to ${target}, which is no instruction`);
  }
  return bounded;
}

function checkHelper(machine: Machine, spec: ProgramSpec, id: number, slot: number): void {
  if (id < FIRST_KFUNC && machine.helpers[id] !== undefined) return;
  // What libbpf and we leave where a CO-RE relocation failed: a trap that must not be reached.
  if (id === POISON_HELPER) return;
  const name = helperById(id)?.name ?? `helper ${id}`;
  throw unsupportedHelper(spec.name, name, slot, refusedHelpers[name]);
}

function fill(
  machine: Machine,
  code: Int32Array,
  spec: ProgramSpec,
  reference: CodeReference,
  maps: ReadonlyMap<string, VmMap>,
): void {
  const at = 2 * reference.slot;
  switch (reference.kind) {
    case 'map':
    case 'map-value': {
      const map = maps.get(reference.map);
      if (map === undefined) throw badProgram(spec.name, `it refers to map \`${reference.map}\`, which was not made`);
      if (reference.kind === 'map') setImm64(code, at, map.address, 0);
      else if (map instanceof ArrayMap) setImm64(code, at, map.values + reference.offset, 0);
      else if (map instanceof ArenaMap) setImm64(code, at, map.start + reference.offset, ARENA_HIGH);
      else throw badProgram(spec.name, `it refers to the data of \`${reference.map}\`, which is no array`);
      return;
    }
    case 'func': {
      // The immediate counts from the next instruction, as the kernel wants it; here it becomes the slot itself.
      setImm64(code, at, reference.slot + 1 + code[at + 1]!, CALLBACK);
      return;
    }
    case 'ksym': {
      // A function of the kernel is there when the machine has it, a variable when the world knows its address.
      const address = kfuncNumber(reference.name) !== undefined ? PRESENT : machine.world.symbol?.(reference.name);
      if (address === undefined && !reference.weak)
        throw badProgram(spec.name, `it refers to the kernel's variable \`${reference.name}\``);
      setImm64(code, at, Number(BigInt.asIntN(32, address ?? 0n)), Number(BigInt.asIntN(32, (address ?? 0n) >> 32n)));
      return;
    }
    case 'kfunc': {
      const number = kfuncNumber(reference.name);
      if (number === undefined && !reference.weak)
        throw unsupportedKfunc(spec.name, reference.name, reference.slot, refusedKfuncs[reference.name]);
      code[at] = code[at]! & ~0xf000;
      code[at + 1] = number ?? POISON_HELPER;
    }
  }
}

/** What the address of a kernel function is for programs that ask whether there is one. */
const PRESENT = 0xffffffff00000000n;

/** Whether the program takes the address of a function at a slot. */
export function isCallback({ code }: VmProgram, slot: number): boolean {
  let known = callbacks.get(code);
  if (known === undefined) {
    known = new Set();
    for (let at = 0; at < code.length; at += 2) {
      if ((code[at]! & 0xff) !== 0x18) continue;
      if (code[at + 3] === (CALLBACK | 0)) known.add(code[at + 1]!);
      at += 2;
    }
    callbacks.set(code, known);
  }
  return known.has(slot);
}

const callbacks = new WeakMap<Int32Array, Set<number>>();

/** Also clears the pseudo register that said what the immediate stood for. */
function setImm64(code: Int32Array, at: number, low: number, high: number): void {
  code[at] = code[at]! & ~0xf000;
  code[at + 1] = low;
  code[at + 3] = high;
}

/** A fault as the user reads it: the program, the line of source, what happened. */
export function faultError(program: VmProgram, fault: Fault): SkepError {
  const { lineInfo, name } = program.spec;
  const line = lineInfo.findLast((one) => one.slot <= fault.slot);
  const where = line
    ? `at ${line.file}:${line.line}:${line.column} (\`${line.text.trim()}\`)`
    : `at instruction ${fault.slot}`;
  const help = {
    memory: 'the kernel would have refused the program: check the pointer against NULL or the end of the packet first',
    fuel: 'bound the loop, or give the run more instructions',
    call: undefined,
    stack: 'call fewer functions inside one another',
    instruction: undefined,
    map: undefined,
  }[fault.kind];
  return stopped(name, where, fault.message, help);
}
