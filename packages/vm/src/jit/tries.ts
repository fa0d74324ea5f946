import type { MapLayout } from '../maps/map.ts';
import * as w from './wasm.ts';

/**
 * The function `(key) → address of the value or 0` of a trie whose keys have whole words behind their lengths, and what locals it has
 * besides the key. `again` emits the next turn of the loop over its nodes.
 */
export function longestPrefix(
  layout: Extract<MapLayout, { kind: 'trie' }>,
  again: (code: w.Code, temporary: number) => void,
): { readonly code: w.Code; readonly locals: number[] } {
  const code = new w.Code();
  const [key, length, bits, node, own, match, found, temporary] = [0, 1, 2, 3, 4, 5, 6, 7];
  const words = (layout.keySize - 4) >> 2;
  code.op1(w.LOCAL_GET, key);
  code.access(w.I32_LOAD, 0);
  code.op1(w.LOCAL_TEE, length);
  code.i32(32 * words);
  code.op(w.I32_GT_U);
  code.op(w.IF);
  code.op(w.VOID);
  code.i32(0);
  code.op(w.RETURN);
  code.op(w.END);
  code.op1(w.LOCAL_GET, key);
  code.access(w.I32_LOAD, 4);
  w.emitReverse(code, temporary);
  code.op1(w.LOCAL_SET, bits);
  code.op1(w.LOCAL_GET, length);
  code.i32(8);
  code.op(w.I32_GE_U);
  code.op(w.IF);
  code.op(w.VOID);
  code.op1(w.LOCAL_GET, key);
  code.access(w.I32_LOAD8_U, 4);
  code.i32(3);
  code.op(w.I32_SHL);
  code.op1(w.LOCAL_TEE, node);
  code.access(w.I32_LOAD, layout.index + 4);
  code.op1(w.LOCAL_SET, found);
  code.op1(w.LOCAL_GET, node);
  code.access(w.I32_LOAD, layout.index);
  code.op1(w.LOCAL_SET, node);
  code.op(w.ELSE);
  code.i32(0);
  code.access(w.I32_LOAD, layout.root);
  code.op1(w.LOCAL_SET, node);
  code.op(w.END);
  code.op(w.BLOCK);
  code.op(w.VOID);
  code.op(w.LOOP);
  code.op(w.VOID);
  code.op1(w.LOCAL_GET, node);
  code.op(w.I32_EQZ);
  code.op1(w.BR_IF, 1);
  // match = the leading bits that are the same, at most the shorter of both lengths
  code.op1(w.LOCAL_GET, node);
  code.access(w.I32_LOAD, layout.lengthOffset);
  code.op1(w.LOCAL_SET, own);
  code.op1(w.LOCAL_GET, node);
  code.access(w.I32_LOAD, layout.bitsOffset);
  w.emitReverse(code, temporary);
  code.op1(w.LOCAL_GET, bits);
  code.op(w.I32_XOR);
  code.op(w.I32_CLZ);
  code.op1(w.LOCAL_SET, match);
  for (let word = 1; word < words; word++) {
    code.op1(w.LOCAL_GET, match);
    code.i32(32 * word);
    code.op(w.I32_EQ);
    code.op(w.IF);
    code.op(w.VOID);
    code.op1(w.LOCAL_GET, node);
    code.access(w.I32_LOAD, layout.bitsOffset + 4 * word);
    code.op1(w.LOCAL_GET, key);
    code.access(w.I32_LOAD, 4 + 4 * word);
    code.op(w.I32_XOR);
    w.emitReverse(code, temporary);
    code.op(w.I32_CLZ);
    code.i32(32 * word);
    code.op(w.I32_ADD);
    code.op1(w.LOCAL_SET, match);
    code.op(w.END);
  }
  for (const limit of [own, length]) {
    code.op1(w.LOCAL_GET, limit);
    code.op1(w.LOCAL_GET, match);
    code.op1(w.LOCAL_GET, limit);
    code.op1(w.LOCAL_GET, match);
    code.op(w.I32_LT_U);
    code.op(w.SELECT);
    code.op1(w.LOCAL_SET, match);
  }
  code.op1(w.LOCAL_GET, match);
  code.op1(w.LOCAL_GET, own);
  code.op(w.I32_LT_U);
  code.op1(w.BR_IF, 1);
  // A joint has no value of its own.
  code.op1(w.LOCAL_GET, found);
  code.op1(w.LOCAL_GET, node);
  code.op1(w.LOCAL_GET, node);
  code.access(w.I32_LOAD, layout.joinOffset);
  code.op(w.SELECT);
  code.op1(w.LOCAL_SET, found);
  code.op1(w.LOCAL_GET, match);
  code.i32(32 * words);
  code.op(w.I32_EQ);
  code.op1(w.BR_IF, 1);
  code.op1(w.LOCAL_GET, node);
  if (words === 1) code.op1(w.LOCAL_GET, bits);
  else {
    code.op1(w.LOCAL_GET, key);
    code.op1(w.LOCAL_GET, own);
    code.i32(3);
    code.op(w.I32_SHR_U);
    code.op(w.I32_ADD);
    code.access(w.I32_LOAD8_U, 4);
    code.i32(24);
    code.op(w.I32_SHL);
  }
  code.op1(w.LOCAL_GET, own);
  if (words > 1) {
    code.i32(7);
    code.op(w.I32_AND);
  }
  code.op(w.I32_SHL);
  code.i32(29);
  code.op(w.I32_SHR_U);
  code.i32(4);
  code.op(w.I32_AND);
  code.op(w.I32_ADD);
  code.access(w.I32_LOAD, 0);
  code.op1(w.LOCAL_SET, node);
  again(code, temporary);
  code.op(w.END);
  code.op(w.END);
  code.op1(w.LOCAL_GET, found);
  code.i32(layout.valueOffset);
  code.op(w.I32_ADD);
  code.i32(0);
  code.op1(w.LOCAL_GET, found);
  code.op(w.SELECT);
  code.op(w.END);
  return { code, locals: new Array<number>(7).fill(w.I32) };
}
