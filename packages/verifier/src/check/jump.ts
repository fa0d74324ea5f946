/** Conditional jumps: which ways are open, and what is known on each. */
import { MAP } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import { decide, flip, JMP, refine, refineEarly } from '../number/branch.ts';
import { sync, zeroExtend } from '../number/range.ts';
import { add } from '../number/scalar.ts';
import { Slot } from '../state/frame.ts';
import {
  baseOf,
  CONST_PTR_TO_MAP,
  MAYBE_NULL,
  mayBeNull,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_END,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  SCALAR,
} from '../state/kinds.ts';
import { ADD_CONST, ADD_CONST32, isConst, isConst32, known, type Reg } from '../state/reg.ts';
import { DST_IS_STACK, type Linked, SRC_IS_STACK, type State } from '../state/state.ts';
import { isTrusted } from './btf-access.ts';
import { mayPointToLock } from './fields.ts';
import { previousEntry, widenImprecise } from './loops.ts';
import { guessJump } from './sanitize.ts';

/** Of a packet pointer: it stands at the end, or beyond it. */
const AT_END = -1;
const BEYOND_END = -2;

export function checkJump(x: Explorer): void {
  const { program, insn } = x;
  const code = program.code[insn]!;
  const op = code & 0xf0;
  const wide = (code & 7) === 5;
  const fromReg = (code & 8) !== 0;
  const dst = program.dst[insn]!;
  const src = program.src[insn]!;
  const off = program.off[insn]!;
  const imm = program.imm[insn]!;
  if (op === JMP.cond) {
    checkMayGoto(x, code, dst, src, off, imm);
    return;
  }
  const d = x.read(dst);
  let s: Reg;
  let flags = 0;
  if (fromReg) {
    if (imm !== 0) x.refuse('BPF_JMP/JMP32 uses reserved fields');
    s = x.read(src);
    if (!(isPacketAny(d) && isPacketAny(s)) && x.leaks(s)) x.refuse(`R${src} pointer comparison prohibited`);
    if (s.type === PTR_TO_STACK) flags |= SRC_IS_STACK;
  } else {
    if (src !== 0) x.refuse('BPF_JMP/JMP32 uses reserved fields');
    s = known(imm);
  }
  if (d.type === PTR_TO_STACK) flags |= DST_IS_STACK;
  if (flags !== 0) x.recordStep(flags, undefined);
  const { early } = x.kernel;
  const constant = (r: Reg): boolean => r.type === SCALAR && (wide ? isConst(r) : isConst32(r));
  // Early kernels decide and learn only where the other side is a constant.
  const undecidable = early && !constant(s) && !(wide && isPacketAny(d) && isPacketAny(s));
  const way = undecidable
    ? -1
    : early && d.type === SCALAR && s.type === SCALAR
      ? decideEarly(d, s, op, wide)
      : branchTaken(d, s, op, wide, early);
  if (way >= 0) {
    if (d.type === SCALAR) markPrecise(x, dst);
    if (fromReg && s.type === SCALAR) markPrecise(x, src);
    if (!x.privileged) guessJump(x, way === 1 ? insn + 1 : insn + 1 + off, dst, fromReg ? src : undefined);
    x.trace?.show(x);
    if (way === 1) x.insn += off;
    return;
  }
  const linked: Linked[] = [];
  if (fromReg && s.type === SCALAR && s.id !== 0) collectLinked(x, s.id, linked);
  if (d.type === SCALAR && d.id !== 0) collectLinked(x, d.id, linked);
  if (linked.length > 1) x.recordStep(0, linked.slice());
  const here = x.state;
  const taken = x.fork(insn + 1 + off, insn);
  const regs = here.frame.regs;
  const other = taken.frame.regs;
  if (early && d.type === SCALAR && s.type === SCALAR) {
    forkEarly(x, taken, d, s, op, wide, fromReg, dst, src, linked);
  } else if (d.type === SCALAR && s.type === SCALAR) {
    const same = fromReg && src === dst;
    const td = d.clone();
    const fd = d.clone();
    const ts = same ? td : s.clone();
    const fs = same ? fd : s.clone();
    refine(td, ts, fd, fs, op, wide);
    other[dst] = td;
    regs[dst] = fd;
    if (fromReg) {
      other[src] = ts;
      regs[src] = fs;
      if (fs.id !== 0) {
        syncLinked(x, here, fs, linked);
        syncLinked(x, taken, ts, linked);
      }
    }
    if (regs[dst]!.id !== 0) {
      syncLinked(x, here, regs[dst]!, linked);
      syncLinked(x, taken, other[dst]!, linked);
    }
  } else {
    if (fromReg && s.type === SCALAR && s.id !== 0) {
      syncLinked(x, here, s, linked);
      syncLinked(x, taken, s, linked);
    }
    if (d.type === SCALAR && d.id !== 0) {
      syncLinked(x, here, d, linked);
      syncLinked(x, taken, d, linked);
    }
  }
  if (
    wide &&
    fromReg &&
    s.type !== SCALAR &&
    d.type !== SCALAR &&
    !early &&
    mayBeNull(s.type) !== mayBeNull(d.type) &&
    baseOf(s.type) !== PTR_TO_BTF_ID &&
    baseOf(d.type) !== PTR_TO_BTF_ID
  ) {
    const equal = op === JMP.eq ? other : op === JMP.ne ? regs : undefined;
    if (equal !== undefined) {
      const which = mayBeNull(s.type) ? src : dst;
      equal[which] = notNull(equal[which]!);
    }
  }
  if (wide && !fromReg && imm === 0 && (op === JMP.eq || op === JMP.ne) && mayBeNull(d.type)) {
    markNull(x, here, dst, op === JMP.ne);
    markNull(x, taken, dst, op === JMP.eq);
  } else if (!(fromReg && wide && matchPackets(x, op, d, s, dst, src, here, taken)) && x.leaks(d))
    x.refuse(`R${dst} pointer comparison prohibited`);
  x.trace?.show(x);
}

/** Equality with a constant says nothing of a range. */
function decideEarly(d: Reg, s: Reg, op: number, wide: boolean): number {
  if (op !== JMP.eq && op !== JMP.ne) return decide(d, s, op, wide);
  if (!(wide ? isConst(d) : isConst32(d))) return -1;
  const equal = d.vl === s.vl && (!wide || d.vh === s.vh);
  return equal === (op === JMP.eq) ? 1 : 0;
}

function forkEarly(
  x: Explorer,
  taken: State,
  d: Reg,
  s: Reg,
  op: number,
  wide: boolean,
  fromReg: boolean,
  dst: number,
  src: number,
  linked: readonly Linked[],
): void {
  const constant = wide ? isConst : isConst32;
  const here = x.state;
  const regs = here.frame.regs;
  const other = taken.frame.regs;
  if (constant(s)) {
    const t = d.clone();
    const f = d.clone();
    refineEarly(t, f, s, op, wide);
    other[dst] = t;
    regs[dst] = f;
  } else if (constant(d)) {
    const t = s.clone();
    const f = s.clone();
    refineEarly(t, f, d, flip(op), wide);
    other[src] = t;
    regs[src] = f;
  } else if (wide && (op === JMP.eq || op === JMP.ne)) {
    // Where they are equal, both have what is known of either.
    const [a, b] = [d.clone(), src === dst ? d : s.clone()];
    if (a !== b) refine(a, b, d.clone(), s.clone(), JMP.eq, true);
    const equal = op === JMP.eq ? other : regs;
    equal[dst] = a;
    equal[src] = src === dst ? a : b;
  }
  for (const r of fromReg ? [src, dst] : [dst]) {
    if (regs[r]!.id === 0) continue;
    syncLinked(x, here, regs[r]!, linked);
    syncLinked(x, taken, other[r]!, linked);
  }
}

function checkMayGoto(x: Explorer, code: number, dst: number, src: number, off: number, imm: number): void {
  if (code !== 0xe5 || src !== 0 || dst !== 0 || imm !== 0 || off === 0)
    x.refuse(`invalid may_goto off ${off} imm ${imm}`);
  const before = previousEntry(x, x.state.parent, x.insn);
  const queued = x.fork(x.insn + 1, x.insn);
  queued.mayGotoDepth += 1;
  if (before !== undefined) widenImprecise(before, queued);
  x.insn += off;
}

const isPacket = (r: Reg): boolean => r.type === PTR_TO_PACKET || r.type === PTR_TO_PACKET_META;
const isPacketAny = (r: Reg): boolean => isPacket(r) || r.type === PTR_TO_PACKET_END;

function branchTaken(a: Reg, b: Reg, op: number, wide: boolean, early: boolean): number {
  if (wide && isPacketAny(a) && isPacketAny(b)) return packetTaken(a, b, op);
  if (a.type !== SCALAR || b.type !== SCALAR) {
    const constant = (r: Reg): boolean => r.type === SCALAR && (wide ? isConst(r) : isConst32(r));
    if (!constant(b)) [a, b, op] = [b, a, flip(op)];
    if (!constant(b) || !certainlyNotNull(a)) return -1;
    const base = baseOf(a.type);
    if (early && (base === CONST_PTR_TO_MAP || base === PTR_TO_MEM || base === PTR_TO_BTF_ID)) return -1;
    if (b.vl !== 0 || (wide && b.vh !== 0)) return -1;
    return op === JMP.eq ? 0 : op === JMP.ne ? 1 : -1;
  }
  return decide(a, b, op, wide);
}

function certainlyNotNull(r: Reg): boolean {
  if (mayBeNull(r.type)) return false;
  switch (baseOf(r.type)) {
    case PTR_TO_SOCKET:
    case PTR_TO_TCP_SOCK:
    case PTR_TO_MAP_VALUE:
    case PTR_TO_MAP_KEY:
    case PTR_TO_SOCK_COMMON:
    case PTR_TO_MEM:
    case CONST_PTR_TO_MAP:
      return true;
    case PTR_TO_BTF_ID:
      return isTrusted(r);
    default:
      return false;
  }
}

function packetTaken(a: Reg, b: Reg, op: number): number {
  let p: Reg;
  if (b.type === PTR_TO_PACKET_END) p = a;
  else if (a.type === PTR_TO_PACKET_END) {
    p = b;
    op = flip(op);
  } else return -1;
  if (p.aux >= 0) return -1;
  switch (op) {
    case JMP.le:
    case JMP.gt:
      return p.aux === BEYOND_END ? (op === JMP.gt ? 1 : 0) : -1;
    case JMP.lt:
    case JMP.ge:
      return op === JMP.ge ? 1 : 0;
    default:
      return -1;
  }
}

const MOST_LINKED = 6;

function collectLinked(x: Explorer, id: number, into: Linked[]): void {
  const wanted = id & ~ADD_CONST;
  const push = (frame: number, register: boolean, index: number): boolean => {
    if (into.length >= MOST_LINKED) return false;
    into.push({ frame, register, index });
    return true;
  };
  const unlink = (reg: Reg): Reg => {
    const alone = reg.clone();
    alone.id = 0;
    alone.off = 0;
    return alone;
  };
  for (let f = x.state.frames.length - 1; f >= 0; f--) {
    const frame = x.state.frames[f]!;
    const live = x.live?.[x.state.frames[f + 1]?.callsite ?? x.insn] ?? -1;
    for (let r = 0; r < 10; r++) {
      const reg = frame.regs[r]!;
      if (reg.type !== SCALAR || (reg.id & ~ADD_CONST) !== wanted || !(live & (1 << r))) continue;
      if (!push(f, true, r)) frame.regs[r] = unlink(reg);
    }
    for (let i = 0; i < frame.stack.length; i++) {
      const slot = frame.stack[i]!;
      if (!slot.spilled || slot.reg.type !== SCALAR || (slot.reg.id & ~ADD_CONST) !== wanted) continue;
      if (!push(f, false, i)) frame.stack[i] = new Slot(slot.kinds, unlink(slot.reg));
    }
  }
}

function syncLinked(x: Explorer, state: State, from: Reg, linked: readonly Linked[]): void {
  for (const one of linked) {
    const frame = state.frames[one.frame]!;
    const reg = one.register ? frame.regs[one.index]! : frame.stack[one.index]!.reg;
    if (reg === from || reg.type !== SCALAR || (reg.id & ~ADD_CONST) !== (from.id & ~ADD_CONST)) continue;
    // Steps of different widths wrap around at different places.
    if (((reg.id ^ from.id) & ADD_CONST) === ADD_CONST) continue;
    let now: Reg;
    if ((!(reg.id & ADD_CONST) && !(from.id & ADD_CONST)) || reg.off === from.off) now = from;
    else {
      now = from.clone();
      now.off = reg.off;
      now.id = reg.id;
      const distance = reg.off - from.off;
      add(now, known(distance | 0, Math.floor(distance / 4294967296)));
      if ((reg.id | from.id) & ADD_CONST32) zeroExtend(now);
      if (x.kernel.linkedSteps) sync(now);
    }
    if (one.register) frame.regs[one.index] = now;
    else frame.stack[one.index] = new Slot(frame.stack[one.index]!.kinds, now);
  }
}

/** The pointer that a null check has proved. */
export function notNull(reg: Reg): Reg {
  const now = reg.clone();
  if (baseOf(reg.type) === PTR_TO_MAP_VALUE) {
    const map = reg.map!;
    if (map.inner !== undefined) {
      now.type = CONST_PTR_TO_MAP;
      now.map = map.inner;
      now.aux2 = reg.id;
    } else if (map.type === MAP.BPF_MAP_TYPE_XSKMAP) now.type = PTR_TO_XDP_SOCK;
    else if (map.type === MAP.BPF_MAP_TYPE_SOCKMAP || map.type === MAP.BPF_MAP_TYPE_SOCKHASH) now.type = PTR_TO_SOCKET;
    else now.type = PTR_TO_MAP_VALUE;
    return now;
  }
  now.type &= ~MAYBE_NULL;
  return now;
}

function markNull(x: Explorer, state: State, register: number, isNullHere: boolean): void {
  const { id, ref } = state.frame.regs[register]!;
  if (ref !== 0 && ref === id && isNullHere) state.refs = state.refs.filter((one) => one.id !== id);
  x.eachReg(state, (reg) => {
    if (!mayBeNull(reg.type) || reg.id !== id) return reg;
    if (isNullHere) {
      const zero = known(0);
      return zero;
    }
    const now = notNull(reg);
    if (!mayPointToLock(x, now)) now.id = 0;
    return now;
  });
}

/** A comparison of a packet pointer with the end proves bytes on one of the ways. */
function matchPackets(
  x: Explorer,
  op: number,
  d: Reg,
  s: Reg,
  dst: number,
  src: number,
  here: State,
  taken: State,
): boolean {
  const forward =
    (d.type === PTR_TO_PACKET && s.type === PTR_TO_PACKET_END) || (d.type === PTR_TO_PACKET_META && isPacketStart(s));
  const backward =
    (d.type === PTR_TO_PACKET_END && s.type === PTR_TO_PACKET) || (isPacketStart(d) && s.type === PTR_TO_PACKET_META);
  if (!forward && !backward) return false;
  const pointer = forward ? d : s;
  const register = forward ? dst : src;
  const relation = forward ? op : flip(op);
  switch (relation) {
    case JMP.gt:
      goodPackets(x, here, pointer, false);
      markEnd(taken, register, BEYOND_END);
      return true;
    case JMP.lt:
      goodPackets(x, taken, pointer, true);
      markEnd(here, register, AT_END);
      return true;
    case JMP.ge:
      goodPackets(x, here, pointer, true);
      markEnd(taken, register, AT_END);
      return true;
    case JMP.le:
      goodPackets(x, taken, pointer, false);
      markEnd(here, register, BEYOND_END);
      return true;
    default:
      return false;
  }
}

const isPacketStart = (r: Reg): boolean => r.type === PTR_TO_PACKET && r.off === 0 && isConst(r) && (r.vl | r.vh) === 0;

function goodPackets(x: Explorer, state: State, pointer: Reg, open: boolean): void {
  if (pointer.off < 0 || (pointer.off === 0 && open)) return;
  if (pointer.uxh !== 0 || pointer.uxl >>> 0 > 0xffff || (pointer.uxl >>> 0) + pointer.off > 0xffff) return;
  const range = pointer.off + (open ? 1 : 0);
  x.eachReg(state, (reg) => {
    if (reg.type !== pointer.type || reg.id !== pointer.id || reg.aux >= range) return reg;
    const now = reg.clone();
    now.aux = range;
    return now;
  });
}

function markEnd(state: State, register: number, where: number): void {
  const reg = state.frame.regs[register]!;
  if (reg.type !== PTR_TO_PACKET) return;
  const now = reg.clone();
  now.aux = where;
  state.frame.regs[register] = now;
}
