import { EXIT, SkepError } from '@skep/base';
import { parseFormat, SCHEMA, table, toJson } from '@skep/view';
import type { Call } from '../command.ts';
import { noSuchAction, notLoaded } from '../diagnostics.ts';
import { btfKind } from './loaded-btf.ts';
import { cell, type Kind, type LoadedKind, type Shown } from './loaded-kind.ts';
import { linkKind } from './loaded-links.ts';
import { mapKind } from './loaded-maps.ts';
import { programKind } from './loaded-programs.ts';

/** What is loaded in this kernel, by whomever: `skep prog`, `skep map`, `skep links`, `skep btf`. */
export function commandOf(name: LoadedKind): { readonly execute: (call: Call) => Promise<number> } {
  return { execute: async (call) => perform(name, call) };
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
