import * as w from './wasm.ts';

/** Emits a load of some bytes of a key. */
export type Operand = (load: number, at: number) => void;

export const operand =
  (code: w.Code, local: number, offset: number): Operand =>
  (load, at) => {
    code.op1(w.LOCAL_GET, local);
    code.access(load, offset + at);
  };

/** Keys of at most so many bytes are compared at once, without a look at the hash. */
export const SMALL_KEY = 16;

/** The hash of {@link HashMap}, which both sides must agree on: leaves it on the stack and in a local. */
export function emitHash(code: w.Code, size: number, key: Operand, hash: number): void {
  code.i32(0x811c9dc5 | 0);
  const fold = (load: number, at: number): void => {
    key(load, at);
    code.op(w.I32_XOR);
    code.i32(0x01000193);
    code.op(w.I32_MUL);
  };
  let i = 0;
  for (; i + 4 <= size; i += 4) fold(w.I32_LOAD, i);
  for (; i < size; i++) fold(w.I32_LOAD8_U, i);
  const mix = (bits: number): void => {
    code.op1(w.LOCAL_TEE, hash);
    code.op1(w.LOCAL_GET, hash);
    code.i32(bits);
    code.op(w.I32_SHR_U);
    code.op(w.I32_XOR);
  };
  mix(15);
  code.i32(0x2c1b3c6d);
  code.op(w.I32_MUL);
  mix(13);
  code.op1(w.LOCAL_TEE, hash);
}

/** Leaves 1 on the stack when two keys are the same. */
export function emitSame(code: w.Code, size: number, a: Operand, b: Operand): void {
  let pieces = 0;
  let at = 0;
  for (const [bytes, load] of [
    [8, w.I64_LOAD],
    [4, w.I64_LOAD32_U],
    [2, w.I64_LOAD16_U],
    [1, w.I64_LOAD8_U],
  ] as const) {
    for (; at + bytes <= size; at += bytes) {
      a(load, at);
      b(load, at);
      code.op(w.I64_XOR);
      if (pieces++ > 0) code.op(w.I64_OR);
    }
  }
  code.op(w.I64_EQZ);
}

/** The same by 32 bits at a time. */
export function emitSameWords(code: w.Code, size: number, a: Operand, b: Operand): void {
  for (let at = 0; at < size; at += 4) {
    a(w.I32_LOAD, at);
    b(w.I32_LOAD, at);
    code.op(w.I32_XOR);
    if (at > 0) code.op(w.I32_OR);
  }
  code.op(w.I32_EQZ);
}

/** Values of at most so many pieces are copied through locals: first all is read, so that overlapping is no matter. */
export const COPY_WORDS = 10;

/** Copies bytes from where one local points to behind where another does; `first` is the first of the locals for pieces. */
export function emitCopy(
  code: w.Code,
  size: number,
  { from, to, offset: behind, first }: { from: number; to: number; offset: number; first: number },
): void {
  if (size > (COPY_WORDS - 3) * 8 + 7) {
    code.op1(w.LOCAL_GET, to);
    code.i32(behind);
    code.op(w.I32_ADD);
    code.op1(w.LOCAL_GET, from);
    code.i32(size);
    code.op(0xfc);
    code.unsigned(10);
    code.op(0);
    code.op(0);
    return;
  }
  const pieces: [at: number, load: number, store: number][] = [];
  let at = 0;
  for (const [bytes, load, store] of [
    [8, w.I64_LOAD, w.I64_STORE],
    [4, w.I64_LOAD32_U, w.I64_STORE32],
    [2, w.I64_LOAD16_U, w.I64_STORE16],
    [1, w.I64_LOAD8_U, w.I64_STORE8],
  ] as const) {
    for (; at + bytes <= size; at += bytes) pieces.push([at, load, store]);
  }
  // At most seven whole words, and three pieces of another.
  pieces.forEach(([offset, load], i) => {
    code.op1(w.LOCAL_GET, from);
    code.access(load, offset);
    code.op1(w.LOCAL_SET, first + i);
  });
  pieces.forEach(([offset, , store], i) => {
    code.op1(w.LOCAL_GET, to);
    code.op1(w.LOCAL_GET, first + i);
    code.access(store, behind + offset);
  });
}
