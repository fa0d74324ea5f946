/** Arguments of helpers that are objects of the kernel in memory: locks, timers, dynptrs, kptrs, constants. */
import { BPF_F_RDONLY_PROG, MAP } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markSlotPrecise } from '../explore/precision.ts';
import {
  CONST_PTR_TO_DYNPTR,
  NON_OWN_REF,
  PTR_TO_MAP_VALUE,
  PTR_TO_STACK,
  SCALAR,
  STACK_SPILL,
  STACK_ZERO,
} from '../state/kinds.ts';
import { isConst, type Reg } from '../state/reg.ts';
import { checkUninitialized, DYNPTR, DYNPTR_NAMES, dynptrOf } from './dynptr.ts';
import { fieldsOfMap, fieldsOfReg, hasField } from './fields.ts';
import type { ArgumentKind } from './helper-arguments.ts';
import { MAP_LOOKUP_ELEM } from './helper-ids.ts';
import type { HelperCall } from './helpers.ts';
import { checkMapAccess } from './regions.ts';
import { frameOf } from './stack-bounds.ts';

/** The key on the stack, where skep may rely on it: a lookup in an array with a constant key inside of it finds. */
export function constantKey(x: Explorer, call: HelperCall, reg: Reg): number {
  const map = call.map!;
  if (!x.kernel.arrayLookupNotNull || !x.privileged || call.id !== MAP_LOOKUP_ELEM) return -1;
  if (map.type !== MAP.BPF_MAP_TYPE_ARRAY && map.type !== MAP.BPF_MAP_TYPE_PERCPU_ARRAY) return -1;
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

export function spinLock(x: Explorer, register: number, reg: Reg, lock: boolean): void {
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

export function timer(x: Explorer, call: HelperCall, register: number, reg: Reg): void {
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

export function constantString(x: Explorer, register: number, reg: Reg): void {
  const map = reg.map!;
  if (!(map.flags & BPF_F_RDONLY_PROG) || map.contents === undefined)
    x.refuse(`R${register} does not point to a readonly map'`);
  if (!isConst(reg)) x.refuse(`R${register} is not a constant address'`);
  if (map.type !== MAP.BPF_MAP_TYPE_ARRAY) x.refuse('no direct value access support for this map type');
  checkMapAccess(x, register, reg, reg.off, map.valueSize - reg.off, false);
  if (map.contents.indexOf(0, reg.off + reg.vl) < 0) x.refuse('string is not zero-terminated');
}

export function dynptrArgument(x: Explorer, call: HelperCall, kind: ArgumentKind, register: number, reg: Reg): void {
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

export function kptrDestination(x: Explorer, call: HelperCall, register: number, reg: Reg): void {
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
