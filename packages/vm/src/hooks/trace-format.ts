/** The layout of a tracepoint's record, as the `format` file of tracefs tells it. */
export interface TraceFormat {
  readonly name: string;
  readonly id: number;
  readonly size: number;
  readonly fields: readonly TraceField[];
}

/** A field of a tracepoint's record. */
export interface TraceField {
  readonly name: string;
  /** C text without the name: `unsigned long`, `char[16]`, `__data_loc char[]`. */
  readonly type: string;
  readonly offset: number;
  readonly size: number;
  readonly signed: boolean;
}

/** Reads a `format` file (Documentation/trace/events.rst); lines that are no fields say nothing here. */
export function parseTraceFormat(text: string): TraceFormat {
  const fields: TraceField[] = [];
  for (const [, declaration = '', offset, size, signed] of text.matchAll(
    /field:([^;]+);\s*offset:(\d+);\s*size:(\d+);\s*signed:(\d)/g,
  )) {
    const array = /\[[^\]]*\]$/.exec(declaration)?.[0] ?? '';
    const plain = declaration.slice(0, declaration.length - array.length);
    const name = /\w+$/.exec(plain)?.[0] ?? plain;
    fields.push({
      name,
      type: plain.slice(0, plain.length - name.length).trim() + array,
      offset: Number(offset),
      size: Number(size),
      signed: signed === '1',
    });
  }
  return {
    name: /^name: (.+)$/m.exec(text)?.[1] ?? '',
    id: Number(/^ID: (\d+)$/m.exec(text)?.[1] ?? 0),
    size: fields.reduce((end, one) => Math.max(end, one.offset + one.size), 0),
    fields,
  };
}

/** A record of plain values: numbers, strings for character arrays, and for `__data_loc` what lies behind the record. */
export function encodeTraceRecord(
  format: TraceFormat,
  values: { readonly [name: string]: number | bigint | string | Uint8Array },
): Uint8Array {
  let behind = (format.size + 7) & ~7;
  const tails: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  const record = new Uint8Array(behind);
  const view = new DataView(record.buffer);
  for (const [name, value] of Object.entries(values)) {
    const field = format.fields.find((one) => one.name === name);
    if (field === undefined) throw new RangeError(`${format.name} has no field \`${name}\``);
    const bytes = typeof value === 'string' ? new TextEncoder().encode(`${value}\0`) : value;
    if (!(bytes instanceof Uint8Array)) {
      const wide = BigInt(bytes);
      for (let i = 0; i < Math.min(8, field.size); i++)
        view.setUint8(field.offset + i, Number((wide >> BigInt(8 * i)) & 0xffn));
    } else if (field.type.startsWith('__data_loc')) {
      // The offset in the lower half, the length in the upper.
      view.setUint32(field.offset, ((bytes.length << 16) | behind) >>> 0, true);
      tails.push({ at: behind, bytes });
      behind += (bytes.length + 7) & ~7;
    } else record.set(bytes.subarray(0, field.size), field.offset);
  }
  if (format.fields.some((one) => one.name === 'common_type') && !('common_type' in values))
    view.setUint16(0, format.id, true);
  const whole = new Uint8Array(behind);
  whole.set(record);
  for (const { at, bytes } of tails) whole.set(bytes, at);
  return whole;
}
