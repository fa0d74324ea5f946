import { EXIT, SkepError } from '@skep/base';
import { parseFormat, SCHEMA, table, toJson } from '@skep/view';
import type { Call } from '../command.ts';
import { noSuchAction, notLoaded } from '../diagnostics.ts';
import { btfKind } from './loaded-btf.ts';
import { linkKind } from './loaded-links.ts';
import { mapKind } from './loaded-maps.ts';
import { programKind } from './loaded-programs.ts';

/** What is loaded in this kernel, by whomever: `skep prog`, `skep map`, `skep links`, `skep btf`. */
export function commandOf(name: LoadedKind): { readonly execute: (call: Call) => Promise<number> } {
  return { execute: async (call) => perform(name, call) };
}

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

const KINDS: Readonly<Record<LoadedKind, Kind>> = {
  prog: programKind,
  map: mapKind,
  links: linkKind,
  btf: btfKind,
};

function perform(name: LoadedKind, call: Call): number {
  const [given = 'list', what, ...args] = call.args;
  const kind = KINDS[name];
  const json = /^json/.test(parseFormat(call.options.text('output') ?? 'table').kind);
  const print = ({ text, data }: Shown): void =>
    call.io.out(json ? `${toJson({ schema: SCHEMA, ...data }, 2)}\n` : text === '' ? '' : `${text.trimEnd()}\n`);
  if ((given === 'list' || given === 'show') && what === undefined) {
    const rows = kind.list();
    const cells = rows.map((row) => Object.values(row).map(cell));
    print({ text: table(kind.titles, cells), data: { [kind.key]: rows } });
    return EXIT.ok;
  }
  const action = kind.actions[given];
  const [least, most] = countOf(action?.takes);
  if (action === undefined || what === undefined || args.length < least || args.length > most)
    throw new SkepError(noSuchAction(name, call.args.join(' '), usagesOf(name, kind)), EXIT.usage);
  const shown = action.run(identify(kind, name, what), args, call);
  if (shown !== undefined) print(shown);
  return EXIT.ok;
}

/** A number, the path of a pin, or a name that only one of them has. */
function identify(kind: Kind, name: LoadedKind, what: string): number | string {
  if (/^\d{1,10}$/.test(what)) return Number(what);
  if (what.includes('/')) return what;
  const found = kind.list().filter((one) => one.name === what);
  if (found.length === 1) return found[0]!.id;
  throw new SkepError(
    notLoaded(
      name,
      what,
      found.map((one) => one.id),
    ),
  );
}

function usagesOf(name: LoadedKind, kind: Kind): string[] {
  const more = Object.entries(kind.actions).map(([action, { takes }]) =>
    ['skep', name, action, 'ID', ...(takes === undefined ? [] : [takes])].join(' '),
  );
  return [`skep ${name} list`, ...more];
}

/** Least and most arguments of `KEY VALUE`, `[KEY]`. */
function countOf(takes = ''): [least: number, most: number] {
  const words = takes.split(' ').filter(Boolean);
  return [words.filter((one) => !one.startsWith('[')).length, words.length];
}

function cell(value: unknown): string {
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
