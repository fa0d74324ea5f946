/** What is known of a register, as plain data for whoever explains it. */
import type { BtfId } from '@skep/object';
import type { MapInfo } from '../program/maps.ts';
import {
  BASE,
  mayBeNull,
  NOT_INIT,
  PTR_TO_BTF_ID,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  SCALAR,
  typeName,
} from '../state/kinds.ts';
import { ADD_CONST, isConst, type Reg } from '../state/reg.ts';
import { registerText } from './text.ts';

/** What is known of a register. */
export interface RegisterView {
  /** As the kernel calls it: `scalar`, `ctx`, `map_value_or_null`, `pkt`, `ptr_`, … */
  readonly kind: string;
  /** As the kernel prints it. */
  readonly text: string;
  readonly mayBeNull: boolean;
  /** The bounds: of a scalar, or of what was added to a pointer beside `offset`. */
  readonly umin: bigint;
  readonly umax: bigint;
  readonly smin: bigint;
  readonly smax: bigint;
  readonly umin32: number;
  readonly umax32: number;
  readonly smin32: number;
  readonly smax32: number;
  /** The value of a scalar of which only one is possible. */
  readonly constant: bigint | undefined;
  /** Bits that are known, and a 1 for each that is not. */
  readonly bits: { readonly value: bigint; readonly unknown: bigint };
  /** Bytes that were added to a pointer and are known. */
  readonly offset: number;
  /** Registers with the same number, other than 0, are copies of one value or one result. */
  readonly id: number;
  /** The reference that it holds, 0 for none: the same as in `Unreleased reference id=`. */
  readonly reference: number;
  readonly map: MapInfo | undefined;
  /** The struct that a pointer to kernel memory points to. */
  readonly struct: string | undefined;
  readonly structId: BtfId | undefined;
  /** packet: bytes that were compared with its end; memory: its size. */
  readonly size: number | undefined;
  /** The frame that a stack pointer points into. */
  readonly frame: number | undefined;
}

/** `frame` is that of the register, for its text. Undefined where the register was never written. */
export function viewOf(reg: Reg, frame: number): RegisterView | undefined {
  if (reg.type === NOT_INIT) return undefined;
  const base = reg.type & BASE;
  const packet = base === PTR_TO_PACKET || base === PTR_TO_PACKET_META;
  return {
    kind: typeName(reg.type),
    text: registerText(reg, frame),
    mayBeNull: mayBeNull(reg.type),
    umin: unsigned(reg.unl, reg.unh),
    umax: unsigned(reg.uxl, reg.uxh),
    smin: signed(reg.snl, reg.snh),
    smax: signed(reg.sxl, reg.sxh),
    umin32: reg.wn >>> 0,
    umax32: reg.wx >>> 0,
    smin32: reg.tn,
    smax32: reg.tx,
    constant: reg.type === SCALAR && isConst(reg) ? unsigned(reg.vl, reg.vh) : undefined,
    bits: { value: unsigned(reg.vl, reg.vh), unknown: unsigned(reg.ml, reg.mh) },
    offset: reg.type === SCALAR ? 0 : reg.off,
    id: reg.id & ~ADD_CONST,
    reference: reg.ref,
    map: reg.map,
    struct: base === PTR_TO_BTF_ID ? reg.btf?.name(reg.btfId) : undefined,
    structId: base === PTR_TO_BTF_ID ? reg.btfId : undefined,
    size: packet || base === PTR_TO_MEM ? reg.aux : undefined,
    frame: reg.type === PTR_TO_STACK ? reg.aux : undefined,
  };
}

const unsigned = (l: number, h: number): bigint => (BigInt(h >>> 0) << 32n) | BigInt(l >>> 0);
const signed = (l: number, h: number): bigint => (BigInt(h) << 32n) | BigInt(l >>> 0);
