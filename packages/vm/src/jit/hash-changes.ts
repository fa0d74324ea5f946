import { EEXIST, ENOENT } from '../errno.ts';
import { CONTROL } from '../maps/hash.ts';
import { BPF_EXIST, BPF_NOEXIST, type MapLayout } from '../maps/map.ts';
import { emitCopy, emitHash, emitSame, operand, SMALL_KEY } from './keys.ts';
import * as w from './wasm.ts';

export type HashLayout = Extract<MapLayout, { kind: 'hash' }>;

/** What functions here give when the helper is to do it: a full table, no memory at hand, flags that mean something else. */
export const IN_JAVASCRIPT = 1;

/**
 * The body of `(key, value, flags) → 0, an error number or IN_JAVASCRIPT`: bpf_map_update_elem as {@link HashMap} does
 * it. Gives how many i32 locals it has behind its parameters; i64 ones for copying stand behind those.
 */
export function emitUpdate(code: w.Code, layout: HashLayout, cpu: number): number {
  const [key, value, flags, hash, place, entry, to, other] = [0, 1, 2, 3, 4, 5, 6, 7];
  const pieces = 8;
  code.op1(w.LOCAL_GET, flags);
  code.i32(BPF_EXIST);
  code.op(w.I32_GT_U);
  giveIf(code, IN_JAVASCRIPT);
  emitSearch(code, layout, { key, hash, place, entry });
  code.op1(w.LOCAL_GET, entry);
  code.op(w.IF);
  code.op(w.VOID);
  code.op1(w.LOCAL_GET, flags);
  code.i32(BPF_NOEXIST);
  code.op(w.I32_EQ);
  giveIf(code, EEXIST);
  code.op(w.ELSE);
  code.op1(w.LOCAL_GET, flags);
  code.i32(BPF_EXIST);
  code.op(w.I32_EQ);
  giveIf(code, ENOENT);
  control(code, layout, CONTROL.count);
  code.i32(layout.maxEntries);
  code.op(w.I32_GE_U);
  giveIf(code, IN_JAVASCRIPT);
  control(code, layout, CONTROL.free);
  code.op1(w.LOCAL_TEE, entry);
  code.op(w.I32_EQZ);
  giveIf(code, IN_JAVASCRIPT);
  setControl(code, layout, CONTROL.free, () => word(code, entry, 0));
  set(code, entry, 4, () => code.op1(w.LOCAL_GET, hash));
  emitCopy(code, layout.keySize, { from: key, to: entry, offset: layout.keyOffset, first: pieces });
  if (layout.cpuStride !== 0) {
    // The values of other CPUs.
    code.op1(w.LOCAL_GET, entry);
    code.i32(layout.valueOffset);
    code.op(w.I32_ADD);
    code.i32(0);
    code.i32(layout.values);
    code.op(0xfc);
    code.unsigned(11);
    code.op(0);
  }
  if (layout.touched !== 0) {
    const links = layout.touched - 8;
    set(code, entry, layout.touched, () => code.i32(0));
    set(code, entry, links, () => code.i32(0));
    control(code, layout, CONTROL.newest);
    code.op1(w.LOCAL_SET, other);
    set(code, entry, links + 4, () => code.op1(w.LOCAL_GET, other));
    code.op1(w.LOCAL_GET, other);
    code.op(w.IF);
    code.op(w.VOID);
    set(code, other, links, () => code.op1(w.LOCAL_GET, entry));
    code.op(w.ELSE);
    setControl(code, layout, CONTROL.oldest, () => code.op1(w.LOCAL_GET, entry));
    code.op(w.END);
    setControl(code, layout, CONTROL.newest, () => code.op1(w.LOCAL_GET, entry));
  }
  // The chain's head, whose place the hash gives again: entries come before those that are there.
  emitHead(code, layout, hash);
  code.op1(w.LOCAL_SET, place);
  set(code, entry, 0, () => word(code, place, 0));
  set(code, place, 0, () => code.op1(w.LOCAL_GET, entry));
  setControl(code, layout, CONTROL.count, () => {
    control(code, layout, CONTROL.count);
    code.i32(1);
    code.op(w.I32_ADD);
  });
  code.op(w.END);
  code.op1(w.LOCAL_GET, entry);
  if (layout.cpuStride !== 0) {
    code.op1(w.GLOBAL_GET, cpu);
    code.i32(layout.cpuStride);
    code.op(w.I32_MUL);
    code.op(w.I32_ADD);
  }
  code.op1(w.LOCAL_SET, to);
  emitCopy(code, layout.valueSize, { from: value, to, offset: layout.valueOffset, first: pieces });
  code.i32(0);
  code.op(w.END);
  return 5;
}

/** The body of `(key) → 0 or an error number`: bpf_map_delete_elem. */
export function emitDelete(code: w.Code, layout: HashLayout): number {
  const [key, hash, place, entry, newer, older] = [0, 1, 2, 3, 4, 5];
  emitSearch(code, layout, { key, hash, place, entry });
  code.op1(w.LOCAL_GET, entry);
  code.op(w.I32_EQZ);
  giveIf(code, ENOENT);
  set(code, place, 0, () => word(code, entry, 0));
  if (layout.touched !== 0) {
    const links = layout.touched - 8;
    word(code, entry, links);
    code.op1(w.LOCAL_SET, newer);
    word(code, entry, links + 4);
    code.op1(w.LOCAL_SET, older);
    for (const [one, at, end, next] of [
      [newer, links + 4, CONTROL.newest, older],
      [older, links, CONTROL.oldest, newer],
    ] as const) {
      code.op1(w.LOCAL_GET, one);
      code.op(w.IF);
      code.op(w.VOID);
      set(code, one, at, () => code.op1(w.LOCAL_GET, next));
      code.op(w.ELSE);
      setControl(code, layout, end, () => code.op1(w.LOCAL_GET, next));
      code.op(w.END);
    }
  }
  set(code, entry, 0, () => control(code, layout, CONTROL.free));
  setControl(code, layout, CONTROL.free, () => code.op1(w.LOCAL_GET, entry));
  setControl(code, layout, CONTROL.count, () => {
    control(code, layout, CONTROL.count);
    code.i32(1);
    code.op(w.I32_SUB);
  });
  code.i32(0);
  code.op(w.END);
  return 5;
}

interface Search {
  readonly key: number;
  readonly hash: number;
  /** Where the entry's offset stands: the head of the chain or the entry before. */
  readonly place: number;
  /** The entry, or 0. */
  readonly entry: number;
}

function emitSearch(code: w.Code, layout: HashLayout, { key, hash, place, entry }: Search): void {
  emitHash(code, layout.keySize, operand(code, key, 0), hash);
  code.op(w.DROP);
  emitHead(code, layout, hash);
  code.op1(w.LOCAL_SET, place);
  code.op(w.BLOCK);
  code.op(w.VOID);
  code.op(w.LOOP);
  code.op(w.VOID);
  word(code, place, 0);
  code.op1(w.LOCAL_TEE, entry);
  code.op(w.I32_EQZ);
  code.op1(w.BR_IF, 1);
  const long = layout.keySize > SMALL_KEY;
  if (long) {
    word(code, entry, 4);
    code.op1(w.LOCAL_GET, hash);
    code.op(w.I32_EQ);
    code.op(w.IF);
    code.op(w.VOID);
  }
  emitSame(code, layout.keySize, operand(code, key, 0), operand(code, entry, layout.keyOffset));
  code.op1(w.BR_IF, long ? 2 : 1);
  if (long) code.op(w.END);
  code.op1(w.LOCAL_GET, entry);
  code.op1(w.LOCAL_SET, place);
  code.op1(w.BR, 0);
  code.op(w.END);
  code.op(w.END);
}

/** Leaves the place of a chain's head. */
function emitHead(code: w.Code, layout: HashLayout, hash: number): void {
  code.op1(w.LOCAL_GET, hash);
  code.i32(layout.mask);
  code.op(w.I32_AND);
  code.i32(2);
  code.op(w.I32_SHL);
  code.i32(layout.heads);
  code.op(w.I32_ADD);
}

/** Returns a number when what is on the stack is not 0. */
function giveIf(code: w.Code, result: number): void {
  code.op(w.IF);
  code.op(w.VOID);
  code.i32(result);
  code.op(w.RETURN);
  code.op(w.END);
}

function word(code: w.Code, base: number, at: number): void {
  code.op1(w.LOCAL_GET, base);
  code.access(w.I32_LOAD, at);
}

function set(code: w.Code, base: number, at: number, value: () => void): void {
  code.op1(w.LOCAL_GET, base);
  value();
  code.access(w.I32_STORE, at);
}

function control(code: w.Code, layout: HashLayout, at: number): void {
  code.i32(layout.control + at);
  code.access(w.I32_LOAD, 0);
}

function setControl(code: w.Code, layout: HashLayout, at: number, value: () => void): void {
  code.i32(layout.control + at);
  value();
  code.access(w.I32_STORE, 0);
}
