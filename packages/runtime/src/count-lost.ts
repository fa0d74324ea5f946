import { MAP_TYPES, PSEUDO_CALL, PSEUDO_IMM64 } from '@skep/abi';
import { type CodeReference, type MapSpec, type ObjectSpec, PLAIN_MAP, type ProgramSpec } from '@skep/object';

/** The map of counters: one for each ring in the order of {@link ringsOf}, the last for calls whose ring is not known. */
export const LOST_COUNTERS = 'skep_no_room';

/** Names of the object's ring buffers. */
export function ringsOf(object: ObjectSpec): string[] {
  return object.maps.filter((one) => one.type === RINGBUF).map((one) => one.name);
}

/**
 * The same object with programs that count the records for which a ring buffer had no room: the kernel tells nobody but
 * the program. Behind each call that reserves or sends a record, a few instructions add to a counter when it failed. Only
 * bytecode changes, so it works for objects of any compiler. A program that becomes too long for its jumps stays as it is.
 */
export function countLost(object: ObjectSpec): ObjectSpec {
  const rings = ringsOf(object);
  if (rings.length === 0 || object.maps.some((one) => one.name === LOST_COUNTERS)) return object;
  return {
    ...object,
    programs: object.programs.map((program) => countInProgram(program, rings) ?? program),
    maps: [...object.maps, countersMap(rings.length + 1)],
  };
}

const RINGBUF = MAP_TYPES.find((one) => one.name === 'BPF_MAP_TYPE_RINGBUF')!.value;
const ARRAY = MAP_TYPES.find((one) => one.name === 'BPF_MAP_TYPE_ARRAY')!.value;

/** bpf_ringbuf_reserve gives NULL; bpf_ringbuf_output and bpf_ringbuf_reserve_dynptr give an error. */
const RESERVE = 131;
const SENDERS: ReadonlySet<number> = new Set([130, RESERVE, 198]);

const LD_IMM64 = 0x18;
const CALL = 0x85;
const JA32 = 0x06;
const EXIT = 0x95;
const JMP = 5;
const JMP32 = 6;

function countInProgram(program: ProgramSpec, rings: readonly string[]): ProgramSpec | undefined {
  const view = new DataView(program.code.buffer, program.code.byteOffset, program.code.byteLength);
  const count = program.code.length / 8;
  const calls: { readonly slot: number; readonly ring: number }[] = [];
  const maps = new Map(program.references.flatMap((one) => (one.kind === 'map' ? [[one.slot, one.map]] : [])));
  // What r1 was last set to in a straight line of code: calls and places that are jumped to forget it.
  const unknown = rings.length === 1 ? 0 : rings.length;
  let ring = unknown;
  const targets = jumpTargets(view, count);
  for (let slot = 0; slot < count; slot++) {
    const opcode = view.getUint8(slot * 8);
    if (targets.has(slot)) ring = unknown;
    if (opcode === LD_IMM64) {
      const map = maps.get(slot);
      const isRing = map !== undefined && rings.includes(map);
      if ((view.getUint8(slot * 8 + 1) & 15) === 1) ring = isRing ? rings.indexOf(map) : unknown;
      slot++;
    } else if (opcode === CALL) {
      const isHelper = view.getUint8(slot * 8 + 1) >> 4 === 0;
      if (isHelper && SENDERS.has(view.getInt32(slot * 8 + 4, true))) calls.push({ slot, ring });
      ring = unknown;
    }
  }
  return calls.length === 0 ? program : insert(program, view, calls);
}

function jumpTargets(view: DataView, count: number): Set<number> {
  const targets = new Set<number>();
  for (let slot = 0; slot < count; slot++) {
    const opcode = view.getUint8(slot * 8);
    if (opcode === LD_IMM64) slot++;
    else if (opcode === JA32) targets.add(slot + 1 + view.getInt32(slot * 8 + 4, true));
    else if (isShortJump(opcode)) targets.add(slot + 1 + view.getInt16(slot * 8 + 2, true));
  }
  return targets;
}

function isShortJump(opcode: number): boolean {
  return ((opcode & 7) === JMP || (opcode & 7) === JMP32) && opcode !== CALL && opcode !== EXIT && opcode !== JA32;
}

/** `if it worked goto +4; r1 = &counter ll; r2 = 1; lock *(u64 *)(r1 +0) += r2`: r1 and r2 are spoilt by the call anyway. */
const ADDED = 5;

function insert(
  program: ProgramSpec,
  view: DataView,
  calls: readonly { readonly slot: number; readonly ring: number }[],
): ProgramSpec | undefined {
  const count = program.code.length / 8;
  const places = new Int32Array(count + 1);
  let next = 0;
  for (let slot = 0, added = 0; slot <= count; slot++) {
    places[slot] = slot + added;
    if (calls[next]?.slot === slot) {
      added += ADDED;
      next++;
    }
  }
  const code = new Uint8Array(places[count]! * 8);
  const out = new DataView(code.buffer);
  const references: CodeReference[] = [];
  next = 0;
  for (let slot = 0; slot < count; slot++) {
    const at = places[slot]! * 8;
    code.set(program.code.subarray(slot * 8, slot * 8 + 8), at);
    if (!retarget(view, out, slot, places)) return undefined;
    if (view.getUint8(slot * 8) === LD_IMM64) {
      slot++;
      code.set(program.code.subarray(slot * 8, slot * 8 + 8), places[slot]! * 8);
    } else if (calls[next]?.slot === slot) {
      const { ring } = calls[next++]!;
      const isReserve = view.getInt32(slot * 8 + 4, true) === RESERVE;
      code.set(isReserve ? JGE_R0_4 : JEQ_R0_4, at + 8);
      code.set(COUNT, at + 16);
      references.push({ kind: 'map-value', slot: places[slot]! + 2, map: LOST_COUNTERS, offset: ring * 8 });
    }
  }
  const moved = <T extends { readonly slot: number }>(list: readonly T[]): T[] =>
    list.map((one) => ({ ...one, slot: places[one.slot]! }));
  const thrown = program.exceptionCallback;
  return {
    ...program,
    code,
    references: [...moved(program.references), ...references].sort((a, b) => a.slot - b.slot),
    core: moved(program.core),
    funcInfo: moved(program.funcInfo),
    lineInfo: moved(program.lineInfo),
    functions: moved(program.functions),
    ...(thrown !== undefined && { exceptionCallback: places[thrown]! }),
  };
}

/** Jumps and calls over what was inserted; false when a jump cannot reach that far. */
function retarget(view: DataView, out: DataView, slot: number, places: Int32Array): boolean {
  const opcode = view.getUint8(slot * 8);
  const at = places[slot]! * 8;
  const source = view.getUint8(slot * 8 + 1) >> 4;
  const move = (distance: number): number => places[slot + 1 + distance]! - places[slot]! - 1;
  const isFar =
    opcode === JA32 ||
    (opcode === CALL && source === PSEUDO_CALL.local) ||
    (opcode === LD_IMM64 && source === PSEUDO_IMM64.func);
  if (isFar) {
    out.setInt32(at + 4, move(view.getInt32(slot * 8 + 4, true)), true);
    return true;
  }
  if (!isShortJump(opcode)) return true;
  const distance = move(view.getInt16(slot * 8 + 2, true));
  if (distance > 0x7fff || distance < -0x8000) return false;
  out.setInt16(at + 2, distance, true);
  return true;
}

/**
 * `if r0 >= 1 goto +4`, and not `if r0 != 0`: that is how programs ask for NULL, and verifiers before Linux 6.2 do not
 * know that memory of a ring buffer which was found not to be NULL stays so when the program itself asks again.
 */
const JGE_R0_4 = Uint8Array.of(0x35, 0x00, 4, 0, 1, 0, 0, 0);
const JEQ_R0_4 = Uint8Array.of(0x15, 0x00, 4, 0, 0, 0, 0, 0);
/** The first two slots get the map and the counter's place from the reference. */
const COUNT = Uint8Array.of(
  ...[0x18, 0x01, 0, 0, 0, 0, 0, 0],
  ...[0x00, 0x00, 0, 0, 0, 0, 0, 0],
  ...[0xb7, 0x02, 0, 0, 1, 0, 0, 0],
  ...[0xdb, 0x21, 0, 0, 0, 0, 0, 0],
);

function countersMap(counters: number): MapSpec {
  return {
    ...PLAIN_MAP,
    name: LOST_COUNTERS,
    type: ARRAY,
    keySize: 4,
    valueSize: counters * 8,
    maxEntries: 1,
  };
}
