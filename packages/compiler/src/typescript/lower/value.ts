import type { Constant } from '../declarations.ts';
import { BOOLEAN, type Type } from '../types.ts';

/** A value of a probe, as C. */
export interface Value {
  readonly type: Type;
  /** An expression without effects; of texts what is printed is made by `into`. */
  readonly c: string;
  readonly constant?: Constant | undefined;
  /** A condition: without it the value is `undefined`. */
  readonly ok?: string | undefined;
  /** Undefined only where an earlier `?.` of the same chain ended it. */
  readonly chain?: boolean;
  /** Of texts: statements that write it to `size` bytes at an address. */
  readonly into?: (address: string, size: number) => string;
}

export function constantValue(value: Constant): Value {
  switch (typeof value) {
    case 'number':
      return {
        type: { kind: 'number', min: value, max: value },
        c: value < 0 ? `(${value}LL)` : Math.abs(value) > 2 ** 31 - 1 ? `${value}LL` : String(value),
        constant: value,
      };
    case 'bigint':
      return {
        type: { kind: 'bigint', signed: value < 0n },
        c:
          value < 0n
            ? value === -(1n << 63n)
              ? '((s64)0x8000000000000000ULL)'
              : `((s64)${value}LL)`
            : `${BigInt.asUintN(64, value)}ULL`,
        constant: value,
      };
    case 'boolean':
      return { type: BOOLEAN, c: value ? '1' : '0', constant: value };
    default:
      return {
        type: { kind: 'string', size: new TextEncoder().encode(value).length + 1 },
        c: '@text',
        constant: value,
      };
  }
}

export function cTypeOf(type: Type): string {
  switch (type.kind) {
    case 'number':
      return 's64';
    case 'bigint':
      return type.signed ? 's64' : 'u64';
    case 'boolean':
      return 'bool';
    default:
      return 'u64';
  }
}

export function castC(type: Type, c: string): string {
  return `(${cTypeOf(type)})(${c})`;
}

export function wide(c: string): string {
  return `(s64)(${c})`;
}

export function guarded(ok: string | undefined, text: string): string {
  return ok === undefined ? text : `if (${ok}) { ${text} }`;
}
