import { AT, ENCODING, TAG } from './constants.ts';
import { Cursor } from './cursor.ts';
import type { Entry } from './entry.ts';

/** A type of a program, as its debug information has it. What types point to is looked at when it is asked for. */
export type DebugType =
  | { readonly kind: 'void' }
  | {
      readonly kind: 'int';
      readonly name: string;
      readonly size: number;
      readonly signed: boolean;
      /** It is a character, or a truth value. */
      readonly meaning: 'number' | 'character' | 'boolean';
    }
  | { readonly kind: 'float'; readonly name: string; readonly size: number }
  /** `reference`: of C++, which lies in memory as a pointer. */
  | { readonly kind: 'pointer'; readonly to: () => DebugType; readonly reference: boolean }
  | { readonly kind: 'array'; readonly of: () => DebugType; readonly count: number }
  | DebugRecord
  | {
      readonly kind: 'enum';
      readonly name: string | undefined;
      readonly size: number;
      readonly signed: boolean;
      readonly values: readonly { readonly name: string; readonly value: bigint }[];
    }
  | { readonly kind: 'typedef'; readonly name: string; readonly to: () => DebugType }
  | { readonly kind: 'qualified'; readonly qualifier: 'const' | 'volatile' | 'restrict'; readonly to: () => DebugType }
  | { readonly kind: 'function' };

/** A struct, class or union. */
export interface DebugRecord {
  readonly kind: 'record';
  /** `class` lays out as `struct` does. */
  readonly word: 'struct' | 'union' | 'class';
  readonly name: string | undefined;
  /** Only named in this place: what it has is told elsewhere. */
  readonly declared: boolean;
  readonly size: number;
  readonly members: () => readonly DebugMember[];
}

/** A member of a struct or union. */
export interface DebugMember {
  /** Undefined for anonymous structs and unions. */
  readonly name: string | undefined;
  readonly type: DebugType;
  /** Bytes. */
  readonly offset: number;
  readonly bits: { readonly offset: number; readonly width: number } | undefined;
}

export const VOID: DebugType = { kind: 'void' };

/** Makes types of entries; one for each entry, so that what is the same is the same. */
export class TypeReader {
  private readonly known = new Map<Entry['unit'], Map<number, DebugType>>();
  private readonly entryAt: (unit: Entry['unit'], offset: number) => Entry | undefined;

  constructor(entryAt: (unit: Entry['unit'], offset: number) => Entry | undefined) {
    this.entryAt = entryAt;
  }

  /** What an entry's `type` says; without one, void. */
  of(entry: Entry): DebugType {
    const offset = entry.value(AT.type);
    if (typeof offset !== 'number') return VOID;
    const target = this.entryAt(entry.unit, offset);
    return target === undefined ? VOID : this.type(target);
  }

  type(entry: Entry): DebugType {
    let types = this.known.get(entry.unit);
    if (types === undefined) {
      types = new Map();
      this.known.set(entry.unit, types);
    }
    let type = types.get(entry.offset);
    if (type === undefined) {
      type = this.read(entry);
      types.set(entry.offset, type);
    }
    return type;
  }

  private read(entry: Entry): DebugType {
    const size = entry.number(AT.byteSize) ?? 0;
    const to = () => this.of(entry);
    switch (entry.tag) {
      case TAG.base:
        return baseType(entry, size);
      case TAG.pointer:
        return { kind: 'pointer', to, reference: false };
      case TAG.reference:
      case TAG.rvalueReference:
        return { kind: 'pointer', to, reference: true };
      case TAG.typedef:
        return { kind: 'typedef', name: entry.text(AT.name) ?? '', to };
      case TAG.const:
        return { kind: 'qualified', qualifier: 'const', to };
      case TAG.volatile:
      case TAG.atomic:
        return { kind: 'qualified', qualifier: 'volatile', to };
      case TAG.restrict:
        return { kind: 'qualified', qualifier: 'restrict', to };
      case TAG.array:
        return this.array(entry);
      case TAG.enumeration:
        return this.enumeration(entry, size);
      case TAG.structure:
      case TAG.class:
      case TAG.union:
        return this.record(entry, size);
      case TAG.subroutineType:
        return { kind: 'function' };
      default:
        return VOID;
    }
  }

  /** `int a[2][3]` is an array of two arrays. */
  private array(entry: Entry): DebugType {
    const counts: number[] = [];
    for (const one of entry.children()) {
      if (one.tag !== TAG.subrange) continue;
      const upper = one.number(AT.upperBound);
      counts.push(one.number(AT.count) ?? (upper === undefined || upper >= 0xffff_ffff ? 0 : upper + 1));
    }
    const make = (index: number): DebugType => ({
      kind: 'array',
      of: () => (index + 1 < counts.length ? make(index + 1) : this.of(entry)),
      count: counts[index] ?? 0,
    });
    return make(0);
  }

  private enumeration(entry: Entry, size: number): DebugType {
    const values: { name: string; value: bigint }[] = [];
    for (const one of entry.children()) {
      const value = one.value(AT.constValue);
      if (one.tag === TAG.enumerator && (typeof value === 'number' || typeof value === 'bigint'))
        values.push({ name: one.text(AT.name) ?? '', value: BigInt(value) });
    }
    return { kind: 'enum', name: entry.text(AT.name), size, signed: values.some((one) => one.value < 0n), values };
  }

  private record(entry: Entry, size: number): DebugType {
    let members: DebugMember[] | undefined;
    return {
      kind: 'record',
      word: entry.tag === TAG.union ? 'union' : entry.tag === TAG.class ? 'class' : 'struct',
      name: entry.text(AT.name),
      declared: entry.value(AT.declaration) !== undefined,
      size,
      members: () => {
        members ??= [...entry.children()]
          .filter((one) => one.tag === TAG.member && one.value(AT.declaration) === undefined)
          .map((one) => this.member(one));
        return members;
      },
    };
  }

  private member(entry: Entry): DebugMember {
    const type = this.of(entry);
    const location = entry.value(AT.dataMemberLocation);
    const at =
      location instanceof Uint8Array
        ? offsetOf(location)
        : typeof location === 'number' || typeof location === 'bigint'
          ? Number(location)
          : 0;
    const width = entry.number(AT.bitSize);
    const name = entry.text(AT.name);
    if (width === undefined) return { name, type, offset: at, bits: undefined };
    const unit = sizeOfDebugType(type) || 4;
    const old = entry.number(AT.bitOffset);
    // Before version 4, bits were counted from the most significant one of the unit.
    const first = old === undefined ? (entry.number(AT.dataBitOffset) ?? at * 8) : at * 8 + unit * 8 - old - width;
    const start = Math.floor(first / (unit * 8)) * unit;
    const fits = first - start * 8 + width <= unit * 8;
    const offset = fits ? start : Math.floor(first / 8);
    return { name, type, offset, bits: { offset: first - offset * 8, width } };
  }
}

/** Version 2 writes a place in a struct as something to be done: add so much. */
function offsetOf(expression: Uint8Array): number {
  return expression[0] === DW_OP_plus_uconst ? new Cursor(expression, 1).uleb() : 0;
}

const DW_OP_plus_uconst = 0x23;

function baseType(entry: Entry, size: number): DebugType {
  const name = entry.text(AT.name) ?? '';
  const encoding = entry.number(AT.encoding);
  if (encoding === ENCODING.float) return { kind: 'float', name, size };
  const signed = encoding === ENCODING.signed || encoding === ENCODING.signedChar;
  const meaning =
    encoding === ENCODING.boolean
      ? 'boolean'
      : encoding === ENCODING.signedChar || encoding === ENCODING.unsignedChar || encoding === ENCODING.utf
        ? 'character'
        : 'number';
  return { kind: 'int', name, size, signed, meaning };
}

/** Without names that only stand for others. */
export function plainDebugType(type: DebugType): DebugType {
  let plain = type;
  // A chain of typedefs that came back to itself would be endless.
  for (let i = 0; i < 100 && (plain.kind === 'typedef' || plain.kind === 'qualified'); i++) plain = plain.to();
  return plain;
}

/** Bytes. */
export function sizeOfDebugType(type: DebugType, depth = 0): number {
  const plain = plainDebugType(type);
  switch (plain.kind) {
    case 'int':
    case 'float':
    case 'enum':
    case 'record':
      return plain.size;
    case 'pointer':
      return 8;
    case 'array':
      return depth > 16 ? 0 : plain.count * sizeOfDebugType(plain.of(), depth + 1);
    default:
      return 0;
  }
}

/** As C writes it in front of a name: `struct Foo*`, `const char*`. */
export function showDebugType(type: DebugType, depth = 0): string {
  if (depth > 16) return '...';
  const show = (one: DebugType) => showDebugType(one, depth + 1);
  switch (type.kind) {
    case 'void':
      return 'void';
    case 'int':
    case 'float':
    case 'typedef':
      return type.name;
    case 'pointer':
      return `${show(type.to())}${type.reference ? '&' : '*'}`;
    case 'array':
      return `${show(type.of())}[${type.count}]`;
    case 'record':
      return type.name === undefined ? `${type.word} (anonymous)` : `${type.word} ${type.name}`;
    case 'enum':
      return type.name === undefined ? 'enum (anonymous)' : `enum ${type.name}`;
    case 'qualified': {
      const to = type.to();
      return to.kind === 'pointer' ? `${show(to)} ${type.qualifier}` : `${type.qualifier} ${show(to)}`;
    }
    case 'function':
      return 'void (*)()';
  }
}
