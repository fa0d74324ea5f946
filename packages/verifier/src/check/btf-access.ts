/** Pointers to types of the kernel: arguments of functions, and the walk from struct to struct. */
import { ATTACH, MAP, PROG } from '@skep/abi';
import type { Btf, BtfFuncProto, BtfId, BtfType } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import { sync } from '../number/range.ts';
import {
  baseOf,
  MAYBE_NULL,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_USER,
  mayBeNull,
  NON_OWN_REF,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
} from '../state/kinds.ts';
import { isConst, pointer, type Reg, tnumText, unknown } from '../state/reg.ts';
import { fieldsOf } from './fields.ts';
import { lsmResults } from './lsm-hooks.ts';

const MAX_ARGUMENTS = 12;

/** What a program is attached to. */
export interface Target {
  readonly btf: Btf;
  readonly proto: BtfFuncProto | undefined;
  /** Parameters, without the one that tracepoints hide. */
  readonly params: BtfFuncProto['params'];
  readonly name: string;
}

const targets = new WeakMap<Explorer, Target | null>();

export function targetOf(x: Explorer): Target | undefined {
  let target = targets.get(x);
  if (target === undefined) {
    target = findTarget(x) ?? null;
    targets.set(x, target);
  }
  return target ?? undefined;
}

function findTarget(x: Explorer): Target | undefined {
  const { attachTarget, attachType, structOpsMember, type } = x.program.input;
  const btf = x.kernelBtf;
  if (btf === undefined || attachTarget === undefined) return undefined;
  const named = (name: string, hidden: number): Target | undefined => {
    const id = btf.find(name, 'func') ?? btf.find(name, 'typedef');
    if (id === undefined) return undefined;
    let at = id;
    for (let i = 0; i < 6; i++) {
      const one: BtfType = btf.type(at);
      if (one.kind === 'func_proto') return { btf, proto: one, params: one.params.slice(hidden), name };
      if (one.kind !== 'func' && one.kind !== 'typedef' && one.kind !== 'ptr') return undefined;
      at = one.type;
    }
    return undefined;
  };
  const bare = attachTarget.replace(/^(btf_trace_|bpf_lsm_|bpf_iter_)/, '');
  if (type === PROG.BPF_PROG_TYPE_STRUCT_OPS) {
    const id = btf.find(attachTarget, 'struct');
    if (id === undefined || structOpsMember === undefined) return undefined;
    const struct = btf.type(id);
    if (struct.kind !== 'struct') return undefined;
    const member = struct.members.find((one) => one.name === structOpsMember);
    if (member === undefined) return undefined;
    const to = btf.type(btf.resolve(member.type));
    if (to.kind !== 'ptr') return undefined;
    const proto = btf.type(btf.resolve(to.type));
    return proto.kind === 'func_proto' ? { btf, proto, params: proto.params, name: structOpsMember } : undefined;
  }
  switch (attachType) {
    case ATTACH.BPF_TRACE_RAW_TP:
      return named(`__bpf_trace_${bare}`, 1) ?? named(`btf_trace_${bare}`, 1);
    case ATTACH.BPF_LSM_MAC:
    case ATTACH.BPF_LSM_CGROUP:
      return named(`bpf_lsm_${bare}`, 0);
    case ATTACH.BPF_TRACE_ITER:
      return named(`bpf_iter_${bare}`, 0);
    default:
      return named(attachTarget, 0);
  }
}

/** A load from the argument array of a tracing program. */
export function typedContextAccess(
  x: Explorer,
  off: number,
  size: number,
  write: boolean,
  wanted: boolean,
): Reg | undefined {
  const invalid = (): never => x.refuse(`invalid bpf_context access off=${off} size=${size}`);
  const { attachType, type } = x.program.input;
  const target = targetOf(x);
  if (target === undefined)
    x.unsupported(`programs attached to ${x.program.input.attachTarget ?? 'something unknown'} without its types`);
  if (write || off < 0 || off >= 8 * MAX_ARGUMENTS || off % size !== 0 || off % 8 !== 0) invalid();
  const index = argumentAt(target, off);
  const { btf, params, proto } = target;
  if (index > params.length) invalid();
  let typeId: BtfId;
  if (index === params.length) {
    const result = proto!.result;
    if (
      attachType === ATTACH.BPF_LSM_MAC ||
      attachType === ATTACH.BPF_LSM_CGROUP ||
      attachType === ATTACH.BPF_TRACE_FEXIT
    )
      typeId = result;
    else if (attachType === ATTACH.BPF_MODIFY_RETURN) typeId = result;
    else return invalid();
  } else typeId = params[index]!.type;
  const resolved = btf.resolve(typeId);
  if (resolved === 0) return invalid();
  const kind = btf.type(resolved);
  if (
    kind.kind === 'int' ||
    kind.kind === 'enum' ||
    kind.kind === 'enum64' ||
    kind.kind === 'struct' ||
    kind.kind === 'union'
  ) {
    if (kind.kind === 'int' && kind.size > 8) return invalid();
    if (!wanted) return undefined;
    const results =
      index === params.length && type === PROG.BPF_PROG_TYPE_LSM && attachType === ATTACH.BPF_LSM_MAC && !x.kernel.early
        ? lsmResults(target.name)
        : undefined;
    return results === undefined ? unknown() : within(results);
  }
  if (kind.kind !== 'ptr' || size !== 8) return invalid();
  const iterated = attachType === ATTACH.BPF_TRACE_ITER ? ITER_ARGUMENTS[target.name]?.[off] : undefined;
  if (iterated !== undefined && baseOf(iterated) === PTR_TO_BUF) {
    const reg = pointer(iterated);
    reg.id = x.freshId();
    return reg;
  }
  let pointee = btf.resolve(kind.type);
  // Congestion control is given its socket as what it is: one of TCP.
  if (type === PROG.BPF_PROG_TYPE_STRUCT_OPS && x.program.input.attachTarget === 'tcp_congestion_ops' && pointee !== 0)
    if (btf.name(pointee) === 'sock') pointee = btf.find('tcp_sock', 'struct') ?? pointee;
  if (pointee === 0 || btf.kind(pointee) === 'int') return wanted ? unknown() : undefined;
  let flags = 0;
  if (
    type === PROG.BPF_PROG_TYPE_STRUCT_OPS ||
    attachType === ATTACH.BPF_TRACE_RAW_TP ||
    attachType === ATTACH.BPF_TRACE_ITER
  )
    flags = PTR_TRUSTED;
  else if (type === PROG.BPF_PROG_TYPE_LSM && !UNTRUSTED_HOOKS.has(target.name)) flags = PTR_TRUSTED;
  const name = params[index]?.name ?? '';
  if (name.endsWith('__nullable')) flags |= MAYBE_NULL;
  if (iterated !== undefined) flags = iterated & ~PTR_TO_BTF_ID;
  flags |= tagFlags(btf, kind.type) & (MEM_USER | MEM_PERCPU);
  if (btf.kind(pointee) !== 'struct' && btf.kind(pointee) !== 'union') return invalid();
  if (!wanted) return undefined;
  const reg = pointer(PTR_TO_BTF_ID | flags);
  reg.btf = btf;
  reg.btfId = pointee;
  if (mayBeNull(reg.type)) reg.id = x.freshId();
  return reg;
}

function within([least, most]: readonly [number, number]): Reg {
  const reg = unknown();
  reg.tn = reg.snl = least;
  reg.snh = least >> 31;
  reg.tx = reg.sxl = most;
  reg.sxh = most >> 31;
  sync(reg);
  return reg;
}

/** Hooks at which the object is being made or destroyed. */
const UNTRUSTED_HOOKS = new Set(
  [
    'bpf_map_free',
    'bpf_prog_free',
    'file_alloc_security',
    'file_free_security',
    'sk_alloc_security',
    'sk_free_security',
    'task_free',
  ].map((hook) => `bpf_lsm_${hook}`),
);
const OR_NULL = PTR_TO_BTF_ID | MAYBE_NULL;
const TRUSTED_OR_NULL = OR_NULL | PTR_TRUSTED;
const KEY = PTR_TO_BUF | MEM_RDONLY | MAYBE_NULL;
const VALUE = PTR_TO_BUF | MAYBE_NULL;
/** What iterators hand out at which offset (measured on Linux 6.18); all other arguments are trusted and never null. */
const ITER_ARGUMENTS: Readonly<Record<string, Readonly<Record<number, number>>>> = {
  bpf_iter_task: { 8: TRUSTED_OR_NULL },
  bpf_iter_task_file: { 8: OR_NULL, 24: OR_NULL },
  bpf_iter_task_vma: { 8: OR_NULL, 16: OR_NULL },
  bpf_iter_bpf_map: { 8: TRUSTED_OR_NULL },
  bpf_iter_bpf_map_elem: { 16: KEY, 24: VALUE },
  bpf_iter_bpf_prog: { 8: OR_NULL },
  bpf_iter_bpf_link: { 8: OR_NULL },
  bpf_iter_cgroup: { 8: TRUSTED_OR_NULL },
  bpf_iter_sockmap: { 16: KEY, 24: OR_NULL },
  bpf_iter_bpf_sk_storage_map: { 16: OR_NULL, 24: VALUE },
  bpf_iter_tcp: { 8: TRUSTED_OR_NULL },
  bpf_iter_udp: { 8: TRUSTED_OR_NULL },
  bpf_iter_unix: { 8: OR_NULL },
  bpf_iter_netlink: { 8: OR_NULL },
  bpf_iter_ksym: { 8: OR_NULL },
  bpf_iter_ipv6_route: { 8: OR_NULL },
  bpf_iter_kmem_cache: { 8: TRUSTED_OR_NULL },
  bpf_iter_dmabuf: { 8: OR_NULL },
};

/** Arguments of up to 16 bytes fill more than one slot. */
function argumentAt(target: Target, off: number): number {
  let at = 0;
  for (let i = 0; i < target.params.length; i++) {
    const id = target.btf.resolve(target.params[i]!.type);
    const kind = id === 0 ? 'void' : target.btf.kind(id);
    const size = kind === 'struct' || kind === 'union' || kind === 'int' ? target.btf.sizeOf(id) : 8;
    at += Math.max(8, (size + 7) & ~7);
    if (off < at) return i;
  }
  const result = target.proto?.result ?? 0;
  if (target.btf.resolve(result) === 0) return target.params.length + 1;
  return off < at + 8 ? target.params.length : target.params.length + 1;
}

function tagFlags(btf: Btf, id: BtfId): number {
  let flags = 0;
  let at = id;
  for (let i = 0; at !== 0 && i < 8; i++) {
    const type = btf.type(at);
    if (type.kind === 'type_tag') {
      if (type.name === 'user') flags |= MEM_USER;
      if (type.name === 'percpu') flags |= MEM_PERCPU;
      if (type.name === 'rcu') flags |= MEM_RCU;
    } else if (type.kind !== 'const' && type.kind !== 'volatile' && type.kind !== 'restrict') break;
    at = type.type;
  }
  return flags;
}

/** Where a walk into a struct ends. */
interface Step {
  readonly kind: 'scalar' | 'ptr' | 'struct';
  readonly id: BtfId;
  readonly flags: number;
  readonly field: string;
  /** The struct of the field. */
  readonly owner: string;
}

/** Finds what `size` bytes at `off` of a struct are, following embedded structs and arrays. */
export function walk(
  x: Explorer,
  btf: Btf,
  id: BtfId,
  off: number,
  size: number,
  untrusted: boolean,
  stopAtStruct = false,
): Step {
  let at = btf.resolve(id);
  let flags = 0;
  let offset = off;
  for (let depth = 0; depth < 32; depth++) {
    const type = btf.type(at);
    if (type.kind !== 'struct' && type.kind !== 'union')
      x.refuse(`Type '${'name' in type ? type.name : ''}' is not a struct`);
    if (type.kind === 'union' && type.members.length !== 1 && !untrusted) flags |= PTR_UNTRUSTED;
    if (offset + size > type.size) {
      const last = type.members[type.members.length - 1];
      const array = last === undefined ? undefined : btf.type(btf.resolve(last.type));
      const start = (last?.bitOffset ?? 0) / 8;
      if (array === undefined || array.kind !== 'array' || array.count !== 0 || offset < start)
        x.refuse(`access beyond struct ${type.name} at off ${offset} size ${size}`);
      const element = btf.resolve(array.type);
      const inner = btf.type(element);
      if (inner.kind === 'int') return { kind: 'scalar', id: 0, flags, field: last!.name, owner: type.name };
      if (inner.kind !== 'struct' && inner.kind !== 'union')
        x.refuse(`access beyond struct ${type.name} at off ${offset} size ${size}`);
      offset = (offset - start) % inner.size;
      at = element;
      continue;
    }
    let next: { id: BtfId; offset: number } | undefined;
    for (const member of type.members) {
      const start = Math.floor(member.bitOffset / 8);
      if (offset + size <= start) break;
      if (member.bitSize !== 0) {
        const end = (member.bitOffset + member.bitSize + 7) >> 3;
        if (offset <= start && end <= offset + size)
          return { kind: 'scalar', id: 0, flags, field: member.name, owner: type.name };
        continue;
      }
      if (offset < start) break;
      let element = btf.resolve(member.type);
      const width = btf.sizeOf(element);
      const end = start + width;
      if (offset >= end) continue;
      let elementStart = start;
      let elementSize = width;
      let inner = btf.type(element);
      while (inner.kind === 'array') {
        element = btf.resolve(inner.type);
        elementSize = btf.sizeOf(element);
        if (elementSize === 0) break;
        elementStart += Math.floor((offset - elementStart) / elementSize) * elementSize;
        inner = btf.type(element);
      }
      if (inner.kind === 'struct' || inner.kind === 'union') {
        if (stopAtStruct && offset === elementStart)
          return { kind: 'struct', id: element, flags, field: member.name, owner: type.name };
        next = { id: element, offset: offset - elementStart };
        break;
      }
      if (inner.kind === 'ptr') {
        if (elementSize !== size || offset !== elementStart)
          x.refuse(
            `cannot access ptr member ${member.name} with moff ${elementStart} in struct ${type.name} with off ${offset} size ${size}`,
          );
        const pointee = btf.resolve(inner.type);
        if (pointee !== 0) {
          const kind = btf.kind(pointee);
          if (kind === 'struct' || kind === 'union')
            return {
              kind: 'ptr',
              id: pointee,
              flags: flags | tagFlags(btf, inner.type),
              field: member.name,
              owner: type.name,
            };
        }
      }
      if (offset + size > end && !untrusted && !(flags & PTR_UNTRUSTED))
        x.refuse(
          `access beyond the end of member ${member.name} (mend:${end}) in struct ${type.name} with off ${offset} size ${size}`,
        );
      return { kind: 'scalar', id: 0, flags, field: member.name, owner: type.name };
    }
    if (next === undefined) x.refuse(`struct ${type.name} doesn't have field at offset ${offset}`);
    at = next.id;
    offset = next.offset;
  }
  x.refuse('max struct nesting depth exceeded');
}

const TRUSTED_FIELDS = new Set([
  'bpf_iter_meta.seq',
  'bpf_iter__task.meta',
  'bpf_iter__task.task',
  'linux_binprm.file',
  'file.f_inode',
  'dentry.d_inode',
]);
/** Since Linux 6.18 a dentry's inode may be null. */
const NULLABLE_SINCE_618 = new Set(['dentry.d_inode']);
const TRUSTED_OR_NULL_FIELDS = new Set(['socket.sk']);
const RCU_FIELDS = new Set([
  'task_struct.cpus_ptr',
  'task_struct.cgroups',
  'task_struct.real_parent',
  'task_struct.group_leader',
  'cgroup.kn',
  'css_set.dfl_cgrp',
]);
const RCU_OR_NULL_FIELDS = new Set(['mm_struct.exe_file', 'sk_buff.sk', 'request_sock.sk']);

export const inRcu = (x: Explorer): boolean => x.state.rcu > 0 || x.state.lockOwner !== undefined || !x.sleepable;

/** Neither untrusted nor merely old-style: acquired, trusted, or one of the pointers that a program was given. */
export function isTrusted(reg: Reg): boolean {
  if (reg.ref !== 0) return true;
  const flags = reg.type & ~0xff;
  const modifiers = MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF;
  return (reg.type & (PTR_TRUSTED | MEM_ALLOC)) !== 0 && (flags & ~modifiers) === 0;
}

export const isRcu = (reg: Reg): boolean => (reg.type & MEM_RCU) !== 0;

export function loadFromBtf(
  x: Explorer,
  register: number,
  p: Reg,
  off: number,
  size: number,
  write: boolean,
  wanted: boolean,
): Reg | undefined {
  const btf = p.btf!;
  const name = btf.name(p.btfId);
  const local = btf !== x.kernelBtf;
  if (!x.privileged) x.refuse(`'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`);
  if (!local && !x.program.gpl) x.refuse(`Cannot access kernel 'struct ${name}' from non-GPL compatible program`);
  if (off < 0) x.refuse(`R${register} is ptr_${name} invalid negative access: off=${off}`);
  if (!isConst(p) || (p.vl | p.vh) !== 0)
    x.refuse(`R${register} is ptr_${name} invalid variable offset: off=${off}, var_off=${tnumText(p)}`);
  if (p.type & MEM_USER) x.refuse(`R${register} is ptr_${name} access user memory: off=${off}`);
  if (p.type & MEM_PERCPU) x.refuse(`R${register} is ptr_${name} access percpu memory: off=${off}`);
  if (p.type & MEM_ALLOC) {
    for (const field of fieldsOf(btf, p.btfId)) {
      if (off >= field.offset + field.size || field.offset >= off + size) continue;
      x.refuse(`direct access to ${field.kind} is disallowed`);
    }
  }
  if (write) {
    if (!(p.type & MEM_ALLOC) || local === false) {
      if (
        !(
          x.program.input.type === PROG.BPF_PROG_TYPE_STRUCT_OPS ||
          x.program.input.type === PROG.BPF_PROG_TYPE_SCHED_CLS ||
          x.program.input.type === PROG.BPF_PROG_TYPE_XDP
        )
      )
        x.refuse('only read is supported');
      x.unsupported('writes to structs of the kernel');
    }
    walk(x, btf, p.btfId, off, size, false);
    return undefined;
  }
  const step = walk(x, btf, p.btfId, off, size, false);
  if (!wanted) return undefined;
  if (step.kind !== 'ptr' || (local && p.type & MEM_ALLOC)) return unknown();
  const flags = pointerFlags(x, p, step);
  const reg = pointer(PTR_TO_BTF_ID | flags);
  reg.btf = btf;
  reg.btfId = step.id;
  if (flags & MAYBE_NULL) reg.id = x.freshId();
  return reg;
}

function pointerFlags(x: Explorer, p: Reg, step: Step): number {
  // The struct that was pointed to, however deep in it the field is.
  const key = `${p.btf!.name(p.btfId)}.${step.field}`;
  const plain = step.flags & ~(PTR_TRUSTED | MEM_RCU);
  if (p.type & PTR_UNTRUSTED) return PTR_UNTRUSTED;
  if (!isTrusted(p) && !isRcu(p)) return plain;
  if (TRUSTED_FIELDS.has(key))
    return step.flags | PTR_TRUSTED | (x.kernel.version === '6.18' && NULLABLE_SINCE_618.has(key) ? MAYBE_NULL : 0);
  if (TRUSTED_OR_NULL_FIELDS.has(key)) return step.flags | PTR_TRUSTED | MAYBE_NULL;
  if (!inRcu(x) || mayBeNull(p.type)) return PTR_UNTRUSTED;
  if (RCU_FIELDS.has(key)) return step.flags | MEM_RCU;
  if (step.flags & MEM_RCU || RCU_OR_NULL_FIELDS.has(key)) {
    const flags = step.flags | MEM_RCU | MAYBE_NULL;
    return RCU_OR_NULL_FIELDS.has(key) ? flags & ~PTR_UNTRUSTED : flags;
  }
  return step.flags & (MEM_PERCPU | MEM_USER) ? step.flags : plain;
}

const MAP_STRUCTS: Readonly<Record<number, string>> = {
  [MAP.BPF_MAP_TYPE_HASH]: 'bpf_htab',
  [MAP.BPF_MAP_TYPE_PERCPU_HASH]: 'bpf_htab',
  [MAP.BPF_MAP_TYPE_LRU_HASH]: 'bpf_htab',
  [MAP.BPF_MAP_TYPE_LRU_PERCPU_HASH]: 'bpf_htab',
  [MAP.BPF_MAP_TYPE_HASH_OF_MAPS]: 'bpf_htab',
  [MAP.BPF_MAP_TYPE_ARRAY]: 'bpf_array',
  [MAP.BPF_MAP_TYPE_PERCPU_ARRAY]: 'bpf_array',
  [MAP.BPF_MAP_TYPE_PROG_ARRAY]: 'bpf_array',
  [MAP.BPF_MAP_TYPE_PERF_EVENT_ARRAY]: 'bpf_array',
  [MAP.BPF_MAP_TYPE_CGROUP_ARRAY]: 'bpf_array',
  [MAP.BPF_MAP_TYPE_ARRAY_OF_MAPS]: 'bpf_array',
  [MAP.BPF_MAP_TYPE_LPM_TRIE]: 'lpm_trie',
  [MAP.BPF_MAP_TYPE_STACK_TRACE]: 'bpf_stack_map',
  [MAP.BPF_MAP_TYPE_RINGBUF]: 'bpf_ringbuf_map',
  [MAP.BPF_MAP_TYPE_USER_RINGBUF]: 'bpf_ringbuf_map',
  [MAP.BPF_MAP_TYPE_DEVMAP]: 'bpf_dtab',
  [MAP.BPF_MAP_TYPE_DEVMAP_HASH]: 'bpf_dtab',
  [MAP.BPF_MAP_TYPE_CPUMAP]: 'bpf_cpu_map',
  [MAP.BPF_MAP_TYPE_XSKMAP]: 'xsk_map',
  [MAP.BPF_MAP_TYPE_SOCKMAP]: 'bpf_stab',
  [MAP.BPF_MAP_TYPE_SOCKHASH]: 'bpf_shtab',
  [MAP.BPF_MAP_TYPE_SK_STORAGE]: 'bpf_local_storage_map',
  [MAP.BPF_MAP_TYPE_INODE_STORAGE]: 'bpf_local_storage_map',
  [MAP.BPF_MAP_TYPE_TASK_STORAGE]: 'bpf_local_storage_map',
  [MAP.BPF_MAP_TYPE_CGRP_STORAGE]: 'bpf_local_storage_map',
  [MAP.BPF_MAP_TYPE_QUEUE]: 'bpf_queue_stack',
  [MAP.BPF_MAP_TYPE_STACK]: 'bpf_queue_stack',
  [MAP.BPF_MAP_TYPE_CGROUP_STORAGE]: 'bpf_cgroup_storage_map',
  [MAP.BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE]: 'bpf_cgroup_storage_map',
  [MAP.BPF_MAP_TYPE_REUSEPORT_SOCKARRAY]: 'reuseport_array',
  [MAP.BPF_MAP_TYPE_BLOOM_FILTER]: 'bpf_bloom_filter',
  [MAP.BPF_MAP_TYPE_ARENA]: 'bpf_arena',
};

/** The kernel's own `struct bpf_array` … behind a map. */
export function loadFromMapPointer(
  x: Explorer,
  register: number,
  p: Reg,
  off: number,
  size: number,
  write: boolean,
  wanted: boolean,
): Reg | undefined {
  const btf = x.kernelBtf;
  const name = MAP_STRUCTS[p.map!.type];
  if (name === undefined) x.refuse(`map_ptr access not supported for map type ${p.map!.type}`);
  if (!x.privileged) x.refuse(`'struct ${name}' access is allowed only to CAP_PERFMON and CAP_SYS_ADMIN`);
  if (off < 0) x.refuse(`R${register} is ${name} invalid negative access: off=${off}`);
  if (write) x.refuse(`only read from ${name} is supported`);
  const id = btf?.find(name, 'struct');
  if (btf === undefined || id === undefined) x.unsupported(`reading struct ${name} without the kernel's types`);
  const step = walk(x, btf, id, off, size, false);
  if (!wanted) return undefined;
  if (step.kind !== 'ptr') return unknown();
  const reg = pointer(PTR_TO_BTF_ID | step.flags);
  reg.btf = btf;
  reg.btfId = step.id;
  return reg;
}

/** A pointer to `have` at `off` may stand where one to `want` is expected: the same struct, or its first member. */
export function structMatches(
  x: Explorer,
  have: Btf,
  haveId: BtfId,
  off: number,
  want: Btf,
  wantId: BtfId,
  exact: boolean,
): boolean {
  let id = have.resolve(haveId);
  let offset = off;
  for (let depth = 0; depth < 16; depth++) {
    if (offset === 0 && sameType(have, id, want, want.resolve(wantId))) return true;
    if (exact) return false;
    let step: Step;
    try {
      step = walk(x, have, id, offset, 1, false, true);
    } catch {
      return false;
    }
    if (step.kind !== 'struct') return false;
    id = step.id;
    offset = 0;
  }
  return false;
}

function sameType(a: Btf, aId: BtfId, b: Btf, bId: BtfId): boolean {
  if (a === b) return aId === bId;
  return a.name(aId) !== '' && a.name(aId) === b.name(bId) && a.kind(aId) === b.kind(bId);
}
