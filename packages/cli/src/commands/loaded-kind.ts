import type { Call } from '../command.ts';

/** The commands of what is loaded in the kernel. */
export type LoadedKind = 'prog' | 'map' | 'links' | 'btf';

export type Row = { readonly id: number; readonly name?: string; readonly [name: string]: unknown };

/** What an action shows; nothing where it only does something. */
export interface Shown {
  readonly text: string;
  readonly data: object;
}

export interface Kind {
  /** What the list is called in JSON. */
  readonly key: string;
  /** Of the members of each row, in their order. */
  readonly titles: readonly string[];
  list(): readonly Row[];
  /** By name; `which` is a number, or the path of a pin. */
  readonly actions: Readonly<Record<string, Action>>;
}

export interface Action {
  /** What it takes behind the one that is meant: `KEY VALUE`, `[KEY]`. */
  readonly takes?: string;
  run(which: number | string, args: readonly string[], call: Call): Shown | undefined;
}

/** A value as a cell of a table. */
export function cell(value: unknown): string {
  return Array.isArray(value) ? value.join(',') : String(value);
}

/** `kprobe` of `BPF_PROG_TYPE_KPROBE`. */
export function short(name: string): string {
  return name.replace(/^BPF_(PROG|MAP|LINK)_TYPE_/, '').toLowerCase();
}

/** A line for each member, for `show`. */
export function members(data: { readonly [name: string]: unknown }): string {
  const rows = Object.entries(data).filter(([, value]) => value !== undefined);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${cell(value)}`).join('\n');
}
