import { dwarfCorrupt } from '../diagnostics.ts';
import { FORM } from './constants.ts';
import { Cursor, textAt } from './cursor.ts';
import type { Unit } from './unit.ts';

/** From an address on, code comes from this place. */
export interface LineRow {
  readonly address: number;
  /** Index into {@link LineTable.files}. */
  readonly file: number;
  /** 0 where no line of the source stands for it. */
  readonly line: number;
  /** A debugger would stop here. */
  readonly statement: boolean;
  /** Behind the last instruction of a stretch. */
  readonly end: boolean;
}

export interface LineTable {
  readonly rows: readonly LineRow[];
  /** Paths as far as they are known: relative ones are joined with the directory of the compiler. */
  readonly files: readonly string[];
}

/** Runs the program of `.debug_line` at an offset, which makes the table of lines (section 6.2 of the standard). */
export function readLines(unit: Unit, offset: number, directory: string): LineTable {
  const section = unit.section('.debug_line');
  if (section === undefined) return { rows: [], files: [] };
  const header = readHeader(unit, section, offset, directory);
  return { rows: run(header), files: header.files };
}

interface Header {
  readonly cursor: Cursor;
  readonly end: number;
  readonly addressSize: number;
  readonly minimumLength: number;
  readonly statement: boolean;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** How many operands the standard opcodes have. */
  readonly operands: readonly number[];
  readonly files: string[];
}

function readHeader(unit: Unit, section: Uint8Array, offset: number, directory: string): Header {
  const cursor = new Cursor(section, offset);
  let length = cursor.u32();
  const offsetSize = length === 0xffff_ffff ? 8 : 4;
  if (offsetSize === 8) length = cursor.u64();
  const end = Math.min(cursor.at + length, section.length);
  const version = cursor.u16();
  if (version < 2 || version > 5) throw dwarfCorrupt(`a table of lines of version ${version}`);
  let { addressSize } = unit;
  if (version === 5) {
    addressSize = cursor.u8();
    cursor.skip(1);
  }
  const headerLength = cursor.uint(offsetSize);
  const program = cursor.at + headerLength;
  const minimumLength = cursor.u8();
  if (version >= 4) cursor.skip(1);
  const statement = cursor.u8() !== 0;
  const lineBase = (cursor.u8() << 24) >> 24;
  const lineRange = cursor.u8();
  const opcodeBase = cursor.u8();
  if (lineRange === 0) throw dwarfCorrupt('a table of lines has no range');
  const operands = Array.from({ length: Math.max(0, opcodeBase - 1) }, () => cursor.u8());
  const files = version === 5 ? modernFiles(unit, cursor, offsetSize, directory) : oldFiles(cursor, directory);
  cursor.at = program;
  return { cursor, end, addressSize, minimumLength, statement, lineBase, lineRange, opcodeBase, operands, files };
}

function oldFiles(cursor: Cursor, directory: string): string[] {
  const directories = [directory];
  for (let one = cursor.text(); one !== ''; one = cursor.text()) directories.push(join(directory, one));
  // Counted from 1.
  const files = [''];
  for (let name = cursor.text(); name !== ''; name = cursor.text()) {
    files.push(join(directories[cursor.uleb()] ?? directory, name));
    cursor.uleb();
    cursor.uleb();
  }
  return files;
}

function modernFiles(unit: Unit, cursor: Cursor, offsetSize: number, directory: string): string[] {
  const list = (): { path: string; directory: number }[] => {
    const formats = Array.from({ length: cursor.u8() }, () => ({ content: cursor.uleb(), form: cursor.uleb() }));
    const count = cursor.uleb();
    if (count > cursor.bytes.length) throw dwarfCorrupt('a table of files is too long');
    const found: { path: string; directory: number }[] = [];
    for (let i = 0; i < count; i++) {
      let path = '';
      let where = 0;
      for (const { content, form } of formats) {
        // The unit may be split while its lines are not: texts are read from where the table is.
        const value =
          form === FORM.lineStrp
            ? textAt(unit.section('.debug_line_str'), cursor.uint(offsetSize))
            : unit.read(cursor, form, 0n);
        if (content === 1 && typeof value === 'string') path = value;
        else if (content === 2) where = Number(value);
      }
      found.push({ path, directory: where });
    }
    return found;
  };
  const directories = list().map((one) => join(directory, one.path));
  return list().map((one) => join(directories[one.directory] ?? directory, one.path));
}

function join(directory: string, name: string): string {
  return name.startsWith('/') || directory === '' ? name : `${directory}/${name}`;
}

function run(header: Header): LineRow[] {
  const { cursor, end, minimumLength, lineBase, lineRange, opcodeBase } = header;
  const rows: LineRow[] = [];
  let address = 0;
  let file = 1;
  let line = 1;
  let statement = header.statement;
  const push = (isEnd: boolean) => rows.push({ address, file, line, statement, end: isEnd });
  const advance = (count: number) => {
    address += count * minimumLength;
  };
  while (cursor.at < end) {
    const opcode = cursor.u8();
    if (opcode >= opcodeBase) {
      const adjusted = opcode - opcodeBase;
      advance(Math.floor(adjusted / lineRange));
      line += lineBase + (adjusted % lineRange);
      push(false);
      continue;
    }
    switch (opcode) {
      case 0: {
        const length = cursor.uleb();
        const next = cursor.at + length;
        const extended = length === 0 ? 0 : cursor.u8();
        if (extended === 1) {
          push(true);
          address = 0;
          file = 1;
          line = 1;
          statement = header.statement;
        } else if (extended === 2) address = cursor.uint(header.addressSize);
        cursor.at = next;
        break;
      }
      case 1:
        push(false);
        break;
      case 2:
        advance(cursor.uleb());
        break;
      case 3:
        line += Number(cursor.sleb());
        break;
      case 4:
        file = cursor.uleb();
        break;
      case 6:
        statement = !statement;
        break;
      case 8:
        advance(Math.floor((255 - opcodeBase) / lineRange));
        break;
      case 9:
        address += cursor.u16();
        break;
      default:
        // Those that change nothing that is asked for here.
        for (let i = 0; i < (header.operands[opcode - 1] ?? 0); i++) cursor.uleb();
    }
  }
  return rows;
}
