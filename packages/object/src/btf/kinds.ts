import type { BtfKind } from './model.ts';

/** `BTF_KIND_…` by number (include/uapi/linux/btf.h); 0 is void, which is no type of its own. */
export const KIND_NAMES = [
  'int', // 0 stands for void and is never looked up
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const satisfies readonly BtfKind[];

export const KIND_NUMBERS: Readonly<Record<BtfKind, number>> = {
  int: 1,
  ptr: 2,
  array: 3,
  struct: 4,
  union: 5,
  enum: 6,
  fwd: 7,
  typedef: 8,
  volatile: 9,
  const: 10,
  restrict: 11,
  func: 12,
  func_proto: 13,
  var: 14,
  datasec: 15,
  float: 16,
  decl_tag: 17,
  type_tag: 18,
  enum64: 19,
};

export const BTF_MAGIC = 0xeb9f;
export const BTF_HEADER_SIZE = 24;

/** 32-bit words behind the three of every type: fixed, and for each of `vlen` elements. Index: kind. */
export const FIXED_WORDS = /* @__PURE__ */ Uint8Array.of(0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0);
export const ELEMENT_WORDS = /* @__PURE__ */ Uint8Array.of(0, 0, 0, 0, 3, 3, 2, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 3);

export const INT_SIGNED = 1;
export const INT_CHAR = 2;
export const INT_BOOL = 4;
