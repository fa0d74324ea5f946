import type { AccessSize } from '@skep/object';
import { bytesOf, typeOf } from '../ir/constant.ts';
import type { AtomicInst, Inst, ScalarType, Value } from '../ir/ir.ts';
import { atomicNeedsV3 } from './diagnostics.ts';
import { fits32, MachineInst } from './machine.ts';
import { type Address, addressOf } from './needs.ts';
import type { Selector } from './select.ts';

export function selectLoad(out: Selector, inst: Extract<Inst, { kind: 'load' }>): void {
  const load = new MachineInst('load', out.position);
  load.size = bytesOf(inst.type as ScalarType) as AccessSize;
  load.flag = out.isSigned(inst);
  access(out, load, inst.address, inst.offset);
  load.dst = out.registerOf(inst);
  out.emit(load);
}

export function selectStore(out: Selector, address: Value, offset: number, value: Value): void {
  const type = typeOf(value) as ScalarType;
  const at = addressOf(address, out.needs.patched, offset);
  const imm =
    value.kind === 'const' && fits32(value.value) && takesImmediateStore(at.root) ? Number(value.value) : undefined;
  const store = new MachineInst(imm === undefined ? 'store' : 'storei', out.position);
  store.size = bytesOf(type) as AccessSize;
  if (imm === undefined) store.b = out.reg(value);
  else store.imm = imm;
  accessAt(out, store, at);
  out.emit(store);
}

export function selectAtomic(out: Selector, inst: AtomicInst): void {
  const fetches = inst.op === 'cmpxchg' || inst.op === 'xchg' || (inst.fetch && out.needs.registers.has(inst));
  // Those on 8 bytes belong to every level, as in clang, though they came with Linux 5.12.
  if ((fetches || inst.op !== 'add') && inst.width === 32 && !out.cpu.alu32) {
    out.diagnostics.add(
      atomicNeedsV3(inst.fetch && inst.op === 'add' ? 'fetch-and-add' : inst.op, out.cpu.version, inst.span),
    );
  }
  const atomic = new MachineInst('atomic', out.position);
  atomic.atomic = inst.op;
  atomic.flag = fetches;
  atomic.size = inst.width === 32 ? 4 : 8;
  access(out, atomic, inst.address, 0);
  if (inst.op === 'cmpxchg') {
    atomic.b = out.reg(inst.value);
    out.into(0, inst.expected!);
    atomic.dst = 0;
    out.emit(atomic);
    if (out.needs.registers.has(inst)) out.mov(out.registerOf(inst), 0);
    return;
  }
  if (fetches) {
    atomic.dst = out.registerOf(inst);
    out.into(atomic.dst, inst.value);
  } else {
    atomic.dst = out.reg(inst.value);
  }
  out.emit(atomic);
}

/** Sets base, offset and relocation of an access. */
function access(out: Selector, inst: MachineInst, address: Value, offset: number): void {
  accessAt(out, inst, addressOf(address, out.needs.patched, offset));
}

function accessAt(out: Selector, inst: MachineInst, at: Address): void {
  if (at.core) {
    inst.a = out.reg(at.root);
    inst.off = Number(at.core.value);
    inst.core = at.core;
    return;
  }
  if (at.root.kind === 'alloca') {
    inst.slot = out.slot(at.root);
    inst.off = at.offset;
    return;
  }
  const base = out.reg(at.root);
  if (at.offset >= -0x8000 && at.offset <= 0x7fff) {
    inst.a = base;
    inst.off = at.offset;
    return;
  }
  const far = out.fresh();
  out.mov(far, base);
  out.alui('add', far, at.offset);
  inst.a = far;
}

/**
 * Before Linux 6.4 the verifier refused store-immediate through a pointer to the context; it is used only where the
 * memory is known to be something else.
 */
function takesImmediateStore(root: Value): boolean {
  switch (root.kind) {
    case 'alloca':
    case 'global':
    case 'call':
      return true;
    case 'ptradd':
      return takesImmediateStore(addressRoot(root));
    case 'cast': {
      if (root.op === 'cast_kern') return true;
      let at: Value = root;
      while (at.kind === 'cast') at = at.value;
      return at.kind === 'load' && at.type === 'i32';
    }
    default:
      return false;
  }
}

function addressRoot(value: Value): Value {
  let at = value;
  while (at.kind === 'ptradd') at = at.base;
  return at;
}
