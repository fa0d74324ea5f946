/** Calls of helpers: who may, with which arguments, and what they give. */
import {
  type HelperArg,
  type HelperProto,
  hasSince,
  helperById,
  helpersOfProgType,
  PROG_TYPES,
  type ProgTypeName,
} from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise, markSlotPrecise } from '../explore/precision.ts';
import { repair, sync } from '../number/range.ts';
import { MAP, type MapInfo } from '../program/maps.ts';
import {
  baseOf,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  DYNPTR_LOCAL,
  DYNPTR_RINGBUF,
  DYNPTR_SKB,
  DYNPTR_XDP,
  MAYBE_NULL,
  MEM_ALLOC,
  MEM_PERCPU,
  MEM_RCU,
  MEM_RDONLY,
  MEM_RINGBUF,
  mayBeNull,
  NON_OWN_REF,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FUNC,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_TRUSTED,
  SCALAR,
  STACK_SPILL,
  STACK_ZERO,
  typeName,
} from '../state/kinds.ts';
import { isConst, isNull, pointer, type Reg, unknown } from '../state/reg.ts';
import { inRcu, structMatches, targetOf } from './btf-access.ts';
import { callbackOf } from './callbacks.ts';
import { checkReferenceLeak, clearCallerSaved, clearPackets } from './calls.ts';
import { checkUninitialized, DYNPTR, DYNPTR_NAMES, dynptrOf, makeDynptr, releaseDynptr } from './dynptr.ts';
import { type Field, fieldsOfMap, fieldsOfReg, hasField } from './fields.ts';
import { inTreeCallback } from './graph.ts';
import { checkHelperMemory, checkMemorySize } from './helper-memory.ts';
import { kptrTarget, matchKptr } from './kptr.ts';
import { mapGoesWith } from './map-function.ts';
import { access, checkAlignment, checkMapAccess, checkPlainOffset, packetReadable } from './memory.ts';
import { frameOf, type Uninitialised } from './stack.ts';

/** What the arguments of one call told. */
interface Call {
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

interface Kind {
  readonly base: string;
  readonly nullable: boolean;
  readonly release: boolean;
  readonly readOnly: boolean;
  readonly write: boolean;
  readonly uninit: boolean;
  readonly fixed: boolean;
  readonly aligned: boolean;
  readonly dynptr: number;
}

const kinds = new Map<string, Kind>();

function kindOf(arg: HelperArg): Kind {
  let kind = kinds.get(arg.kind);
  if (kind === undefined) {
    const [first, ...flags] = arg.kind.split(' | ') as [string, ...string[]];
    let base = first;
    let nullable = flags.includes('PTR_MAYBE_NULL');
    let uninit = flags.includes('MEM_UNINIT');
    let write = flags.includes('MEM_WRITE');
    let fixed = false;
    if (base.endsWith('_OR_NULL') && base.startsWith('ARG_PTR')) {
      base = base.slice(0, -'_OR_NULL'.length);
      nullable = true;
    }
    if (base === 'ARG_PTR_TO_UNINIT_MEM') {
      base = 'ARG_PTR_TO_MEM';
      uninit = true;
      write = true;
    }
    if (base === 'ARG_PTR_TO_FIXED_SIZE_MEM') {
      base = 'ARG_PTR_TO_MEM';
      fixed = true;
    }
    kind = {
      base,
      nullable,
      write,
      uninit,
      fixed,
      release: flags.includes('OBJ_RELEASE'),
      readOnly: flags.includes('MEM_RDONLY'),
      aligned: flags.includes('MEM_ALIGNED'),
      dynptr: flags.includes('DYNPTR_TYPE_LOCAL')
        ? DYNPTR.local
        : flags.includes('DYNPTR_TYPE_RINGBUF')
          ? DYNPTR.ringbuf
          : DYNPTR.any,
    };
    kinds.set(arg.kind, kind);
  }
  return kind;
}

const SPIN_UNLOCK = 94;
/** Move or change the packet. */
const CHANGES_PACKET = new Set([
  12, 9, 11, 18, 19, 31, 32, 38, 39, 40, 43, 44, 50, 54, 61, 62, 63, 64, 65, 73, 74, 75, 76, 90, 91, 92, 98, 162, 189,
  190,
]);

export const changesPacket = (id: number): boolean => CHANGES_PACKET.has(id);

/** Helpers that need no privilege. */
const UNPRIVILEGED = new Set([
  1, 2, 3, 5, 7, 8, 12, 42, 87, 88, 89, 125, 160, 130, 131, 132, 133, 134, 195,
  // Of socket filters and of programs of cgroups.
  26, 46, 47, 68, 14, 15, 16, 35, 77, 79, 80, 81, 82, 83, 101, 105, 106, 95, 96, 97, 98, 25, 84, 85, 86, 99, 100,
]);

function helperNames(x: Explorer): ReadonlyMap<string, HelperProto> | undefined {
  const name = PROG_TYPES.find((one) => one.value === x.program.input.type)?.name as ProgTypeName | undefined;
  return name === undefined ? undefined : helpersOfProgType(name);
}

/** bpf_setsockopt and bpf_getsockopt, which iterators over TCP and Unix sockets may call. */
const SOCKET_OPTIONS = new Set([49, 57]);

/**
 * Newer kernels give a helper to more types of programs than the table of prototypes knows: the variant that asks for
 * no context, where there is one.
 */
function commonProtoOf(name: string): HelperProto | undefined {
  for (const type of PROG_TYPES) {
    const found = helpersOfProgType(type.name)?.get(name);
    if (found?.args.every(({ kind }) => kind !== 'ARG_PTR_TO_CTX')) return found;
  }
  return anyProtoOf(name);
}

function anyProtoOf(name: string): HelperProto | undefined {
  for (const type of PROG_TYPES) {
    const found = helpersOfProgType(type.name)?.get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

export function helperMightSleep(id: number): boolean {
  const helper = helperById(id);
  return helper !== undefined && anyProtoOf(helper.name)?.mightSleep === true;
}

/** Tracing programs are not told apart by attach type in the table of helpers. */
function protoOf(x: Explorer, id: number): HelperProto | undefined {
  const helper = helperById(id);
  if (helper === undefined) return undefined;
  const set = helperNames(x) ?? helpersOfProgType('BPF_PROG_TYPE_TRACING')!;
  if (SOCKET_OPTIONS.has(id) && x.program.input.type === 26 && x.program.input.attachType === 28)
    return /^(bpf_iter_)?(tcp|unix)$/.test(x.program.input.attachTarget ?? '') ? anyProtoOf(helper.name) : undefined;
  // What may sleep was not measured.
  if (x.context.helpers !== undefined && !x.context.helpers.has(id) && !set.get(helper.name)?.mightSleep)
    return undefined;
  if (!x.privileged && !UNPRIVILEGED.has(id)) return undefined;
  return set.get(helper.name) ?? (x.context.helpers?.has(id) ? commonProtoOf(helper.name) : undefined);
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
    id === 147 &&
    x.program.input.type === 26 &&
    !D_PATH_HOOKS.test(x.program.input.attachTarget ?? '') &&
    x.program.input.attachType !== 28
  )
    x.refuse('helper call is not allowed in probe');
  if (x.state.rcu > 0 && proto.mightSleep) x.refuse(`sleepable helper ${name}#${id} in rcu_read_lock region`);
  if (x.state.preempt > 0 && proto.mightSleep) x.refuse(`sleepable helper ${name}#${id} in non-preemptible region`);
  const call: Call = {
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
    checkArgument(x, call, arg, i);
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
  giveResult(x, call);
  if (call.map !== undefined && (!mapGoesWith(call.map.type, id) || !sockmapUpdate(x, call.map.type, id)))
    x.refuse(`cannot pass map_type ${call.map.type} into func ${name}#${id}`);
  if (id === 173) {
    const { type } = x.program.input;
    if (type !== 2 && type !== 26) x.refuse(`func ${name}#${id} not supported for program type ${type}`);
  }
  if (CHANGES_PACKET.has(id) || (id === 202 && call.dynptr?.aux === DYNPTR.skb)) clearPackets(x);
}

/** Programs that may change maps of sockets by the general helpers. */
const SOCKMAP_WRITERS = new Set([1, 3, 4, 6, 21, 22, 30]);

function sockmapUpdate(x: Explorer, map: number, helper: number): boolean {
  if ((map !== MAP.SOCKMAP && map !== MAP.SOCKHASH) || (helper !== 2 && helper !== 3)) return true;
  const { type, attachType } = x.program.input;
  return SOCKMAP_WRITERS.has(type) || (type === 26 && attachType === 28) || (type === 13 && helper === 3);
}

const D_PATH_HOOKS =
  /^(security_file_permission|security_inode_getattr|security_file_open|security_path_truncate|vfs_truncate|vfs_fallocate|dentry_open|vfs_getattr|filp_close)$/;

function typesOf(base: string): readonly number[] {
  return COMPATIBLE[base] ?? [];
}

const MEMORY = [
  PTR_TO_STACK,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_MEM | MEM_RINGBUF,
  PTR_TO_BUF,
  PTR_TO_BTF_ID | PTR_TRUSTED,
];
const SOCKETS = [PTR_TO_SOCK_COMMON, PTR_TO_SOCKET, PTR_TO_TCP_SOCK, PTR_TO_XDP_SOCK];
const COMPATIBLE: Readonly<Record<string, readonly number[]>> = {
  ARG_PTR_TO_MAP_KEY: MEMORY,
  ARG_PTR_TO_MAP_VALUE: MEMORY,
  ARG_PTR_TO_MEM: MEMORY,
  ARG_CONST_SIZE: [SCALAR],
  ARG_CONST_SIZE_OR_ZERO: [SCALAR],
  ARG_CONST_ALLOC_SIZE_OR_ZERO: [SCALAR],
  ARG_CONST_MAP_PTR: [CONST_PTR_TO_MAP],
  ARG_PTR_TO_CTX: [PTR_TO_CTX],
  ARG_PTR_TO_SOCK_COMMON: SOCKETS,
  ARG_PTR_TO_BTF_ID_SOCK_COMMON: [...SOCKETS, PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED],
  ARG_PTR_TO_SOCKET: [PTR_TO_SOCKET],
  ARG_PTR_TO_BTF_ID: [PTR_TO_BTF_ID, PTR_TO_BTF_ID | PTR_TRUSTED, PTR_TO_BTF_ID | MEM_RCU],
  ARG_PTR_TO_SPIN_LOCK: [PTR_TO_MAP_VALUE, PTR_TO_BTF_ID | MEM_ALLOC],
  ARG_PTR_TO_RINGBUF_MEM: [PTR_TO_MEM | MEM_RINGBUF],
  ARG_PTR_TO_PERCPU_BTF_ID: [
    PTR_TO_BTF_ID | MEM_PERCPU,
    PTR_TO_BTF_ID | MEM_PERCPU | MEM_RCU,
    PTR_TO_BTF_ID | MEM_PERCPU | PTR_TRUSTED,
  ],
  ARG_PTR_TO_FUNC: [PTR_TO_FUNC],
  ARG_PTR_TO_STACK: [PTR_TO_STACK],
  ARG_PTR_TO_CONST_STR: [PTR_TO_MAP_VALUE],
  ARG_PTR_TO_TIMER: [PTR_TO_MAP_VALUE],
  ARG_KPTR_XCHG_DEST: [PTR_TO_MAP_VALUE, PTR_TO_BTF_ID | MEM_ALLOC],
  ARG_PTR_TO_DYNPTR: [PTR_TO_STACK, CONST_PTR_TO_DYNPTR],
};
const KPTR_XCHG = 194;
const MAP_LOOKUP = 1;
const DYNPTR_FLAGS = DYNPTR_LOCAL | DYNPTR_RINGBUF | DYNPTR_SKB | DYNPTR_XDP;

function checkArgument(x: Explorer, call: Call, arg: HelperArg, i: number): void {
  const register = i + 1;
  const kind = kindOf(arg);
  const reg = x.read(register);
  if (kind.base === 'ARG_ANYTHING') {
    if (x.leaks(reg)) x.refuse(`R${register} leaks addr into helper function`);
    return;
  }
  if (
    (reg.type === PTR_TO_PACKET || reg.type === PTR_TO_PACKET_META) &&
    !(packetReadable(x) && call.proto.packetAccess)
  )
    x.refuse('helper access to the packet is not allowed');
  let base = kind.base;
  if (base === 'ARG_PTR_TO_MAP_VALUE') {
    if (call.map === undefined) x.refuse('invalid map_ptr to access map->type');
    if (call.map.type === MAP.SOCKMAP || call.map.type === MAP.SOCKHASH) base = 'ARG_PTR_TO_BTF_ID_SOCK_COMMON';
    else if (call.map.type === MAP.BLOOM_FILTER && call.id === 89) base = 'ARG_PTR_TO_MAP_VALUE';
  }
  const nothing = kind.nullable && isNull(reg);
  if (!nothing) {
    checkType(x, call, arg, kind, base, register, reg);
    checkOffset(x, kind, reg, register);
  }
  if (kind.release) {
    if (base === 'ARG_PTR_TO_DYNPTR') {
      if (reg.type !== PTR_TO_STACK) x.refuse('cannot release unowned const bpf_dynptr');
      const dynptr = dynptrOf(x, reg);
      if (dynptr === undefined || dynptr.ref === 0) x.refuse(`arg ${register} is an unacquired reference`);
    } else if (reg.ref === 0 && !isNull(reg))
      x.refuse(`R${register} must be referenced when passed to release function`);
    call.release = register;
  }
  if (reg.ref !== 0 && base !== 'ARG_KPTR_XCHG_DEST') call.ref = reg.ref;
  switch (base) {
    case 'ARG_CONST_MAP_PTR':
      if (call.map !== undefined && (call.map !== reg.map || call.mapInstance !== reg.aux2))
        x.refuse(`timer pointer in R1 map_uid=${call.mapInstance} doesn't match map pointer in R2 map_uid=${reg.aux2}`);
      call.map = reg.map;
      call.mapInstance = reg.aux2;
      return;
    case 'ARG_PTR_TO_MAP_KEY':
      if (call.map === undefined) x.refuse('invalid map_ptr to access map->key');
      checkHelperMemory(x, register, call.map.keySize, 'read', false, undefined);
      call.key = constantKey(x, call, reg);
      return;
    case 'ARG_PTR_TO_MAP_VALUE':
      if (nothing) return;
      checkHelperMemory(
        x,
        register,
        call.map!.valueSize,
        kind.write ? 'write' : 'read',
        false,
        kind.uninit ? call.raw : undefined,
      );
      return;
    case 'ARG_PTR_TO_PERCPU_BTF_ID':
      if (reg.btfId === 0) x.refuse(`Helper has invalid btf_id in R${register}`);
      call.percpu = reg;
      return;
    case 'ARG_PTR_TO_SPIN_LOCK':
      if (inTreeCallback(x)) x.refuse("can't spin_{lock,unlock} in rbtree cb");
      spinLock(x, register, reg, call.id !== SPIN_UNLOCK);
      return;
    case 'ARG_PTR_TO_TIMER':
      timer(x, call, register, reg);
      return;
    case 'ARG_PTR_TO_FUNC':
      call.subprogram = reg.aux;
      return;
    case 'ARG_PTR_TO_MEM':
      if (!kind.fixed || nothing) return;
      checkHelperMemory(
        x,
        register,
        arg.size ?? 0,
        kind.write ? 'write' : 'read',
        false,
        kind.uninit ? call.raw : undefined,
      );
      if (kind.aligned) checkAlignment(x, reg, 0, arg.size ?? 1, true);
      return;
    case 'ARG_CONST_SIZE':
    case 'ARG_CONST_SIZE_OR_ZERO': {
      const before = kindOf(call.proto.args[i - 1]!);
      call.maxSize = checkMemorySize(
        x,
        register,
        before.write ? 'write' : 'read',
        base === 'ARG_CONST_SIZE_OR_ZERO',
        before.uninit ? call.raw : undefined,
      );
      return;
    }
    case 'ARG_CONST_ALLOC_SIZE_OR_ZERO':
      if (!isConst(reg)) x.refuse(`R${register} is not a known constant'`);
      call.memorySize = reg.vl;
      markPrecise(x, register);
      return;
    case 'ARG_PTR_TO_CONST_STR':
      constantString(x, register, reg);
      return;
    case 'ARG_PTR_TO_DYNPTR':
      dynptrArgument(x, call, kind, register, reg);
      return;
    case 'ARG_KPTR_XCHG_DEST':
      kptrDestination(x, call, register, reg);
  }
}

function checkType(
  x: Explorer,
  call: Call,
  arg: HelperArg,
  kind: Kind,
  base: string,
  register: number,
  reg: Reg,
): void {
  const allowed = typesOf(base);
  let type = reg.type;
  if (kind.readOnly) type &= ~MEM_RDONLY;
  if (kind.nullable) type &= ~MAYBE_NULL;
  if (base === 'ARG_PTR_TO_MEM') type &= ~DYNPTR_FLAGS;
  if (call.id === KPTR_XCHG && register === 2 && type & MEM_ALLOC) type &= ~(MEM_ALLOC | MEM_PERCPU);
  if (!allowed.includes(type))
    x.refuse(`R${register} type=${typeName(reg.type)} expected=${allowed.map(typeName).join(', ')}`);
  if (baseOf(reg.type) !== PTR_TO_BTF_ID) return;
  if (allowed === MEMORY) {
    if (!kind.readOnly)
      x.refuse(`${call.name}() may write into memory pointed by R${register} type=${typeName(reg.type)}`);
    return;
  }
  if (base === 'ARG_PTR_TO_PERCPU_BTF_ID' || base === 'ARG_PTR_TO_SPIN_LOCK' || base === 'ARG_KPTR_XCHG_DEST') return;
  if (reg.type & MEM_ALLOC) {
    if (call.id === KPTR_XCHG && register === 2) matchKptr(x, call.kptr!, reg, register);
    return;
  }
  if (mayBeNull(reg.type) && (!kind.nullable || kind.release))
    x.refuse(`Possibly NULL pointer passed to helper arg${register}`);
  if (call.id === KPTR_XCHG) {
    matchKptr(x, call.kptr!, reg, register);
    return;
  }
  const wanted = base === 'ARG_PTR_TO_BTF_ID_SOCK_COMMON' ? 'sock_common' : (arg.struct ?? '');
  const btf = x.kernelBtf;
  const id = wanted === '' ? undefined : btf?.find(wanted, 'struct');
  if (btf === undefined || id === undefined) return;
  if (!structMatches(x, reg.btf!, reg.btfId, reg.off, btf, id, kind.release && call.id !== 86))
    x.refuse(`R${register} is of type ${reg.btf!.name(reg.btfId)} but ${wanted} is expected`);
}

const PLAIN = new Set([
  PTR_TO_STACK,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_MEM | MEM_RDONLY,
  PTR_TO_MEM | MEM_RINGBUF,
  PTR_TO_BUF,
  PTR_TO_BUF | MEM_RDONLY,
  PTR_TO_ARENA,
  SCALAR,
]);
const FIXED = new Set([
  PTR_TO_BTF_ID,
  PTR_TO_BTF_ID | MEM_ALLOC,
  PTR_TO_BTF_ID | PTR_TRUSTED,
  PTR_TO_BTF_ID | MEM_RCU,
  PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF,
  PTR_TO_BTF_ID | MEM_ALLOC | NON_OWN_REF | MEM_RCU,
]);

/** Whether an argument may carry an offset. */
export function checkOffset(
  x: Explorer,
  kind: { readonly release: boolean; readonly base: string },
  reg: Reg,
  register: number,
): void {
  if (kind.release) {
    if (kind.base === 'ARG_PTR_TO_DYNPTR' && reg.type === PTR_TO_STACK) return;
    if (reg.off !== 0)
      x.refuse(`R${register} must have zero offset when passed to release func or trusted arg to kfunc`);
    checkPlainOffset(x, reg, register, false);
    return;
  }
  if (PLAIN.has(reg.type)) return;
  checkPlainOffset(x, reg, register, FIXED.has(reg.type));
}

/** The key on the stack, where skep may rely on it: a lookup in an array with a constant key inside of it finds. */
function constantKey(x: Explorer, call: Call, reg: Reg): number {
  const map = call.map!;
  if (!x.kernel.arrayLookupNotNull || !x.privileged || call.id !== MAP_LOOKUP) return -1;
  if (map.type !== MAP.ARRAY && map.type !== MAP.PERCPU_ARRAY) return -1;
  if (reg.type !== PTR_TO_STACK || !isConst(reg)) return -1;
  const at = -(reg.off + reg.vl) - 1;
  const index = at >> 3;
  const slot = frameOf(x, reg).stack[index];
  if (slot === undefined) return -1;
  let zeros = 0;
  for (let i = at & 7; i >= 0 && slot.kindAt(i) === STACK_ZERO; i--) zeros++;
  if (zeros >= map.keySize) return 0;
  if (!slot.spilled || slot.reg.type !== SCALAR) return -1;
  let spilled = 0;
  for (let i = at & 7; i >= 0 && slot.kindAt(i) === STACK_SPILL; i--) spilled++;
  if (spilled !== map.keySize || !isConst(slot.reg)) return -1;
  markSlotPrecise(x, reg.aux, index);
  return slot.reg.vh === 0 ? slot.reg.vl >>> 0 : -1;
}

function recordMap(x: Explorer, call: Call): void {
  if (call.map === undefined) return;
  if (
    (call.id === 2 || call.id === 3 || call.id === 87 || call.id === 88 || call.id === 89) &&
    call.map.flags & 128 &&
    call.id !== 89
  )
    x.refuse('write into map forbidden');
  // A tail call through one constant index: the index must be followed back.
  if (call.id === 12) {
    const before = x.tailCallMaps.has(x.insn) ? x.tailCallMaps.get(x.insn) : call.map;
    x.tailCallMaps.set(x.insn, before === call.map ? call.map : undefined);
    const index = x.frame.regs[3]!;
    if (index.type === SCALAR && isConst(index) && index.vh === 0 && index.vl >>> 0 < call.map.maxEntries)
      markPrecise(x, 3);
  }
}

function spinLock(x: Explorer, register: number, reg: Reg, lock: boolean): void {
  const { state } = x;
  if (!isConst(reg))
    x.refuse(`R${register} doesn't have constant offset. bpf_spin_lock has to be at the constant offset`);
  const isMap = reg.type === PTR_TO_MAP_VALUE;
  if (isMap && reg.map!.valueType === 0)
    x.refuse(`map '${reg.map!.name}' has to have BTF in order to use bpf_spin_lock`);
  const field = fieldsOfReg(x, reg).find((one) => one.kind === 'bpf_spin_lock');
  if (field === undefined)
    x.refuse(`${isMap ? 'map' : 'local'} '${isMap ? reg.map!.name : 'kptr'}' has no valid bpf_spin_lock`);
  if (field.offset !== reg.vl + reg.off)
    x.refuse(`off ${reg.vl + reg.off} doesn't point to 'struct bpf_spin_lock' that is at ${field.offset}`);
  const owner: object = isMap ? reg.map! : reg.btf!;
  if (lock) {
    if (state.lockOwner !== undefined) x.refuse('Locking two bpf_spin_locks are not allowed');
    state.lockOwner = owner;
    state.lockId = reg.id;
    return;
  }
  if (state.lockOwner === undefined) x.refuse('bpf_spin_unlock without taking a lock');
  if (state.lockOwner !== owner || state.lockId !== reg.id) x.refuse('bpf_spin_unlock of different lock');
  x.eachReg(state, (one) => (one.type & NON_OWN_REF ? x.invalid() : one));
  state.lockOwner = undefined;
  state.lockId = 0;
}

function timer(x: Explorer, call: Call, register: number, reg: Reg): void {
  if (!isConst(reg)) x.refuse(`R${register} doesn't have constant offset. bpf_timer has to be at the constant offset`);
  const map = reg.map!;
  if (map.valueType === 0) x.refuse(`map '${map.name}' has to have BTF in order to use bpf_timer`);
  const field = fieldsOfMap(x, map).find((one) => one.kind === 'bpf_timer');
  if (field === undefined) x.refuse(`map '${map.name}' has no valid bpf_timer`);
  if (field.offset !== reg.vl + reg.off)
    x.refuse(`off ${reg.vl + reg.off} doesn't point to 'struct bpf_timer' that is at ${field.offset}`);
  call.map = map;
  call.mapInstance = reg.aux2;
}

function constantString(x: Explorer, register: number, reg: Reg): void {
  const map = reg.map!;
  if (!(map.flags & 128) || map.contents === undefined) x.refuse(`R${register} does not point to a readonly map'`);
  if (!isConst(reg)) x.refuse(`R${register} is not a constant address'`);
  if (map.type !== MAP.ARRAY) x.refuse('no direct value access support for this map type');
  checkMapAccess(x, register, reg, reg.off, map.valueSize - reg.off, false);
  if (map.contents.indexOf(0, reg.off + reg.vl) < 0) x.refuse('string is not zero-terminated');
}

function dynptrArgument(x: Explorer, call: Call, kind: Kind, register: number, reg: Reg): void {
  if (kind.uninit) {
    checkUninitialized(x, register - 1, reg);
    call.dynptrToMake = { register, kind: kind.dynptr };
    return;
  }
  if (reg.type === CONST_PTR_TO_DYNPTR && !kind.readOnly && !kind.release)
    x.refuse('cannot pass pointer to const bpf_dynptr, the helper mutates it');
  const dynptr = dynptrOf(x, reg);
  if (dynptr === undefined) x.refuse(`Expected an initialized dynptr as arg #${register - 1}`);
  if (kind.dynptr !== DYNPTR.any && dynptr.aux !== kind.dynptr)
    x.refuse(`Expected a dynptr of type ${DYNPTR_NAMES[kind.dynptr]} as arg #${register - 1}`);
  call.dynptr = dynptr;
}

function kptrDestination(x: Explorer, call: Call, register: number, reg: Reg): void {
  if (reg.type !== PTR_TO_MAP_VALUE) x.unsupported('bpf_kptr_xchg with fields of allocated objects');
  const map = reg.map!;
  if (map.valueType === 0) x.refuse(`map '${map.name}' has to have BTF in order to use bpf_kptr_xchg`);
  if (!isConst(reg)) x.refuse(`R${register} doesn't have constant offset. kptr has to be at the constant offset`);
  const fields = fieldsOfMap(x, map);
  if (!hasField(fields, 'kptr')) x.refuse(`R${register} has no valid kptr`);
  const at = reg.off + reg.vl;
  const field = fields.find((one) => one.kind === 'kptr' && one.offset === at);
  if (field === undefined) x.refuse(`off=${at} doesn't point to kptr`);
  if (field.tag === 'kptr_untrusted') x.refuse(`off=${at} kptr isn't referenced kptr`);
  call.kptr = field;
  call.map = undefined;
}

function releaseArgument(x: Explorer, call: Call): void {
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

function special(x: Explorer, call: Call): void {
  const regs = x.frame.regs;
  switch (call.id) {
    case 12:
      if (x.state.lockOwner !== undefined) x.refuse('tail_call cannot be used inside bpf_spin_lock-ed region');
      if (checkReferenceLeak(x, false) !== undefined) x.refuse('tail_call would lead to reference leak');
      if (x.state.rcu > 0) x.refuse('tail_call cannot be used inside bpf_rcu_read_lock-ed region');
      if (x.state.preempt > 0) x.refuse('tail_call cannot be used inside bpf_preempt_disable-ed region');
      return;
    case 81:
      if (!isNull(regs[2]!)) x.refuse("get_local_storage() doesn't support non-zero flags");
      return;
    case 197:
      if (regs[1]!.type !== PTR_TO_MAP_VALUE)
        x.refuse(`Unsupported reg type ${typeName(regs[1]!.type)} for bpf_dynptr_from_mem data`);
      return;
    case 187:
      if (x.program.input.type === 29 && x.program.input.attachType === 43) {
        const target = targetOf(x);
        if (target?.proto !== undefined && target.btf.resolve(target.proto.result) === 0)
          x.refuse("BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value!");
      }
  }
}

const POINTER_CASTS = new Set([95, 96, 136, 137, 138, 139, 140, 178, 196]);
const ACQUIRES = new Set([84, 85, 99, 131, KPTR_XCHG]);
const READ_STRINGS = new Set([67, 141, 45, 114, 115]);
/** NR_CPUS of x86-64 where kernels are built for the largest machines. */
const MOST_CPUS = 8192;

function giveResult(x: Explorer, call: Call): void {
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
    } else if (id === 8) {
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
  else if (ACQUIRES.has(id) || (id === 1 && (call.map?.type === MAP.SOCKMAP || call.map?.type === MAP.SOCKHASH))) {
    const acquired = x.acquire();
    reg.id = acquired;
    reg.ref = acquired;
  }
  x.set(0, reg);
}
