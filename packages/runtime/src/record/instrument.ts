import { MAP_TYPES } from '@skep/abi';
import { SkepError } from '@skep/base';
import {
  assemble,
  type CodeReference,
  decode,
  encode,
  type Insn,
  type MapSpec,
  type ObjectSpec,
  type ProgramSpec,
} from '@skep/object';
import { cannotRecord } from '../diagnostics.ts';
import { CALL, END, LOST_MAP, MEMORY, RECORD, RING_MAP, RING_SIZE, SIZE_CLASSES, START } from './layout.ts';

/**
 * The same object with programs that also tell what they see: their context, the memory they read, the time and other
 * results that depend on the outside. Only bytecode changes, so it works for objects of any compiler: the program becomes
 * a function behind an entry that records its context, and calls of helpers that look outside go through wrappers.
 *
 * The hook of program i has the number i. Throws E8008 for programs whose view cannot be recorded this way.
 */
export function instrument(object: ObjectSpec): ObjectSpec {
  return {
    ...object,
    programs: object.programs.map((program, hook) => instrumentProgram(program, hook)),
    maps: [...object.maps, ringMap(), lostMap()],
  };
}

/** Bytes of context to keep, by type of program. A tracepoint's own length is not known here: this holds nearly all. */
export const CONTEXT_SIZES: { readonly [programType: string]: number } = {
  BPF_PROG_TYPE_TRACEPOINT: 256,
  BPF_PROG_TYPE_RAW_TRACEPOINT: 96,
  BPF_PROG_TYPE_KPROBE: 168,
};

/** Helpers that copy memory from outside: (target, size, address). */
const READERS = new Set([4, 45, 112, 113, 114, 115]);
/** Helpers without arguments whose result is a fact of the outside. */
const SOURCES = new Set([5, 7, 35, 80, 125, 160, 208]);

function instrumentProgram(program: ProgramSpec, hook: number): ProgramSpec {
  const contextSize = CONTEXT_SIZES[program.hook?.programType ?? ''];
  if (contextSize === undefined) {
    throw new SkepError(
      cannotRecord(program.name, `SEC("${program.section}") reads the kernel in ways that helpers do not see`),
    );
  }
  if (program.references.some((one) => one.kind === 'func')) {
    throw new SkepError(cannotRecord(program.name, 'it uses callbacks'));
  }
  const body = decode(program.code);
  const wrapped = [...new Set(body.flatMap((insn) => (isRecorded(insn) ? [insn.target.id] : [])))];
  const front = piece(entry(hook, contextSize));
  const wrappers = wrapped.map((id) => ({ id, piece: piece(READERS.has(id) ? reader(id) : source(id)) }));

  const shift = slots(front.code);
  let end = shift + slots(program.code);
  const starts = new Map<number, number>();
  for (const wrapper of wrappers) {
    starts.set(wrapper.id, end);
    end += slots(wrapper.piece.code);
  }
  let slot = shift;
  const rewired = body.map((insn): Insn => {
    const next = slot + (insn.kind === 'ld_imm64' ? 2 : 1);
    slot = next;
    return isRecorded(insn)
      ? { kind: 'call', target: { kind: 'local', off: starts.get(insn.target.id)! - next } }
      : insn;
  });

  return {
    ...program,
    code: join([front.code, encode(rewired), ...wrappers.map((one) => one.piece.code)]),
    references: [
      ...front.references(0),
      ...program.references.map((one) => ({ ...one, slot: one.slot + shift })),
      ...wrappers.flatMap((one) => one.piece.references(starts.get(one.id)!)),
    ],
    core: program.core.map((one) => ({ ...one, slot: one.slot + shift })),
    // The wrappers have no types, and the kernel wants them for all functions or for none.
    funcInfo: [],
    lineInfo: [],
    functions: program.functions.map((one) => ({ ...one, slot: one.slot + shift })),
  };
}

function isRecorded(insn: Insn): insn is Insn & { kind: 'call'; target: { kind: 'helper'; id: number } } {
  return (
    insn.kind === 'call' &&
    insn.target.kind === 'helper' &&
    (READERS.has(insn.target.id) || SOURCES.has(insn.target.id))
  );
}

// Stand-ins for the maps' addresses, found again after assembling.
const RING = 0x5ec0_0001;
const LOST = 0x5ec0_0002;

/** In front of the program: it ends by jumping over nothing into a call of what follows it. */
function entry(hook: number, contextSize: number): string {
  return `
    r6 = r1
    r1 = ${RING} ll
    r2 = ${START.bytes + contextSize}
    r3 = 0
    call 131
    if r0 == 0 goto lost
    r7 = r0
    ${head(RECORD.start, hook, contextSize)}
    call 5
    *(u64 *)(r7 +${START.time}) = r0
    call 15
    *(u64 *)(r7 +${START.uidGid}) = r0
    r1 = r7
    r1 += ${START.comm}
    r2 = 16
    call 16
    r1 = r7
    r1 += ${START.bytes}
    r2 = ${contextSize}
    r3 = r6
    call 113
    r1 = r7
    r2 = 0
    call 132
    goto body
  lost:
    ${countLost}
  body:
    r1 = r6
    call body_follows
    r6 = r0
    r1 = ${RING} ll
    r2 = ${END.size}
    r3 = 0
    call 131
    if r0 == 0 goto out
    r7 = r0
    ${head(RECORD.end, hook, 0)}
    r1 = r7
    r2 = 0
    call 132
  out:
    r0 = r6
    exit
  body_follows:
  `;
}

/** (target, size, address): calls the helper, then sends what it read. */
function reader(id: number): string {
  const largest = SIZE_CLASSES.at(-1)!;
  const reserve = SIZE_CLASSES.map(
    (size, i) => `
  class${i}:
    ${size === largest ? '' : `if r7 > ${size} goto class${i + 1}`}
    r1 = ${RING} ll
    r2 = ${MEMORY.bytes + size}
    r3 = 0
    call 131
    if r0 == 0 goto lost
    goto fill`,
  ).join('\n');
  return `
    r6 = r1
    r7 = r2
    r8 = r3
    call ${id}
    r9 = r0
    if r7 > ${largest} goto lost
    ${reserve}
  fill:
    *(u64 *)(r0 +${MEMORY.result}) = r9
    *(u64 *)(r0 +${MEMORY.address}) = r8
    r8 = r6
    r6 = r7
    r7 = r0
    ${head(RECORD.memory, id, 0)}
    *(u32 *)(r7 +12) = r6
    r1 = r7
    r1 += ${MEMORY.bytes}
    r2 = r6
    r3 = r8
    call 113
    r1 = r7
    r2 = 0
    call 132
    r0 = r9
    exit
  lost:
    ${countLost}
    r0 = r9
    exit
  `;
}

/** No arguments: calls the helper, then sends its result. */
function source(id: number): string {
  return `
    call ${id}
    r6 = r0
    r1 = ${RING} ll
    r2 = ${CALL.size}
    r3 = 0
    call 131
    if r0 == 0 goto lost
    r7 = r0
    ${head(RECORD.call, id, 0)}
    *(u64 *)(r7 +${CALL.result}) = r6
    r1 = r7
    r2 = 0
    call 132
    goto out
  lost:
    ${countLost}
  out:
    r0 = r6
    exit
  `;
}

/** The first 24 bytes of a record at r7. */
function head(kind: number, subject: number, size: number): string {
  return `
    r1 = ${kind}
    *(u32 *)(r7 +0) = r1
    r1 = ${subject}
    *(u32 *)(r7 +4) = r1
    call 8
    *(u32 *)(r7 +8) = r0
    r1 = ${size}
    *(u32 *)(r7 +12) = r1
    call 14
    *(u64 *)(r7 +16) = r0`;
}

const countLost = `
    r1 = ${LOST} ll
    r2 = 1
    lock *(u64 *)(r1 +0) += r2`;

/** Assembled code, and where it refers to the recorder's maps. */
function piece(text: string): { code: Uint8Array; references(base: number): CodeReference[] } {
  const code = encode(assemble(text));
  const found: CodeReference[] = [];
  let slot = 0;
  for (const insn of decode(code)) {
    if (insn.kind === 'ld_imm64' && insn.imm.kind === 'value') {
      if (insn.imm.value === BigInt(RING)) found.push({ kind: 'map', slot, map: RING_MAP });
      if (insn.imm.value === BigInt(LOST)) found.push({ kind: 'map-value', slot, map: LOST_MAP, offset: 0 });
    }
    slot += insn.kind === 'ld_imm64' ? 2 : 1;
  }
  return { code, references: (base) => found.map((one) => ({ ...one, slot: one.slot + base })) };
}

function slots(code: Uint8Array): number {
  return code.length / 8;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function ringMap(): MapSpec {
  return { ...plainMap(RING_MAP, 'BPF_MAP_TYPE_RINGBUF'), maxEntries: RING_SIZE };
}

function lostMap(): MapSpec {
  return { ...plainMap(LOST_MAP, 'BPF_MAP_TYPE_ARRAY'), keySize: 4, valueSize: 8, maxEntries: 1 };
}

function plainMap(name: string, type: string): MapSpec {
  return {
    name,
    type: MAP_TYPES.find((one) => one.name === type)!.value,
    keySize: 0,
    valueSize: 0,
    maxEntries: 0,
    flags: 0,
    keyType: 0,
    valueType: 0,
    pinByName: false,
    numaNode: undefined,
    mapExtra: 0n,
    inner: undefined,
    initialSlots: new Map(),
    initialValue: undefined,
    data: undefined,
  };
}
