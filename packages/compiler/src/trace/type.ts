/** Types of values in scripts, with the layout that they have in maps, records and memory. */
export type TraceType =
  | { readonly kind: 'none' }
  | IntType
  | { readonly kind: 'bool' }
  | PointerType
  /** Bytes with at least one NUL at the end; `size` counts it. */
  | { readonly kind: 'string'; readonly size: number }
  /** Four bytes of length, then `size` bytes. */
  | { readonly kind: 'buffer'; readonly size: number }
  | { readonly kind: 'array'; readonly of: TraceType; readonly count: number }
  | StructType
  | { readonly kind: 'tuple'; readonly items: readonly TraceType[] }
  | { readonly kind: 'record'; readonly fields: readonly { readonly name: string; readonly type: TraceType }[] }
  | {
      readonly kind: 'special';
      readonly name: SpecialName;
      readonly mode?: string;
      readonly limit?: number;
      readonly format?: string;
    }
  | AggregateType;

export interface IntType {
  readonly kind: 'int';
  readonly size: 1 | 2 | 4 | 8;
  readonly signed: boolean;
  /** A literal that is not negative takes the sign of the other side. */
  readonly flexible?: boolean;
  /** Printed by the names of its values. */
  readonly names?: EnumNames | undefined;
}
export interface EnumNames {
  readonly tag: string | undefined;
  readonly values: ReadonlyMap<bigint, string>;
}
export interface PointerType {
  readonly kind: 'pointer';
  readonly to: TraceType;
  readonly space: AddressSpace;
}
/** `bpf`: of the program itself, its stack and maps. */
export type AddressSpace = 'kernel' | 'user' | 'bpf' | 'none';

/** A C struct or union. Fields are loaded when they are asked for. */
export interface StructType {
  readonly kind: 'struct';
  /** `struct foo`, `union bar`, or a name that was made up. */
  readonly name: string;
  readonly anonymous: boolean;
  readonly size: number;
  /** Members of anonymous structs inside are listed as its own. */
  readonly fields: () => readonly StructField[];
  /** The kernel's types have it: access is relocated. */
  readonly kernel: boolean;
}
export interface StructField {
  readonly name: string;
  readonly type: TraceType;
  /** Bytes. */
  readonly offset: number;
  readonly bits?: { readonly offset: number; readonly width: number };
  /** The bytes hold where the data lies, as tracepoints have it. */
  readonly dataLocation?: boolean;
}

/**
 * Values of few bytes with a meaning that shows when they are printed: addresses of symbols, ids of stacks and users,
 * times.
 */
export type SpecialName =
  | 'ksym'
  | 'usym'
  | 'kstack'
  | 'ustack'
  | 'username'
  | 'timestamp'
  | 'cgroup_path'
  | 'inet'
  | 'mac'
  | 'timestamp_mode'
  | 'stack_mode';

/** What maps hold that are only ever added to; one value for each CPU. */
export interface AggregateType {
  readonly kind: 'aggregate';
  readonly name: AggregateName;
  readonly signed: boolean;
  /** hist: bits; lhist: min, max, step; tseries: interval in ns, number of intervals, how. */
  readonly args: readonly (bigint | string)[];
}
export type AggregateName = 'count' | 'sum' | 'min' | 'max' | 'avg' | 'stats' | 'hist' | 'lhist' | 'tseries';

export const NONE: TraceType = { kind: 'none' };
export const BOOL: TraceType = { kind: 'bool' };
export const INT64: IntType = { kind: 'int', size: 8, signed: true };
export const UINT64: IntType = { kind: 'int', size: 8, signed: false };
export const INT32: IntType = { kind: 'int', size: 4, signed: true };
export const UINT32: IntType = { kind: 'int', size: 4, signed: false };
export const INT8: IntType = { kind: 'int', size: 1, signed: true };
export const UINT8: IntType = { kind: 'int', size: 1, signed: false };

export function int(size: number, signed: boolean): IntType {
  return { kind: 'int', size: size as IntType['size'], signed };
}
export function string(size: number): TraceType {
  return { kind: 'string', size };
}
export function pointer(to: TraceType, space: AddressSpace): PointerType {
  return { kind: 'pointer', to, space };
}
export function special(name: SpecialName, more: { mode?: string; limit?: number; format?: string } = {}): TraceType {
  return { kind: 'special', name, ...more };
}

/** Bytes of the value as it lies in memory. */
export function sizeOf(type: TraceType): number {
  switch (type.kind) {
    case 'none':
      return 0;
    case 'int':
      return type.size;
    case 'bool':
      return 1;
    case 'pointer':
      return 8;
    case 'string':
      return type.size;
    case 'buffer':
      return 4 + type.size;
    case 'array':
      return sizeOf(type.of) * type.count;
    case 'struct':
      return type.size;
    case 'tuple':
    case 'record':
      return layoutOf(type).size;
    case 'special':
      return SPECIAL_SIZES[type.name];
    case 'aggregate':
      return type.name === 'count' || type.name === 'sum' || type.name === 'hist' || type.name === 'lhist' ? 8 : 24;
  }
}

export function alignOf(type: TraceType): number {
  switch (type.kind) {
    case 'int':
      return type.size;
    case 'pointer':
    case 'aggregate':
      return 8;
    case 'special':
      return type.name === 'mac' || type.name === 'inet' ? 1 : 8;
    case 'array':
      return alignOf(type.of);
    case 'buffer':
      return 4;
    case 'tuple':
    case 'record':
      return layoutOf(type).align;
    case 'struct':
      return 1;
    default:
      return 1;
  }
}

/** Where the parts of a tuple or record lie: as in C, each aligned to its size. */
export function layoutOf(type: TraceType & { kind: 'tuple' | 'record' }): {
  readonly size: number;
  readonly align: number;
  readonly offsets: readonly number[];
  readonly padded: boolean;
} {
  let at = 0;
  let align = 1;
  let used = 0;
  const offsets: number[] = [];
  for (const part of partsOf(type)) {
    const own = alignOf(part);
    at = Math.ceil(at / own) * own;
    offsets.push(at);
    at += sizeOf(part);
    used += sizeOf(part);
    align = Math.max(align, own);
  }
  const size = Math.ceil(at / align) * align;
  return { size, align, offsets, padded: size !== used };
}

export function partsOf(type: TraceType & { kind: 'tuple' | 'record' }): readonly TraceType[] {
  return type.kind === 'tuple' ? type.items : type.fields.map((one) => one.type);
}

/** Held in a register, rather than in memory. */
export function isScalar(type: TraceType): boolean {
  return type.kind === 'int' || type.kind === 'bool' || type.kind === 'pointer';
}

export function isCastable(type: TraceType): type is AggregateType {
  return type.kind === 'aggregate' && CASTABLE.has(type.name);
}
const CASTABLE: ReadonlySet<AggregateName> = new Set(['count', 'sum', 'min', 'max', 'avg']);

/** What an element of such a map is when it is used as a number. */
export function asNumber(type: TraceType): TraceType {
  return isCastable(type) ? (type.signed ? INT64 : UINT64) : type;
}

const SPECIAL_SIZES: Readonly<Record<SpecialName, number>> = {
  ksym: 8,
  // The address, the process that it belongs to, and the number of its name where that is known.
  usym: 16,
  // The id of the stack and its depth at most, the process, and how many addresses there are.
  kstack: 16,
  ustack: 16,
  username: 8,
  // The time, and which clock.
  timestamp: 16,
  cgroup_path: 8,
  // The family, then sixteen bytes.
  inet: 17,
  mac: 6,
  timestamp_mode: 1,
  stack_mode: 1,
};

/** As messages show it. */
export function showType(type: TraceType): string {
  switch (type.kind) {
    case 'int':
      return type.names?.tag ? `enum ${type.names.tag}` : `${type.signed ? '' : 'u'}int${type.size * 8}`;
    case 'pointer':
      return `${showType(type.to)} *`;
    case 'string':
    case 'buffer':
      return `${type.kind}[${type.size}]`;
    case 'array':
      return `${showType(type.of)}[${type.count}]`;
    case 'struct':
      return type.name;
    case 'tuple':
      return `(${type.items.map(showType).join(',')})`;
    case 'record':
      return `(${type.fields.map((one) => `${one.name}=${showType(one.type)}`).join(',')})`;
    case 'special':
      return type.name;
    case 'aggregate':
      return `${type.name}_t`;
    default:
      return type.kind;
  }
}

export function sameType(a: TraceType, b: TraceType): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind) return false;
  switch (a.kind) {
    case 'int': {
      const other = b as IntType;
      return (
        a.size === other.size &&
        a.signed === other.signed &&
        a.names === other.names &&
        !!a.flexible === !!other.flexible
      );
    }
    case 'pointer':
      return (b as PointerType).space === a.space && sameType(a.to, (b as PointerType).to);
    case 'string':
    case 'buffer':
      return a.size === (b as typeof a).size;
    case 'array':
      return a.count === (b as typeof a).count && sameType(a.of, (b as typeof a).of);
    case 'struct':
      return a.name === (b as typeof a).name;
    case 'tuple': {
      const { items } = b as typeof a;
      return a.items.length === items.length && a.items.every((one, i) => sameType(one, items[i]!));
    }
    case 'record': {
      const { fields } = b as typeof a;
      return (
        a.fields.length === fields.length &&
        a.fields.every((one, i) => one.name === fields[i]!.name && sameType(one.type, fields[i]!.type))
      );
    }
    case 'special': {
      const other = b as typeof a;
      return a.name === other.name && a.mode === other.mode && a.limit === other.limit && a.format === other.format;
    }
    case 'aggregate': {
      const other = b as AggregateType;
      return a.name === other.name && a.signed === other.signed && String(a.args) === String(other.args);
    }
    default:
      return true;
  }
}

/** The type that holds both; undefined when there is none. */
export function promote(a: TraceType, b: TraceType): TraceType | undefined {
  if (sameType(a, b)) return a;
  if (isCastable(a) && b.kind === 'int') return promoteInt(asNumber(a) as IntType, b);
  if (isCastable(b) && a.kind === 'int') return promoteInt(a, asNumber(b) as IntType);
  if (a.kind !== b.kind) return undefined;
  switch (a.kind) {
    case 'int':
      return promoteInt(a, b as IntType);
    case 'string':
    case 'buffer':
      return a.size >= (b as typeof a).size ? a : b;
    case 'pointer': {
      const other = b as PointerType;
      if (a.to.kind === 'none' || other.to.kind === 'none' || !sameType(a.to, other.to)) {
        const to = a.to.kind === 'int' && other.to.kind === 'int' ? promote(a.to, other.to) : undefined;
        return to ? pointer(to, other.space) : a;
      }
      return a.space === 'none' ? b : a;
    }
    case 'array': {
      const other = b as typeof a;
      const of = a.count === other.count && sizeOf(a.of) === sizeOf(other.of) ? promote(a.of, other.of) : undefined;
      return of && { kind: 'array', of, count: a.count };
    }
    case 'struct':
      return undefined;
    case 'tuple': {
      const { items } = b as typeof a;
      if (a.items.length !== items.length) return undefined;
      const merged = a.items.map((one, i) => promote(one, items[i]!));
      return merged.includes(undefined) ? undefined : { kind: 'tuple', items: merged as TraceType[] };
    }
    case 'record': {
      const { fields } = b as typeof a;
      if (a.fields.length !== fields.length) return undefined;
      const merged = a.fields.map((one) => {
        const other = fields.find((field) => field.name === one.name);
        const type = other && promote(one.type, other.type);
        return type && { name: one.name, type };
      });
      return merged.includes(undefined)
        ? undefined
        : { kind: 'record', fields: merged as { name: string; type: TraceType }[] };
    }
    case 'special': {
      const other = b as typeof a;
      if (a.name !== other.name) return undefined;
      return a.limit === undefined || (other.limit !== undefined && other.limit < a.limit) ? a : other;
    }
    case 'aggregate': {
      const other = b as AggregateType;
      if (a.name !== other.name) return undefined;
      return a.signed ? a : other;
    }
    default:
      return a;
  }
}

function promoteInt(a: IntType, b: IntType): IntType {
  const flexible = a.flexible === true && b.flexible === true;
  const largest = Math.max(a.size, b.size);
  // Names stay while all values have them.
  const names = a.names === b.names ? a.names : undefined;
  const made = (size: number, signed: boolean): IntType => ({
    ...int(size, signed),
    ...(flexible && { flexible }),
    ...(names && { names }),
  });
  if (a.signed === b.signed) return made(largest, a.signed);
  if (a.flexible || b.flexible) return made(largest, (!a.flexible && a.signed) || (!b.flexible && b.signed));
  if (a.signed && a.size > b.size) return made(a.size, true);
  if (b.signed && b.size > a.size) return made(b.size, true);
  return made(Math.min(8, largest * 2), true);
}

/** The smallest type of a literal. */
export function literalType(value: bigint): IntType {
  if (value < 0n) {
    for (const size of [1, 2, 4] as const) if (value >= -(1n << BigInt(size * 8 - 1))) return int(size, true);
    return INT64;
  }
  for (const size of [1, 2, 4, 8] as const)
    if (value < 1n << BigInt(size * 8 - 1)) return { kind: 'int', size, signed: true, flexible: true };
  return UINT64;
}

/** Whether values can be compared and copied as they lie in memory. */
export function isCompound(type: TraceType): type is TraceType & { kind: 'tuple' | 'record' } {
  return type.kind === 'tuple' || type.kind === 'record';
}

/** Which kind of type it is, as scripts compare it. */
export function baseName(type: TraceType): string {
  return type.kind === 'special' ? type.name : type.kind;
}
