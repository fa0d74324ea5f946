/** Calls of helpers: who may, with which arguments, and what they give. */

import {
  ATTACH,
  BPF_F_RDONLY_PROG,
  D_PATH_FUNCTIONS,
  type HelperProto,
  hasSince,
  helperById,
  helperId,
  MAP,
  PROG,
} from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import type { MapInfo } from '../program/maps.ts';
import { MEM_ALLOC, MEM_PERCPU, MEM_RCU, PTR_TO_MAP_VALUE, SCALAR, typeName } from '../state/kinds.ts';
import { isConst, isNull, type Reg } from '../state/reg.ts';
import { inRcu, targetOf } from './btf-access.ts';
import { callbackOf } from './callbacks.ts';
import { checkReferenceLeak, clearCallerSaved, clearPackets } from './calls.ts';
import { DYNPTR, makeDynptr, releaseDynptr } from './dynptr.ts';
import type { Field } from './fields.ts';
import { checkHelperArgument, kindOf } from './helper-arguments.ts';
import {
  D_PATH,
  DYNPTR_FROM_MEM,
  DYNPTR_WRITE,
  GET_FUNC_IP,
  GET_LOCAL_STORAGE,
  KPTR_XCHG,
  MAP_DELETE_ELEM,
  MAP_POP_ELEM,
  MAP_PUSH_ELEM,
  MAP_UPDATE_ELEM,
  SET_RETVAL,
  TAIL_CALL,
} from './helper-ids.ts';
import { protoOf } from './helper-protos.ts';
import { giveHelperResult } from './helper-results.ts';
import { mapGoesWith } from './map-function.ts';
import { access } from './memory.ts';
import type { Uninitialised } from './stack.ts';

/** What the arguments of one call told. */
export interface HelperCall {
  readonly id: number;
  readonly name: string;
  readonly proto: HelperProto;
  map: MapInfo | undefined;
  mapInstance: number;
  readonly raw: Uninitialised;
  release: number;
  ref: number;
  memorySize: number;
  maxSize: number;
  subprogram: number;
  percpu: Reg | undefined;
  kptr: Field | undefined;
  dynptrToMake: { register: number; kind: number } | undefined;
  dynptr: Reg | undefined;
  /** The key of a lookup in an array, where it is a constant; -1 otherwise. */
  key: number;
}

export function checkHelperCall(x: Explorer): void {
  const id = x.program.imm[x.insn]!;
  const helper = helperById(id);
  if (helper === undefined || id === 0 || !hasSince(x.kernel.version, helper.since))
    x.refuse(`invalid func unknown#${id}`);
  const { name } = helper;
  const proto = protoOf(x, id);
  if (proto === undefined) x.refuse(`program of this type cannot use helper ${name}#${id}`);
  if (proto.gplOnly && !x.program.gpl) x.refuse('cannot call GPL-restricted function from non-GPL compatible program');
  if (proto.mightSleep && !x.sleepable) x.refuse('helper call might sleep in a non-sleepable prog');
  if (
    id === D_PATH &&
    x.program.input.type === PROG.BPF_PROG_TYPE_TRACING &&
    !D_PATH_FUNCTIONS.has(x.program.input.attachTarget ?? '') &&
    x.program.input.attachType !== ATTACH.BPF_TRACE_ITER
  )
    x.refuse('helper call is not allowed in probe');
  if (x.state.rcu > 0 && proto.mightSleep) x.refuse(`sleepable helper ${name}#${id} in rcu_read_lock region`);
  if (x.state.preempt > 0 && proto.mightSleep) x.refuse(`sleepable helper ${name}#${id} in non-preemptible region`);
  const call: HelperCall = {
    id,
    name,
    proto,
    map: undefined,
    mapInstance: 0,
    raw: { register: -1, size: 0 },
    release: 0,
    ref: 0,
    memorySize: 0,
    maxSize: 0,
    subprogram: -1,
    percpu: undefined,
    kptr: undefined,
    dynptrToMake: undefined,
    dynptr: undefined,
    key: -1,
  };
  proto.args.forEach((arg, i) => {
    checkHelperArgument(x, call, arg, i);
  });
  recordMap(x, call);
  for (let i = 0; i < call.raw.size; i++)
    access(x, call.raw.register, x.frame.regs[call.raw.register]!, i, 1, 'write', -1, false, false, false);
  if (call.dynptrToMake !== undefined) {
    const { register, kind } = call.dynptrToMake;
    makeDynptr(x, register, x.frame.regs[register]!, kind, 0);
  }
  releaseArgument(x, call);
  special(x, call);
  callbackOf(x, id, call.subprogram, call.map);
  clearCallerSaved(x, x.frame);
  giveHelperResult(x, call);
  if (call.map !== undefined && (!mapGoesWith(call.map.type, id) || !sockmapUpdate(x, call.map.type, id)))
    x.refuse(`cannot pass map_type ${call.map.type} into func ${name}#${id}`);
  if (id === GET_FUNC_IP) {
    const { type } = x.program.input;
    if (type !== PROG.BPF_PROG_TYPE_KPROBE && type !== PROG.BPF_PROG_TYPE_TRACING)
      x.refuse(`func ${name}#${id} not supported for program type ${type}`);
  }
  if (CHANGES_PACKET.has(id) || (id === DYNPTR_WRITE && call.dynptr?.aux === DYNPTR.skb)) clearPackets(x);
}

export const changesPacket = (id: number): boolean => CHANGES_PACKET.has(id);

/** Move or change the packet. */
const CHANGES_PACKET = new Set(
  [
    'bpf_tail_call',
    'bpf_skb_store_bytes',
    'bpf_l4_csum_replace',
    'bpf_skb_vlan_push',
    'bpf_skb_vlan_pop',
    'bpf_skb_change_proto',
    'bpf_skb_change_type',
    'bpf_skb_change_tail',
    'bpf_skb_pull_data',
    'bpf_csum_update',
    'bpf_skb_change_head',
    'bpf_xdp_adjust_head',
    'bpf_skb_adjust_room',
    'bpf_xdp_adjust_meta',
    'bpf_msg_apply_bytes',
    'bpf_msg_cork_bytes',
    'bpf_msg_pull_data',
    'bpf_bind',
    'bpf_xdp_adjust_tail',
    'bpf_lwt_push_encap',
    'bpf_lwt_seg6_store_bytes',
    'bpf_lwt_seg6_adjust_srh',
    'bpf_lwt_seg6_action',
    'bpf_msg_push_data',
    'bpf_msg_pop_data',
    'bpf_rc_pointer_rel',
    'bpf_get_listener_sock',
    'bpf_sock_from_file',
    'bpf_xdp_load_bytes',
    'bpf_xdp_store_bytes',
  ].map(helperId),
);

/** Programs that may change maps of sockets by the general helpers. */
const SOCKMAP_WRITERS = new Set([
  PROG.BPF_PROG_TYPE_SOCKET_FILTER,
  PROG.BPF_PROG_TYPE_SCHED_CLS,
  PROG.BPF_PROG_TYPE_SCHED_ACT,
  PROG.BPF_PROG_TYPE_XDP,
  PROG.BPF_PROG_TYPE_SK_REUSEPORT,
  PROG.BPF_PROG_TYPE_FLOW_DISSECTOR,
  PROG.BPF_PROG_TYPE_SK_LOOKUP,
]);

function sockmapUpdate(x: Explorer, map: number, helper: number): boolean {
  if (
    (map !== MAP.BPF_MAP_TYPE_SOCKMAP && map !== MAP.BPF_MAP_TYPE_SOCKHASH) ||
    (helper !== MAP_UPDATE_ELEM && helper !== MAP_DELETE_ELEM)
  )
    return true;
  const { type, attachType } = x.program.input;
  return (
    SOCKMAP_WRITERS.has(type) ||
    (type === PROG.BPF_PROG_TYPE_TRACING && attachType === ATTACH.BPF_TRACE_ITER) ||
    (type === PROG.BPF_PROG_TYPE_SOCK_OPS && helper === MAP_DELETE_ELEM)
  );
}

const WRITES_MAP = new Set([MAP_UPDATE_ELEM, MAP_DELETE_ELEM, MAP_PUSH_ELEM, MAP_POP_ELEM]);

function recordMap(x: Explorer, call: HelperCall): void {
  if (call.map === undefined) return;
  if (WRITES_MAP.has(call.id) && call.map.flags & BPF_F_RDONLY_PROG) x.refuse('write into map forbidden');
  // A tail call through one constant index: the index must be followed back.
  if (call.id === TAIL_CALL) {
    const before = x.tailCallMaps.has(x.insn) ? x.tailCallMaps.get(x.insn) : call.map;
    x.tailCallMaps.set(x.insn, before === call.map ? call.map : undefined);
    const index = x.frame.regs[3]!;
    if (index.type === SCALAR && isConst(index) && index.vh === 0 && index.vl >>> 0 < call.map.maxEntries)
      markPrecise(x, 3);
  }
}

function releaseArgument(x: Explorer, call: HelperCall): void {
  if (call.release === 0) return;
  const reg = x.frame.regs[call.release]!;
  const kind = kindOf(call.proto.args[call.release - 1]!);
  if (kind.base === 'ARG_PTR_TO_DYNPTR') {
    releaseDynptr(x, reg);
    return;
  }
  const id = call.ref;
  if (id === 0) {
    if (isNull(reg)) return;
    x.refuse(`func ${call.name}#${call.id} reference has not been acquired before`);
  }
  if (call.id === KPTR_XCHG) {
    const rcu = inRcu(x);
    const percpu = MEM_ALLOC | MEM_PERCPU;
    if (!x.state.refs.some((ref) => ref.id === id))
      x.refuse(`func ${call.name}#${call.id} reference has not been acquired before`);
    x.state.refs = x.state.refs.filter((ref) => ref.id !== id);
    x.eachReg(x.state, (one) => {
      if (one.ref !== id) return one;
      if (!rcu || (one.type & percpu) !== percpu) return x.invalid();
      const now = one.clone();
      now.ref = 0;
      now.type = (now.type & ~MEM_ALLOC) | MEM_RCU;
      return now;
    });
    return;
  }
  if (!x.release(id)) x.refuse(`func ${call.name}#${call.id} reference has not been acquired before`);
}

function special(x: Explorer, call: HelperCall): void {
  const regs = x.frame.regs;
  switch (call.id) {
    case TAIL_CALL:
      if (x.state.lockOwner !== undefined) x.refuse('tail_call cannot be used inside bpf_spin_lock-ed region');
      if (checkReferenceLeak(x, false) !== undefined) x.refuse('tail_call would lead to reference leak');
      if (x.state.rcu > 0) x.refuse('tail_call cannot be used inside bpf_rcu_read_lock-ed region');
      if (x.state.preempt > 0) x.refuse('tail_call cannot be used inside bpf_preempt_disable-ed region');
      return;
    case GET_LOCAL_STORAGE:
      if (!isNull(regs[2]!)) x.refuse("get_local_storage() doesn't support non-zero flags");
      return;
    case DYNPTR_FROM_MEM:
      if (regs[1]!.type !== PTR_TO_MAP_VALUE)
        x.refuse(`Unsupported reg type ${typeName(regs[1]!.type)} for bpf_dynptr_from_mem data`);
      return;
    case SET_RETVAL:
      if (x.program.input.type === PROG.BPF_PROG_TYPE_LSM && x.program.input.attachType === ATTACH.BPF_LSM_CGROUP) {
        const target = targetOf(x);
        if (target?.proto !== undefined && target.btf.resolve(target.proto.result) === 0)
          x.refuse("BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
      }
  }
}
