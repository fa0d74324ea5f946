/** What a pointer may reach: regions with an end, packets up to what was compared, what has no offset at all. */
import { BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, PROG } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { toNumber } from '../number/int64.ts';
import { tn, tnumAdd } from '../number/tnum.ts';
import type { MapInfo } from '../program/maps.ts';
import {
  PTR_TO_ARENA,
  PTR_TO_CTX,
  PTR_TO_FLOW_KEYS,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_SOCK_COMMON,
  PTR_TO_SOCKET,
  PTR_TO_STACK,
  PTR_TO_TCP_SOCK,
  PTR_TO_XDP_SOCK,
  typeName,
} from '../state/kinds.ts';
import { isConst, type Reg, tnumText } from '../state/reg.ts';
import { fieldsOfMap } from './fields.ts';

/** No offset that is not known may be larger (`BPF_MAX_VAR_OFF`). */
const MAX_VAR_OFF = 1 << 29;

/** Pointers whose memory is no plain array: no offset may have been added. */
export function checkPlainOffset(x: Explorer, p: Reg, register: number, fixedAllowed: boolean): void {
  if (p.off < 0) x.refuse(`negative offset ${typeName(p.type)} ptr R${register} off=${p.off} disallowed`);
  if (!fixedAllowed && p.off !== 0)
    x.refuse(`dereference of modified ${typeName(p.type)} ptr R${register} off=${p.off} disallowed`);
  if (!isConst(p) || (p.vl | p.vh) !== 0)
    x.refuse(`variable ${typeName(p.type)} access var_off=${tnumText(p)} disallowed`);
}

export function checkBuffer(x: Explorer, kind: string, p: Reg, register: number, off: number, size: number): void {
  if (off < 0) x.refuse(`R${register} invalid ${kind} buffer access: off=${off}, size=${size}`);
  if (!isConst(p) || (p.vl | p.vh) !== 0)
    x.refuse(`R${register} invalid variable buffer offset: off=${off}, var_off=${tnumText(p)}`);
}

export function checkAlignment(x: Explorer, p: Reg, off: number, size: number, once: boolean): void {
  if (p.type === PTR_TO_ARENA || size === 1) return;
  const packet = p.type === PTR_TO_PACKET || p.type === PTR_TO_PACKET_META;
  const strict = x.strictAlignment || once || p.type === PTR_TO_STACK;
  if (!strict) return;
  const fixed = p.off + off + (packet ? 2 : 0);
  tnumAdd(p.vl, p.vh, p.ml, p.mh, fixed, fixed >> 31, 0, 0);
  if (((tn.vl | tn.ml) & (size - 1)) === 0) return;
  if (packet) x.refuse(`misaligned packet access off 2+${tnumText(p)}+${p.off}+${off} size ${size}`);
  x.refuse(`misaligned ${ALIGNED_NAMES[p.type] ?? ''}access off ${tnumText(p)}+${p.off}+${off} size ${size}`);
}

const ALIGNED_NAMES: Readonly<Record<number, string>> = {
  [PTR_TO_FLOW_KEYS]: 'flow keys ',
  [PTR_TO_MAP_KEY]: 'key ',
  [PTR_TO_MAP_VALUE]: 'value ',
  [PTR_TO_CTX]: 'context ',
  [PTR_TO_STACK]: 'stack ',
  [PTR_TO_SOCKET]: 'sock ',
  [PTR_TO_SOCK_COMMON]: 'sock_common ',
  [PTR_TO_TCP_SOCK]: 'tcp_sock ',
  [PTR_TO_XDP_SOCK]: 'xdp_sock ',
};

/** Refuses what does not lie within the `region` bytes that the pointer's own offset counts from. */
export function checkRegion(
  x: Explorer,
  register: number,
  p: Reg,
  off: number,
  size: number,
  region: number,
  zeroAllowed = false,
): void {
  switch (regionBounds(p, off, size, region, zeroAllowed)) {
    case 'negative':
      x.refuse(`R${register} min value is negative, either use unsigned index or do a if (index >=0) check.`);
      break;
    case 'min':
      x.refuse(`R${register} min value is outside of the allowed memory range`);
      break;
    case 'unbounded':
      x.refuse(`R${register} unbounded memory access, make sure to bounds check any such access`);
      break;
    case 'max':
      x.refuse(`R${register} max value is outside of the allowed memory range`);
      break;
  }
}

export function checkMapAccess(
  x: Explorer,
  register: number,
  p: Reg,
  off: number,
  size: number,
  direct: boolean,
  zeroAllowed = false,
): void {
  checkRegion(x, register, p, off, size, p.map!.valueSize, zeroAllowed);
  const least = toNumber(p.snl, p.snh) + off;
  const most = (p.uxl >>> 0) + off + size;
  for (const field of fieldsOfMap(x, p.map!)) {
    if (least >= field.offset + field.size || field.offset >= most) continue;
    if (field.kind !== 'kptr') x.refuse(`${field.kind} cannot be accessed directly by load/store`);
    if (!direct) x.refuse('kptr cannot be accessed indirectly by helper');
    if (!isConst(p)) x.refuse('kptr access cannot have variable offset');
    if (field.offset !== off + p.vl) x.refuse(`kptr access misaligned expected=${field.offset} off=${off + p.vl}`);
    if (size !== 8) x.refuse('kptr access size must be BPF_DW');
  }
}

export function checkMapDirection(x: Explorer, map: MapInfo, off: number, size: number, write: boolean): void {
  if (write && map.flags & BPF_F_RDONLY_PROG)
    x.refuse(`write into map forbidden, value_size=${map.valueSize} off=${off} size=${size}`);
  if (!write && map.flags & BPF_F_WRONLY_PROG)
    x.refuse(`read from map forbidden, value_size=${map.valueSize} off=${off} size=${size}`);
}

/** Of a value of its map; see {@link regionBounds}. */
export const mapBounds = (p: Reg, off: number, size: number): string | undefined =>
  regionBounds(p, off, size, p.map!.valueSize, false);

/** Which bound of a pointer leaves a region of `size` bytes: undefined when none does. */
function regionBounds(
  p: Reg,
  off: number,
  size: number,
  region: number,
  zeroAllowed: boolean,
): 'negative' | 'min' | 'unbounded' | 'max' | undefined {
  const least = toNumber(p.snl, p.snh);
  if (least < 0 && (least === -(2 ** 63) || off + least < 0)) return 'negative';
  const inside = (at: number): boolean => {
    const start = at | 0;
    return (size > 0 || (size === 0 && zeroAllowed)) && start >= 0 && start + size <= region >>> 0;
  };
  if (!inside(p.snl + off)) return 'min';
  if (p.uxh !== 0 || p.uxl >>> 0 >= MAX_VAR_OFF) return 'unbounded';
  if (!inside(p.uxl + off)) return 'max';
  return undefined;
}

export function checkPacket(
  x: Explorer,
  register: number,
  p: Reg,
  off: number,
  size: number,
  zeroAllowed: boolean,
): void {
  if (p.snh < 0)
    x.refuse(`R${register} min value is negative, either use unsigned index or do a if (index >=0) check.`);
  const inside = p.aux >= 0 && (size > 0 || zeroAllowed) && off >= 0 && off + size <= p.aux;
  if (!inside) x.refuse(`R${register} offset is outside of the packet`);
}

export const packetReadable = (x: Explorer): boolean => READ_PACKETS.has(x.program.input.type);
export const packetWritable = (x: Explorer): boolean => WRITE_PACKETS.has(x.program.input.type);

const READ_PACKETS = new Set([
  PROG.BPF_PROG_TYPE_SCHED_CLS,
  PROG.BPF_PROG_TYPE_SCHED_ACT,
  PROG.BPF_PROG_TYPE_XDP,
  PROG.BPF_PROG_TYPE_CGROUP_SKB,
  PROG.BPF_PROG_TYPE_LWT_IN,
  PROG.BPF_PROG_TYPE_LWT_OUT,
  PROG.BPF_PROG_TYPE_LWT_XMIT,
  PROG.BPF_PROG_TYPE_SK_SKB,
  PROG.BPF_PROG_TYPE_SK_MSG,
  PROG.BPF_PROG_TYPE_LWT_SEG6LOCAL,
  PROG.BPF_PROG_TYPE_SK_REUSEPORT,
  PROG.BPF_PROG_TYPE_FLOW_DISSECTOR,
  PROG.BPF_PROG_TYPE_CGROUP_SOCKOPT,
]);

const WRITE_PACKETS = new Set([
  PROG.BPF_PROG_TYPE_SCHED_CLS,
  PROG.BPF_PROG_TYPE_SCHED_ACT,
  PROG.BPF_PROG_TYPE_XDP,
  PROG.BPF_PROG_TYPE_LWT_XMIT,
  PROG.BPF_PROG_TYPE_SK_SKB,
  PROG.BPF_PROG_TYPE_SK_MSG,
  PROG.BPF_PROG_TYPE_CGROUP_SOCKOPT,
]);
