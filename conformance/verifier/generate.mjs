// @ts-check
/**
 * Small random programs: numbers that nobody knows, arithmetic and branches on them, then one of them as an offset into
 * a map value, the stack or a packet, or as the size that a helper is given. Most sit near the border of what is safe.
 */

/** @typedef {import('@skep/verifier').VerifyInput} VerifyInput */
/** @typedef {() => number} Random */

const SOCKET_FILTER = 1;
const SCHED_CLS = 3;
const XDP = 6;
const RANDOM = 7;
const LOOKUP = 1;
const SKB_LOAD_BYTES = 26;
const ALU = [0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x50, 0x50, 0x60, 0x70, 0x70, 0x80, 0x90, 0xa0, 0xb0, 0xc0];
const JUMPS = [0x10, 0x20, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xa0, 0xb0, 0xc0, 0xd0];
const NUMBERS = [
  0, 1, -1, 2, 3, 7, 8, 15, 16, 31, 32, 47, 48, 63, 64, 127, 255, 256, 0x7fffffff, -0x80000000, -2, -8, -16,
];
const VALUE_SIZE = 48;

/** @type {import('@skep/verifier').MapInfo} */
const map = {
  name: 'values',
  type: 1,
  keySize: 4,
  valueSize: VALUE_SIZE,
  maxEntries: 4,
  flags: 0,
  keyType: 0,
  valueType: 0,
  inner: undefined,
  contents: undefined,
};

/** @param {Random} random @returns {VerifyInput} */
export function generate(random) {
  const below = (/** @type {number} */ n) => Math.floor(random() * n);
  const pick = (/** @type {readonly number[]} */ from) =>
    /** @type {number} */ (from[Math.floor(random() * from.length)]);
  /** @type {number[][]} code, dst, src, off, imm */
  const out = [];
  const put = (/** @type {number} */ op, dst = 0, src = 0, off = 0, imm = 0) => {
    out.push([op, dst, src, off, imm]);
  };
  const number = () => (random() < 0.7 ? pick(NUMBERS) : below(1 << (1 + below(31))));
  /** @type {Map<number, number>} */
  const mapAt = new Map();
  /** Jumps to the end, to be filled in. @type {number[]} */
  const leaves = [];
  const leave = (/** @type {number} */ op, dst = 0, src = 0, imm = 0) => {
    leaves.push(out.length);
    put(op, dst, src, 0, imm);
  };

  const use = below(5);
  const type = use === 2 ? (random() < 0.5 ? XDP : SCHED_CLS) : use === 3 ? SOCKET_FILTER : pick([1, 3, 5, 6]);
  put(0xbf, 6, 1);
  // A map value in r7: a source of numbers, and memory.
  put(0x7a, 10, 0, -8, 0);
  put(0xbf, 2, 10);
  put(0x07, 2, 0, 0, -8);
  mapAt.set(out.length, 0);
  put(0x18, 1, 1);
  put(0);
  put(0x85, 0, 0, 0, LOOKUP);
  leave(0x15, 0);
  put(0xbf, 7, 0);
  // Unknown numbers in r8, r9 and up to three more.
  const numbers = [8, 9];
  put(pick([0x61, 0x69, 0x71, 0x79, 0x79, 0x81, 0x89, 0x91]), 8, 7, 0);
  if (random() < 0.5) {
    put(0x85, 0, 0, 0, RANDOM);
    put(0xbf, 9, 0);
  } else put(pick([0x61, 0x79, 0x79, 0x81, 0x91]), 9, 7, 8);
  for (const r of [2, 3, 4])
    if (random() < 0.4) {
      if (random() < 0.5) put(0xb7, r, 0, 0, number());
      else put(pick([0x79, 0x61, 0x71]), r, 7, 16);
      numbers.push(r);
    }

  const body = 2 + below(random() < 0.2 ? 24 : 8);
  for (let i = 0; i < body; i++) {
    const dst = pick(numbers);
    const src = pick(numbers);
    const dice = random();
    if (dice < 0.42) {
      const op = pick(ALU);
      const wide = random() < 0.65;
      const shift = op === 0x60 || op === 0x70 || op === 0xc0;
      if (random() < 0.35 && op !== 0x80) {
        // Moves that extend the sign, signed division, now and then.
        const extra =
          random() < 0.25 ? (op === 0xb0 ? pick(wide ? [8, 16, 32] : [8, 16]) : op === 0x30 || op === 0x90 ? 1 : 0) : 0;
        put(op | (wide ? 7 : 4) | 8, dst, src, extra);
      } else if (op === 0x80) put(op | (wide ? 7 : 4), dst);
      else {
        const imm = number();
        put(op | (wide ? 7 : 4), dst, 0, 0, shift ? imm & (wide ? 63 : 31) : imm === 0 ? 1 : imm);
      }
    } else if (dice < 0.5) put(random() < 0.5 ? 0xd4 : 0xdc, dst, 0, 0, pick([16, 32, 64]));
    else if (dice < 0.6) {
      // Through the stack and back, whole or in part.
      const at = -16 - 8 * below(3);
      put(pick([0x7b, 0x7b, 0x63, 0x6b, 0x73]), 10, src, at + pick([0, 0, 0, 4]));
      put(pick([0x79, 0x79, 0x61, 0x69, 0x71, 0x81]), dst, 10, at + pick([0, 0, 0, 4]));
    } else {
      const op = pick(JUMPS) | (random() < 0.65 ? 5 : 6);
      const other = random() < 0.4;
      if (random() < 0.6) leave(other ? op | 8 : op, dst, other ? src : 0, other ? 0 : number());
      else put(other ? op | 8 : op, dst, other ? src : 0, below(4), other ? 0 : number());
    }
  }

  const index = pick(numbers);
  const bound = () => {
    if (random() < 0.6)
      leave(pick([0x25, 0x35, 0x65, 0x75, 0x26, 0x66]), index, 0, pick([7, 8, 15, 31, 40, 47, 48, 63]));
    if (random() < 0.3) leave(pick([0xc5, 0xa5, 0xc6]), index, 0, pick([0, 1, -8]));
    if (random() < 0.3) put(0x57, index, 0, 0, pick([3, 7, 15, 31, 63]));
  };
  const size = pick([0x61, 0x69, 0x71, 0x79]);
  const bytes = /** @type {Record<number, number>} */ ({ 97: 4, 105: 2, 113: 1, 121: 8 })[size] ?? 1;
  bound();
  switch (use) {
    case 0:
      put(random() < 0.2 ? 0x1f : 0x0f, 7, index);
      put(random() < 0.5 ? size : size + 2, 7, random() < 0.5 ? 7 : 8, pick([0, 0, 1, 8, -1, 31, 40]));
      break;
    case 1:
      put(0xbf, 5, 10);
      put(0x07, 5, 0, 0, pick([-64, -48, -32, -16]));
      put(0x0f, 5, index);
      put(random() < 0.6 ? size : size + 2, 5, random() < 0.5 ? 5 : 7, pick([0, 0, -8, 8]));
      break;
    case 2: {
      const [data, end] = type === XDP ? [0, 4] : [76, 80];
      put(0x61, 1, 6, data);
      put(0x61, 5, 6, end);
      put(0x0f, 1, index);
      if (random() < 0.5) put(0x07, 1, 0, 0, pick([1, 4, 8, 14]));
      put(0xbf, 0, 1);
      put(0x07, 0, 0, 0, pick([bytes, bytes, 8, 14, bytes - 1]));
      leave(pick([0x2d, 0x3d, 0x2d]), 0, 5);
      put(size, 0, 1, pick([0, 0, 0, -1, 1]));
      break;
    }
    case 3:
      put(0xbf, 1, 6);
      put(0xb7, 2, 0, 0, 0);
      put(0xbf, 3, 10);
      put(0x07, 3, 0, 0, pick([-64, -48, -40]));
      put(0xbf, 4, index < 6 ? 8 : index);
      put(0x85, 0, 0, 0, SKB_LOAD_BYTES);
      break;
    default:
      // In a loop that the number bounds.
      put(0xb7, 1, 0, 0, 0);
      put(0x07, 1, 0, 0, 1);
      put(0x2d, index, 1, -2);
      put(0x0f, 7, 1);
      put(size, 0, 7, pick([0, 0, -1, 8]));
  }
  for (const at of leaves) /** @type {number[]} */ (out[at])[3] = out.length - at - 1;
  put(0xb7, 0, 0, 0, 0);
  put(0x95);
  return { code: encode(out), type, license: 'GPL', maps: [map], mapAt };
}

/** @param {readonly number[][]} insns */
function encode(insns) {
  const code = new Uint8Array(insns.length * 8);
  const view = new DataView(code.buffer);
  for (const [i, [op = 0, dst = 0, src = 0, off = 0, imm = 0]] of insns.entries()) {
    code[i * 8] = op;
    code[i * 8 + 1] = dst | (src << 4);
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm | 0, true);
  }
  return code;
}
