import type { Abbreviation } from './abbreviations.ts';
import { AT, FORM } from './constants.ts';
import type { Cursor } from './cursor.ts';
import { skipValue } from './forms.ts';
import { rangesOf } from './ranges.ts';
import type { Unit } from './unit.ts';

/** A debugging information entry: a function, a type, a member … */
export class Entry {
  readonly unit: Unit;
  readonly offset: number;
  private readonly start: number;
  private readonly abbreviation: Abbreviation;

  constructor(unit: Unit, offset: number, start: number, abbreviation: Abbreviation) {
    this.unit = unit;
    this.offset = offset;
    this.start = start;
    this.abbreviation = abbreviation;
  }

  get tag(): number {
    return this.abbreviation.tag;
  }

  value(name: number): Value | undefined {
    const { unit } = this;
    if (!this.abbreviation.attributes.some((one) => one.name === name)) return undefined;
    const cursor = this.cursor();
    for (const one of this.abbreviation.attributes) {
      if (one.name === name) return unit.read(cursor, one.form, one.constant);
      if (one.form !== FORM.implicitConst) skipValue(cursor, one.form, unit);
    }
    return undefined;
  }

  formOf(name: number): number | undefined {
    return this.abbreviation.attributes.find((one) => one.name === name)?.form;
  }

  number(name: number): number | undefined {
    const value = this.value(name);
    return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined;
  }

  text(name: number): string | undefined {
    const value = this.value(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** Addresses that it covers, each from and to (exclusive). */
  get ranges(): readonly (readonly [number, number])[] {
    return rangesOf(this);
  }

  /** The entries below it. */
  *children(): Generator<Entry> {
    if (!this.abbreviation.children) return;
    for (let entry = this.unit.entry(this.behind()); entry; entry = entry.next()) yield entry;
  }

  /** The entry behind this one and everything below it; undefined when it was the last child. */
  next(): Entry | undefined {
    const sibling = this.value(AT.sibling);
    // Going back would go round in circles.
    if (typeof sibling === 'number' && sibling > this.offset) return this.unit.entry(sibling);
    let at = this.behind();
    let depth = this.abbreviation.children ? 1 : 0;
    while (depth > 0) {
      if (at >= this.unit.end) return undefined;
      const entry = this.unit.entry(at);
      if (entry === undefined) {
        depth -= 1;
        at += 1;
      } else {
        at = entry.behind();
        if (entry.abbreviation.children) depth += 1;
      }
    }
    return this.unit.entry(at);
  }

  /** The offset behind its own attributes. */
  private behind(): number {
    const cursor = this.cursor();
    for (const { form } of this.abbreviation.attributes)
      if (form !== FORM.implicitConst) skipValue(cursor, form, this.unit);
    return cursor.at;
  }

  private cursor(): Cursor {
    return this.unit.cursorAt(this.start);
  }
}

export type Value = number | bigint | string | Uint8Array | { readonly index: number };
