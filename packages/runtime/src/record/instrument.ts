import { HELPERS, MAP_TYPES, PT_REGS } from '@skep/abi';
import { SkepError } from '@skep/base';
import {
  type AccessSize,
  assemble,
  type CodeReference,
  type CoreRelocation,
  decode,
  encode,
  type Insn,
  type Load,
  type MapSpec,
  type ObjectSpec,
  PLAIN_MAP,
  type ProgramSpec,
} from '@skep/object';
import { cannotRecord } from '../diagnostics.ts';
import { analyse, type Flow, placesOf } from './flow.ts';
import { CALL, END, LOST_MAP, MEMORY, RECORD, RING_MAP, RING_SIZE, SIZE_CLASSES, STACK, START } from './layout.ts';

/**
 * The same object with programs that also tell what they see: their context, the memory they read, the time and other
 * results that depend on the outside. Only bytecode changes, so it works for objects of any compiler: the program becomes
 * a function behind an entry that records its context, and calls of helpers that look outside go through wrappers. So do
 * loads of programs whose pointers into the kernel have types, which need no helper (tp_btf, fentry, LSM).
 *
 * `hooks` are the programs that will run, by their names, and the numbers of their hooks; others stay as they are. Throws E8008
 * for programs whose view cannot be recorded this way.
 */
export function instrument(object: ObjectSpec, hooks: ReadonlyMap<string, number>, subject?: Subject): ObjectSpec {
  return {
    ...object,
    programs: object.programs.map((program) => {
      const hook = hooks.get(program.name);
      return hook === undefined ? program : instrumentProgram(program, hook, object, subject);
    }),
    maps: [...object.maps, ringMap(), lostMap()],
  };
}

/** The process whose runs, and whose descendants', are recorded where hooks are about the current process. */
export interface Subject {
  readonly tgid: number;
  /** Offsets in the kernel's `struct task_struct`. */
  readonly tgidOffset: number;
  readonly parentOffset: number;
}

/**
 * System calls are made by the current process, and so are calls of its functions: programs that filter ignore those of
 * others. Were they recorded, the recorder would not come to an end with its own.
 */
const ABOUT_CURRENT = /^\??((tracepoint|tp)\/(raw_)?syscalls\/|u(ret)?probe[./]|usdt\/)/;

/** Bytes of context to keep, by type of program. A tracepoint's own length is not known here: this holds nearly all. */
const CONTEXT_SIZES: { readonly [programType: string]: number } = {
  BPF_PROG_TYPE_TRACEPOINT: 256,
  BPF_PROG_TYPE_RAW_TRACEPOINT: 96,
  BPF_PROG_TYPE_KPROBE: 168,
  BPF_PROG_TYPE_PERF_EVENT: PT_REGS.x86_64.size + 16,
};

/** Helpers that copy memory from outside: (target, size, address). */
const READERS = new Set([4, 45, 112, 113, 114, 115]);
/** Helpers whose result is a fact of the outside, and that take no memory: nothing, or the context. */
const SOURCES = new Set([5, 7, 35, 80, 125, 158, 160, 173, 174, 208]);
/** Helpers that give stacks, with the argument that has their flags: bpf_get_stackid, bpf_get_stack. */
const STACKS: ReadonlyMap<number, number> = new Map([
  [27, 3],
  [67, 4],
]);
/** Helpers whose answers depend on the outside in ways that are not observed. */
const UNSEEN: ReadonlyMap<number, string> = new Map(
  HELPERS.filter((one) => [22, 55, 56, 119, 120, 123, 141, 147, 176].includes(one.id)).map((one) => [one.id, one.name]),
);
/** Settings of the kernel that the virtual machine knows from the recording. */
const KNOWN_SETTINGS = new Set(['LINUX_KERNEL_VERSION']);

function instrumentProgram(
  program: ProgramSpec,
  hook: number,
  object: ObjectSpec,
  anySubject: Subject | undefined,
): ProgramSpec {
  const subject = ABOUT_CURRENT.test(program.section) ? anySubject : undefined;
  const types = object.btf;
  const contextSize = contextSizeOf(program);
  if (contextSize === undefined) {
    throw new SkepError(
      cannotRecord(program.name, `SEC("${program.section}") reads the kernel in ways that are not observed`),
    );
  }
  if (program.references.some((one) => one.kind === 'func')) {
    throw new SkepError(cannotRecord(program.name, 'it uses callbacks'));
  }
  const body = decode(program.code);
  const unseen = body.find(
    (insn) => insn.kind === 'call' && insn.target.kind === 'helper' && UNSEEN.has(insn.target.id),
  );
  if (unseen?.kind === 'call' && unseen.target.kind === 'helper') {
    const name = UNSEEN.get(unseen.target.id)!;
    throw new SkepError(cannotRecord(program.name, `the answers of ${name} are not observed`));
  }
  const settings = new Set(object.maps.filter((one) => one.data === 'kconfig').map((one) => one.name));
  const setting = object.globals.find((one) => settings.has(one.map) && !KNOWN_SETTINGS.has(one.name));
  if (setting)
    throw new SkepError(cannotRecord(program.name, `it asks for \`${setting.name}\` of the kernel's configuration`));
  const places = placesOf(body);
  const typed = READS_TYPED.has(program.hook!.programType);
  const flow = typed ? analyse(program, body, places, types) : undefined;
  const helpers = [...new Set(body.flatMap((insn) => (isRecorded(insn) ? [insn.target.id] : [])))];
  const observed = (index: number): AccessSize | undefined => {
    const insn = body[index]!;
    return insn.kind === 'load' && flow && !flow.readsOwn(index) ? insn.size : undefined;
  };
  const sizes = [...new Set(body.flatMap((_, index) => observed(index) ?? []))];
  const front = piece(entry(hook, contextSize, copyContext(program, contextSize), subject));
  const wrappers = [
    ...helpers.map((id) => ({ key: `helper ${id}`, piece: piece(wrapperOf(id)) })),
    ...sizes.map((size) => ({ key: `load ${size}`, piece: piece(load(size)) })),
  ];

  // Each instruction becomes a few, of which one has its place in tables; calls of wrappers are filled in at the end.
  const shift = slots(front.code);
  const out: (Insn | { readonly wrapper: string })[] = [];
  const starts: number[] = [];
  const selves = new Map<number, number>();
  const core: CoreRelocation[] = [];
  let slot = shift;
  const emit = (insn: Insn | { readonly wrapper: string }): number => {
    const at = slot;
    out.push(insn);
    slot += 'kind' in insn && insn.kind === 'ld_imm64' ? 2 : 1;
    return at;
  };
  for (const [index, insn] of body.entries()) {
    const from = places.slots[index]!;
    starts.push(slot);
    const size = observed(index);
    if (size !== undefined && insn.kind === 'load') {
      const { self, added } = observe(program, flow!, index, insn, emit);
      selves.set(from, self);
      for (const one of program.core) if (one.slot === from) core.push({ ...one, slot: added });
    } else selves.set(from, emit(isRecorded(insn) ? { wrapper: `helper ${insn.target.id}` } : insn));
  }
  const wrapperStarts = new Map<string, number>();
  let end = slot;
  for (const wrapper of wrappers) {
    wrapperStarts.set(wrapper.key, end);
    end += slots(wrapper.piece.code);
  }

  const startOf = (old: number): number => starts[places.indexOf(old)] ?? slot;
  let at = shift;
  const selfIndex = new Map([...selves].map(([old, now]) => [now, old]));
  const rewired = out.map((insn): Insn => {
    const here = at;
    const next = here + ('kind' in insn && insn.kind === 'ld_imm64' ? 2 : 1);
    at = next;
    if (!('kind' in insn))
      return { kind: 'call', target: { kind: 'local', off: wrapperStarts.get(insn.wrapper)! - next } };
    const old = selfIndex.get(here);
    if (old === undefined) return insn;
    if (insn.kind === 'jump' || insn.kind === 'goto' || insn.kind === 'may_goto')
      return { ...insn, off: startOf(old + 1 + insn.off) - next };
    if (insn.kind === 'call' && insn.target.kind === 'local')
      return { ...insn, target: { kind: 'local', off: startOf(old + 1 + insn.target.off) - next } };
    return insn;
  });
  if (rewired.some((insn) => insn.kind === 'jump' && (insn.off > 32767 || insn.off < -32768)))
    throw new SkepError(cannotRecord(program.name, 'its jumps would become too long'));

  // Behind all that, the program as it was, for processes that are not recorded.
  const plain = <T extends { readonly slot: number }>(list: readonly T[]): T[] =>
    subject ? list.map((one) => ({ ...one, slot: one.slot + end })) : [];
  const parts = [encode(rewired), ...wrappers.map((one) => one.piece.code)];
  return {
    ...program,
    code: subject ? join([callPlain(front.code, end), ...parts, program.code]) : join([front.code, ...parts]),
    references: [
      ...plain(program.references),
      ...front.references(0),
      ...program.references.map((one) => ({ ...one, slot: selves.get(one.slot)! })),
      ...wrappers.flatMap((one) => one.piece.references(wrapperStarts.get(one.key)!)),
    ],
    core: [
      ...program.core.map((one) => ({ ...one, slot: selves.get(one.slot)! })),
      ...core,
      ...plain(program.core),
    ].sort((a, b) => a.slot - b.slot),
    // The wrappers have no types, and the kernel wants them for all functions or for none.
    funcInfo: [],
    lineInfo: [],
    functions: [...program.functions.map((one) => ({ ...one, slot: startOf(one.slot) })), ...plain(program.functions)],
    ...(program.exceptionCallback !== undefined && { exceptionCallback: startOf(program.exceptionCallback) }),
  };
}

/** Types of program whose pointers into the kernel have types, so that they load through them without a helper. */
const READS_TYPED = new Set(['BPF_PROG_TYPE_TRACING', 'BPF_PROG_TYPE_LSM']);
/** Of the programs that trace, those whose context is the arguments of a function. */
const ARGUMENT_HOOKS = new Set([
  ...['BPF_TRACE_RAW_TP', 'BPF_TRACE_FENTRY', 'BPF_TRACE_FEXIT', 'BPF_MODIFY_RETURN', 'BPF_LSM_MAC', 'BPF_LSM_CGROUP'],
]);

function contextSizeOf({ hook }: ProgramSpec): number | undefined {
  if (hook === undefined) return undefined;
  if (!READS_TYPED.has(hook.programType)) return CONTEXT_SIZES[hook.programType];
  return ARGUMENT_HOOKS.has(hook.attachType ?? '') ? ARGUMENTS_SIZE : undefined;
}

/** Twelve arguments and a result; what lies behind those of the function means nothing. */
const ARGUMENTS_SIZE = 104;

/**
 * A load through a pointer: the address goes to r1 and the value to r2 of a function that records both and gives the
 * value back. Registers that calls spoil wait in the frame, below what the function uses of it.
 */
function observe(
  program: ProgramSpec,
  flow: Flow,
  index: number,
  insn: Load,
  emit: (insn: Insn | { readonly wrapper: string }) => number,
): { self: number; added: number } {
  const waiting = flow.liveAfter(index) & flow.readyAt(index) & ~(1 << insn.dst) & 0b111111;
  const registers = [0, 1, 2, 3, 4, 5].filter((reg) => (waiting & (1 << reg)) !== 0);
  const base = -((flow.frameOf(index) + 7) & ~7) - 8;
  if (base - 8 * (registers.length - 1) < -512)
    throw new SkepError(cannotRecord(program.name, 'its frame has no room for what recording needs'));
  const place = (i: number) => base - 8 * i;
  for (const [i, reg] of registers.entries())
    emit({ kind: 'store', size: 8, dst: 10, off: place(i), src: { kind: 'reg', reg } });
  if (insn.src !== 1) emit({ kind: 'alu', op: 'mov', width: 64, dst: 1, src: { kind: 'reg', reg: insn.src } });
  const self = emit({ ...insn, dst: 2, src: 1 });
  const added = emit({ kind: 'alu', op: 'add', width: 64, dst: 1, src: { kind: 'imm', imm: insn.off } });
  emit({ wrapper: `load ${insn.size}` });
  if (insn.dst !== 0) emit({ kind: 'alu', op: 'mov', width: 64, dst: insn.dst, src: { kind: 'reg', reg: 0 } });
  for (const [i, reg] of registers.entries())
    emit({ kind: 'load', size: 8, signed: false, dst: reg, src: 10, off: place(i) });
  return { self, added };
}

function isRecorded(insn: Insn): insn is Insn & { kind: 'call'; target: { kind: 'helper'; id: number } } {
  return (
    insn.kind === 'call' &&
    insn.target.kind === 'helper' &&
    (READERS.has(insn.target.id) || SOURCES.has(insn.target.id) || STACKS.has(insn.target.id))
  );
}

// Stand-ins for the maps' addresses, found again after assembling.
const RING = 0x5ec0_0001;
const LOST = 0x5ec0_0002;

/** The last call of the entry leads to the program as it was, `plain` slots from its start. */
function callPlain(front: Uint8Array, plain: number): Uint8Array {
  let slot = 0;
  const body = decode(front);
  const places = body.map((insn) => {
    const here = slot;
    slot += insn.kind === 'ld_imm64' ? 2 : 1;
    return here;
  });
  const last = body.findLastIndex((insn) => insn.kind === 'call' && insn.target.kind === 'local');
  return encode(
    body.map((insn, i): Insn => {
      return i === last ? { kind: 'call', target: { kind: 'local', off: plain - places[i]! - 1 } } : insn;
    }),
  );
}

/** As far up as programs look for the process they are told of. */
const GENERATIONS = 12;

/** Goes to `theirs` when the current process neither is the subject nor descends from it. */
function skipOthers({ tgid, tgidOffset, parentOffset }: Subject): string {
  const generation = `
    r1 = r10
    r1 += -8
    r2 = 8
    r3 = r7
    r3 += ${parentOffset}
    call 113
    r7 = *(u64 *)(r10 -8)
    r1 = r10
    r1 += -16
    r2 = 4
    r3 = r7
    r3 += ${tgidOffset}
    call 113
    r1 = *(u32 *)(r10 -16)
    if r1 == ${tgid} goto ours
    if r1 <= 1 goto theirs`;
  return `
    call 14
    r0 >>= 32
    if r0 == ${tgid} goto ours
    call 35
    r7 = r0
    ${generation.repeat(GENERATIONS)}
    goto theirs
  ours:`;
}

/** In front of the program: it ends by jumping over nothing into a call of what follows it. */
function entry(hook: number, contextSize: number, copy: string, subject: Subject | undefined): string {
  return `
    r6 = r1
    ${subject ? skipOthers(subject) : ''}
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
    ${copy}
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
    ${subject ? 'theirs:\n    r1 = r6\n    call body_follows\n    exit' : ''}
  body_follows:
  `;
}

/**
 * From r6 to the record at r7. What programs of perf events see is not what lies there: the kernel rewrites each of their
 * loads, so it is loaded as they would.
 */
function copyContext({ hook }: ProgramSpec, size: number): string {
  if (hook?.programType === 'BPF_PROG_TYPE_PERF_EVENT') {
    return Array.from({ length: size / 8 }, (_, i) => {
      return `r1 = *(u64 *)(r6 +${8 * i})\n    *(u64 *)(r7 +${START.bytes + 8 * i}) = r1`;
    }).join('\n    ');
  }
  return `
    r1 = r7
    r1 += ${START.bytes}
    r2 = ${size}
    r3 = r6
    call 113`;
}

function wrapperOf(id: number): string {
  const flags = STACKS.get(id);
  if (flags !== undefined) return stack(id, flags);
  return READERS.has(id) ? reader(id) : source(id);
}

/**
 * (context, …, flags): calls the helper, then asks for the whole stack once more and sends that. The
 * virtual machine's map of stacks keeps it under the number that `bpf_get_stackid` gave here.
 */
function stack(id: number, flags: number): string {
  return `
    r6 = r1
    r8 = r${flags}
    call ${id}
    r9 = r0
    r1 = ${RING} ll
    r2 = ${STACK.size}
    r3 = 0
    call 131
    if r0 == 0 goto lost
    r7 = r0
    r8 &= ${USER_STACK}
    *(u64 *)(r7 +${STACK.flags}) = r8
    r1 = r6
    r2 = r7
    r2 += ${STACK.bytes}
    r3 = ${STACK.size - STACK.bytes}
    r4 = r8
    call 67
    *(u64 *)(r7 +${STACK.result}) = r0
    ${head(RECORD.stack, id, 0)}
    *(u32 *)(r7 +${STACK.given}) = r9
    r1 = r7
    r2 = 0
    call 132
    goto out
  lost:
    ${countLost}
  out:
    r0 = r9
    exit
  `;
}

/** BPF_F_USER_STACK */
const USER_STACK = 1 << 8;

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

/** (address, value): sends what was loaded there as if `bpf_probe_read_kernel` had read it; gives the value. */
function load(size: AccessSize): string {
  return `
    r8 = r1
    r9 = r2
    r1 = ${RING} ll
    r2 = ${MEMORY.bytes + 8}
    r3 = 0
    call 131
    if r0 == 0 goto lost
    r7 = r0
    r1 = 0
    *(u64 *)(r7 +${MEMORY.result}) = r1
    *(u64 *)(r7 +${MEMORY.address}) = r8
    *(u64 *)(r7 +${MEMORY.bytes}) = r9
    ${head(RECORD.memory, 113, size)}
    r1 = r7
    r2 = 0
    call 132
    goto out
  lost:
    ${countLost}
  out:
    r0 = r9
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
    ...PLAIN_MAP,
    name,
    type: MAP_TYPES.find((one) => one.name === type)!.value,
  };
}
