import { type UapiField, type UapiRecord, uapiField } from '@skep/abi';
import { suggest } from '@skep/base';

/** Members of a UAPI record by name; arrays as arrays of numbers. */
export interface Fields {
  readonly [name: string]: number | bigint | readonly number[] | Fields;
}

/** Writes members by name; throws a RangeError that names the nearest member for one that the record does not have. */
export function writeFields(view: DataView, at: number, record: UapiRecord | UapiField, fields: Fields): void {
  for (const [name, value] of Object.entries(fields)) {
    const field = uapiField(record, name);
    if (field === undefined) {
      const near = suggest(name, memberNames(record));
      throw new RangeError(`there is no field \`${name}\`${near ? `; did you mean \`${near}\`?` : ''}`);
    }
    writeField(view, at + field.offset, field, value);
  }
}

/** Every named member of a record as plain values: numbers to 32 bits, bigints above, arrays of numbers. */
export function readFields(view: DataView, at: number, record: UapiRecord | UapiField): Fields {
  const out: { [name: string]: Fields[string] } = {};
  for (const field of record.fields ?? []) {
    if (field.name === '') Object.assign(out, readFields(view, at, field));
    else if (field.fields) out[field.name] = readFields(view, at, field);
    else out[field.name] = readField(view, at + field.offset, field);
  }
  return out;
}

function writeField(view: DataView, at: number, field: UapiField, value: Fields[string]): void {
  if (Array.isArray(value)) {
    const size = elementSize(field);
    for (const [i, one] of value.slice(0, field.size / size).entries()) writeNumber(view, at + i * size, size, one);
  } else if (typeof value === 'object') {
    // Offsets of members of a record in place count from the outermost record.
    writeFields(view, at - field.offset, field, value as Fields);
  } else if (typeof value === 'number' || typeof value === 'bigint') {
    writeNumber(view, at, field.size, value);
  }
}

function writeNumber(view: DataView, at: number, size: number, value: number | bigint): void {
  const wide = BigInt(value);
  for (let i = 0; i < size && i < 8; i++) view.setUint8(at + i, Number((wide >> BigInt(8 * i)) & 0xffn));
}

function readField(view: DataView, at: number, field: UapiField): number | bigint | number[] {
  if (/\[\d+\]/.test(field.type)) {
    const size = elementSize(field);
    return Array.from({ length: field.size / size }, (_, i) => Number(readNumber(view, at + i * size, size, false)));
  }
  const value = readNumber(view, at, field.size, /^(__s|int|char)/.test(field.type));
  return field.size > 4 ? value : Number(value);
}

function readNumber(view: DataView, at: number, size: number, signed: boolean): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(at + i));
  return signed ? BigInt.asIntN(8 * size, value) : value;
}

function elementSize(field: UapiField): number {
  const count = Number(/\[(\d+)\]/.exec(field.type)?.[1] ?? 1);
  return field.size / count;
}

function memberNames(record: UapiRecord | UapiField): string[] {
  return (record.fields ?? []).flatMap((one) => (one.name === '' ? memberNames(one) : [one.name]));
}
