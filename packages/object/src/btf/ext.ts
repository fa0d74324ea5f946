import { ByteReader, ByteWriter, OutOfBounds } from '@skep/base';
import { btfExtCorrupt } from '../diagnostics.ts';
import type { Btf } from './btf.ts';
import { BTF_MAGIC } from './kinds.ts';
import {
  type BtfExt,
  type BtfExtSection,
  CORE_KINDS,
  type CoreRelocation,
  type FuncInfo,
  type LineInfo,
} from './model.ts';

/** Reads section `.BTF.ext`; its strings lie in `btf`. @throws SkepError E3106, E3101 */
export function parseBtfExt(bytes: Uint8Array, btf: Btf): BtfExt {
  const little = bytes[0] === (BTF_MAGIC & 0xff);
  const reader = new ByteReader(bytes, little);
  const sections = new Map<string, MutableSection>();
  const sectionOf = (name: string) => {
    let section = sections.get(name);
    if (!section) {
      section = { funcs: [], lines: [], core: [] };
      sections.set(name, section);
    }
    return section;
  };
  try {
    if (reader.u16() !== BTF_MAGIC) throw btfExtCorrupt('it does not start with the magic number');
    if (reader.u8() !== 1) throw btfExtCorrupt('its version is not 1');
    reader.skip(1);
    const headerLength = reader.u32();
    const parts: [offset: number, length: number][] = [];
    for (let i = 0; i < 3 && reader.offset + 8 <= headerLength; i++) parts.push([reader.u32(), reader.u32()]);
    const [funcs, lines, core] = parts;
    readPart(reader, headerLength, funcs, 'func_info', 8, btf, (name, slot) => {
      sectionOf(name).funcs.push({ slot, type: reader.u32() });
    });
    readPart(reader, headerLength, lines, 'line_info', 16, btf, (name, slot) => {
      const file = btf.string(reader.u32());
      const text = btf.string(reader.u32());
      const place = reader.u32();
      sectionOf(name).lines.push({ slot, file, text, line: place >>> COLUMN_BITS, column: place & MAX_COLUMN });
    });
    readPart(reader, headerLength, core, 'core_relo', 16, btf, (name, slot) => {
      const type = reader.u32();
      const access = btf.string(reader.u32());
      const number = reader.u32();
      const kind = CORE_KINDS[number];
      if (kind === undefined) throw btfExtCorrupt(`a CO-RE relocation of section ${name} is of kind ${number}`);
      sectionOf(name).core.push({ slot, type, access, kind });
    });
  } catch (error) {
    if (error instanceof OutOfBounds) throw btfExtCorrupt(`it is cut off (${error.message})`);
    throw error;
  }
  return { sections };
}

/** Writes section `.BTF.ext`, little endian; its strings go to the table of the BTF that is being built. */
export function buildBtfExt(ext: BtfExt, strings: { addString(text: string): number }): Uint8Array {
  const out = new ByteWriter();
  out.zeros(HEADER_SIZE);
  const parts = [
    writePart(
      out,
      ext,
      strings,
      8,
      (section) => section.funcs,
      (info) => {
        out.u32(info.type);
      },
    ),
    writePart(
      out,
      ext,
      strings,
      16,
      (section) => section.lines,
      (info) => {
        out.u32(strings.addString(info.file)).u32(strings.addString(info.text));
        out.u32(((Math.min(info.line, MAX_LINE) << COLUMN_BITS) | Math.min(info.column, MAX_COLUMN)) >>> 0);
      },
    ),
    writePart(
      out,
      ext,
      strings,
      16,
      (section) => section.core,
      (info) => {
        out.u32(info.type).u32(strings.addString(info.access)).u32(CORE_KINDS.indexOf(info.kind));
      },
    ),
  ];
  out.offset = 0;
  out.u16(BTF_MAGIC).u8(1).u8(0).u32(HEADER_SIZE);
  for (const [offset, length] of parts) out.u32(offset).u32(length);
  return out.toBytes();
}

const HEADER_SIZE = 32;
/** `line_col`: the upper 22 bits are the line, the lower 10 the column. */
const COLUMN_BITS = 10;
const MAX_COLUMN = (1 << COLUMN_BITS) - 1;
const MAX_LINE = 2 ** 22 - 1;

interface MutableSection extends BtfExtSection {
  readonly funcs: FuncInfo[];
  readonly lines: LineInfo[];
  readonly core: CoreRelocation[];
}

/** Calls `record` behind the instruction offset of each record; what it leaves unread of the record is skipped. */
function readPart(
  reader: ByteReader,
  headerLength: number,
  part: [offset: number, length: number] | undefined,
  what: string,
  minimum: number,
  btf: Btf,
  record: (section: string, slot: number) => void,
): void {
  if (!part || part[1] === 0) return;
  const start = headerLength + part[0];
  const end = start + part[1];
  if (end > reader.bytes.length) throw btfExtCorrupt(`${what} ends behind the end`);
  reader.offset = start;
  const recordSize = reader.u32();
  if (recordSize < minimum || recordSize % 4 !== 0)
    throw btfExtCorrupt(`the records of ${what} have ${recordSize} bytes`);
  while (reader.offset < end) {
    const name = btf.string(reader.u32());
    const count = reader.u32();
    if (reader.offset + count * recordSize > end) throw btfExtCorrupt(`${what} of section ${name} ends behind the end`);
    for (let i = 0; i < count; i++) {
      const next = reader.offset + recordSize;
      const offset = reader.u32();
      if (offset % 8 !== 0) throw btfExtCorrupt(`${what} of section ${name} points into an instruction (${offset})`);
      record(name, offset / 8);
      reader.offset = next;
    }
  }
}

/** Its offset behind the header and its length; both 0 when no section has records. */
function writePart<T extends { readonly slot: number }>(
  out: ByteWriter,
  ext: BtfExt,
  strings: { addString(text: string): number },
  recordSize: number,
  recordsOf: (section: BtfExtSection) => readonly T[],
  write: (record: T) => void,
): [offset: number, length: number] {
  const start = out.offset;
  for (const [name, section] of ext.sections) {
    const records = recordsOf(section);
    if (records.length === 0) continue;
    if (out.offset === start) out.u32(recordSize);
    out.u32(strings.addString(name)).u32(records.length);
    for (const record of records) {
      out.u32(record.slot * 8);
      write(record);
    }
  }
  return [start - HEADER_SIZE, out.offset - start];
}
