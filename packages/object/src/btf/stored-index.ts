/**
 * What is computed when BTF is parsed and searched, as bytes that can be kept beside it: for a kernel's types it costs
 * several times what a small compile takes. The arrays follow a header of their lengths; the byte order is the machine's.
 */
export interface BtfIndex {
  /** Bytes of the BTF that it belongs to. */
  readonly size: number;
  readonly starts: Int32Array;
  readonly names: NameArrays;
  readonly enumerators: NameArrays;
  readonly owners: Int32Array;
  readonly indices: Int32Array;
  /** The declaration tags, ascending. */
  readonly tags: Int32Array;
}

/** See {@link NameIndex}. */
export interface NameArrays {
  readonly offsets: Uint32Array;
  readonly values: Int32Array;
  readonly slots: Int32Array;
  readonly flavoured: Int32Array;
}

const MAGIC = 0x58444942;
const VERSION = 2;
const HEADER_WORDS = 16;

export function encodeIndex(index: BtfIndex): Uint8Array {
  const parts = arraysOf(index);
  const words = new Int32Array(HEADER_WORDS + parts.reduce((sum, part) => sum + part.length, 0));
  words.set([MAGIC, VERSION, index.size, ...parts.map((part) => part.length)]);
  let at = HEADER_WORDS;
  for (const part of parts) {
    words.set(part, at);
    at += part.length;
  }
  return new Uint8Array(words.buffer);
}

/** Views of the bytes; undefined when they are no index of BTF of that size, or were cut off. */
export function decodeIndex(bytes: Uint8Array, size: number): BtfIndex | undefined {
  if (bytes.byteOffset % 4 !== 0 || bytes.length % 4 !== 0 || bytes.length < HEADER_WORDS * 4) return undefined;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  if (words[0] !== MAGIC || words[1] !== VERSION || words[2] !== size) return undefined;
  let at = HEADER_WORDS;
  const parts: Int32Array[] = [];
  for (let i = 0; i < PARTS; i++) {
    const length = words[3 + i]!;
    if (length < 0 || at + length > words.length) return undefined;
    parts.push(words.subarray(at, at + length));
    at += length;
  }
  if (at !== words.length) return undefined;
  const [starts, owners, indices, tags, ...names] = parts;
  return {
    size,
    starts: starts!,
    owners: owners!,
    indices: indices!,
    tags: tags!,
    names: namesOf(names, 0),
    enumerators: namesOf(names, 4),
  };
}

const PARTS = 12;

function arraysOf({ starts, owners, indices, tags, names, enumerators }: BtfIndex): (Int32Array | Uint32Array)[] {
  const list = [names, enumerators].flatMap((one) => [one.offsets, one.values, one.slots, one.flavoured]);
  return [starts, owners, indices, tags, ...list];
}

function namesOf(parts: readonly Int32Array[], from: number): NameArrays {
  const offsets = parts[from]!;
  return {
    offsets: new Uint32Array(offsets.buffer, offsets.byteOffset, offsets.length),
    values: parts[from + 1]!,
    slots: parts[from + 2]!,
    flavoured: parts[from + 3]!,
  };
}
