import { constant } from '../ir/constant.ts';
import type { Inst, PtrAddInst, Value } from '../ir/ir.ts';
import type { Simplifier } from './simplify.ts';

/**
 * Constants move out of addresses into the offsets of loads and stores, where a verifier wants them: a context pointer
 * to which something was added may not be read through at all.
 */
export function simplifyAddress(inst: Inst, simplifier: Simplifier): Value | undefined {
  if (inst.kind === 'ptradd') return simplifyAdd(inst, simplifier);
  if (inst.kind === 'load' || inst.kind === 'store') {
    for (let base = constantOffset(inst.address); base !== undefined; base = constantOffset(inst.address)) {
      const offset = inst.offset + base.offset;
      if (!fitsInstruction(offset)) break;
      inst.address = base.of;
      inst.offset = offset;
      simplifier.mutated = true;
    }
  }
  return undefined;
}

function simplifyAdd(inst: PtrAddInst, simplifier: Simplifier): Value | undefined {
  const { base, offset } = inst;
  if (offset.kind === 'const') {
    if (offset.value === 0n) return base;
    if (base.kind === 'const') return constant('ptr', base.value + offset.value);
    const inner = constantOffset(base);
    if (inner === undefined) return undefined;
    inst.base = inner.of;
    inst.offset = constant('i64', BigInt(inner.offset) + offset.value);
    simplifier.mutated = true;
    return inst.offset.value === 0n ? inst.base : undefined;
  }
  // `(p + 8) + i` to `(p + i) + 8`: the constant can then go into the access.
  const inner = constantOffset(base);
  if (inner === undefined || offset.kind === 'core') return undefined;
  const moved = simplifier.make({ kind: 'ptradd', type: 'ptr', base: inner.of, offset, span: undefined });
  return simplifier.make({
    kind: 'ptradd',
    type: 'ptr',
    base: moved,
    offset: constant('i64', inner.offset),
    span: undefined,
  });
}

function constantOffset(value: Value): { of: Value; offset: number } | undefined {
  if (value.kind !== 'ptradd' || value.offset.kind !== 'const') return undefined;
  const offset = Number(value.offset.value);
  return Number.isSafeInteger(offset) ? { of: value.base, offset } : undefined;
}

/** Offsets of loads and stores have 16 bits. */
function fitsInstruction(offset: number): boolean {
  return offset >= -0x8000 && offset <= 0x7fff;
}
