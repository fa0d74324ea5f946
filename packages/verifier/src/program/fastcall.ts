/**
 * Registers that a compiler saves around calls which the kernel puts in line (`bpf_fastcall`, Linux 6.12): the kernel
 * takes such stores and loads away, and does not count their stack, unless something else touches that part of it.
 */
import { type HelperProto, helperById, helperId, helpersOfProgType, PROG, PROG_TYPES } from '@skep/abi';
import type { Btf } from '@skep/object';
import type { Program, Subprogram } from './program.ts';

const STORE = 0x7b;
const LOAD = 0x79;
const CALLER_SAVED = 0b111111;
/** The helper that the kernel puts in line on x86-64 and arm64. */
const GET_SMP_PROCESSOR_ID = helperId('bpf_get_smp_processor_id');
/**
 * Types of programs that have it in its plain form (`bpf_get_raw_smp_processor_id_proto`), which is called: socket
 * filters, cgroups, streams of sockets, flow dissectors, struct_ops, netfilter. Measured on 6.18 by their stack depth.
 */
const CALLED_IN_TYPES = new Set([
  PROG.BPF_PROG_TYPE_SOCKET_FILTER,
  PROG.BPF_PROG_TYPE_CGROUP_SKB,
  PROG.BPF_PROG_TYPE_CGROUP_SOCK,
  PROG.BPF_PROG_TYPE_SOCK_OPS,
  PROG.BPF_PROG_TYPE_SK_SKB,
  PROG.BPF_PROG_TYPE_CGROUP_DEVICE,
  PROG.BPF_PROG_TYPE_SK_MSG,
  PROG.BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
  PROG.BPF_PROG_TYPE_LIRC_MODE2,
  PROG.BPF_PROG_TYPE_SK_REUSEPORT,
  PROG.BPF_PROG_TYPE_FLOW_DISSECTOR,
  PROG.BPF_PROG_TYPE_CGROUP_SYSCTL,
  PROG.BPF_PROG_TYPE_CGROUP_SOCKOPT,
  PROG.BPF_PROG_TYPE_STRUCT_OPS,
  PROG.BPF_PROG_TYPE_SK_LOOKUP,
  PROG.BPF_PROG_TYPE_NETFILTER,
]);
const INLINE_KFUNCS = new Set(['bpf_cast_to_kern_ctx', 'bpf_rdonly_cast']);
/** Below all offsets. */
const NOWHERE = -32768;

interface Summary {
  readonly parameters: number;
  readonly isVoid: boolean;
  readonly fastcall: boolean;
}

export function markFastcalls(program: Program, kernelBtf: Btf | undefined): void {
  for (const sub of program.subprograms) {
    let lowest = 0;
    for (let i = sub.start; i < sub.end; i++)
      if (program.code[i] === STORE && program.dst[i] === 10) lowest = Math.min(lowest, program.off[i]!);
    for (let i = sub.start; i < sub.end; i++) {
      const summary = callSummary(program, i, kernelBtf);
      if (summary !== undefined) markCall(program, sub, i, lowest, summary);
    }
  }
}

function markCall(program: Program, sub: Subprogram, call: number, lowest: number, summary: Summary): void {
  const { code, dst, src, off, fastcallPattern } = program;
  let clobbered = 0;
  for (let r = summary.isVoid ? 1 : 0; r <= summary.parameters; r++) clobbered |= 1 << r;
  let expected = ~clobbered & CALLER_SAVED;
  let at = lowest;
  let i = 1;
  for (; i <= 6; i++, at += 8) {
    const store = call - i;
    const load = call + i;
    if (store < 0 || load >= program.length) break;
    if (code[store] !== STORE || code[load] !== LOAD || dst[store] !== 10 || src[load] !== 10) break;
    const register = src[store]!;
    if (register !== dst[load] || !(expected & (1 << register)) || off[store] !== at || off[load] !== at) break;
    expected &= ~(1 << register);
    fastcallPattern[store] = fastcallPattern[load] = 1;
  }
  if (i === 1) return;
  if (summary.fastcall) fastcallPattern[call] = 1;
  else sub.keepFastcallStack = true;
  sub.fastcallOff = Math.min(sub.fastcallOff, at);
}

/** An instruction touches the stack at `off`: where that is not part of a pattern, the function keeps its saves. */
export function touchFastcallStack(program: Program, sub: Subprogram, insn: number, off: number): void {
  if (sub.fastcallOff <= off || program.fastcallPattern[insn]) return;
  sub.fastcallOff = NOWHERE;
  program.fastcallPattern.fill(0, sub.start, sub.end);
}

/** After all paths: what the stores took is not counted. */
export function removeFastcalls(program: Program): void {
  for (const sub of program.subprograms) {
    let any = false;
    for (let i = sub.start; i < sub.end && !any; i++)
      any = program.fastcallPattern[i] === 1 && (program.isHelperCall(i) || program.isKfuncCall(i));
    if (any && !sub.keepFastcallStack) sub.stackDepth = 0 - sub.fastcallOff;
  }
}

/** How many arguments a helper or a function of the kernel takes, and whether it is put in line; undefined for others. */
export function callSummary(program: Program, slot: number, kernelBtf: Btf | undefined): Summary | undefined {
  if (program.isHelperCall(slot)) {
    const id = program.imm[slot]!;
    const name = helperById(id)?.name;
    const type = PROG_TYPES.find((one) => one.value === program.input.type)?.name;
    const proto: HelperProto | undefined = type && name ? helpersOfProgType(type)?.get(name) : undefined;
    if (proto === undefined) return undefined;
    return {
      parameters: proto.args.length,
      isVoid: (proto.result ?? 'RET_VOID') === 'RET_VOID',
      fastcall: id === GET_SMP_PROCESSOR_ID && !CALLED_IN_TYPES.has(program.input.type),
    };
  }
  const name = program.kfuncName(slot);
  if (name === undefined || kernelBtf === undefined) return undefined;
  const id = kernelBtf.kfunc(name) ?? kernelBtf.find(name, 'func');
  const func = id === undefined ? undefined : kernelBtf.type(id);
  const proto = func?.kind === 'func' ? kernelBtf.type(func.type) : undefined;
  if (proto?.kind !== 'func_proto') return undefined;
  return {
    parameters: proto.params.length,
    isVoid: kernelBtf.resolve(proto.result) === 0,
    fastcall: INLINE_KFUNCS.has(name),
  };
}
