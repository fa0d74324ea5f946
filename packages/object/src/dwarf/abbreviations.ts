import { FORM } from './constants.ts';
import { Cursor } from './cursor.ts';

/** Tables of abbreviations, which units share. */
export class AbbreviationCache {
  private readonly tables = new Map<string, ReadonlyMap<number, Abbreviation>>();
  private readonly sections = new Map<Uint8Array, number>();

  at(section: Uint8Array, offset: number): ReadonlyMap<number, Abbreviation> {
    if (!this.sections.has(section)) this.sections.set(section, this.sections.size);
    const key = `${this.sections.get(section)}:${offset}`;
    let table = this.tables.get(key);
    if (table === undefined) {
      table = readAbbreviations(section, offset);
      this.tables.set(key, table);
    }
    return table;
  }
}

/** A kind of entries, as `.debug_abbrev` describes it. */
export interface Abbreviation {
  readonly tag: number;
  readonly children: boolean;
  readonly attributes: readonly { readonly name: number; readonly form: number; readonly constant: bigint }[];
}

function readAbbreviations(section: Uint8Array, offset: number): ReadonlyMap<number, Abbreviation> {
  const table = new Map<number, Abbreviation>();
  const cursor = new Cursor(section, offset);
  while (!cursor.done) {
    const code = cursor.uleb();
    if (code === 0) break;
    const tag = cursor.uleb();
    const children = cursor.u8() !== 0;
    const attributes: { name: number; form: number; constant: bigint }[] = [];
    for (;;) {
      const name = cursor.uleb();
      const form = cursor.uleb();
      const constant = form === FORM.implicitConst ? cursor.sleb() : 0n;
      if (name === 0 && form === 0) break;
      attributes.push({ name, form, constant });
    }
    table.set(code, { tag, children, attributes });
  }
  return table;
}
