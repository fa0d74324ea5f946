import { type Insn, type JumpOp, type Operand, slotsOf } from '@skep/object';

/** Runs straight from RFC 9669, slowly: one function without maps, r1 a context. Helpers make r0 0 and r1 … r5 garbage. */
export function interpret(insns: readonly Insn[], context: Uint8Array): bigint {
  const stack = new Uint8Array(512);
  const regs = new Array<bigint>(11).fill(0xdeadbeefn);
  regs[1] = 1n << 32n;
  regs[10] = (2n << 32n) + 512n;
  const slots = new Map<number, number>();
  let slot = 0;
  const starts: number[] = [];
  for (const [i, insn] of insns.entries()) {
    slots.set(slot, i);
    starts.push(slot);
    slot += slotsOf(insn);
  }
  const u = (value: bigint, bits: number) => BigInt.asUintN(bits, value);
  const operand = (src: Operand) => (src.kind === 'reg' ? regs[src.reg]! : u(BigInt(src.imm), 64));
  const at = (address: bigint, size: number) => {
    const area = address >> 32n === 1n ? context : stack;
    const offset = Number(address & 0xffffffffn);
    if (offset < 0 || offset + size > area.length) throw new Error('access out of bounds');
    return new DataView(area.buffer, area.byteOffset + offset, size);
  };
  const load = (address: bigint, size: number) => {
    const view = at(address, size);
    let out = 0n;
    for (let i = size - 1; i >= 0; i--) out = (out << 8n) | BigInt(view.getUint8(i));
    return out;
  };
  const store = (address: bigint, size: number, value: bigint) => {
    const view = at(address, size);
    for (let i = 0; i < size; i++) view.setUint8(i, Number((value >> BigInt(8 * i)) & 0xffn));
  };
  for (let pc = 0, steps = 0; steps < 1_000_000; steps++) {
    const insn = insns[pc];
    if (insn === undefined) throw new Error('ran off the end');
    pc += 1;
    const jump = (off: number) => {
      const to = slots.get(starts[pc - 1]! + slotsOf(insn) + off);
      if (to === undefined) throw new Error('jump into the middle of an instruction');
      pc = to;
    };
    switch (insn.kind) {
      case 'alu': {
        const { width } = insn;
        const a = u(regs[insn.dst]!, width);
        const b = u(operand(insn.src), width);
        regs[insn.dst] = u(alu(insn.op, a, b, width), width);
        break;
      }
      case 'movsx':
        regs[insn.dst] = u(BigInt.asIntN(insn.bits, regs[insn.src]!), insn.width);
        break;
      case 'endian': {
        let out = 0n;
        for (let i = 0; i < insn.bits; i += 8) out = (out << 8n) | ((regs[insn.dst]! >> BigInt(i)) & 0xffn);
        regs[insn.dst] = out;
        break;
      }
      case 'ld_imm64':
        regs[insn.dst] = insn.imm.kind === 'value' ? insn.imm.value : 0n;
        break;
      case 'load': {
        const value = load(regs[insn.src]! + BigInt(insn.off), insn.size);
        regs[insn.dst] = insn.signed ? u(BigInt.asIntN(8 * insn.size, value), 64) : value;
        break;
      }
      case 'store':
        store(regs[insn.dst]! + BigInt(insn.off), insn.size, operand(insn.src));
        break;
      case 'atomic': {
        const address = regs[insn.dst]! + BigInt(insn.off);
        const bits = 8 * insn.size;
        const old = load(address, insn.size);
        const value = u(regs[insn.src]!, bits);
        if (insn.op === 'cmpxchg') {
          if (old === u(regs[0]!, bits)) store(address, insn.size, value);
          regs[0] = old;
          break;
        }
        const next = { add: old + value, or: old | value, and: old & value, xor: old ^ value, xchg: value }[
          insn.op as 'add'
        ];
        store(address, insn.size, u(next, bits));
        if (insn.fetch) regs[insn.src] = old;
        break;
      }
      case 'jump': {
        const a = u(regs[insn.dst]!, insn.width);
        const b = u(operand(insn.src), insn.width);
        if (taken(insn.op, a, b, insn.width)) jump(insn.off);
        break;
      }
      case 'goto':
        jump(insn.off);
        break;
      case 'call':
        regs[0] = 0n;
        for (let i = 1; i <= 5; i++) regs[i] = 0xbadbadbadn;
        break;
      case 'exit':
        return regs[0]!;
      default:
        throw new Error(`${insn.kind} is not for this test`);
    }
  }
  throw new Error('does not end');
}

function alu(op: string, a: bigint, b: bigint, width: 32 | 64): bigint {
  const s = (value: bigint) => BigInt.asIntN(width, value);
  const count = b & BigInt(width - 1);
  switch (op) {
    case 'mov':
      return b;
    case 'add':
      return a + b;
    case 'sub':
      return a - b;
    case 'mul':
      return a * b;
    case 'div':
      return b === 0n ? 0n : a / b;
    case 'mod':
      return b === 0n ? a : a % b;
    case 'sdiv':
      return b === 0n ? 0n : s(a) / s(b);
    case 'smod':
      return b === 0n ? a : s(a) % s(b);
    case 'and':
      return a & b;
    case 'or':
      return a | b;
    case 'xor':
      return a ^ b;
    case 'lsh':
      return a << count;
    case 'rsh':
      return a >> count;
    case 'arsh':
      return s(a) >> count;
    default:
      throw new Error(op);
  }
}

function taken(op: JumpOp, a: bigint, b: bigint, width: 32 | 64): boolean {
  const s = (value: bigint) => BigInt.asIntN(width, value);
  switch (op) {
    case 'eq':
      return a === b;
    case 'ne':
      return a !== b;
    case 'gt':
      return a > b;
    case 'ge':
      return a >= b;
    case 'lt':
      return a < b;
    case 'le':
      return a <= b;
    case 'set':
      return (a & b) !== 0n;
    case 'sgt':
      return s(a) > s(b);
    case 'sge':
      return s(a) >= s(b);
    case 'slt':
      return s(a) < s(b);
    case 'sle':
      return s(a) <= s(b);
  }
}
