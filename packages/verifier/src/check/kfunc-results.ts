/** What functions of the kernel give. */
import { PROG } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import {
  DYNPTR_SKB,
  DYNPTR_XDP,
  MAYBE_NULL,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  NON_OWN_REF,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
} from '../state/kinds.ts';
import { pointer, type Reg, unknown } from '../state/reg.ts';
import { DYNPTR } from './dynptr.ts';
import { fieldsOf, hasField } from './fields.ts';
import { graphNode } from './graph.ts';
import { scalarStruct } from './kfunc-arguments.ts';
import type { KfuncCall } from './kfuncs.ts';
import { packetWritable } from './regions.ts';

export function giveKfuncResult(x: Explorer, call: KfuncCall): void {
  const { btf, proto, name } = call;
  const id = btf.resolve(proto.result);
  if (id === 0) return;
  const type = btf.type(id);
  if (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') {
    x.set(0, unknown());
    return;
  }
  if (type.kind !== 'ptr') x.unsupported(`what ${name} gives`);
  const target = btf.resolve(type.type);
  const kind = target === 0 ? 'void' : btf.kind(target);
  let reg = specialResult(x, call);
  if (reg === undefined) {
    if (target === 0) {
      x.set(0, unknown());
      return;
    }
    if (kind === 'struct' || kind === 'union') {
      reg = pointer(PTR_TO_BTF_ID);
      reg.btf = btf;
      reg.btfId = target;
      if (call.has('iter_next')) {
        const { frame, slot } = call.iterator!;
        reg.type |= x.state.frames[frame]!.stack[slot]!.reg.type & MEM_RCU ? MEM_RCU : PTR_TRUSTED;
      }
    } else {
      const readOnly = (call.resultSize === 0 && name !== 'bpf_session_cookie') || call.resultReadOnly;
      reg = pointer(PTR_TO_MEM | (readOnly ? MEM_RDONLY : 0));
      reg.aux = call.resultSize !== 0 ? call.resultSize : btf.sizeOf(target);
      reg.ref = call.ref;
    }
  }
  if (call.has('ret_null') && !(name === 'bpf_refcount_acquire_impl' && call.owning)) {
    reg.type |= MAYBE_NULL;
    reg.id = x.freshId();
  }
  if (call.has('acquire')) {
    const acquired = x.acquire();
    if (reg.type & MAYBE_NULL) reg.id = acquired;
    reg.ref = acquired;
  } else if (name === 'bpf_rbtree_first') {
    reg.type |= NON_OWN_REF | (hasField(fieldsOf(reg.btf, reg.btfId), 'bpf_refcount') ? MEM_RCU : 0);
  }
  if (reg.id === 0 && reg.type & MEM_ALLOC && hasField(fieldsOf(reg.btf, reg.btfId), 'bpf_spin_lock'))
    reg.id = x.freshId();
  x.set(0, reg);
}

function specialResult(x: Explorer, call: KfuncCall): Reg | undefined {
  const { name } = call;
  switch (name) {
    case 'bpf_obj_new_impl':
    case 'bpf_percpu_obj_new_impl': {
      const own = x.program.input.btf;
      const id = call.constant?.vl ?? 0;
      if (own === undefined) x.refuse('bpf_obj_new/bpf_percpu_obj_new requires prog BTF');
      const type = id > 0 && id < own.count ? own.type(id) : undefined;
      if (type?.kind !== 'struct') x.refuse('bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct');
      const percpu = name === 'bpf_percpu_obj_new_impl';
      if (percpu) {
        if (type.size > PERCPU_LIMIT)
          x.refuse(`bpf_percpu_obj_new type size (${type.size}) is greater than ${PERCPU_LIMIT}`);
        if (!scalarStruct(own, id, 0)) x.refuse('bpf_percpu_obj_new type ID argument must be of a struct of scalars');
        if (fieldsOf(own, id).length > 0)
          x.refuse('bpf_percpu_obj_new type ID argument must not contain special fields');
      }
      const reg = pointer(PTR_TO_BTF_ID | MEM_ALLOC | (percpu ? MEM_PERCPU : 0));
      reg.btf = own;
      reg.btfId = id;
      return reg;
    }
    case 'bpf_refcount_acquire_impl': {
      const reg = pointer(PTR_TO_BTF_ID | MEM_ALLOC);
      reg.btf = call.object!.btf;
      reg.btfId = call.object!.btfId;
      return reg;
    }
    case 'bpf_list_pop_front':
    case 'bpf_list_pop_back':
    case 'bpf_rbtree_remove':
    case 'bpf_rbtree_first':
      return graphNode(call.root!);
    case 'bpf_cast_to_kern_ctx': {
      const struct = KERNEL_CONTEXTS[x.program.input.type];
      const id = struct === undefined ? undefined : call.btf.find(struct, 'struct');
      if (id === undefined) x.unsupported('bpf_cast_to_kern_ctx in this type of program');
      const reg = pointer(PTR_TO_BTF_ID | PTR_TRUSTED);
      reg.btf = call.btf;
      reg.btfId = id;
      return reg;
    }
    case 'bpf_rdonly_cast': {
      const id = call.constant?.vl ?? 0;
      const kind = id > 0 && id < call.btf.count ? call.btf.kind(id) : 'void';
      if (id === 0 && x.kernel.version === '6.18') {
        const reg = pointer(PTR_TO_MEM | MEM_RDONLY | PTR_UNTRUSTED);
        reg.aux = 0;
        return reg;
      }
      if (kind !== 'struct' && kind !== 'union')
        x.refuse(
          `kfunc bpf_rdonly_cast type ID argument must be of a struct${x.kernel.version === '6.18' ? ' or void' : ''}`,
        );
      const reg = pointer(PTR_TO_BTF_ID | PTR_UNTRUSTED);
      reg.btf = call.btf;
      reg.btfId = id;
      return reg;
    }
    case 'bpf_dynptr_slice':
    case 'bpf_dynptr_slice_rdwr': {
      const kind = call.dynptr!.aux;
      const reg = pointer(PTR_TO_MEM | (kind === DYNPTR.skb ? DYNPTR_SKB : kind === DYNPTR.xdp ? DYNPTR_XDP : 0));
      reg.aux = call.constant?.vl ?? 0;
      if (name === 'bpf_dynptr_slice') reg.type |= MEM_RDONLY;
      else if (!packetWritable(x)) x.refuse('the prog does not allow writes to packet data');
      reg.aux2 = call.dynptr!.id;
      return reg;
    }
    default:
      return undefined;
  }
}

const PERCPU_LIMIT = 512;

const KERNEL_CONTEXTS: Readonly<Record<number, string>> = {
  [PROG.BPF_PROG_TYPE_SOCKET_FILTER]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_SCHED_CLS]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_SCHED_ACT]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_XDP]: 'xdp_buff',
  [PROG.BPF_PROG_TYPE_CGROUP_SKB]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_LWT_IN]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_LWT_OUT]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_LWT_XMIT]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_SOCK_OPS]: 'bpf_sock_ops_kern',
  [PROG.BPF_PROG_TYPE_SK_SKB]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_KPROBE]: 'pt_regs',
  [PROG.BPF_PROG_TYPE_PERF_EVENT]: 'bpf_perf_event_data_kern',
  [PROG.BPF_PROG_TYPE_CGROUP_SOCK]: 'sock',
  [PROG.BPF_PROG_TYPE_CGROUP_DEVICE]: 'bpf_cgroup_dev_ctx',
  [PROG.BPF_PROG_TYPE_SK_MSG]: 'sk_msg',
  [PROG.BPF_PROG_TYPE_CGROUP_SOCK_ADDR]: 'bpf_sock_addr_kern',
  [PROG.BPF_PROG_TYPE_LWT_SEG6LOCAL]: 'sk_buff',
  [PROG.BPF_PROG_TYPE_SK_REUSEPORT]: 'sk_reuseport_kern',
  [PROG.BPF_PROG_TYPE_FLOW_DISSECTOR]: 'bpf_flow_dissector',
  [PROG.BPF_PROG_TYPE_CGROUP_SYSCTL]: 'bpf_sysctl_kern',
  [PROG.BPF_PROG_TYPE_CGROUP_SOCKOPT]: 'bpf_sockopt_kern',
  [PROG.BPF_PROG_TYPE_SK_LOOKUP]: 'bpf_sk_lookup_kern',
  [PROG.BPF_PROG_TYPE_NETFILTER]: 'bpf_nf_ctx',
};
