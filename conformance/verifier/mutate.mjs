// @ts-check
/** One to four small changes of a program, of the kinds that sit near the border between accepted and refused. */

/** @typedef {import('@skep/verifier').VerifyInput} VerifyInput */
/** @typedef {() => number} Random from 0 up to, not including, 1 */

const ALU_OPS = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xa0, 0xb0, 0xc0];
const JUMP_OPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const NUMBERS = [
  0, 1, -1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 4095, 0xffff, 0x7fffffff, -0x80000000,
  -8, -16,
];
/** Of atomics: add, or, and, xor with and without the old value, exchanges, load_acquire, store_release. */
const ATOMICS = [0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, 0xe1, 0xf1, 0x100, 0x110];
const DISTANCES = [-16, -8, -4, -2, -1, 1, 2, 4, 8, 16];
/** Types whose programs name no function or tracepoint of the kernel. */
const PLAIN_TYPES = [1, 2, 3, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 18, 21, 22, 25, 30, 31];
/** Strict alignment, any alignment, states at every chance, sleepable. */
const FLAGS = [1, 2, 8, 16];
const LD_IMM64 = 0x18;
const CALL = 0x85;
const JUMP_LONG = 0x06;
/** Mode of stores. */
const ATOMIC = 0xc0;

/**
 * @param {VerifyInput} input
 * @param {Random} random
 * @param {VerifyInput} [donor] a program whose instructions may be taken over
 * @returns {VerifyInput}
 */
export function mutate(input, random, donor) {
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  let changed = { ...input, code: input.code.slice(), lineInfo: [] };
  for (let changes = 1 + below(4); changes > 0; changes--) {
    const dice = random();
    if (dice < 0.03) changed = otherKind(changed, random);
    else if (dice < 0.08) changed = insert(changed, below(changed.code.length / 8), random);
    else if (dice < 0.16 && donor !== undefined) changed = splice(changed, donor, random);
    else change(changed, below(changed.code.length / 8), random);
  }
  return changed;
}

/** Slots that instructions of two slots and calls by name do not own. @param {VerifyInput} input @param {number} slot */
function free({ code, symbols }, slot) {
  return (
    code[slot * 8] !== 0 &&
    code[slot * 8] !== LD_IMM64 &&
    !(slot > 0 && code[slot * 8 - 8] === LD_IMM64) &&
    !symbols?.has(slot)
  );
}

/** Another type of program, other flags, another licence. @template {VerifyInput} T @param {T} input @param {Random} random @returns {T} */
function otherKind(input, random) {
  const pick = (/** @type {readonly number[]} */ from) => from[Math.floor(random() * from.length)] ?? 0;
  switch (Math.floor(random() * 3)) {
    case 0:
      return input.attachTarget === undefined && PLAIN_TYPES.includes(input.type)
        ? { ...input, type: pick(PLAIN_TYPES) }
        : input;
    case 1:
      return { ...input, flags: (input.flags ?? 0) ^ pick(FLAGS) };
    default:
      return { ...input, license: input.license === 'GPL' ? 'MIT' : 'GPL' };
  }
}

/** Changes one instruction in place. @param {VerifyInput} input @param {number} slot @param {Random} random */
function change(input, slot, random) {
  const { code } = input;
  const view = new DataView(code.buffer);
  const length = code.length / 8;
  const pick = (/** @type {readonly number[]} */ from) =>
    /** @type {number} */ (from[Math.floor(random() * from.length)]);
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  const at = slot * 8;
  const op = /** @type {number} */ (code[at]);
  const regs = /** @type {number} */ (code[at + 1]);
  const off = view.getInt16(at + 2, true);
  const imm = view.getInt32(at + 4, true);
  const setImm = (/** @type {number} */ n) => view.setInt32(at + 4, n | 0, true);
  const setOff = (/** @type {number} */ n) => view.setInt16(at + 2, n, true);
  const newImm = () => (random() < 0.5 ? imm + pick(DISTANCES) : random() < 0.8 ? pick(NUMBERS) : below(4294967296));
  if (op === LD_IMM64 && regs >> 4 === 0) {
    setImm(newImm());
    if (random() < 0.3) view.setInt32(at + 12, pick(NUMBERS), true);
    return;
  }
  // Where in a map of data it points.
  if (op === LD_IMM64 && regs >> 4 === 2) {
    view.setInt32(at + 12, view.getInt32(at + 12, true) + pick(DISTANCES), true);
    return;
  }
  if (!free(input, slot)) return;
  const kind = op & 7;
  switch (below(9)) {
    case 0:
      code[at + 1] = (regs & 0xf0) | below(11);
      break;
    case 1:
      if ((op & 8 && kind >= 4) || kind === 1 || kind === 3) code[at + 1] = (regs & 15) | (below(11) << 4);
      break;
    case 2:
      if (kind === 1 || kind === 2 || kind === 3) setOff(off + pick(DISTANCES));
      else if (!(op & 8)) setImm(newImm());
      break;
    case 3:
      if ((kind === 4 || kind === 7) && (op & 0xf0) !== 0xd0) code[at] = (op & 15) | pick(ALU_OPS);
      else if ((kind === 5 || kind === 6) && JUMP_OPS.includes(op & 0xf0)) code[at] = (op & 15) | pick(JUMP_OPS);
      else if (kind === 3 && (op & 0xe0) === ATOMIC && random() < 0.7) setImm(pick(ATOMICS));
      else if (kind === 1 || kind === 2 || kind === 3) code[at] = (op & ~0x18) | pick([0, 8, 16, 24]);
      break;
    case 4:
      // 32 or 64 bits.
      if (kind === 4) code[at] = (op & ~7) | 7;
      else if (kind === 7) code[at] = (op & ~7) | 4;
      else if (kind === 5 && JUMP_OPS.includes(op & 0xf0)) code[at] = (op & ~7) | 6;
      else if (kind === 6) code[at] = (op & ~7) | 5;
      else if (kind === 1) code[at] = (op & ~0xe0) | pick([0x60, 0x80]);
      else if (kind === 3) {
        code[at] = op ^ 0x60 ^ ATOMIC;
        setImm((op & 0xe0) === ATOMIC ? 0 : pick(ATOMICS));
      }
      break;
    case 5:
      // Register or immediate.
      if ((kind >= 4 && kind <= 7 && (op & 0xf0) < 0x80) || ((kind === 4 || kind === 7) && (op & 0xf0) === 0xb0)) {
        code[at] = op ^ 8;
        if (op & 8) {
          code[at + 1] = regs & 15;
          setImm(pick(NUMBERS));
        } else {
          code[at + 1] = (regs & 15) | (below(10) << 4);
          setImm(0);
        }
      }
      break;
    case 6:
      // Nothing, or a check that always goes on.
      code.set([0x05, 0, 0, 0, 0, 0, 0, 0], at);
      if ((kind === 5 || kind === 6) && random() < 0.3) setOff(off);
      break;
    case 7: {
      const other = slot + 1;
      if (other >= length || !free(input, other)) break;
      const kept = code.slice(at, at + 8);
      code.copyWithin(at, at + 8, at + 16);
      code.set(kept, at + 8);
      break;
    }
    default: {
      const other = below(length);
      if (free(input, other)) code.copyWithin(at, other * 8, other * 8 + 8);
    }
  }
}

/** Writes instructions of the donor over as many of the program. @template {VerifyInput} T @param {T} input @param {VerifyInput} donor @param {Random} random @returns {T} */
function splice(input, donor, random) {
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  const into = below(input.code.length / 8);
  const from = below(donor.code.length / 8);
  const most = Math.min(input.code.length / 8 - into, donor.code.length / 8 - from);
  const count = Math.min(most, 1 + below(random() < 0.5 ? 4 : 40));
  const inside = (/** @type {number} */ slot) => slot >= from && slot < from + count;
  const second = (/** @type {VerifyInput} */ { code }, /** @type {number} */ slot) => code[slot * 8 - 8] === LD_IMM64;
  // Halves of instructions say nothing.
  if (second(input, into) || second(input, into + count)) return input;
  if (second(donor, from) || second(donor, from + count)) return input;
  const maps = [...(input.maps ?? [])];
  const mapAt = new Map([...(input.mapAt ?? [])].filter(([slot]) => slot < into || slot >= into + count));
  const symbols = new Map([...(input.symbols ?? [])].filter(([slot]) => slot < into || slot >= into + count));
  for (const [slot, index] of donor.mapAt ?? []) {
    if (!inside(slot)) continue;
    const map = donor.maps?.[index];
    // A map's types are those of its own program.
    if (map === undefined || (map.valueType !== 0 && donor.btf !== input.btf)) return input;
    let at = maps.indexOf(map);
    if (at < 0) at = maps.push(map) - 1;
    mapAt.set(slot - from + into, at);
  }
  for (const [slot, symbol] of donor.symbols ?? []) if (inside(slot)) symbols.set(slot - from + into, symbol);
  input.code.set(donor.code.subarray(from * 8, (from + count) * 8), into * 8);
  return { ...input, maps, mapAt, symbols };
}

/** Doubles an instruction; what jumps or calls over it still ends where it did. @template {VerifyInput} T @param {T} input @param {number} slot @param {Random} random @returns {T} */
function insert(input, slot, random) {
  if (!free(input, slot)) return input;
  const length = input.code.length / 8;
  const old = new DataView(input.code.buffer);
  const code = new Uint8Array(input.code.length + 8);
  code.set(input.code.subarray(0, slot * 8 + 8));
  code.set(input.code.subarray(slot * 8), slot * 8 + 8);
  const view = new DataView(code.buffer);
  const moved = (/** @type {number} */ n) => (n > slot ? n + 1 : n);
  for (let i = 0; i < length; i++) {
    const op = /** @type {number} */ (input.code[i * 8]);
    if (i > 0 && input.code[i * 8 - 8] === LD_IMM64) continue;
    const wide = op === JUMP_LONG || (op === CALL && input.code[i * 8 + 1] === 0x10);
    const jumps = ((op & 7) === 5 || (op & 7) === 6) && op !== CALL && op !== 0x95 && !wide;
    if (!wide && !jumps) continue;
    const distance = wide ? old.getInt32(i * 8 + 4, true) : old.getInt16(i * 8 + 2, true);
    const now = moved(i + 1 + distance) - (moved(i) + 1);
    if (wide) view.setInt32(moved(i) * 8 + 4, now, true);
    else view.setInt16(moved(i) * 8 + 2, now, true);
  }
  const shifted = /** @type {T} */ ({
    ...input,
    code,
    mapAt: new Map([...(input.mapAt ?? [])].map(([at, map]) => [moved(at), map])),
    symbols: new Map([...(input.symbols ?? [])].map(([at, symbol]) => [moved(at), symbol])),
    funcInfo: input.funcInfo?.map((one) => ({ ...one, slot: moved(one.slot) })),
  });
  change(shifted, slot + (random() < 0.5 ? 1 : 0), random);
  return shifted;
}
