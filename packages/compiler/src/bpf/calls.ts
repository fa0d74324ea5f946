import { helperById } from '@skep/abi';
import type { CallInst } from '../ir/ir.ts';
import { indirectCall, tooManyArguments } from './diagnostics.ts';
import { MachineInst } from './machine.ts';
import type { Selector } from './select.ts';

/** Arguments go to r1 to r5, the result comes from r0. */
export function selectCall(out: Selector, inst: CallInst): void {
  const { args } = inst;
  const target = callee(out, inst);
  if (target === undefined) {
    // Refused; the rest of the function may have more to say.
    if (inst.type !== 'void') out.set(out.registerOf(inst), 'i64', 0n);
    return;
  }
  if (args.length > 5) {
    const name = target.kind === 'func' ? target.func.name : (helperById(target.id)?.name ?? `helper ${target.id}`);
    out.diagnostics.add(tooManyArguments(name, args.length, inst.span));
  }
  const passed = args.slice(0, 5);
  // What is in a register goes first: it may end there. Numbers and addresses are made in place.
  for (const [i, arg] of passed.entries()) {
    const known = out.known(arg);
    if (known !== undefined) out.mov(i + 1, known);
  }
  for (const [i, arg] of passed.entries()) {
    if (out.known(arg) !== undefined) continue;
    out.into(i + 1, arg);
  }
  const call = out.emit(new MachineInst('call', out.position));
  call.target = target;
  call.imm = passed.length;
  out.forgetAddresses();
  if (inst.type === 'void' || !out.needs.registers.has(inst)) return;
  const dst = out.registerOf(inst);
  out.mov(dst, 0);
  if (out.isLow(inst)) return;
  if (target.kind !== 'func' || target.func.linkage !== 'static') out.normalise(dst, inst.type);
}

function callee(out: Selector, inst: CallInst): MachineInst['target'] {
  const { callee } = inst;
  if (callee.kind === 'helper') return { kind: 'helper', id: callee.id };
  if (callee.kind === 'func') return { kind: 'func', func: callee.func };
  const { pointer } = callee;
  if (pointer.kind === 'func') return { kind: 'func', func: pointer };
  if (pointer.kind === 'const') return { kind: 'helper', id: Number(pointer.value) };
  out.diagnostics.add(indirectCall(inst.span));
  return undefined;
}
