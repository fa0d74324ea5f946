/** Calls of functions of the kernel, judged by their BTF prototypes, the suffixes of their parameters and their flags. */
import { KFUNCS, type KfuncFlag } from '@skep/abi';
import type { Btf, BtfFuncProto, BtfId } from '@skep/object';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import { Refusal } from '../refusal.ts';
import { Slot } from '../state/frame.ts';
import {
  baseOf,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  DYNPTR_SKB,
  DYNPTR_XDP,
  MAYBE_NULL,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  mayBeNull,
  NON_OWN_REF,
  PTR_TO_BTF_ID,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TRUSTED,
  PTR_UNTRUSTED,
  SCALAR,
  STACK_ITER,
  typeName,
} from '../state/kinds.ts';
import { isConst, isNull, pointer, type Reg, UNINIT, unknown } from '../state/reg.ts';
import { markRead } from '../state/state.ts';
import { isRcu, isTrusted, structMatches } from './btf-access.ts';
import { pushAsync } from './callbacks.ts';
import { checkExit, checkReturnCode } from './calls.ts';
import { checkUninitialized, DYNPTR, dynptrOf, makeDynptr } from './dynptr.ts';
import { fieldsOf, fieldsOfMap, hasField } from './fields.ts';
import { CONTEXT_NAMES } from './global-function.ts';
import {
  addToGraph,
  type GraphRoot,
  graphNode,
  graphNodeArgument,
  graphRootArgument,
  inTreeCallback,
  pushTreeCallback,
} from './graph.ts';
import { checkHelperMemory, checkMemorySize } from './helper-memory.ts';
import { checkOffset } from './helpers.ts';
import { iteratorArgument, iteratorNext } from './iterators.ts';
import { notNull } from './jump.ts';
import { kfuncAllowed } from './kfunc-sets.ts';
import { packetWritable } from './memory.ts';

/** What is known of one call. */
export interface KfuncCall {
  readonly name: string;
  readonly btf: Btf;
  readonly proto: BtfFuncProto;
  readonly has: (flag: KfuncFlag) => boolean;
  release: number;
  ref: number;
  constant: Reg | undefined;
  resultSize: number;
  resultReadOnly: boolean;
  dynptr: Reg | undefined;
  object: Reg | undefined;
  owning: boolean;
  root: GraphRoot | undefined;
  subprogram: number;
  map: Reg | undefined;
  iterator: { readonly frame: number; readonly slot: number } | undefined;
}

const flagsOf = new Map<string, readonly KfuncFlag[]>();

function kfuncFlags(name: string): readonly KfuncFlag[] {
  if (flagsOf.size === 0) for (const one of KFUNCS) flagsOf.set(one.name, one.flags);
  return flagsOf.get(name) ?? [];
}

export const kfuncMightSleep = (name: string): boolean => kfuncFlags(name).includes('sleepable');

export function checkKfuncCall(x: Explorer): 'on' | 'end' {
  const { program, insn } = x;
  const name = program.kfuncName(insn) ?? '';
  if (name === '') {
    if (program.imm[insn] === 0) return 'on';
    x.unsupported('calls of functions of the kernel by number');
  }
  if (x.state.lockOwner !== undefined && !GRAPH.has(name))
    x.refuse('function calls are not allowed while holding a lock');
  const btf = x.kernelBtf;
  if (btf === undefined) x.unsupported(`the kernel function ${name} without the kernel's types`);
  const { type, attachType } = program.input;
  const allowed = kfuncAllowed(name, type, attachType ?? 0, x.kernel.version);
  if (allowed === false) x.refuse(`calling kernel function ${name} is not allowed`);
  if (allowed === undefined) x.unsupported(`the kernel function ${name}`);
  const id = btf.kfunc(name) ?? btf.find(name, 'func');
  const func = id === undefined ? undefined : btf.type(id);
  const proto = func?.kind === 'func' ? btf.type(func.type) : undefined;
  if (proto?.kind !== 'func_proto') x.refuse(`kfunc '${name}' is referenced but wasn't resolved`);
  const flags = kfuncFlags(name);
  const call: KfuncCall = {
    name,
    btf,
    proto,
    has: (flag) => flags.includes(flag),
    release: 0,
    ref: 0,
    constant: undefined,
    resultSize: 0,
    resultReadOnly: false,
    dynptr: undefined,
    object: undefined,
    owning: false,
    root: undefined,
    subprogram: -1,
    map: undefined,
    iterator: undefined,
  };
  const sleepable = call.has('sleepable');
  if (sleepable && !x.sleepable) x.refuse(`program must be sleepable to call sleepable kfunc ${name}`);
  for (let i = 0; i < proto.params.length; i++) i += checkArgument(x, call, i);
  if (call.has('release') && call.release === 0)
    x.refuse(`release kernel function ${name} expects refcounted PTR_TO_BTF_ID`);
  if (name === 'bpf_rbtree_add_impl') pushTreeCallback(x, call.subprogram, call.root!);
  if (name === 'bpf_wq_set_callback_impl') workCallback(x, call);
  regions(x, call, sleepable);
  if (call.release !== 0) {
    const { ref } = x.frame.regs[call.release]!;
    if (!x.release(ref)) x.refuse(`kfunc ${name} reference has not been acquired before`);
  }
  if (name === 'bpf_list_push_front_impl' || name === 'bpf_list_push_back_impl' || name === 'bpf_rbtree_add_impl')
    addToGraph(x, x.frame.regs[2]!.ref);
  if (name === 'bpf_throw' && !program.subprograms.some((one) => one.isExceptionCallback)) checkReturnCode(x, 1, 'R1');
  if (x.trace !== undefined) x.trace.touched |= 0b111111;
  for (let r = 0; r <= 5; r++) x.frame.regs[r] = UNINIT;
  giveResult(x, call);
  x.frame.written |= 1;
  for (let r = 1; r <= proto.params.length && r <= 5; r++) markRead(x.state, x.frame.number, r);
  if (call.has('iter_next')) iteratorNext(x, call.iterator!);
  if (name === 'bpf_throw') {
    checkExit(x, true);
    return 'end';
  }
  return 'on';
}

/** May be called while a spin lock is held. */
const GRAPH = new Set([
  'bpf_list_push_front_impl',
  'bpf_list_push_back_impl',
  'bpf_list_pop_front',
  'bpf_list_pop_back',
  'bpf_rbtree_add_impl',
  'bpf_rbtree_first',
  'bpf_rbtree_remove',
  'bpf_refcount_acquire_impl',
]);

const hasSuffix = (name: string, suffix: string): boolean => name.endsWith(suffix);

/** One argument; gives how many more it covered. */
function checkArgument(x: Explorer, call: KfuncCall, i: number): number {
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
          x.program.input.type === 29 ||
          (x.program.input.type === 26 && x.program.input.attachType === 28) ||
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

const kindText = (kind: string): string => (kind === 'void' ? 'UNKNOWN' : kind.toUpperCase());

function scalarStruct(btf: Btf, id: BtfId, depth: number): boolean {
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

/** Regions of RCU and of disabled preemption. */
function regions(x: Explorer, call: KfuncCall, sleepable: boolean): void {
  const { state } = x;
  const { name } = call;
  const lock = name === 'bpf_rcu_read_lock';
  const unlock = name === 'bpf_rcu_read_unlock';
  if (state.rcu > 0) {
    if (inTreeCallback(x) && (lock || unlock))
      x.refuse('Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback');
    if (lock) x.refuse(`nested rcu read lock (kernel function ${name})`);
    else if (unlock) {
      leaveRcu(x);
      state.rcu = 0;
    } else if (sleepable) x.refuse(`kernel func ${name} is sleepable within rcu_read_lock region`);
  } else if (lock) state.rcu = 1;
  else if (unlock) x.refuse(`unmatched rcu read unlock (kernel function ${name})`);
  if (name === 'bpf_preempt_disable') state.preempt += 1;
  else if (name === 'bpf_preempt_enable') {
    if (state.preempt === 0) x.refuse(`unmatched attempt to enable preemption (kernel function ${name})`);
    state.preempt -= 1;
  } else if (state.preempt > 0 && sleepable) x.refuse(`kernel func ${name} is sleepable within non-preemptible region`);
}

function leaveRcu(x: Explorer): void {
  const distrust = (reg: Reg): Reg => {
    if (!(reg.type & MEM_RCU)) return reg;
    const now = reg.clone();
    now.type = (now.type & ~(MEM_RCU | MAYBE_NULL)) | PTR_UNTRUSTED;
    return now;
  };
  x.eachReg(x.state, distrust);
  for (const frame of x.state.frames) {
    for (let s = 0; s < frame.stack.length; s++) {
      const slot = frame.stack[s]!;
      if (slot.kindAt(0) === STACK_ITER) frame.stack[s] = new Slot(slot.kinds, distrust(slot.reg));
    }
  }
}

function workCallback(x: Explorer, call: KfuncCall): void {
  const map = call.map!.map!;
  pushAsync(
    x,
    call.subprogram,
    (callee) => {
      [CONST_PTR_TO_MAP, 5, PTR_TO_MAP_VALUE].forEach((type, n) => {
        const reg = pointer(type);
        reg.map = map;
        callee.regs[n + 1] = reg;
      });
    },
    true,
  );
}

const PERCPU_LIMIT = 512;

function giveResult(x: Explorer, call: KfuncCall): void {
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

const KERNEL_CONTEXTS: Readonly<Record<number, string>> = {
  1: 'sk_buff',
  3: 'sk_buff',
  4: 'sk_buff',
  6: 'xdp_buff',
  8: 'sk_buff',
  10: 'sk_buff',
  11: 'sk_buff',
  12: 'sk_buff',
  13: 'bpf_sock_ops_kern',
  14: 'sk_buff',
  2: 'pt_regs',
  7: 'bpf_perf_event_data_kern',
  9: 'sock',
  15: 'bpf_cgroup_dev_ctx',
  16: 'sk_msg',
  18: 'bpf_sock_addr_kern',
  19: 'sk_buff',
  21: 'sk_reuseport_kern',
  22: 'bpf_flow_dissector',
  23: 'bpf_sysctl_kern',
  25: 'bpf_sockopt_kern',
  30: 'bpf_sk_lookup_kern',
  32: 'bpf_nf_ctx',
};
