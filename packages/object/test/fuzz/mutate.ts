import type { Random } from '../../../../test/support/random.mjs';
import { readElf } from '../../src/index.ts';

/** An object and where its parts lie, each of which is damaged as often as any other, however small it is. */
export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly parts: readonly { readonly start: number; readonly end: number }[];
}

export function seedOf(name: string, bytes: Uint8Array): Seed {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Number(view.getBigUint64(40, true));
  const parts = [
    { start: 0, end: 64 },
    { start: table, end: bytes.length },
  ];
  for (let i = 0; i < readElf(bytes, name).sections.length; i++) {
    const at = table + i * 64;
    const start = Number(view.getBigUint64(at + 24, true));
    const end = start + Number(view.getBigUint64(at + 32, true));
    if (view.getUint32(at + 4, true) !== SHT_NOBITS && end > start && end <= bytes.length) parts.push({ start, end });
  }
  return { name, bytes, parts };
}

/** The object with one to eight changes, most of them in one of its parts. */
export function mutate(seed: Seed, random: Random): Uint8Array {
  let bytes: Uint8Array = seed.bytes.slice();
  const part = seed.parts[random.below(seed.parts.length)]!;
  for (let left = 1 + random.below(8); left > 0; left--) {
    const where = random.below(4) === 0 ? seed.parts[random.below(seed.parts.length)]! : part;
    const at = Math.min(where.start + random.below(where.end - where.start), bytes.length - 1);
    bytes = change(bytes, at, random);
  }
  return bytes;
}

const SHT_NOBITS = 8;
const EDGES = [0, 1, 2, 3, 7, 8, 9, 16, 0x7f, 0xff, 0x7fff, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

function change(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  if (at < 0) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = at & ~3;
  const fits = word + 4 <= bytes.length;
  switch (random.below(10)) {
    case 0:
      bytes[at] = random.below(256);
      return bytes;
    case 1:
      bytes[at]! ^= 1 << random.below(8);
      return bytes;
    case 2:
    case 3:
    case 4:
      if (fits) view.setUint32(word, EDGES[random.below(EDGES.length)]!, true);
      return bytes;
    case 5:
    case 6:
      if (fits) view.setUint32(word, view.getUint32(word, true) + random.below(17) - 8, true);
      return bytes;
    case 7: {
      const length = 1 + random.below(32);
      bytes.copyWithin(at, random.below(bytes.length), random.below(bytes.length) + length);
      return bytes;
    }
    case 8:
      if (at + 2 <= bytes.length) view.setUint16(at, EDGES[random.below(12)]!, true);
      return bytes;
    default:
      return random.below(8) === 0 ? bytes.slice(0, at) : bytes;
  }
}
