/** Registers, stack and states as the verifier's log prints them (`kernel/bpf/log.c`). */
import { signedText, unsignedText } from '../number/int64.ts';
import type { Frame } from '../state/frame.ts';
import { ITER_ACTIVE } from '../state/iterator.ts';
import {
  BASE,
  CONST_PTR_TO_DYNPTR,
  CONST_PTR_TO_MAP,
  NON_OWN_REF,
  NOT_INIT,
  PTR_TO_ARENA,
  PTR_TO_BTF_ID,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  SCALAR,
  STACK_DYNPTR,
  STACK_ITER,
  STACK_SPILL,
  typeName,
} from '../state/kinds.ts';
import { ADD_CONST, isConst, type Reg } from '../state/reg.ts';
import type { State } from '../state/state.ts';

const DYNPTR_NAMES = ['?', 'local', 'ringbuf', 'skb', 'xdp', 'skb_meta'];
/** Of each kind of byte. */
const BYTE_KINDS = '?rm0di';

/** `scalar(smin=0,smax=umax=255,…)`, `map_value(map=m,ks=4,vs=8)`, `fp-8`, `7`. */
export function registerText(reg: Reg, frame: number): string {
  if (reg.type === SCALAR && isConst(reg)) return small(reg.vl, reg.vh);
  const base = reg.type & BASE;
  const start = typeName(reg.type);
  if (reg.type === PTR_TO_ARENA) return start;
  const fields: string[] = [];
  let name = start;
  if (reg.type === PTR_TO_STACK) {
    if (reg.aux !== frame) name += `[${reg.aux}]`;
    if (isConst(reg)) return name + small32(reg.vl + reg.off);
  }
  if (base === PTR_TO_BTF_ID && reg.btf !== undefined) name += reg.btf.name(reg.btfId);
  if (reg.id !== 0) fields.push(`id=${reg.id & ~ADD_CONST}${reg.id & ADD_CONST ? signed(reg.off) : ''}`);
  if (reg.ref !== 0) fields.push(`ref_obj_id=${reg.ref}`);
  if (reg.type & NON_OWN_REF) fields.push('non_own_ref');
  if (base === CONST_PTR_TO_MAP || base === PTR_TO_MAP_KEY || base === PTR_TO_MAP_VALUE) {
    if (reg.map?.name) fields.push(`map=${reg.map.name}`);
    fields.push(`ks=${reg.map?.keySize ?? 0},vs=${reg.map?.valueSize ?? 0}`);
  }
  if (reg.type !== SCALAR && reg.off !== 0) fields.push(`off=${small32(reg.off)}`);
  if (base === PTR_TO_PACKET || base === PTR_TO_PACKET_META) fields.push(`r=${unsigned(reg.aux, reg.aux >> 31)}`);
  if (base === PTR_TO_MEM) fields.push(`sz=${unsigned(reg.aux, 0)}`);
  if (reg.type === CONST_PTR_TO_DYNPTR) fields.push(`type=${DYNPTR_NAMES[reg.aux]}`);
  if (isConst(reg)) {
    if ((reg.vl | reg.vh) !== 0) fields.push(`imm=${small(reg.vl, reg.vh)}`);
  } else {
    fields.push(...ranges(reg));
    if (!(reg.ml === -1 && reg.mh === -1)) fields.push(`var_off=(${hex(reg.vl, reg.vh)}; ${hex(reg.ml, reg.mh)})`);
  }
  return `${name}(${fields.join(',')})`;
}

const signed = (n: number): string => (n >= 0 ? `+${n}` : String(n));
const hex = (l: number, h: number): string =>
  `0x${h === 0 ? (l >>> 0).toString(16) : (h >>> 0).toString(16) + (l >>> 0).toString(16).padStart(8, '0')}`;
const unsigned = (l: number, h: number): string => (h === 0 && l >>> 0 <= 0xffff ? unsignedText(l, h) : hex(l, h));
const small = (l: number, h: number): string =>
  l >= -32768 && l <= 32767 && h === l >> 31 ? signedText(l, h) : hex(l, h);
const small32 = (n: number): string => small(n, n >> 31);

/** The bounds that say something; equal ones share a value. */
function ranges(r: Reg): string[] {
  const wide = (n: number): readonly [number, number] => [n, n >= -32768 && n <= 32767 ? n >> 31 : 0];
  const [tnl, tnh] = wide(r.tn);
  const [txl, txh] = wide(r.tx);
  const all: { name: string; l: number; h: number; omit: boolean }[] = [
    { name: 'smin', l: r.snl, h: r.snh, omit: r.snl === 0 && r.snh === -2147483648 },
    { name: 'smax', l: r.sxl, h: r.sxh, omit: r.sxl === -1 && r.sxh === 2147483647 },
    { name: 'umin', l: r.unl, h: r.unh, omit: (r.unl | r.unh) === 0 },
    { name: 'umax', l: r.uxl, h: r.uxh, omit: (r.uxl & r.uxh) === -1 },
    { name: 'smin32', l: tnl, h: tnh, omit: r.tn === -2147483648 },
    { name: 'smax32', l: txl, h: txh, omit: r.tx === 2147483647 },
    { name: 'umin32', l: r.wn, h: 0, omit: r.wn === 0 },
    { name: 'umax32', l: r.wx, h: 0, omit: r.wx === -1 },
  ];
  const out: string[] = [];
  for (let i = 0; i < all.length; i++) {
    const one = all[i]!;
    if (one.omit) continue;
    let names = one.name;
    const negative = one.name[0] === 's' && one.h < 0;
    for (let j = i + 2; j < all.length; j += 2) {
      const other = all[j]!;
      if (other.omit || other.l !== one.l || other.h !== one.h) continue;
      if ((other.name[0] === 's' && other.h < 0) !== negative) continue;
      other.omit = true;
      names += `=${other.name}`;
    }
    out.push(`${names}=${one.name[0] === 's' ? small(one.l, one.h) : unsigned(one.l, one.h)}`);
  }
  return out;
}

export interface StateTextOptions {
  /** Bit masks of the registers and slots that are shown; all without. */
  readonly registers?: number;
  readonly slots?: (index: number) => boolean;
  /** Linux before 6.18 shows what was written since the last kept state (`_w`). */
  readonly liveness: boolean;
  /** Scalars that pruning compares exactly show a `P`. */
  readonly allPrecise: boolean;
}

/** All of a frame on one line: ` R1=ctx() R10=fp0 fp-8=…`. */
export function stateText(state: State, frame: Frame, options: StateTextOptions): string {
  let out = frame.number > 0 ? ` frame${frame.number}:` : '';
  for (let r = 0; r < 11; r++) {
    const reg = frame.regs[r]!;
    if (reg.type === NOT_INIT || (options.registers !== undefined && !(options.registers & (1 << r)))) continue;
    const written = options.liveness && r < 10 && frame.written & (1 << r) ? '_w' : '';
    const precise = reg.type === SCALAR && options.allPrecise ? 'P' : '';
    out += ` R${r}${written}=${precise}${registerText(reg, frame.number)}`;
  }
  for (let s = 0; s < frame.stack.length; s++) {
    const slot = frame.stack[s]!;
    if (slot.kinds === 0 || options.slots?.(s) === false) continue;
    const place = (index: number): string =>
      ` fp${(-index - 1) * 8}${options.liveness && frame.slotWritten(index) ? '_w' : ''}=`;
    let bytes = '';
    for (let i = 0; i < 8; i++) bytes += BYTE_KINDS[slot.kindAt(i)];
    switch (slot.kindAt(7)) {
      case STACK_SPILL: {
        const precise = slot.reg.type === SCALAR && options.allPrecise ? 'P' : '';
        out += place(s) + bytes.slice(0, bytes.indexOf('r')) + precise + registerText(slot.reg, frame.number);
        break;
      }
      case STACK_DYNPTR: {
        s += 1;
        const reg = frame.stack[s]!.reg;
        out += `${place(s)}dynptr_${DYNPTR_NAMES[reg.aux]}(id=${reg.id},${reg.ref !== 0 ? `ref_id=${reg.ref},` : ''}dynptr_id=1)`;
        break;
      }
      case STACK_ITER: {
        const { reg } = slot;
        if (reg.ref === 0) break;
        const name = reg.btf?.name(reg.btfId).replace(/^bpf_iter_/, '') ?? '';
        const active = reg.aux === ITER_ACTIVE ? 'active' : 'drained';
        out += `${place(s)}iter_${name}(ref_id=${reg.ref},state=${active},depth=${reg.aux2})`;
        break;
      }
      default:
        out += place(s) + bytes;
    }
  }
  if (state.refs.length > 0) out += ` refs=${state.refs.map((ref) => ref.id).join(',')}`;
  if (frame.callback) out += ' cb';
  if (frame.asyncCallback) out += ' async_cb';
  return out;
}
