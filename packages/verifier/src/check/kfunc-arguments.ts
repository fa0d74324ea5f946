/** Arguments of functions of the kernel, by the types and the suffixes of their parameters. */

import { ATTACH, PROG } from '@skep/abi';
import type { Btf, BtfId } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import { Refusal } from '../refusal.ts';
import {
  baseOf,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  mayBeNull,
  NON_OWN_REF,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TRUSTED,
  SCALAR,
  typeName,
} from '../state/kinds.ts';
import { isConst, isNull, type Reg } from '../state/reg.ts';
import { isRcu, isTrusted, structMatches } from './btf-access.ts';
import { checkUninitialized, DYNPTR, dynptrOf, makeDynptr } from './dynptr.ts';
import { fieldsOf, fieldsOfMap, hasField } from './fields.ts';
import { CONTEXT_NAMES } from './global-function.ts';
import { graphNodeArgument, graphRootArgument, inTreeCallback } from './graph.ts';
import { checkOffset } from './helper-arguments.ts';
import { checkHelperMemory, checkMemorySize } from './helper-memory.ts';
import { iteratorArgument } from './iterators.ts';
import { notNull } from './jump.ts';
import type { KfuncCall } from './kfuncs.ts';

/** One argument; gives how many more it covered. */
export function checkKfuncArgument(x: Explorer, call: KfuncCall, i: number): number {
  const { btf, proto, name } = call;
  const param = proto.params[i]!;
  const register = i + 1;
  const reg = x.frame.regs[register]!;
  if (hasSuffix(param.name, '__ign')) return 0;
  const id = btf.resolve(param.type);
  const kind = id === 0 ? 'void' : btf.kind(id);
  if (kind === 'int' || kind === 'enum' || kind === 'enum64') {
    scalarArgument(x, call, param.name, register, reg);
    return 0;
  }
  const type = id === 0 ? undefined : btf.type(id);
  if (type?.kind !== 'ptr') return x.refuse(`Unrecognized arg#${i} type ${kind.toUpperCase()}`);
  const nullable = hasSuffix(param.name, '__nullable');
  const trusted = call.has('trusted_args') || call.has('release');
  if ((trusted || call.has('rcu')) && (isNull(reg) || mayBeNull(reg.type)) && !nullable)
    x.refuse(`Possibly NULL pointer passed to trusted arg${i}`);
  if (reg.ref !== 0) {
    call.ref = reg.ref;
    if (call.has('release')) call.release = register;
  }
  const target = btf.resolve(type.type);
  const targetName = target === 0 ? '' : btf.name(target);
  const sort = sortOf(x, call, i, reg, target, targetName);
  if (sort === 'null') return 0;
  if (sort === 'alloc' || sort === 'btf' || sort === 'map') {
    if (sort === 'map') {
      if (reg.map === undefined && baseOf(reg.type) !== PTR_TO_BTF_ID)
        x.refuse(`pointer in R${register} isn't map pointer`);
      if (
        call.map !== undefined &&
        reg.map !== undefined &&
        hasField(fieldsOfMap(x, reg.map), 'bpf_wq') &&
        (call.map.map !== reg.map || call.map.aux2 !== reg.aux2)
      )
        x.refuse(
          `workqueue pointer in R1 map_uid=${call.map.aux2} doesn't match map pointer in R2 map_uid=${reg.aux2}`,
        );
      call.map = reg;
    }
    if ((trusted || call.has('rcu')) && !isTrustedArgument(reg)) {
      if (!call.has('rcu')) x.refuse(`R${register} must be referenced or trusted`);
      if (!isRcu(reg)) x.refuse(`R${register} must be a rcu pointer`);
    }
  }
  checkOffset(
    x,
    { release: call.has('release') && reg.ref !== 0, base: sort === 'dynptr' ? 'ARG_PTR_TO_DYNPTR' : '' },
    reg,
    register,
  );
  switch (sort) {
    case 'ctx':
      if (reg.type !== PTR_TO_CTX) x.refuse(`arg#${i} expected pointer to ctx, but got ${typeName(reg.type)}`);
      return 0;
    case 'alloc':
      allocArgument(x, call, i, reg);
      return 0;
    case 'dynptr':
      dynptrArgument(x, call, param.name, register, reg);
      return 0;
    case 'iter':
      if (
        name === 'bpf_iter_css_task_new' &&
        !(
          x.program.input.type === PROG.BPF_PROG_TYPE_LSM ||
          (x.program.input.type === PROG.BPF_PROG_TYPE_TRACING &&
            x.program.input.attachType === ATTACH.BPF_TRACE_ITER) ||
          x.sleepable
        )
      )
        x.refuse('css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs');
      iteratorArgument(x, call, register, reg, target);
      return 0;
    case 'list_head':
    case 'rb_root':
      call.root = graphRootArgument(x, i, reg, sort === 'list_head' ? 'bpf_list_head' : 'bpf_rb_root');
      return 0;
    case 'list_node':
    case 'rb_node':
      if (sort === 'rb_node' && name === 'bpf_rbtree_remove') {
        // Linux 6.18 names the function, and takes nodes that are counted too.
        const who = x.kernel.version === '6.18' ? 'bpf_rbtree_remove' : 'rbtree_remove';
        if (!(reg.type & NON_OWN_REF) || reg.ref !== 0)
          x.refuse(
            x.kernel.version === '6.18'
              ? `${who} can only take non-owning or refcounted bpf_rb_node pointer`
              : `${who} node input must be non-owning ref`,
          );
        if (inTreeCallback(x)) x.refuse(`${who} not allowed in rbtree cb`);
      } else {
        if (reg.type !== (PTR_TO_BTF_ID | MEM_ALLOC)) x.refuse(`arg#${i} expected pointer to allocated object`);
        if (reg.ref === 0) x.refuse('allocated object must be referenced');
      }
      graphNodeArgument(x, reg, call.root!, sort === 'list_node' ? 'bpf_list_node' : 'bpf_rb_node');
      return 0;
    case 'btf':
      btfArgument(x, call, i, reg, target, targetName);
      return 0;
    case 'map':
      btfArgument(x, call, i, reg, btf.find('bpf_map', 'struct') ?? target, 'bpf_map');
      return 0;
    case 'mem':
      memoryArgument(x, call, i, reg, target, targetName);
      return 0;
    case 'mem_size':
      sizedArgument(x, call, i, reg);
      return 1;
    case 'callback':
      if (reg.type !== PTR_TO_FUNC) x.refuse(`arg${i} expected pointer to func`);
      call.subprogram = reg.aux;
      return 0;
    case 'refcounted':
      if (
        (reg.type & ~(0xff | MEM_ALLOC | NON_OWN_REF | MEM_RCU)) !== 0 ||
        baseOf(reg.type) !== PTR_TO_BTF_ID ||
        !(reg.type & MEM_ALLOC)
      )
        x.refuse(`arg#${i} is neither owning or non-owning ref`);
      call.owning = !(reg.type & NON_OWN_REF);
      if (!hasField(fieldsOf(reg.btf, reg.btfId), 'bpf_refcount'))
        x.refuse(`arg#${i} doesn't point to a type with bpf_refcount field`);
      call.object = reg;
      return 0;
    case 'wq': {
      if (reg.type !== PTR_TO_MAP_VALUE) x.refuse(`arg#${i} doesn't point to a map value`);
      const field = fieldsOfMap(x, reg.map!).find((one) => one.kind === 'bpf_wq');
      if (field === undefined || field.offset !== reg.off + reg.vl)
        x.refuse(`off ${reg.off + reg.vl} doesn't point to 'struct bpf_wq' that is at ${field?.offset ?? -22}`);
      call.map = reg;
      return 0;
    }
    default:
      return x.unsupported(`arguments such as ${param.name} of ${name}`);
  }
}

function isTrustedArgument(reg: Reg): boolean {
  return isTrusted(reg) || KERNEL_STRUCTS[baseOf(reg.type)] !== undefined;
}

type Sort =
  | 'null'
  | 'ctx'
  | 'alloc'
  | 'refcounted'
  | 'dynptr'
  | 'iter'
  | 'list_head'
  | 'list_node'
  | 'rb_root'
  | 'rb_node'
  | 'const_str'
  | 'map'
  | 'wq'
  | 'btf'
  | 'callback'
  | 'mem'
  | 'mem_size';

/** Pointers that are structs of the kernel under another name. */
const KERNEL_STRUCTS: Readonly<Record<number, string>> = {
  [PTR_TO_SOCKET]: 'sock',
  [PTR_TO_SOCK_COMMON]: 'sock_common',
  [PTR_TO_TCP_SOCK]: 'tcp_sock',
  [CONST_PTR_TO_MAP]: 'bpf_map',
};

function sortOf(x: Explorer, call: KfuncCall, i: number, reg: Reg, target: BtfId, targetName: string): Sort {
  const { btf, proto, name } = call;
  const param = proto.params[i]!;
  if (name === 'bpf_cast_to_kern_ctx' || (CONTEXT_NAMES[x.program.input.type] ?? []).includes(targetName)) return 'ctx';
  if (hasSuffix(param.name, '__nullable') && isNull(reg)) return 'null';
  if (hasSuffix(param.name, '__alloc')) return 'alloc';
  if (hasSuffix(param.name, '__refcounted_kptr')) return 'refcounted';
  if (targetName === 'bpf_dynptr' || targetName === 'bpf_dynptr_kern') return 'dynptr';
  if (i === 0 && (call.has('iter_new') || call.has('iter_next') || call.has('iter_destroy'))) return 'iter';
  if (targetName === 'bpf_list_head') return 'list_head';
  if (targetName === 'bpf_list_node') return 'list_node';
  if (targetName === 'bpf_rb_root') return 'rb_root';
  if (targetName === 'bpf_rb_node') return 'rb_node';
  if (hasSuffix(param.name, '__str')) return 'const_str';
  if (hasSuffix(param.name, '__map')) return 'map';
  if (targetName === 'bpf_wq') return 'wq';
  const kind = target === 0 ? 'void' : btf.kind(target);
  if (baseOf(reg.type) === PTR_TO_BTF_ID || KERNEL_STRUCTS[baseOf(reg.type)] !== undefined) {
    if (kind !== 'struct' && kind !== 'union')
      x.refuse(`kernel function ${name} args#${i} pointer type ${kindText(kind)} ${targetName} is not supported`);
    return 'btf';
  }
  if (kind === 'func_proto') return 'callback';
  const next = proto.params[i + 1];
  const sized =
    next !== undefined &&
    (hasSuffix(next.name, '__sz') || hasSuffix(next.name, '__szk')) &&
    x.frame.regs[i + 2]!.type === SCALAR;
  const scalar = kind === 'int' || kind === 'enum' || kind === 'enum64';
  if (!scalar && !scalarStruct(btf, target, 0) && (sized ? target !== 0 : true))
    x.refuse(
      `arg#${i} pointer type ${kindText(kind)} ${targetName} must point to ${sized ? 'void, ' : ''}scalar, or struct with scalar`,
    );
  return sized ? 'mem_size' : 'mem';
}

function scalarArgument(x: Explorer, call: KfuncCall, name: string, register: number, reg: Reg): void {
  if (reg.type !== SCALAR) x.refuse(`R${register} is not a scalar`);
  if (hasSuffix(name, '__k')) {
    if (!isConst(reg)) x.refuse(`R${register} must be a known constant`);
    markPrecise(x, register);
    call.constant = reg;
    return;
  }
  if (name === 'rdonly_buf_size' || name === 'rdwr_buf_size') {
    if (!isConst(reg)) x.refuse(`R${register} is not a const`);
    call.resultSize = reg.vl;
    call.resultReadOnly = name === 'rdonly_buf_size';
    markPrecise(x, register);
  }
}

function allocArgument(x: Explorer, call: KfuncCall, i: number, reg: Reg): void {
  if (reg.type === (PTR_TO_BTF_ID | MEM_ALLOC)) {
    if (call.name !== 'bpf_obj_drop_impl') x.refuse(`arg#${i} expected for bpf_obj_drop_impl()`);
  } else if (reg.type === (PTR_TO_BTF_ID | MEM_ALLOC | MEM_PERCPU)) {
    if (call.name !== 'bpf_percpu_obj_drop_impl') x.refuse(`arg#${i} expected for bpf_percpu_obj_drop_impl()`);
  } else x.refuse(`arg#${i} expected pointer to allocated object`);
  if (reg.ref === 0) x.refuse('allocated object must be referenced');
  call.object = reg;
}

function dynptrArgument(x: Explorer, call: KfuncCall, name: string, register: number, reg: Reg): void {
  const i = register - 1;
  if (reg.type !== PTR_TO_STACK && reg.type !== CONST_PTR_TO_DYNPTR)
    x.refuse(`arg#${i} expected pointer to stack or const struct bpf_dynptr`);
  if (hasSuffix(name, '__uninit')) {
    checkUninitialized(x, register, reg);
    const kind =
      call.name === 'bpf_dynptr_from_skb'
        ? DYNPTR.skb
        : call.name === 'bpf_dynptr_from_xdp'
          ? DYNPTR.xdp
          : (call.dynptr?.aux ?? DYNPTR.local);
    makeDynptr(x, register, reg, kind, call.dynptr?.ref ?? 0);
    return;
  }
  const dynptr = dynptrOf(x, reg);
  if (dynptr === undefined) x.refuse(`Expected an initialized dynptr as arg #${i}`);
  call.dynptr = dynptr;
}

function btfArgument(x: Explorer, call: KfuncCall, i: number, reg: Reg, target: BtfId, targetName: string): void {
  const alias = KERNEL_STRUCTS[baseOf(reg.type)];
  const safe = PTR_TRUSTED | MEM_ALLOC | NON_OWN_REF;
  const unsafe = (reg.type & ~0xff & ~safe) !== 0;
  if ((baseOf(reg.type) !== PTR_TO_BTF_ID || (unsafe && !isRcu(reg))) && alias === undefined)
    x.refuse(`arg#${i} is ${typeName(reg.type)} expected ${typeName(baseOf(reg.type) | (reg.type & safe))} or socket`);
  const have = baseOf(reg.type) === PTR_TO_BTF_ID ? reg.btf! : call.btf;
  const haveId = baseOf(reg.type) === PTR_TO_BTF_ID ? reg.btfId : (call.btf.find(alias!, 'struct') ?? 0);
  const strict = call.has('release') && reg.ref !== 0;
  const haveName = have.name(have.resolve(haveId));
  const projection =
    (targetName === '__sk_buff' && haveName === 'sk_buff') || (targetName === 'xdp_md' && haveName === 'xdp_buff');
  const nocast = `${haveName}___init` === targetName || haveName === `${targetName}___init`;
  if (!projection && !structMatches(x, have, haveId, reg.off, call.btf, target, strict || nocast))
    x.refuse(
      `kernel function ${call.name} args#${i} expected pointer to ${kindText(call.btf.kind(target))} ${targetName} but R${i + 1} has a pointer to ${kindText(have.kind(have.resolve(haveId)))} ${haveName}`,
    );
}

function memoryArgument(x: Explorer, call: KfuncCall, i: number, reg: Reg, target: BtfId, targetName: string): void {
  const register = i + 1;
  let size: number;
  try {
    size = call.btf.sizeOf(target);
  } catch {
    x.refuse(
      `arg#${i} reference type('${kindText(target === 0 ? 'void' : call.btf.kind(target))} ${targetName}') size cannot be determined: -22`,
    );
  }
  if (isNull(reg)) return;
  const saved = reg;
  if (mayBeNull(reg.type)) x.set(register, notNull(reg));
  checkHelperMemory(x, register, size, 'read', true, undefined);
  checkHelperMemory(x, register, size, 'write', true, undefined);
  x.set(register, saved);
}

function sizedArgument(x: Explorer, call: KfuncCall, i: number, reg: Reg): void {
  const register = i + 1;
  const sizeName = call.proto.params[i + 1]!.name;
  if (!isNull(reg) || !hasSuffix(call.proto.params[i]!.name, '__opt')) {
    const saved = reg;
    if (mayBeNull(reg.type)) x.set(register, notNull(reg));
    try {
      checkMemorySize(x, register + 1, 'read', true, undefined);
      checkMemorySize(x, register + 1, 'write', true, undefined);
    } catch (error) {
      if (!(error instanceof Refusal) || error.unsupported) throw error;
      x.refuse(`arg#${i} arg#${i + 1} memory, len pair leads to invalid memory access`);
    }
    x.set(register, saved);
  }
  if (hasSuffix(sizeName, '__szk')) {
    const size = x.frame.regs[register + 1]!;
    if (!isConst(size)) x.refuse(`R${register + 1} must be a known constant`);
    call.constant = size;
  }
}

/** Whether a struct has nothing but numbers, also in the structs inside of it. */
export function scalarStruct(btf: Btf, id: BtfId, depth: number): boolean {
  if (id === 0 || depth > 3) return false;
  const type = btf.type(id);
  if (type.kind !== 'struct' && type.kind !== 'union') return false;
  return type.members.every((member) => {
    const inner = btf.resolve(member.type);
    const kind = inner === 0 ? 'void' : btf.kind(inner);
    if (kind === 'struct' || kind === 'union') return scalarStruct(btf, inner, depth + 1);
    if (kind === 'array') {
      const array = btf.type(inner);
      if (array.kind !== 'array' || array.count === 0) return false;
      const element = btf.resolve(array.type);
      return element !== 0 && ['int', 'enum', 'enum64'].includes(btf.kind(element));
    }
    return kind === 'int' || kind === 'enum' || kind === 'enum64';
  });
}

const kindText = (kind: string): string => (kind === 'void' ? 'UNKNOWN' : kind.toUpperCase());

const hasSuffix = (name: string, suffix: string): boolean => name.endsWith(suffix);
