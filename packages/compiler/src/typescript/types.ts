import type { BtfId } from '@skep/object';

/** How a value lies in a map or an event: the names that declarations use, `u32`, `char[16]`, an object of such. */
export type Storage =
  | { readonly kind: 'int'; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: 'bool' }
  | { readonly kind: 'ipv4' }
  | { readonly kind: 'pointer'; readonly space: Space }
  | { readonly kind: 'string'; readonly size: number }
  | { readonly kind: 'record'; readonly fields: ReadonlyMap<string, Storage> };

/** Whose memory an address means. */
export type Space = 'user' | 'kernel';

/**
 * What is known of a value while a probe is compiled. Numbers are whole and have bounds, so that it is known when C and
 * JavaScript would disagree; their C expression has any integer type that holds them.
 */
export type Type =
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'bigint'; readonly signed: boolean }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'string'; readonly size: number | undefined }
  | { readonly kind: 'pointer'; readonly space: Space }
  | { readonly kind: 'record'; readonly storage: Storage & { readonly kind: 'record' } }
  | { readonly kind: 'kernel'; readonly struct: BtfId; readonly tag: string; readonly access: Access }
  | { readonly kind: 'packet'; readonly layer: string }
  | { readonly kind: 'context' }
  | { readonly kind: 'undefined' };

/** How members of kernel structs are read: the verifier knows the pointer's type, or a helper has to. */
export type Access = 'direct' | 'probe';

export const SAFE = Number.MAX_SAFE_INTEGER;
export const NUMBER: Type = { kind: 'number', min: -SAFE, max: SAFE };
export const BOOLEAN: Type = { kind: 'boolean' };
export const UNDEFINED: Type = { kind: 'undefined' };
export const U64: Type = { kind: 'bigint', signed: false };
export const I64: Type = { kind: 'bigint', signed: true };

export function numberOf(bits: number, signed: boolean): Type {
  return signed
    ? { kind: 'number', min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 }
    : { kind: 'number', min: 0, max: 2 ** bits - 1 };
}

/** What reading a stored value gives. */
export function valueType(storage: Storage): Type {
  switch (storage.kind) {
    case 'int':
      return storage.bits === 64 ? { kind: 'bigint', signed: storage.signed } : numberOf(storage.bits, storage.signed);
    case 'bool':
      return BOOLEAN;
    case 'ipv4':
      return numberOf(32, false);
    case 'pointer':
      return { kind: 'pointer', space: storage.space };
    case 'string':
      return { kind: 'string', size: storage.size };
    case 'record':
      return { kind: 'record', storage };
  }
}

export function sizeOfStorage(storage: Storage): number {
  switch (storage.kind) {
    case 'int':
      return storage.bits / 8;
    case 'bool':
      return 1;
    case 'ipv4':
      return 4;
    case 'pointer':
      return 8;
    case 'string':
      return storage.size;
    case 'record': {
      let size = 0;
      for (const field of storage.fields.values()) size = alignUp(size, alignOfStorage(field)) + sizeOfStorage(field);
      return alignUp(size, alignOfStorage(storage));
    }
  }
}

function alignOfStorage(storage: Storage): number {
  if (storage.kind === 'record') return Math.max(1, ...[...storage.fields.values()].map(alignOfStorage));
  return storage.kind === 'string' ? 1 : sizeOfStorage(storage);
}

function alignUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** `u32 name`, `char name[16]`. */
export function declareC(storage: Storage, name: string, recordName?: string): string {
  switch (storage.kind) {
    case 'int':
      return `${storage.signed ? 's' : 'u'}${storage.bits} ${name}`;
    case 'bool':
      return `bool ${name}`;
    case 'ipv4':
      return `__be32 ${name}`;
    case 'pointer':
      return `u64 ${name}`;
    case 'string':
      return `char ${name}[${storage.size}]`;
    case 'record':
      return `struct ${recordName} ${name}`;
  }
}

/** `u32`, `char[16]`, … by their names; undefined when there is no such type. */
export function storageByName(name: string): Storage | undefined {
  const int = /^([ui])(8|16|32|64)$/.exec(name);
  if (int) return { kind: 'int', bits: Number(int[2]) as 8 | 16 | 32 | 64, signed: int[1] === 'i' };
  const text = /^char\[([1-9]\d{0,4})\]$/.exec(name);
  if (text) return { kind: 'string', size: Number(text[1]) };
  if (name === 'bool') return { kind: 'bool' };
  if (name === 'ipv4') return { kind: 'ipv4' };
  if (name === 'uptr') return { kind: 'pointer', space: 'user' };
  if (name === 'kptr') return { kind: 'pointer', space: 'kernel' };
  return undefined;
}

/** For diagnostics: as the user's editor would say it. */
export function describe(type: Type, optional = false): string {
  const name = {
    number: 'number',
    bigint: 'bigint',
    boolean: 'boolean',
    string: 'string',
    pointer: type.kind === 'pointer' ? (type.space === 'user' ? 'UserPointer' : 'KernelPointer') : '',
    record: 'an object',
    kernel: type.kind === 'kernel' ? type.tag : '',
    packet: type.kind === 'packet' ? `the ${type.layer} header` : '',
    context: 'the context',
    undefined: 'undefined',
  }[type.kind];
  return optional ? `${name} | undefined` : name;
}
