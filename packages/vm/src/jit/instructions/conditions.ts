import { MAY_GOTO } from '../../interpreter.ts';
import type { FunctionCode } from '../function-code.ts';
import { instructionAt } from '../instruction.ts';
import * as w from '../wasm.ts';

/** Leaves an i32 on the stack that says whether the jump at `slot` is taken. */
export function condition(f: FunctionCode, slot: number): void {
  const { code } = f;
  const { op, d, s, imm } = instructionAt(f.shared.code, slot);
  if (op === MAY_GOTO) {
    code.op1(w.GLOBAL_GET, f.shared.turns);
    code.i32(1);
    code.op(w.I32_SUB);
    code.op1(w.LOCAL_TEE, f.t32);
    code.op1(w.GLOBAL_SET, f.shared.turns);
    code.op1(w.LOCAL_GET, f.t32);
    code.i32(0);
    code.op(w.I32_LT_S);
    return;
  }
  const register = (op & 8) !== 0;
  const operation = op >> 4;
  // Numbers without upper halves compare as their lower ones do, and none of them is negative.
  const short = (op & 7) === 5 && f.isShort(d) && (register ? f.isShort(s) : imm >= 0);
  const wide = (op & 7) === 5 && !short;
  if (wide) f.get(d);
  else f.get32(d);
  if (!register && imm === 0 && (operation === 1 || operation === 5)) {
    if (operation === 1) code.op(wide ? w.I64_EQZ : w.I32_EQZ);
    else if (wide) {
      code.i64(0, 0);
      code.op(w.I64_NE);
    } else {
      code.i32(0);
      code.op(w.I32_NE);
    }
    return;
  }
  if (register) {
    if (wide) f.get(s);
    else f.get32(s);
  } else if (wide) code.i64(imm, imm >> 31);
  else code.i32(imm);
  if (operation === 4) {
    code.op(wide ? w.I64_AND : w.I32_AND);
    if (wide) code.i64(0, 0);
    else code.i32(0);
    code.op(wide ? w.I64_NE : w.I32_NE);
  } else code.op(JUMPS[short ? (UNSIGNED[operation] ?? operation) : operation]! - (wide ? 0 : w.I64_EQ - w.I32_EQ));
}

/** 64-bit comparisons; the 32-bit ones stand in the same order. */
const JUMPS: Record<number, number> = {
  1: w.I64_EQ,
  2: w.I64_GT_U,
  3: w.I64_GE_U,
  5: w.I64_NE,
  6: w.I64_GT_S,
  7: w.I64_GE_S,
  10: w.I64_LT_U,
  11: w.I64_LE_U,
  12: w.I64_LT_S,
  13: w.I64_LE_S,
};

/** Signed comparisons as unsigned ones. */
const UNSIGNED: Record<number, number> = { 6: 2, 7: 3, 12: 10, 13: 11 };
