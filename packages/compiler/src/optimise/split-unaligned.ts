import { bytesOf, constant, typeOf } from '../ir/constant.ts';
import type { Block, Func, Inst, LoadInst, ScalarType, StoreInst, Value } from '../ir/ir.ts';
import { replaceValues } from '../ir/uses.ts';

/**
 * Splits loads and stores of stack memory that are wider than they are aligned: verifiers refuse unaligned accesses to
 * the stack on every machine (packed structs, words written into the middle of an array). Other memory is left as it is,
 * since the kernels that matter take unaligned accesses to packets and map values.
 */
export function splitUnaligned(func: Func): boolean {
  const replacements = new Map<Value, Value>();
  let changed = false;
  for (const block of func.blocks) {
    if (!block.insts.some(isUnaligned)) continue;
    changed = true;
    const out: Inst[] = [];
    for (const inst of block.insts) {
      if (!isUnaligned(inst)) out.push(inst);
      else if (inst.kind === 'store') splitStore(inst, out);
      else replacements.set(inst, splitLoad(inst as LoadInst, out));
    }
    (block as Block).insts = out;
  }
  replaceValues(func, replacements);
  return changed;
}

function isUnaligned(inst: Inst): inst is LoadInst | StoreInst {
  if (inst.kind !== 'load' && inst.kind !== 'store') return false;
  const width = widthOf(inst);
  return width > 1 && alignOf(inst) < width;
}

function widthOf(inst: LoadInst | StoreInst): number {
  return bytesOf(inst.kind === 'load' ? (inst.type as ScalarType) : (typeOf(inst.value) as ScalarType));
}

/** Where the access is on the stack, as far as it is known; 8 for other memory. */
function alignOf(inst: LoadInst | StoreInst): number {
  let { offset } = inst;
  let at = inst.address;
  let known = true;
  while (at.kind === 'ptradd') {
    if (at.offset.kind === 'const') offset += Number(at.offset.value);
    else known = false;
    at = at.base;
  }
  if (at.kind !== 'alloca') return 8;
  if (!known) return Math.min(inst.align, at.align);
  return offset === 0 ? at.align : Math.min(at.align, offset & -offset);
}

const INT: Readonly<Record<number, ScalarType>> = { 1: 'i8', 2: 'i16', 4: 'i32' };

function splitLoad(inst: LoadInst, out: Inst[]): Value {
  const { span, address, volatile } = inst;
  const width = widthOf(inst);
  const step = alignOf(inst);
  const whole: ScalarType = inst.type === 'ptr' ? 'i64' : (inst.type as ScalarType);
  let value: Value | undefined;
  for (let at = 0; at < width; at += step) {
    let part: Inst = { kind: 'load', type: INT[step]!, address, offset: inst.offset + at, align: step, volatile, span };
    out.push(part);
    part = { kind: 'cast', op: 'zext', type: whole, value: part, span };
    out.push(part);
    if (at > 0) {
      part = { kind: 'binary', op: 'shl', type: whole, a: part, b: constant(whole, at * 8), span };
      out.push(part);
      part = { kind: 'binary', op: 'or', type: whole, a: value!, b: part, span };
      out.push(part);
    }
    value = part;
  }
  if (inst.type !== 'ptr') return value!;
  const pointer: Inst = { kind: 'cast', op: 'inttoptr', type: 'ptr', value: value!, span };
  out.push(pointer);
  return pointer;
}

function splitStore(inst: StoreInst, out: Inst[]): void {
  const { span, address, volatile } = inst;
  const width = widthOf(inst);
  const step = alignOf(inst);
  let whole = inst.value;
  if (typeOf(whole) === 'ptr') {
    whole = { kind: 'cast', op: 'ptrtoint', type: 'i64', value: whole, span };
    out.push(whole);
  }
  const type = typeOf(whole) as ScalarType;
  for (let at = 0; at < width; at += step) {
    let part = whole;
    if (at > 0) {
      part = { kind: 'binary', op: 'lshr', type, a: part, b: constant(type, at * 8), span };
      out.push(part);
    }
    part = { kind: 'cast', op: 'trunc', type: INT[step]!, value: part, span };
    out.push(part);
    out.push({
      kind: 'store',
      type: 'void',
      address,
      offset: inst.offset + at,
      value: part,
      align: step,
      volatile,
      span,
    });
  }
}
