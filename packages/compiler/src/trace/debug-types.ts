import { type DebugFunction, type DebugRecord, type DebugType, plainDebugType, sizeOfDebugType } from '@skep/object';
import {
  type AddressSpace,
  BOOL,
  int,
  NONE,
  pointer,
  type StructField,
  type StructType,
  string,
  type TraceType,
} from './type.ts';

/** A type of a traced program as scripts see it: characters in a row are a string. */
export function fromDebugType(type: DebugType, space: AddressSpace): TraceType {
  const plain = plainDebugType(type);
  switch (plain.kind) {
    case 'int':
      if (plain.meaning === 'boolean') return BOOL;
      if (plain.size === 16) return { kind: 'array', of: int(8, plain.signed), count: 2 };
      return isWhole(plain.size) ? int(plain.size, plain.signed) : bytes(plain.size);
    case 'float':
      return bytes(plain.size);
    case 'enum': {
      const values = new Map<bigint, string>();
      for (const { name, value } of plain.values) if (!values.has(value)) values.set(value, name);
      return { ...int(isWhole(plain.size) ? plain.size : 4, plain.signed), names: { tag: plain.name, values } };
    }
    case 'pointer':
      return pointer(pointee(plain.to(), space), space);
    case 'array': {
      const of = plainDebugType(plain.of());
      if (of.kind === 'int' && of.meaning === 'character' && of.size === 1 && plain.count > 0)
        return string(plain.count);
      return { kind: 'array', of: fromDebugType(of, space), count: plain.count };
    }
    case 'record':
      return recordType(plain, space);
    default:
      return NONE;
  }
}

function isWhole(size: number): boolean {
  return size === 1 || size === 2 || size === 4 || size === 8;
}

function bytes(count: number): TraceType {
  return { kind: 'array', of: int(1, false), count };
}

/** Pointers to pointers may come back to themselves only through structs, whose fields are made late. */
function pointee(type: DebugType, space: AddressSpace): TraceType {
  const plain = plainDebugType(type);
  return plain.kind === 'function' ? NONE : fromDebugType(plain, space);
}

const records = new WeakMap<DebugRecord, StructType>();

function recordType(record: DebugRecord, space: AddressSpace): StructType {
  const known = records.get(record);
  if (known) return known;
  const word = record.word === 'union' ? 'union' : 'struct';
  let fields: readonly StructField[] | undefined;
  const made: StructType = {
    kind: 'struct',
    name: `${word} ${record.name ?? '(anonymous)'}`,
    anonymous: record.name === undefined,
    size: record.size,
    fields: () => {
      fields ??= fieldsOf(record, 0, space, 0);
      return fields;
    },
    kernel: false,
  };
  records.set(record, made);
  return made;
}

/** Members of anonymous structs inside count as its own. */
function fieldsOf(record: DebugRecord, base: number, space: AddressSpace, depth: number): StructField[] {
  return record.members().flatMap((member): StructField[] => {
    const at = base + member.offset;
    if (member.name === undefined) {
      const inner = plainDebugType(member.type);
      return inner.kind === 'record' && depth < 16 ? fieldsOf(inner, at, space, depth + 1) : [];
    }
    return [
      {
        name: member.name,
        type: fromDebugType(member.type, space),
        offset: at,
        ...(member.bits && { bits: member.bits }),
      },
    ];
  });
}

/** Where a parameter is when its function is entered: in registers for arguments, or above the return address. */
export type ParameterPlace =
  | { readonly kind: 'registers'; readonly first: number; readonly count: number }
  /** Bytes from the stack pointer. */
  | { readonly kind: 'stack'; readonly offset: number };

export interface ProbeParameter {
  readonly name: string;
  readonly type: TraceType;
  readonly place: ParameterPlace;
}

/**
 * The parameters of a function of x86-64 by the System V ABI, section 3.2.3. Those in floating-point registers, which
 * programs in the kernel do not see, are left out.
 */
export function parametersOf(found: DebugFunction): ProbeParameter[] {
  let register = 0;
  // Behind the return address.
  let stack = 8;
  const parameters: ProbeParameter[] = [];
  for (const { name, type } of found.parameters) {
    const plain = plainDebugType(type);
    if (plain.kind === 'float' && plain.size <= 8) continue;
    const size = sizeOfDebugType(plain);
    const count = Math.max(1, Math.ceil(size / 8));
    const inMemory = size > 16 || plain.kind === 'float';
    const mixed = plain.kind === 'record' && hasFloats(plain, 0);
    let place: ParameterPlace;
    if (!inMemory && !mixed && register + count <= ARGUMENT_REGISTERS) {
      place = { kind: 'registers', first: register, count };
      register += count;
    } else {
      place = { kind: 'stack', offset: stack };
      stack += 8 * count;
    }
    if (mixed && !inMemory) continue;
    parameters.push({ name, type: fromDebugType(type, 'user'), place });
  }
  return parameters;
}

function hasFloats(record: DebugRecord, depth: number): boolean {
  return record.members().some((one) => {
    const plain = plainDebugType(one.type);
    return plain.kind === 'float' || (plain.kind === 'record' && depth < 8 && hasFloats(plain, depth + 1));
  });
}

const ARGUMENT_REGISTERS = 6;
