import type { LineInfo, ProgramSpec } from '@skep/object';

/** Which line of source each instruction of a program belongs to, for looking up at every step. */
export class Lines {
  readonly spec: ProgramSpec;
  /** By slot: the index of its record in `spec.lineInfo`, or -1. */
  private readonly record: Int32Array;
  /** By slot: the number of its file and line among this program's, or -1. */
  private readonly place: Int32Array;
  /** By slot: 1 where a record starts. */
  private readonly starts: Uint8Array;

  constructor(spec: ProgramSpec) {
    this.spec = spec;
    const slots = spec.code.length / 8;
    this.record = new Int32Array(slots).fill(-1);
    this.place = new Int32Array(slots).fill(-1);
    this.starts = new Uint8Array(slots);
    const places = new Map<string, number>();
    for (const [index, { slot, file, line }] of spec.lineInfo.entries()) {
      if (slot >= slots) continue;
      const key = `${file}:${line}`;
      if (!places.has(key)) places.set(key, places.size);
      this.record[slot] = index;
      this.place[slot] = places.get(key)!;
      this.starts[slot] = 1;
    }
    const functions = new Set(spec.functions.map((one) => one.slot));
    for (let slot = 1; slot < slots; slot++) {
      if (this.starts[slot] === 1 || functions.has(slot)) continue;
      this.record[slot] = this.record[slot - 1]!;
      this.place[slot] = this.place[slot - 1]!;
    }
  }

  at(slot: number): LineInfo | undefined {
    return this.spec.lineInfo[this.record[slot] ?? -1];
  }

  placeAt(slot: number): number {
    return this.place[slot] ?? -1;
  }

  startsAt(slot: number): boolean {
    return this.starts[slot] === 1;
  }

  functionAt(slot: number): { readonly name: string; readonly slot: number } {
    return this.spec.functions.findLast((one) => one.slot <= slot) ?? { name: this.spec.name, slot: 0 };
  }

  /** Where a line of source begins, each place that it was put to; the next line that has code when it has none. */
  slotsOf(file: string | undefined, line: number): number[] {
    const mine = this.spec.lineInfo.filter((one) => file === undefined || sameFile(one.file, file));
    const next = Math.min(...mine.map((one) => one.line).filter((one) => one >= line));
    const functions = new Set(this.spec.functions.map((one) => one.slot));
    return mine
      .filter((one) => one.line === next)
      .map((one) => one.slot)
      .filter((slot) => functions.has(slot) || slot === 0 || this.placeAt(slot - 1) !== this.placeAt(slot));
  }
}

/** `xdp.c` means any file of that name. */
function sameFile(path: string, wanted: string): boolean {
  return path === wanted || path.endsWith(`/${wanted}`);
}
