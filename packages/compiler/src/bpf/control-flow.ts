import type { JumpOp } from '@skep/object';
import { bitsOf, evaluateCompare, SWAPPED, typeOf } from '../ir/constant.ts';
import type { CompareOp, ScalarType, Target, Terminator, Value } from '../ir/ir.ts';
import { trapReached } from './diagnostics.ts';
import { selectAsm } from './inline-asm.ts';
import { isSigned, JUMPS, UNSIGNED } from './jumps.ts';
import { createMachineBlock, type MachineBlock, MachineInst, type VReg } from './machine.ts';
import { conditionOf } from './needs.ts';
import { maxBits } from './range.ts';
import type { Selector } from './select.ts';

/** How a block ends. The blocks of edges that carry arguments are written before. */
export function selectTerminator(out: Selector, term: Terminator): void {
  switch (term.kind) {
    case 'jump':
      copies(out, term.target);
      out.jump(out.blockOf(term.target.block));
      return;
    case 'branch': {
      const yes = edge(out, term.then);
      const no = edge(out, term.else);
      selectBranch(out, term.condition, yes, no, term.likely);
      return;
    }
    case 'switch':
      selectSwitch(out, term);
      return;
    case 'asm-goto': {
      const successors = [term.otherwise, ...term.targets].map((target) => edge(out, target));
      selectAsm(out, term.asm, out.func, out.diagnostics);
      out.current.successors = successors;
      return;
    }
    case 'return': {
      const { value } = term;
      if (value !== undefined) result(out, value);
      else if (out.func.linkage !== 'static') out.set(0, 'i64', 0n);
      exit(out);
      return;
    }
    case 'unreachable':
      if (term.trap) out.diagnostics.add(trapReached(out.func.name, term.span));
      // `asm volatile("exit"); __builtin_unreachable();`: verifiers refuse what nothing reaches.
      if (leaves(out.current.insts.at(-1))) return;
      out.set(0, 'i64', 0n);
      exit(out);
      return;
  }
}

const JUMPING: ReadonlySet<string> = new Set(['jump', 'goto', 'may_goto']);

/** Whether the program ends in this inline assembly, whatever it does before. */
function leaves(inst: MachineInst | undefined): boolean {
  const code = inst?.asm?.code;
  if (code?.at(-1)?.insn.kind !== 'exit') return false;
  return code.every(({ insn: { kind }, to }) => to === undefined && !JUMPING.has(kind));
}

function exit(out: Selector): void {
  out.emit(new MachineInst('exit', out.position)).imm =
    out.func.result === 'void' && out.func.linkage === 'static' ? 0 : 1;
  out.current.successors = [];
}

function result(out: Selector, value: Value): void {
  // The kernel looks at the low half of what an entry program returns: the short form of a negative number will do.
  if (value.kind === 'const' && value.type === 'i32' && !out.cpu.alu32 && out.func.section !== undefined)
    out.set(0, 'i64', value.value);
  else out.into(0, value);
}

/** Where to jump for the edge: its block, or one in between that hands the arguments over. */
function edge(out: Selector, target: Target): MachineBlock {
  const to = out.blockOf(target.block);
  if (target.args.length === 0) return to;
  return out.aside(() => {
    copies(out, target);
    out.jump(to);
  });
}

/** `likely`: which way is expected, where the source says so. */
export function selectBranch(
  out: Selector,
  condition: Value,
  yes: MachineBlock,
  no: MachineBlock,
  likely: boolean | undefined,
): void {
  const { compare: asked, value, negated } = conditionOf(condition);
  const [to, other] = negated ? [no, yes] : [yes, no];
  const expected = likely === undefined ? undefined : likely !== negated ? 0 : 1;
  if (asked) compare(out, asked.op, asked.a, asked.b, to, other);
  else if (value.kind === 'const') out.jump(value.value !== 0n ? to : other);
  else branchImm(out, 'ne', out.reg(value), 0, 64, to, other);
  out.current.likely = expected;
}

function compare(out: Selector, op: CompareOp, a: Value, b: Value, yes: MachineBlock, no: MachineBlock): void {
  if (a.kind === 'const' && b.kind === 'const') {
    out.jump(evaluateCompare(op, a.type, a.value, b.value) ? yes : no);
    return;
  }
  if (a.kind === 'const') {
    compare(out, SWAPPED[op], b, a, yes, no);
    return;
  }
  const type = typeOf(a) as ScalarType;
  const bits = bitsOf(type);
  if (bits === 32 && out.cpu.alu32 && (out.isLow(a) || out.isLow(b))) {
    if (b.kind === 'const') branchImm(out, JUMPS[op], out.reg(a), Number(b.value), 32, yes, no);
    else branchReg(out, JUMPS[op], out.reg(a), out.reg(b), 32, yes, no);
    return;
  }
  if (bits < 64 && isSigned(op)) {
    if (maxBits(a) < bits && maxBits(b) < bits) {
      compare(out, UNSIGNED[op], a, b, yes, no);
      return;
    }
    if (bits === 32 && out.cpu.alu32) {
      if (b.kind === 'const') branchImm(out, JUMPS[op], out.reg(a), Number(b.value), 32, yes, no);
      else branchReg(out, JUMPS[op], out.reg(a), out.reg(b), 32, yes, no);
      return;
    }
    const x = out.fresh();
    out.sext64(x, out.reg(a), bits);
    if (b.kind === 'const') {
      branchImm(out, JUMPS[op], x, Number(b.value), 64, yes, no);
      return;
    }
    const y = out.fresh();
    out.sext64(y, out.reg(b), bits);
    branchReg(out, JUMPS[op], x, y, 64, yes, no);
    return;
  }
  const imm = out.immediate(b);
  if (imm !== undefined) branchImm(out, JUMPS[op], out.reg(a), imm, 64, yes, no);
  else if (b.kind === 'const' && bits === 32 && out.cpu.alu32)
    branchImm(out, JUMPS[op], out.reg(a), Number(b.value), 32, yes, no);
  else branchReg(out, JUMPS[op], out.reg(a), out.reg(b), 64, yes, no);
}

function branchImm(
  out: Selector,
  op: JumpOp,
  a: VReg,
  imm: number,
  width: 32 | 64,
  yes: MachineBlock,
  no: MachineBlock,
): void {
  const inst = out.emit(new MachineInst('branchi', out.position));
  inst.jump = op;
  inst.a = a;
  inst.imm = imm;
  inst.width = width;
  out.current.successors = [yes, no];
}

function branchReg(
  out: Selector,
  op: JumpOp,
  a: VReg,
  b: VReg,
  width: 32 | 64,
  yes: MachineBlock,
  no: MachineBlock,
): void {
  const inst = out.emit(new MachineInst('branch', out.position));
  inst.jump = op;
  inst.a = a;
  inst.b = b;
  inst.width = width;
  out.current.successors = [yes, no];
}

/** Up to four cases in a row, a search tree of unsigned comparisons above. */
function selectSwitch(out: Selector, term: Extract<Terminator, { kind: 'switch' }>): void {
  const { value } = term;
  const type = typeOf(value) as ScalarType;
  const otherwise = edge(out, term.otherwise);
  const cases = term.cases.map((one) => ({
    key: BigInt.asUintN(bitsOf(type), one.value),
    value: one.value,
    block: edge(out, one.target),
  }));
  if (value.kind === 'const') {
    out.jump(cases.find((one) => one.value === value.value)?.block ?? otherwise);
    return;
  }
  if (cases.length > 4) cases.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  out.hold(value, out.reg(value));
  const work = [{ block: out.current, from: 0, to: cases.length }];
  for (let item = work.pop(); item !== undefined; item = work.pop()) {
    if (item.block !== out.current) out.enter(item.block);
    if (item.to - item.from > 4) {
      const middle = (item.from + item.to) >> 1;
      const left = createMachineBlock();
      const right = createMachineBlock();
      compare(out, 'ult', value, { kind: 'const', type, value: cases[middle]!.value }, left, right);
      work.push({ block: right, from: middle, to: item.to }, { block: left, from: item.from, to: middle });
      continue;
    }
    for (let i = item.from; i < item.to; i++) {
      const last = i + 1 === item.to;
      const rest = last ? otherwise : createMachineBlock();
      const one = cases[i]!;
      compare(out, 'eq', value, { kind: 'const', type, value: one.value }, one.block, rest);
      if (!last) out.enter(rest);
    }
    if (item.from === item.to) out.jump(otherwise);
  }
  out.forgetAddresses();
}

/** The arguments of an edge go to the block's parameters, all at once. */
function copies(out: Selector, target: Target): void {
  const pending: { dst: VReg; src: VReg }[] = [];
  const late: { dst: VReg; value: Value }[] = [];
  for (const [i, param] of target.block.params.entries()) {
    const dst = out.registerOf(param);
    const value = target.args[i]!;
    const src = out.known(value);
    if (src === undefined) late.push({ dst, value });
    else if (src !== dst) pending.push({ dst, src });
  }
  while (pending.length > 0) {
    const ready = pending.findIndex((one) => !pending.some((other) => other !== one && other.src === one.dst));
    if (ready >= 0) {
      const [one] = pending.splice(ready, 1);
      out.mov(one!.dst, one!.src);
      continue;
    }
    const first = pending[0]!;
    const spare = out.fresh();
    out.mov(spare, first.src);
    for (const one of pending) if (one.src === first.src) one.src = spare;
  }
  for (const { dst, value } of late) out.into(dst, value);
}
