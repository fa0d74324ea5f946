/** Loads, stores and atomics: what each kind of pointer allows. */
import { BPF_F_RDONLY_PROG, MAP, PROG } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { coerce } from '../number/range.ts';
import {
  baseOf,
  CONST_PTR_TO_MAP,
  MEM_RDONLY,
  mayBeNull,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_TP_BUFFER,
  PTR_TO_XDP_SOCK,
  PTR_UNTRUSTED,
  SCALAR,
  typeName,
} from '../state/kinds.ts';
import { isConst, known, pointer, type Reg, unknown } from '../state/reg.ts';
import { signExtend } from './alu.ts';
import { loadFromBtf, loadFromMapPointer, typedContextAccess } from './btf-access.ts';
import { kptrAccess } from './kptr.ts';
import {
  checkAlignment,
  checkBuffer,
  checkMapAccess,
  checkMapDirection,
  checkPacket,
  checkPlainOffset,
  checkRegion,
  packetWritable,
} from './regions.ts';
import { loadFromStack, storeToStack } from './stack.ts';
import { checkStackBounds } from './stack-bounds.ts';

const SIZE = [4, 2, 1, 8];

export function checkLoad(x: Explorer): void {
  load(x, false);
}

function load(x: Explorer, atomic: boolean): void {
  const { program, insn } = x;
  const code = program.code[insn]!;
  const src = program.src[insn]!;
  const dst = program.dst[insn]!;
  const p = x.read(src);
  x.writeOnlyCheck(dst);
  const signed = (code & 0xe0) === 0x80;
  const value = access(x, src, p, program.off[insn]!, SIZE[(code >> 3) & 3]!, 'read', -1, true, atomic, signed);
  x.writeOnly(dst);
  x.set(dst, value!);
  samePointer(x, p.type, !atomic);
}

export function checkStore(x: Explorer): void {
  const { program, insn } = x;
  const code = program.code[insn]!;
  const src = program.src[insn]!;
  const dst = program.dst[insn]!;
  const fromReg = (code & 7) === 3;
  if (fromReg) {
    if ((code & 0xe0) !== 0x60 || program.imm[insn] !== 0) x.refuse('BPF_STX uses reserved fields');
    x.read(src);
  } else if ((code & 0xe0) !== 0x60 || src !== 0) x.refuse('BPF_ST uses reserved fields');
  const p = x.read(dst);
  access(x, dst, p, program.off[insn]!, SIZE[(code >> 3) & 3]!, 'write', fromReg ? src : -1, false, false, false);
  samePointer(x, p.type, false);
}

const FETCH = 1;
const XCHG = 0xe1;
const CMPXCHG = 0xf1;
const LOAD_ACQUIRE = 0x100;
const STORE_RELEASE = 0x110;
const ATOMICS = new Set([0x00, 0x01, 0x40, 0x41, 0x50, 0x51, 0xa0, 0xa1, XCHG, CMPXCHG]);
const NO_ATOMICS = new Set([
  PTR_TO_CTX,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_FLOW_KEYS,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
]);

export function checkAtomic(x: Explorer): void {
  const { program, insn } = x;
  const code = program.code[insn]!;
  const src = program.src[insn]!;
  const dst = program.dst[insn]!;
  const off = program.off[insn]!;
  const op = program.imm[insn]!;
  if (x.kernel.acquireRelease && (op === LOAD_ACQUIRE || op === STORE_RELEASE)) {
    checkAcquireRelease(x, op);
    return;
  }
  if (!ATOMICS.has(op)) x.refuse(`BPF_ATOMIC uses invalid atomic opcode ${(op >>> 0).toString(16).padStart(2, '0')}`);
  const size = SIZE[(code >> 3) & 3]!;
  if (size !== 4 && size !== 8) x.refuse('invalid atomic operand size');
  const value = x.read(src);
  const p = x.read(dst);
  if (op === CMPXCHG && x.leaks(x.read(0))) x.refuse('R0 leaks addr into mem');
  if (x.leaks(value)) x.refuse(`R${src} leaks addr into mem`);
  if (NO_ATOMICS.has(p.type)) x.refuse(`BPF_ATOMIC stores into R${dst} ${typeName(p.type)} is not allowed`);
  const target = op & FETCH ? (op === CMPXCHG ? 0 : src) : -1;
  const { regs } = x.frame;
  if (target >= 0) {
    x.writeOnly(target);
    // The kernel forgets what it held before it looks at the address, which may be in it.
    x.set(target, unknown());
  }
  access(x, dst, regs[dst]!, off, size, 'read', -1, false, true, false);
  if (target >= 0) {
    const loaded = access(x, dst, regs[dst]!, off, size, 'read', -1, true, true, false);
    if (loaded !== undefined) x.set(target, loaded);
  }
  access(x, dst, regs[dst]!, off, size, 'write', -1, false, true, false);
}

function checkAcquireRelease(x: Explorer, op: number): void {
  const { program, insn, frame } = x;
  const code = program.code[insn]!;
  const src = program.src[insn]!;
  const dst = program.dst[insn]!;
  if (op === LOAD_ACQUIRE) {
    load(x, true);
    // The kernel looks only now: an address that was loaded over is a number.
    const { type } = frame.regs[src]!;
    if (NO_ATOMICS.has(type)) x.refuse(`BPF_ATOMIC loads from R${src} ${typeName(type)} is not allowed`);
    return;
  }
  x.read(src);
  const p = x.read(dst);
  access(x, dst, p, program.off[insn]!, SIZE[(code >> 3) & 3]!, 'write', src, false, true, false);
  samePointer(x, p.type, false);
  if (NO_ATOMICS.has(p.type)) x.refuse(`BPF_ATOMIC stores into R${dst} ${typeName(p.type)} is not allowed`);
}

/** One instruction must not load through pointers of kinds that the kernel rewrites differently. */
function samePointer(x: Explorer, type: number, mayDiffer: boolean): void {
  const before = x.pointerTypes[x.insn]!;
  if (before === NOT_INIT) {
    x.pointerTypes[x.insn] = type;
    return;
  }
  if (before === type || (alike(type) && alike(before))) return;
  if (mayDiffer && baseOf(type) === PTR_TO_BTF_ID && baseOf(before) === PTR_TO_BTF_ID) return;
  x.refuse('same insn cannot be used with different pointers');
}

const REWRITTEN = new Set([
  PTR_TO_CTX,
  PTR_TO_SOCKET,
  PTR_TO_SOCK_COMMON,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  PTR_TO_BTF_ID,
  PTR_TO_ARENA,
]);
const alike = (type: number): boolean => !REWRITTEN.has(baseOf(type));

/**
 * One access of `size` bytes at `off` from the register. `wanted`: the value that a load gives is returned;
 * `value`: the register that is stored, -1 for an immediate or for what a helper writes.
 */
export function access(
  x: Explorer,
  register: number,
  p: Reg,
  off: number,
  size: number,
  how: 'read' | 'write',
  value: number,
  wanted: boolean,
  strict: boolean,
  signed: boolean,
): Reg | undefined {
  checkAlignment(x, p, off, size, strict);
  const loaded = byKind(x, register, p, off + p.off, size, how, value, wanted, signed);
  if (loaded === undefined || how === 'write') return loaded;
  if (size < 8 && loaded.type === SCALAR) {
    const cut = loaded.clone();
    // What a spilled number shares its id with stays linked to it even where the sign changes it, as in the kernel.
    if (signed) signExtend(cut, size, true);
    else coerce(cut, size);
    return cut;
  }
  return loaded;
}

function byKind(
  x: Explorer,
  register: number,
  p: Reg,
  off: number,
  size: number,
  how: 'read' | 'write',
  value: number,
  wanted: boolean,
  signed: boolean,
): Reg | undefined {
  const write = how === 'write';
  const leak = (where: string): void => {
    if (write && value >= 0 && x.leaks(x.frame.regs[value]!)) x.refuse(`R${value} leaks addr into ${where}`);
  };
  const scalar = (): Reg | undefined => (wanted && !write ? unknown() : undefined);
  switch (baseOf(p.type)) {
    case PTR_TO_STACK:
      checkStackBounds(x, register, p, off, size, how);
      if (write) {
        storeToStack(x, p, off, size, value);
        return undefined;
      }
      return loadFromStack(x, register, p, off, size, wanted);
    case PTR_TO_MAP_KEY:
      if (write) x.refuse(`write to change key R${register} not allowed`);
      checkRegion(x, register, p, off, size, p.map!.keySize);
      return scalar();
    case PTR_TO_MAP_VALUE: {
      if (mayBeNull(p.type)) break;
      leak('map');
      checkMapDirection(x, p.map!, off, size, write);
      checkMapAccess(x, register, p, off, size, true);
      const kptr = kptrAccess(x, p, off, value, wanted);
      if (kptr !== undefined) return kptr;
      if (!wanted || write) return undefined;
      return constantOf(p, off, size, signed) ?? unknown();
    }
    case PTR_TO_MEM:
      if (mayBeNull(p.type)) break;
      if (write && p.type & MEM_RDONLY) x.refuse(`R${register} cannot write into ${typeName(p.type)}`);
      leak('mem');
      // What lies there is read by probing: anything may be asked for.
      if (!(p.type & MEM_RDONLY && p.type & PTR_UNTRUSTED)) checkRegion(x, register, p, off, size, p.aux);
      return scalar();
    case PTR_TO_CTX:
      leak('ctx');
      checkPlainOffset(x, p, register, false);
      return contextAccess(x, off, size, write, wanted, signed);
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
      if (write && !packetWritable(x)) x.refuse('cannot write into packet');
      leak('packet');
      checkPacket(x, register, p, off, size, false);
      return scalar();
    case PTR_TO_FLOW_KEYS:
      leak('flow keys');
      if (off < 0 || off + size > FLOW_KEYS_SIZE) x.refuse(`invalid access to flow keys off=${off} size=${size}`);
      return scalar();
    case PTR_TO_SOCKET:
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_TCP_SOCK:
    case PTR_TO_XDP_SOCK:
      if (mayBeNull(p.type)) break;
      if (write) x.refuse(`R${register} cannot write into ${typeName(p.type)}`);
      checkSocket(x, register, p, off, size);
      return scalar();
    case PTR_TO_TP_BUFFER:
      checkBuffer(x, 'tracepoint', p, register, off, size);
      return scalar();
    case PTR_TO_BTF_ID:
      if (mayBeNull(p.type)) break;
      return loadFromBtf(x, register, p, off, size, write, wanted);
    case CONST_PTR_TO_MAP:
      return loadFromMapPointer(x, register, p, off, size, write, wanted);
    case PTR_TO_BUF: {
      if (mayBeNull(p.type)) break;
      const readOnly = (p.type & MEM_RDONLY) !== 0;
      if (readOnly && write) x.refuse(`R${register} cannot write into ${typeName(p.type)}`);
      checkBuffer(x, readOnly ? 'rdonly' : 'rdwr', p, register, off, size);
      return scalar();
    }
    case PTR_TO_ARENA:
      return scalar();
  }
  x.refuse(`R${register} invalid mem access '${typeName(p.type)}'`);
}

const FLOW_KEYS_SIZE = 56;

function contextAccess(
  x: Explorer,
  off: number,
  size: number,
  write: boolean,
  wanted: boolean,
  signed: boolean,
): Reg | undefined {
  if (!x.context.measured) return typedContextAccess(x, off, size, write, wanted);
  const found = x.context.access(off, size);
  const capable =
    x.privileged ||
    x.program.input.type !== PROG.BPF_PROG_TYPE_CGROUP_SKB ||
    !(PRIVILEGED_CGROUP_FIELDS.has(off) || (write && off === 152));
  if (found === undefined || !capable || !(write ? found.write : found.read) || (signed && found.type !== SCALAR))
    x.refuse(`invalid bpf_context access off=${off} size=${size}`);
  if (write || !wanted) return undefined;
  if (found.type === SCALAR) return unknown();
  const reg = pointer(found.type);
  if (mayBeNull(found.type)) reg.id = x.freshId();
  if (baseOf(found.type) === PTR_TO_BTF_ID) {
    const id = x.kernelBtf?.find(found.struct!, 'struct');
    if (id === undefined) x.unsupported(`the type ${found.struct} without the kernel's BTF`);
    reg.btf = x.kernelBtf;
    reg.btfId = id;
  }
  return reg;
}

/** Of programs of cgroups: the packet and its time. */
const PRIVILEGED_CGROUP_FIELDS = new Set([76, 80]);

/** What a frozen read-only array holds is known. */
function constantOf(p: Reg, off: number, size: number, signed: boolean): Reg | undefined {
  const map = p.map!;
  if (
    !isConst(p) ||
    map.contents === undefined ||
    !(map.flags & BPF_F_RDONLY_PROG) ||
    map.type !== MAP.BPF_MAP_TYPE_ARRAY
  )
    return undefined;
  const at = off + p.vl;
  const bytes = map.contents;
  if (at < 0 || at + size > bytes.length) return undefined;
  if (map.known !== undefined && !map.known.some(([from, to]) => from <= at && at + size <= to)) return undefined;
  let low = 0;
  let high = 0;
  for (let i = 0; i < size; i++) {
    if (i < 4) low |= bytes[at + i]! << (i * 8);
    else high |= bytes[at + i]! << ((i - 4) * 8);
  }
  if (signed && size < 8) {
    const shift = 32 - Math.min(size, 4) * 8;
    low = (low << shift) >> shift;
    high = low >> 31;
  }
  return known(low, high);
}

/**
 * Fields of struct bpf_sock and its kin: offset, size, and where loads of fewer than four bytes may be: nowhere, at the
 * start of the field or anywhere inside of it (net/core/filter.c, bpf_sock_is_valid_access).
 */
const SOCK_FIELDS: readonly (readonly [number, number, 'nowhere' | 'start' | 'inside'])[] = [
  [0, 4, 'nowhere'],
  [4, 4, 'start'],
  [8, 4, 'start'],
  [12, 4, 'start'],
  [16, 4, 'nowhere'],
  [20, 4, 'nowhere'],
  [24, 4, 'inside'],
  [28, 16, 'inside'],
  [44, 4, 'start'],
  [48, 2, 'inside'],
  [52, 4, 'inside'],
  [56, 16, 'inside'],
  [72, 4, 'start'],
  [76, 4, 'start'],
];

function checkSocket(x: Explorer, register: number, p: Reg, off: number, size: number): void {
  if (p.snh < 0)
    x.refuse(`R${register} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  if (!isConst(p) || !socketField(p.type, off + p.vl, size))
    x.refuse(`R${register} invalid ${typeName(p.type)} access off=${off} size=${size}`);
}

function socketField(type: number, off: number, size: number): boolean {
  if (off < 0 || off % size !== 0) return false;
  switch (type) {
    case PTR_TO_XDP_SOCK:
      return off === 0 && size === 4;
    case PTR_TO_TCP_SOCK:
      if (off + size > 120) return false;
      return off === 80 || off === 88 ? size === 8 : size === 4;
    default: {
      const field = SOCK_FIELDS.find(([start, length]) => off >= start && off < start + length);
      if (field === undefined) return false;
      if (type === PTR_TO_SOCK_COMMON && off >= 8 && off < 24) return false;
      if (field[0] === 48) return size <= 2 || (off === 48 && size === 4);
      const [start, , narrow] = field;
      return size === 4 || (size < 4 && (narrow === 'inside' || (narrow === 'start' && off === start)));
    }
  }
}
