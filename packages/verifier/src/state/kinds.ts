/** What a register or a stack byte holds. Kinds and flags are bits of one number, so that a test is one `&`. */

export const NOT_INIT = 0;
export const SCALAR = 1;
export const PTR_TO_CTX = 2;
export const CONST_PTR_TO_MAP = 3;
export const PTR_TO_MAP_VALUE = 4;
export const PTR_TO_MAP_KEY = 5;
export const PTR_TO_STACK = 6;
export const PTR_TO_PACKET_META = 7;
export const PTR_TO_PACKET = 8;
export const PTR_TO_PACKET_END = 9;
export const PTR_TO_FLOW_KEYS = 10;
export const PTR_TO_SOCKET = 11;
export const PTR_TO_SOCK_COMMON = 12;
export const PTR_TO_TCP_SOCK = 13;
export const PTR_TO_TP_BUFFER = 14;
export const PTR_TO_XDP_SOCK = 15;
export const PTR_TO_BTF_ID = 16;
export const PTR_TO_MEM = 17;
export const PTR_TO_ARENA = 18;
export const PTR_TO_BUF = 19;
export const PTR_TO_FUNC = 20;
export const CONST_PTR_TO_DYNPTR = 21;

export const BASE = 0xff;
export const MAYBE_NULL = 1 << 8;
export const MEM_RDONLY = 1 << 9;
export const MEM_RINGBUF = 1 << 10;
export const MEM_USER = 1 << 11;
export const MEM_PERCPU = 1 << 12;
export const PTR_UNTRUSTED = 1 << 13;
export const MEM_ALLOC = 1 << 14;
export const PTR_TRUSTED = 1 << 15;
export const MEM_RCU = 1 << 16;
export const NON_OWN_REF = 1 << 17;
export const DYNPTR_LOCAL = 1 << 18;
export const DYNPTR_RINGBUF = 1 << 19;
export const DYNPTR_SKB = 1 << 20;
export const DYNPTR_XDP = 1 << 21;

export const baseOf = (type: number): number => type & BASE;
export const mayBeNull = (type: number): boolean => (type & MAYBE_NULL) !== 0;

const NAMES = [
  '?',
  'scalar',
  'ctx',
  'map_ptr',
  'map_value',
  'map_key',
  'fp',
  'pkt_meta',
  'pkt',
  'pkt_end',
  'flow_keys',
  'sock',
  'sock_common',
  'tcp_sock',
  'tp_buffer',
  'xdp_sock',
  'ptr_',
  'mem',
  'arena',
  'buf',
  'func',
  'dynptr_ptr',
] as const;

/** As the kernel's messages call a register type. */
export function typeName(type: number): string {
  const base = type & BASE;
  const prefix =
    (type & MEM_RDONLY ? 'rdonly_' : '') +
    (type & MEM_RINGBUF ? 'ringbuf_' : '') +
    (type & MEM_USER ? 'user_' : '') +
    (type & MEM_PERCPU ? 'percpu_' : '') +
    (type & MEM_RCU ? 'rcu_' : '') +
    (type & PTR_UNTRUSTED ? 'untrusted_' : '') +
    (type & PTR_TRUSTED ? 'trusted_' : '');
  const orNull = type & MAYBE_NULL ? (base === PTR_TO_BTF_ID ? 'or_null_' : '_or_null') : '';
  return prefix + NAMES[base]! + orNull;
}

/** What one byte of the stack holds; eight of them are the nibbles of {@link Slot.kinds}. */
export const STACK_INVALID = 0;
export const STACK_SPILL = 1;
export const STACK_MISC = 2;
export const STACK_ZERO = 3;
export const STACK_DYNPTR = 4;
export const STACK_ITER = 5;
/** All eight bytes of a kind. */
export const allOf = (kind: number): number => Math.imul(kind, 0x11111111);
