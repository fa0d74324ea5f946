/** Arguments of helpers, by their kinds. */
import { type HelperArg, MAP } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
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
  typeName,
} from '../state/kinds.ts';
import { isConst, isNull, type Reg } from '../state/reg.ts';
import { structMatches } from './btf-access.ts';
import { DYNPTR, dynptrOf } from './dynptr.ts';
import { inTreeCallback } from './graph.ts';
import { KPTR_XCHG, MAP_PEEK_ELEM, SK_RELEASE, SPIN_UNLOCK } from './helper-ids.ts';
import { checkHelperMemory, checkMemorySize } from './helper-memory.ts';
import { constantKey, constantString, dynptrArgument, kptrDestination, spinLock, timer } from './helper-objects.ts';
import type { HelperCall } from './helpers.ts';
import { matchKptr } from './kptr.ts';
import { checkAlignment, checkPlainOffset, packetReadable } from './regions.ts';

export function checkHelperArgument(x: Explorer, call: HelperCall, arg: HelperArg, i: number): void {
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
    if (call.map.type === MAP.BPF_MAP_TYPE_SOCKMAP || call.map.type === MAP.BPF_MAP_TYPE_SOCKHASH)
      base = 'ARG_PTR_TO_BTF_ID_SOCK_COMMON';
    else if (call.map.type === MAP.BPF_MAP_TYPE_BLOOM_FILTER && call.id === MAP_PEEK_ELEM)
      base = 'ARG_PTR_TO_MAP_VALUE';
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
  call: HelperCall,
  arg: HelperArg,
  kind: ArgumentKind,
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
  if (!structMatches(x, reg.btf!, reg.btfId, reg.off, btf, id, kind.release && call.id !== SK_RELEASE))
    x.refuse(`R${register} is of type ${reg.btf!.name(reg.btfId)} but ${wanted} is expected`);
}

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

/** How an argument is to be taken: its kind in the table, with its flags. */
export function kindOf(arg: HelperArg): ArgumentKind {
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

export interface ArgumentKind {
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

const kinds = new Map<string, ArgumentKind>();

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

const DYNPTR_FLAGS = DYNPTR_LOCAL | DYNPTR_RINGBUF | DYNPTR_SKB | DYNPTR_XDP;
