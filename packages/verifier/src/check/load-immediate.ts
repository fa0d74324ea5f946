/** 64-bit immediates and what they stand for; the loads of packets that classic BPF had. */
import { MAP, PROG } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import {
  CONST_PTR_TO_MAP,
  MEM_PERCPU,
  MEM_RDONLY,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
} from '../state/kinds.ts';
import { known, pointer, setValue, UNINIT, unknown } from '../state/reg.ts';
import { checkLeaks, checkReferenceLeak, leave } from './calls.ts';
import { checkPlainOffset } from './regions.ts';

export function checkLoadImmediate(x: Explorer): void {
  const { program, insn } = x;
  if (program.code[insn] !== 0x18) x.refuse('invalid BPF_LD_IMM insn');
  if (program.off[insn] !== 0) x.refuse('BPF_LD_IMM64 uses reserved fields');
  const dst = program.dst[insn]!;
  x.writeOnly(dst);
  const low = program.imm[insn]!;
  const high = program.imm[insn + 1]!;
  switch (program.src[insn]) {
    case 0:
      x.set(dst, known(low, high));
      return;
    case 3:
      x.set(dst, kernelSymbol(x));
      return;
    case 4: {
      const sub = program.subprogramAt(insn + low + 1)!;
      if (program.input.funcInfo === undefined || program.input.funcInfo.length === 0)
        x.refuse('missing btf func_info');
      if (sub.global) x.refuse('callback function not static');
      const reg = pointer(PTR_TO_FUNC);
      reg.aux = sub.index;
      x.set(dst, reg);
      return;
    }
  }
  const map = x.maps.get(insn)!;
  const value = program.src[insn] === 2 || program.src[insn] === 6;
  if (!value) {
    const reg = pointer(CONST_PTR_TO_MAP);
    reg.map = map;
    x.set(dst, reg);
    return;
  }
  if (map.type === MAP.BPF_MAP_TYPE_ARENA) {
    const reg = unknown();
    reg.type = PTR_TO_ARENA;
    x.set(dst, reg);
    return;
  }
  const reg = pointer(PTR_TO_MAP_VALUE);
  reg.map = map;
  reg.off = high;
  setValue(reg, 0, 0);
  x.set(dst, reg);
}

function kernelSymbol(x: Explorer) {
  const symbol = x.program.input.symbols?.get(x.insn);
  const btf = x.kernelBtf;
  if (symbol === undefined || btf === undefined) x.unsupported("variables of the kernel without the kernel's types");
  const id = btf.find(symbol.name, 'var') ?? btf.find(symbol.name, 'func');
  if (id === undefined) x.refuse('ldimm64 insn specifies invalid btf_id 0.');
  const type = btf.type(id);
  if (type.kind === 'func') {
    const reg = pointer(PTR_TO_MEM | MEM_RDONLY);
    reg.aux = 0;
    return reg;
  }
  if (type.kind !== 'var') x.refuse(`pseudo btf_id ${id} in ldimm64 isn't KIND_VAR or KIND_FUNC`);
  const percpu = btf.find('.data..percpu', 'datasec');
  const section = percpu === undefined ? undefined : btf.type(percpu);
  const isPercpu = section?.kind === 'datasec' && section.vars.some((one) => one.type === id);
  const target = btf.resolve(type.type);
  if (isPercpu) {
    const reg = pointer(PTR_TO_BTF_ID | MEM_PERCPU);
    reg.btf = btf;
    reg.btfId = target;
    return reg;
  }
  const kind = target === 0 ? 'void' : btf.kind(target);
  if (kind !== 'struct' && kind !== 'union') {
    const reg = pointer(PTR_TO_MEM | MEM_RDONLY);
    reg.aux = target === 0 ? 0 : btf.sizeOf(target);
    return reg;
  }
  const reg = pointer(PTR_TO_BTF_ID);
  reg.btf = btf;
  reg.btfId = target;
  return reg;
}

const LD_TYPES = new Set([
  PROG.BPF_PROG_TYPE_SOCKET_FILTER,
  PROG.BPF_PROG_TYPE_SCHED_CLS,
  PROG.BPF_PROG_TYPE_SCHED_ACT,
]);

/** `r0 = *(u16 *)skb[12]`; true when the instruction has already moved on. */
export function checkLoadPacket(x: Explorer): boolean {
  const { program, insn } = x;
  const code = program.code[insn]!;
  const indirect = (code & 0xe0) === 0x40;
  const src = program.src[insn]!;
  if (!LD_TYPES.has(program.input.type)) x.refuse('BPF_LD_[ABS|IND] instructions not allowed for this program type');
  if (program.dst[insn] !== 0 || program.off[insn] !== 0 || (!indirect && src !== 0))
    x.refuse('BPF_LD_[ABS|IND] uses reserved fields');
  x.read(6);
  if (x.kernel.leakTexts) checkLeaks(x, false, true, 'BPF_LD_[ABS|IND]');
  if (!referencesFree(x)) x.refuse('BPF_LD_[ABS|IND] cannot be mixed with socket references');
  if (x.state.lockOwner !== undefined) x.refuse('BPF_LD_[ABS|IND] cannot be used inside bpf_spin_lock-ed region');
  if (x.state.rcu > 0) x.refuse('BPF_LD_[ABS|IND] cannot be used inside bpf_rcu_read_lock-ed region');
  if (x.state.preempt > 0) x.refuse('BPF_LD_[ABS|IND] cannot be used inside bpf_preempt_disable-ed region');
  const ctx = x.frame.regs[6]!;
  if (ctx.type !== PTR_TO_CTX) x.refuse('at the time of BPF_LD_ABS|IND R6 != pointer to skb');
  if (indirect) x.read(src);
  checkPlainOffset(x, ctx, 6, false);
  for (let r = 0; r <= 5; r++) {
    x.frame.regs[r] = UNINIT;
    x.frame.written |= 1 << r;
  }
  x.set(0, unknown());
  if (x.state.frames.length === 1) return false;
  // Where the packet is too short the function returns 0 at once.
  x.fork(insn + 1, insn);
  x.set(0, known(0));
  leave(x);
  return true;
}

function referencesFree(x: Explorer): boolean {
  return checkReferenceLeak(x, false) === undefined;
}
