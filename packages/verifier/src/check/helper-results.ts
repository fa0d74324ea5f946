/** What helpers give. */

import { helperId, MAP } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { repair, sync } from '../number/range.ts';
import {
  MAYBE_NULL,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  mayBeNull,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_TCP_SOCK,
  PTR_TRUSTED,
} from '../state/kinds.ts';
import { pointer, type Reg, unknown } from '../state/reg.ts';
import { fieldsOfMap, hasField } from './fields.ts';
import { GET_SMP_PROCESSOR_ID, KPTR_XCHG, MAP_LOOKUP_ELEM } from './helper-ids.ts';
import type { HelperCall } from './helpers.ts';
import { kptrTarget } from './kptr.ts';

export function giveHelperResult(x: Explorer, call: HelperCall): void {
  const { id, proto, name } = call;
  const result = proto.result ?? 'RET_VOID';
  const orNull = result.includes('_OR_NULL') || result.includes('PTR_MAYBE_NULL') ? MAYBE_NULL : 0;
  const readOnly = result.includes('MEM_RDONLY') ? MEM_RDONLY : 0;
  let reg: Reg;
  if (result === 'RET_INTEGER') {
    reg = unknown();
    if (READ_STRINGS.has(id)) {
      reg.sxl = call.maxSize;
      reg.sxh = 0;
      reg.tx = call.maxSize;
      reg.snl = reg.tn = -4095;
      reg.snh = -1;
      sync(reg);
      repair(reg);
    } else if (id === GET_SMP_PROCESSOR_ID) {
      reg.uxl = reg.wx = reg.sxl = reg.tx = (x.program.input.cpus ?? MOST_CPUS) - 1;
      reg.uxh = reg.sxh = 0;
      reg.snl = reg.snh = reg.tn = reg.unl = reg.unh = reg.wn = 0;
      sync(reg);
    }
    x.set(0, reg);
    return;
  }
  if (result === 'RET_VOID') return;
  if (result.startsWith('RET_PTR_TO_MAP_VALUE')) {
    if (call.map === undefined) x.refuse('kernel subsystem misconfigured verifier');
    const found = call.key >= 0 && call.key < call.map.maxEntries;
    reg = pointer(PTR_TO_MAP_VALUE | (found ? 0 : orNull));
    reg.map = call.map;
    reg.aux2 = call.mapInstance;
    if (!mayBeNull(reg.type) && hasField(fieldsOfMap(x, call.map), 'bpf_spin_lock')) reg.id = x.freshId();
  } else if (result.startsWith('RET_PTR_TO_SOCKET')) reg = pointer(PTR_TO_SOCKET | orNull);
  else if (result.startsWith('RET_PTR_TO_SOCK_COMMON')) reg = pointer(PTR_TO_SOCK_COMMON | orNull);
  else if (result.startsWith('RET_PTR_TO_TCP_SOCK')) reg = pointer(PTR_TO_TCP_SOCK | orNull);
  else if (result.startsWith('RET_PTR_TO_RINGBUF_MEM')) {
    reg = pointer(PTR_TO_MEM | MEM_RINGBUF | orNull);
    reg.aux = call.memorySize;
  } else if (result.startsWith('RET_PTR_TO_DYNPTR_MEM')) {
    reg = pointer(PTR_TO_MEM | orNull);
    reg.aux = call.memorySize;
    reg.aux2 = call.dynptr?.id ?? 0;
    reg.ref = call.dynptr?.ref ?? 0;
  } else if (result.startsWith('RET_PTR_TO_MEM_OR_BTF_ID')) {
    const from = call.percpu!;
    const kind = from.btf!.kind(from.btf!.resolve(from.btfId));
    if (kind === 'struct' || kind === 'union') {
      reg = pointer(from.type & MEM_RCU ? PTR_TO_BTF_ID | MEM_ALLOC | MEM_RCU | orNull : PTR_TO_BTF_ID | orNull);
      if (from.type & MEM_RCU) reg.type &= ~MAYBE_NULL;
      reg.btf = from.btf;
      reg.btfId = from.btfId;
    } else {
      reg = pointer(PTR_TO_MEM | readOnly | orNull);
      reg.aux = from.btf!.sizeOf(from.btfId);
    }
  } else if (result.startsWith('RET_PTR_TO_BTF_ID')) {
    reg = pointer(PTR_TO_BTF_ID | orNull | (result.includes('TRUSTED') ? PTR_TRUSTED : 0));
    if (id === KPTR_XCHG) {
      const target = kptrTarget(x, call.kptr!);
      reg.btf = target.btf;
      reg.btfId = target.id;
      if (target.btf !== x.kernelBtf) reg.type |= MEM_ALLOC | (call.kptr!.tag === 'percpu_kptr' ? MEM_PERCPU : 0);
    } else {
      const struct = x.kernelBtf?.find(proto.resultStruct ?? '', 'struct');
      if (struct === undefined) x.unsupported(`${name} without the kernel's types`);
      reg.btf = x.kernelBtf;
      reg.btfId = struct;
    }
  } else x.unsupported(`what ${name} gives`);
  if (mayBeNull(reg.type)) reg.id = x.freshId();
  if (POINTER_CASTS.has(id)) reg.ref = call.ref;
  else if (
    ACQUIRES.has(id) ||
    (id === MAP_LOOKUP_ELEM &&
      (call.map?.type === MAP.BPF_MAP_TYPE_SOCKMAP || call.map?.type === MAP.BPF_MAP_TYPE_SOCKHASH))
  ) {
    const acquired = x.acquire();
    reg.id = acquired;
    reg.ref = acquired;
  }
  x.set(0, reg);
}

const POINTER_CASTS = new Set(
  [
    'bpf_sk_fullsock',
    'bpf_tcp_sock',
    'bpf_skc_to_tcp6_sock',
    'bpf_skc_to_tcp_sock',
    'bpf_skc_to_tcp_timewait_sock',
    'bpf_skc_to_tcp_request_sock',
    'bpf_skc_to_udp6_sock',
    'bpf_skc_to_unix_sock',
    'bpf_skc_to_mptcp_sock',
  ].map(helperId),
);

const ACQUIRES = new Set(
  ['bpf_sk_lookup_tcp', 'bpf_sk_lookup_udp', 'bpf_skc_lookup_tcp', 'bpf_ringbuf_reserve', 'bpf_kptr_xchg'].map(
    helperId,
  ),
);

const READ_STRINGS = new Set(
  [
    'bpf_get_stack',
    'bpf_get_task_stack',
    'bpf_probe_read_str',
    'bpf_probe_read_user_str',
    'bpf_probe_read_kernel_str',
  ].map(helperId),
);

/** NR_CPUS of x86-64 where kernels are built for the largest machines. */
const MOST_CPUS = 8192;
