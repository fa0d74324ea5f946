// @ts-check
/** One to three small changes of a program, of the kinds that sit near the border between accepted and refused. */

/** @typedef {import('@skep/verifier').VerifyInput} VerifyInput */

const ALU_OPS = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x80, 0x90, 0xa0, 0xb0, 0xc0];
const JUMP_OPS = [0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0];
const NUMBERS = [
  0, 1, -1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 511, 512, 4095, 0xffff, 0x7fffffff, -0x80000000,
  -8, -16,
];
const DISTANCES = [-16, -8, -4, -2, -1, 1, 2, 4, 8, 16];

/** @param {VerifyInput} input @param {() => number} random @returns {Uint8Array} */
export function mutate(input, random) {
  const code = input.code.slice();
  const view = new DataView(code.buffer);
  const length = code.length / 8;
  const pick = (/** @type {readonly number[]} */ from) =>
    /** @type {number} */ (from[Math.floor(random() * from.length)]);
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  const free = (/** @type {number} */ slot) =>
    code[slot * 8] !== 0 &&
    code[slot * 8] !== 0x18 &&
    !(slot > 0 && code[slot * 8 - 8] === 0x18) &&
    !input.symbols?.has(slot);
  for (let changes = 1 + below(3); changes > 0; changes--) {
    const slot = below(length);
    if (!free(slot)) continue;
    const at = slot * 8;
    const op = /** @type {number} */ (code[at]);
    const kind = op & 7;
    const regs = /** @type {number} */ (code[at + 1]);
    const off = view.getInt16(at + 2, true);
    const imm = view.getInt32(at + 4, true);
    const setImm = (/** @type {number} */ n) => view.setInt32(at + 4, n | 0, true);
    const setOff = (/** @type {number} */ n) => view.setInt16(at + 2, n, true);
    const newImm = () => (random() < 0.5 ? imm + pick(DISTANCES) : random() < 0.8 ? pick(NUMBERS) : below(4294967296));
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
        else if (kind === 1 || kind === 2 || kind === 3) code[at] = (op & ~0x18) | pick([0, 8, 16, 24]);
        break;
      case 4:
        // 32 or 64 bits.
        if (kind === 4) code[at] = (op & ~7) | 7;
        else if (kind === 7) code[at] = (op & ~7) | 4;
        else if (kind === 5 && JUMP_OPS.includes(op & 0xf0)) code[at] = (op & ~7) | 6;
        else if (kind === 6) code[at] = (op & ~7) | 5;
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
        if (other >= length || !free(other)) break;
        const kept = code.slice(at, at + 8);
        code.copyWithin(at, at + 8, at + 16);
        code.set(kept, at + 8);
        break;
      }
      default: {
        const other = below(length);
        if (free(other)) code.copyWithin(at, other * 8, other * 8 + 8);
      }
    }
  }
  return code;
}
