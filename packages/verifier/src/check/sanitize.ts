/**
 * Pointer arithmetic of unprivileged programs: a processor that guesses must not reach beyond the object either, so that
 * the kernel masks the offset, and refuses where one mask does not serve all paths.
 */
import { LIMITS } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { toNumber } from '../number/int64.ts';
import { OP } from '../number/scalar.ts';
import { baseOf, PTR_TO_MAP_VALUE, PTR_TO_STACK } from '../state/kinds.ts';
import { isConst, type Reg, unknown } from '../state/reg.ts';

/** The mask of an instruction. */
export interface Mask {
  readonly kind: number;
  readonly limit: number;
}

const NOT_POINTER = 64;
const TAIL = 'pointer arithmetic with it prohibited for !root';

const needed = (x: Explorer, op: number): boolean =>
  !x.privileged && (op === OP.add || op === OP.sub) && (x.program.code[x.insn]! & 8) !== 0;

function refusePaths(x: Explorer, op: number, dst: number): never {
  x.refuse(`R${dst} tried to ${op === OP.add ? 'add' : 'sub'} from different maps, paths or scalars, ${TAIL}`);
}

function note(x: Explorer, op: number, dst: number, mask: Mask): void {
  const before = x.masks.get(x.insn);
  if (before !== undefined && (before.kind !== mask.kind || before.limit !== mask.limit)) refusePaths(x, op, dst);
  x.masks.set(x.insn, mask);
}

/** Plain numbers are added by this instruction: it may not be one that pointers take too. */
export function sanitizeScalar(x: Explorer, op: number, dst: number): void {
  if (needed(x, op)) note(x, op, dst, { kind: NOT_POINTER, limit: 0 });
}

/** Before the addition; gives what {@link commitMask} needs. */
export function planMask(
  x: Explorer,
  p: Reg,
  o: Reg,
  op: number,
  dst: number,
  pointerIsDst: boolean,
): Mask | undefined {
  if (!needed(x, op)) return undefined;
  const constant = isConst(o);
  const negative = o.snh < 0;
  let mask: Mask | undefined;
  if (!x.state.speculative) {
    const offRegister = pointerIsDst ? x.program.src[x.insn]! : dst;
    if (!constant && negative !== o.sxh < 0)
      x.refuse(`R${offRegister} has unknown scalar with mixed signed bounds, ${TAIL}`);
    const left = (op === OP.add && negative) || (op === OP.sub && !negative);
    const limit = limitOf(x, p, op, dst, left);
    mask = { kind: (negative ? 4 : 0) | (constant ? 8 : 0) | (pointerIsDst ? 1 : 2) | (left ? 16 : 0), limit };
    if (!constant) x.exploreAluLimits = true;
  }
  if (!constant) {
    const guess = x.fork(x.insn + 1, x.insn, true);
    if (!pointerIsDst) guess.frame.regs[dst] = p;
  }
  return mask;
}

function limitOf(x: Explorer, p: Reg, op: number, dst: number, left: boolean): number {
  const kind = baseOf(p.type);
  if (kind !== PTR_TO_STACK && kind !== PTR_TO_MAP_VALUE)
    x.refuse(`R${dst} has pointer with unsupported alu operation, ${TAIL}`);
  const most = kind === PTR_TO_STACK ? LIMITS.stack + (left ? 1 : 0) : p.map!.valueSize;
  const limit =
    kind === PTR_TO_STACK ? -(p.vl + p.off) : (left ? toNumber(p.snl, p.snh) : toNumber(p.uxl, p.uxh)) + p.off;
  if (limit >= most) x.refuse(`R${dst} tried to ${op === OP.add ? 'add' : 'sub'} beyond pointer bounds, ${TAIL}`);
  return limit;
}

/** After the addition: how far the offset may go becomes the instruction's mask. */
export function commitMask(x: Explorer, after: Reg, op: number, dst: number, mask: Mask | undefined): void {
  if (mask === undefined || x.state.speculative) return;
  const limit = Math.abs(mask.limit - limitOf(x, after, op, dst, (mask.kind & 16) !== 0));
  note(x, op, dst, { kind: mask.kind & 15, limit });
}

/** The way that a comparison rules out, taken by a guess: the operands are not known there. */
export function guessJump(x: Explorer, to: number, dst: number, src: number | undefined): void {
  const guess = x.fork(to, x.insn, true);
  for (const r of src === undefined ? [dst] : [dst, src]) if (r !== 10) guess.frame.regs[r] = unknown();
}
