import type { Btf } from '../btf/btf.ts';
import type { BtfEnum, BtfId, BtfType, CoreKind } from '../btf/model.ts';
import type { Access } from './access.ts';

/** What a relocation comes to in one BTF. */
export interface CoreValue {
  readonly value: bigint;
  /** Whether the compiler must have written this very value; of bit-fields it may have chosen another. */
  readonly exact: boolean;
  /** For byte offsets: the bytes and the type of what is loaded there, unless it is a bit-field. */
  readonly memory: { readonly size: number; readonly type: BtfType } | undefined;
}

/**
 * The value, or undefined when it does not exist and the instruction must never be reached (libbpf's poison).
 * `access` is undefined when the kernel has no such thing, for which the questions whether it exists have an answer.
 */
export function coreValue(kind: CoreKind, access: Access | undefined): CoreValue | undefined {
  switch (kind) {
    case 'field_exists':
    case 'enumval_exists':
    case 'type_exists':
    case 'type_matches':
      return exactly(access ? 1n : 0n);
    case 'type_id_local':
    case 'type_id_target':
      // Ids change when objects are linked.
      return { value: BigInt(access?.root ?? 0), exact: false, memory: undefined };
    case 'type_size':
      return exactly(access ? BigInt(access.btf.sizeOf(access.root)) : 0n);
    case 'enumval_value': {
      if (!access) return undefined;
      const { type, index } = access.steps[0]!;
      return exactly((access.btf.type(type) as BtfEnum).values[index]!.value);
    }
    default:
      return access && fieldValue(kind, access);
  }
}

function fieldValue(kind: CoreKind, access: Access): CoreValue | undefined {
  const { btf, steps, bitOffset } = access;
  const last = steps.at(-1)!;
  if (last.name === undefined) {
    const size = btf.sizeOf(last.type);
    if (kind === 'field_byte_offset')
      return { value: BigInt(Math.floor(bitOffset / 8)), exact: true, memory: { size, type: btf.type(last.type) } };
    return kind === 'field_byte_size' ? exactly(BigInt(size)) : undefined;
  }
  const record = btf.type(last.type);
  if (record.kind !== 'struct' && record.kind !== 'union') return undefined;
  const member = record.members[last.index]!;
  const typeId = btf.resolve(member.type);
  const isBitField = member.bitSize > 0;
  const room = isBitField ? unitOf(btf, typeId, bitOffset, member.bitSize) : undefined;
  if (isBitField && !room) return undefined;
  const byteSize = room?.size ?? btf.sizeOf(typeId);
  const byteOffset = room?.offset ?? Math.floor(bitOffset / 8);
  const bitSize = isBitField ? member.bitSize : byteSize * 8;
  switch (kind) {
    case 'field_byte_offset':
      return { value: BigInt(byteOffset), exact: !isBitField, memory: isBitField ? undefined : memoryOf(btf, typeId) };
    case 'field_byte_size':
      return { value: BigInt(byteSize), exact: !isBitField, memory: undefined };
    case 'field_signed': {
      const type = btf.type(typeId);
      const signed = (type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64') && type.signed;
      return exactly(signed ? 1n : 0n);
    }
    case 'field_lshift_u64': {
      const shift = btf.littleEndian
        ? 64 - (bitOffset + bitSize - byteOffset * 8)
        : (8 - byteSize) * 8 + (bitOffset - byteOffset * 8);
      return { value: BigInt(shift), exact: !isBitField, memory: undefined };
    }
    case 'field_rshift_u64':
      return exactly(BigInt(64 - bitSize));
    default:
      return undefined;
  }
}

/** The smallest aligned integer that holds the whole bit-field; undefined when none of 8 bytes does. */
function unitOf(
  btf: Btf,
  type: BtfId,
  bitOffset: number,
  bitSize: number,
): { offset: number; size: number } | undefined {
  for (let size = btf.sizeOf(type); size > 0 && size <= 8; size *= 2) {
    const offset = Math.floor(bitOffset / 8 / size) * size;
    if (bitOffset + bitSize - offset * 8 <= size * 8) return { offset, size };
  }
  return undefined;
}

/** Of an array, one element is loaded. */
function memoryOf(btf: Btf, id: BtfId): CoreValue['memory'] {
  let at = id;
  let type = btf.type(at);
  for (let depth = 0; type.kind === 'array' && depth < 32; depth++) {
    at = btf.resolve(type.type);
    if (at === 0) return undefined;
    type = btf.type(at);
  }
  return { size: btf.sizeOf(at), type };
}

function exactly(value: bigint): CoreValue {
  return { value, exact: true, memory: undefined };
}
