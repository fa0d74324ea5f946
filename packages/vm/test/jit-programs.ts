/** Random programs for comparing engines, made from a seed: the same seed gives the same program. */

import { Random as Choices } from '../../../test/support/random.mjs';

/** With numbers that instructions treat apart. */
export class Random extends Choices {
  immediate(): number {
    switch (this.below(5)) {
      case 0:
        return this.pick([0, 1, -1, 0x7fffffff, -0x80000000, 31, 32, 63, 64, 255, 65535]);
      case 1:
        return this.below(256) - 128;
      case 2:
        return 1 << this.below(32);
      default:
        return this.next() | 0;
    }
  }
}

/** Words of an instruction, as the interpreter reads them. */
export type Word = [number, number];

export const insn = (op: number, dst: number, src: number, off: number, imm: number): Word => [
  op | (dst << 8) | (src << 12) | (off << 16) | 0,
  imm | 0,
];

export interface HelperInfo {
  readonly id: number;
  readonly params: readonly { readonly type: string }[];
  /** A function of the kernel: the call is to be linked by a reference. */
  readonly kernel?: boolean;
}

/** The type of an argument that may be a map, a pointer or a number. */
export const ANY = 'any';

export interface Shape {
  /** Addresses of maps that calls may name, with the size of key and value. */
  readonly maps: readonly {
    readonly address: number;
    readonly keySize: number;
    readonly valueSize: number;
    /** Keys are prefixes: a length in bits, then an address. */
    readonly trie: boolean;
  }[];
  /** Whether programs may do what faults: wild pointers, endless loops. */
  readonly wild: boolean;
  /** The kernel's verifier is to accept it: no pointers in arithmetic, nothing but the packet's buffer. */
  readonly tame?: boolean;
  /** Helpers that programs may call with arguments that mostly fit. */
  readonly helpers?: readonly HelperInfo[];
  /** Few blocks of few instructions, so that many programs are made in a short time. */
  readonly small?: boolean;
}

/** Bytes at r6 that programs work on; the last 80 take the registers at exit. */
export const BUFFER = 256;
const RESULTS = BUFFER - 80;

/**
 * A program of blocks with jumps between them, subprograms behind it, r6 pointing to {@link BUFFER} bytes that came in
 * r1. At the end r0 … r9 but r6 are written into the buffer, of programs that are not wild often the frame as well.
 */
export function randomProgram(random: Random, shape: Shape): Uint8Array {
  const subprograms = shape.small ? Math.max(0, random.below(5) - 3) : random.below(4);
  const functions = [body(random, shape, true, subprograms)];
  for (let i = 0; i < subprograms; i++) functions.push(body(random, shape, false, subprograms - 1 - i));
  const starts: number[] = [];
  let at = 0;
  for (const one of functions) {
    starts.push(at);
    at += one.words.length;
  }
  const words = functions.flatMap((one) => one.words);
  functions.forEach((one, f) => {
    for (const { at: call, callee } of one.calls) {
      // Subprograms call only those behind them, unless the program is wild: then also themselves.
      const to = f === 0 ? 1 + callee : Math.min(f + 1 + callee, functions.length - 1);
      const slot = starts[f]! + call;
      words[slot]![1] = starts[to]! - (slot + 1);
    }
  });
  return toBytes(words);
}

function toBytes(words: readonly Word[]): Uint8Array {
  return new Uint8Array(Int32Array.from(words.flat()).buffer);
}

const VALUES = [0, 1, 2, 3, 4, 5, 7, 8, 9];

function body(
  random: Random,
  shape: Shape,
  main: boolean,
  callees: number,
): { words: Word[]; calls: { at: number; callee: number }[] } {
  const words: Word[] = [];
  const calls: { at: number; callee: number }[] = [];
  const push = (...list: Word[]): void => {
    words.push(...list);
  };
  // The buffer's address goes on to subprograms in r1.
  push(insn(0xbf, 6, 1, 0, 0));
  // The kernel takes no function that nobody calls.
  for (let callee = 0; main && shape.tame && callee < callees; callee++) {
    push(insn(0xbf, 1, 6, 0, 0));
    calls.push({ at: words.length, callee });
    push(insn(0x85, 0, 1, 0, 0));
  }
  for (const register of VALUES) {
    if ((!main || shape.small) && !shape.tame && random.chance(60)) continue;
    const value = random.next();
    push(insn(0x18, register, 0, 0, random.immediate()), [0, random.chance(50) ? value : (value >> 31) | 0]);
  }
  // Programs that a verifier might take read nothing that they have not written.
  if (!shape.wild) for (let at = -240; at < 0; at += 8) push(insn(0x7a, 10, 0, at, 0));
  const blocks = 1 + random.below(shape.small ? 3 : 8);
  const starts: number[] = [];
  const jumps: { at: number; from: number }[] = [];
  for (let block = 0; block < blocks; block++) {
    starts.push(words.length);
    const length = random.below(shape.small ? 7 : 10);
    for (let i = 0; i < length; i++) {
      if (callees > 0 && random.chance(6)) {
        push(insn(0xbf, 1, 6, 0, 0));
        calls.push({ at: words.length, callee: random.below(callees) });
        push(insn(0x85, 0, 1, 0, 0));
        if (shape.tame) for (let r = 1; r <= 5; r++) push(insn(0xb7, r, 0, 0, random.immediate()));
      } else if (shape.helpers && random.chance(12)) push(...helperCall(random, shape, shape.helpers));
      else if (shape.maps.length > 0 && random.chance(8)) push(...mapCall(random, shape));
      else push(instruction(random, shape));
    }
    if (random.chance(70)) {
      jumps.push({ at: words.length, from: block });
      const op = random.pick([0x1, 0x2, 0x3, 0x4, 0x5, 0x6, 0x7, 0xa, 0xb, 0xc, 0xd]);
      const register = random.chance(50);
      push(
        insn(
          (op << 4) | (register ? 8 : 0) | (random.chance(50) ? 5 : 6),
          random.pick(VALUES),
          register ? random.pick(VALUES) : 0,
          0,
          register ? 0 : random.immediate(),
        ),
      );
    } else if (!shape.tame && random.chance(30)) {
      jumps.push({ at: words.length, from: block });
      push(random.chance(50) ? insn(0x05, 0, 0, 0, 0) : insn(0x06, 0, 0, 0, 0));
    }
  }
  starts.push(words.length);
  for (const { at, from } of jumps) {
    const back = shape.wild ? random.chance(35) : false;
    const block = back ? random.below(from + 1) : from + 1 + random.below(blocks - from);
    const distance = starts[block]! - (at + 1);
    if ((words[at]![0] & 0xff) === 0x06) words[at]![1] = distance;
    else words[at]![0] = (words[at]![0] & 0xffff) | (distance << 16);
  }
  if (main) for (const register of VALUES) push(insn(0x7b, 6, register, RESULTS + 8 * register, 0));
  if (main && !shape.wild && random.chance(50)) push(...foldFrame());
  push(insn(0x95, 0, 0, 0, 0));
  return { words, calls };
}

/** What the frame holds, as one number into the place that r6 has none in. */
function foldFrame(): Word[] {
  const words: Word[] = [insn(0xb7, 1, 0, 0, 0)];
  for (let at = -240; at < 0; at += 8)
    words.push(insn(0x27, 1, 0, 0, 31), insn(0x79, 2, 10, at, 0), insn(0xaf, 1, 2, 0, 0));
  return [...words, insn(0x7b, 6, 1, RESULTS + 8 * 6, 0)];
}

function mapCall(random: Random, shape: Shape): Word[] {
  const map = random.pick(shape.maps);
  const words: Word[] = [];
  for (let i = 0; i < map.keySize; i += 4) words.push(insn(0x62, 10, 0, -64 + i, random.below(i === 0 ? 12 : 2)));
  if (map.trie) {
    // Prefixes of few addresses, so that they meet.
    words.push(insn(0x62, 10, 0, -64, random.below(34)), insn(0x62, 10, 0, -60, random.pick(ADDRESSES)));
  }
  for (let i = 0; i < map.valueSize; i += 4) {
    words.push(random.chance(50) ? insn(0x62, 10, 0, -128 + i, random.next()) : insn(0x63, 10, 0, -128 + i, 0));
  }
  words.push(insn(0xbf, 2, 10, 0, 0), insn(0x07, 2, 0, 0, -64));
  words.push(insn(0xbf, 3, 10, 0, 0), insn(0x07, 3, 0, 0, -128));
  words.push(insn(0xb7, 4, 0, 0, random.pick([0, 0, 0, 1, 2, 3])));
  if (shape.wild && random.chance(10)) words.push(insn(0xbf, random.pick([2, 3]), random.pick(VALUES), 0, 0));
  words.push(insn(0x18, 1, 0, 0, map.address), [0, 0]);
  const helper = random.pick([1, 1, 2, 2, 3]);
  words.push(insn(0x85, 0, 0, 0, helper));
  if (helper === 1) {
    // What was found is added to and written over, unless nothing was.
    words.push(insn(0x15, 0, 0, 3, 0), insn(0x61, 5, 0, 0, 0), insn(0x04, 5, 0, 0, 1), insn(0x63, 0, 5, 0, 0));
    // Addresses differ between machines of different histories: they are not kept.
    words.push(insn(0xb7, 0, 0, 0, 1));
  }
  words.push(insn(0xb7, 1, 0, 0, 1), insn(0xb7, 2, 0, 0, 2), insn(0xb7, 3, 0, 0, 3));
  return words;
}

/** A call with arguments of the kinds that the helper wants, each of which may be anything once in a while. */
function helperCall(random: Random, shape: Shape, helpers: readonly HelperInfo[]): Word[] {
  const helper = random.pick(helpers);
  const words: Word[] = [];
  helper.params.slice(0, 5).forEach(({ type }, i) => {
    const register = i + 1;
    if (random.chance(4)) words.push(insn(0xbf, register, random.pick(VALUES), 0, 0));
    else if (random.chance(3)) words.push(insn(0xb7, register, 0, 0, random.immediate()));
    else if (type === 'struct bpf_map *' || (type === ANY && random.chance(15)))
      words.push(insn(0x18, register, 0, 0, random.pick(shape.maps).address), [0, 0]);
    else if (type.endsWith('*') || (type === ANY && random.chance(60))) {
      // The stack, the buffer, or what a helper gave before.
      words.push(insn(0xbf, register, random.pick([10, 10, 6, 6, 9]), 0, 0));
      words.push(insn(0x07, register, 0, 0, -8 * random.below(40)));
    } else words.push(insn(0xb7, register, 0, 0, random.pick([0, 1, 2, 4, 8, 16, 24, 64, 100, random.immediate()])));
  });
  words.push(insn(0x85, 0, helper.kernel ? 2 : 0, 0, helper.id));
  if (random.chance(40)) words.push(insn(0xbf, 9, 0, 0, 0));
  return words;
}

/** A program with some instructions changed, moved, taken out or written over by others. */
export function mutate(random: Random, code: Uint8Array): Uint8Array {
  const words = new Int32Array(code.slice().buffer);
  const slots = words.length >> 1;
  for (let n = 1 + random.below(4); n > 0; n--) {
    const slot = random.below(slots);
    const [from, at] = [2 * random.below(slots), 2 * slot];
    switch (random.below(6)) {
      case 0:
        words[at + random.below(2)]! ^= 1 << random.below(32);
        break;
      case 1:
        words[at + 1] = random.immediate();
        break;
      case 2:
        words.copyWithin(at, from, from + 2);
        break;
      case 3:
        [words[at], words[at + 1]] = instruction(random, { maps: [], wild: true });
        break;
      case 4:
        words[at] = (words[at]! & 0xffff) | ((random.below(64) - 32) << 16);
        break;
      default:
        words[at] = (words[at]! & ~0xff00) | (random.below(11) << 8) | (random.below(11) << 12);
    }
  }
  return new Uint8Array(words.buffer);
}

const ADDRESSES = [0, 0x0100000a, 0x0200000a, 0x8000000a, 0x0001a8c0, 0xff01a8c0, 0x01000000, -1];

const SIZES = [1, 2, 4, 8];
const SIZE_BITS: Record<number, number> = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 };

function instruction(random: Random, shape: Shape): Word {
  const dst = random.pick(VALUES);
  const src = random.pick(VALUES);
  const wide = random.chance(50) ? 7 : 4;
  const size = random.pick(SIZES);
  const stack = random.chance(40);
  const offset = stack ? -8 * (1 + random.below(30)) : size * random.below((RESULTS - 8) / size);
  const base = shape.wild && random.chance(3) ? random.pick(VALUES) : stack ? 10 : 6;
  switch (random.below(12)) {
    case 0:
    case 1:
      return insn(random.pick([0x0, 0x1, 0x2, 0x4, 0x5, 0xa, 0xb]) * 16 + wide, dst, 0, 0, random.immediate());
    case 2:
    case 3:
      return insn(random.pick([0x0, 0x1, 0x2, 0x4, 0x5, 0xa, 0xb]) * 16 + 8 + wide, dst, src, 0, 0);
    case 4: {
      const shift = random.pick([0x6, 0x7, 0xc]) * 16 + wide;
      return random.chance(50)
        ? insn(shift, dst, 0, 0, random.below(wide === 7 ? 64 : 32))
        : insn(shift + 8, dst, src, 0, 0);
    }
    case 5: {
      const op = random.pick([0x3, 0x9]) * 16 + wide;
      const signed = random.chance(50) ? 1 : 0;
      return random.chance(50) ? insn(op, dst, 0, signed, random.immediate() || 1) : insn(op + 8, dst, src, signed, 0);
    }
    case 6:
      return random.chance(30)
        ? insn(0x80 + wide, dst, 0, 0, 0)
        : random.chance(50)
          ? insn(random.pick([0xd4, 0xdc, 0xd7]), dst, 0, 0, random.pick([16, 32, 64]))
          : insn(0xb8 + wide, dst, src, random.pick(wide === 7 ? [8, 16, 32] : [8, 16]), 0);
    case 7:
    case 8:
      return random.chance(25) && size < 8
        ? insn(0x81 | SIZE_BITS[size]!, dst, base, offset, 0)
        : insn(0x61 | SIZE_BITS[size]!, dst, base, offset, 0);
    case 9:
      return insn(0x63 | SIZE_BITS[size]!, base, src, offset, 0);
    case 10:
      return insn(0x62 | SIZE_BITS[size]!, base, 0, offset, random.immediate());
    default: {
      const eight = random.chance(50);
      const at = stack ? offset : 8 * random.below((RESULTS - 8) / 8);
      if (!shape.tame && random.chance(25)) {
        const acquire = random.chance(50);
        return acquire
          ? insn(0xc3 | SIZE_BITS[size]!, dst, base, offset, 0x100)
          : insn(0xc3 | SIZE_BITS[size]!, base, src, offset, 0x110);
      }
      if (shape.tame && base === 6) return insn(eight ? 0xdb : 0xc3, 10, src, -8 * (1 + random.below(30)), 0x01);
      const operation = random.pick([0x00, 0x40, 0x50, 0xa0, 0x01, 0x41, 0x51, 0xa1, 0xe1, 0xf1]);
      return insn(eight ? 0xdb : 0xc3, base, src, at, operation);
    }
  }
}

/** Slots of any bits, most of them with an opcode that there is. */
export function randomBytes(random: Random): Uint8Array {
  const length = 1 + random.below(24);
  const words: Word[] = [];
  for (let i = 0; i < length; i++) {
    if (random.chance(85)) {
      const one = instruction(random, { maps: [], wild: true });
      if (random.chance(20)) one[0] = (one[0] & 0xffff) | (random.next() & 0xffff0000);
      words.push(one);
    } else if (random.chance(50)) {
      const op = random.pick([0x05, 0x15, 0x1d, 0x25, 0x2d, 0x55, 0x5d, 0x65, 0xa5, 0xc5, 0x16, 0x06]);
      const off = random.below(length * 2) - length;
      words.push(
        insn(op, random.below(11), (op & 8) !== 0 ? random.below(11) : 0, op === 6 ? 0 : off, op === 6 ? off : 0),
      );
    } else if (random.chance(60)) {
      words.push(insn(0x85, 0, random.chance(50) ? 1 : 0, 0, random.below(random.chance(50) ? 32 : 220)));
    } else words.push([random.next() | 0, random.next() | 0]);
  }
  words.push(insn(0x95, 0, 0, 0, 0));
  return toBytes(words);
}
