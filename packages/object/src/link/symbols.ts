import type { Diagnostic } from '@skep/base';
import { linkDuplicate, linkSections, linkUnsupported } from '../diagnostics.ts';
import type { ElfSymbol } from '../elf/model.ts';
import type { LinkInput } from './input.ts';
import type { LinkedSections } from './sections.ts';

/** A name that means the same in all files. */
export interface GlobalSymbol {
  readonly name: string;
  /** Which file's definition is taken; undefined when none defines it. */
  definition: Definition | undefined;
  /** Definitions that gave way to another. */
  readonly losers: Definition[];
  /** Files that use it without defining it. */
  readonly users: { readonly input: LinkInput; readonly weak: boolean }[];
  /** Some definition of it is hidden, so that it is seen in the linked object only. */
  hidden: boolean;
}

export interface Definition {
  readonly input: LinkInput;
  readonly symbol: ElfSymbol;
  /** The index of the input's section. */
  readonly section: number;
}

export interface LinkedSymbols {
  readonly globals: ReadonlyMap<string, GlobalSymbol>;
  readonly problems: readonly Diagnostic[];
}

/** Decides which definition each global name means, and marks the others dead. */
export function resolveSymbols(inputs: readonly LinkInput[], sections: LinkedSections): LinkedSymbols {
  const globals = new Map<string, GlobalSymbol>();
  const problems: Diagnostic[] = [];
  for (const input of inputs) {
    for (const symbol of input.file.symbols) {
      if (symbol.binding === 'local' || symbol.name === '') continue;
      const { name, section } = symbol;
      let global = globals.get(name);
      if (!global) {
        global = { name, definition: undefined, losers: [], users: [], hidden: false };
        globals.set(name, global);
      }
      if (section === 'undefined') global.users.push({ input, weak: symbol.binding === 'weak' });
      else if (typeof section !== 'number')
        problems.push(
          linkUnsupported(
            input.name,
            `${name} is ${section === 'common' ? 'a common symbol' : 'an absolute symbol'}`,
            'define it once, with a value: -fno-common makes compilers do so',
          ),
        );
      else if (input.places[section]) problems.push(...define(global, { input, symbol, section }, sections));
    }
  }
  for (const global of globals.values()) {
    for (const { input, symbol, section } of global.losers)
      input.markDead(section, symbol.value, symbol.value + symbol.size);
  }
  return { globals, problems };
}

/** Weak gives way to strong, later to earlier; two strong ones are a mistake. */
function define(global: GlobalSymbol, made: Definition, sections: LinkedSections): Diagnostic[] {
  if (made.symbol.visibility === 'hidden' || made.symbol.visibility === 'internal') global.hidden = true;
  const before = global.definition;
  if (!before) {
    global.definition = made;
    return [];
  }
  const isFirst = before.symbol.binding !== 'weak';
  if (isFirst && made.symbol.binding !== 'weak') {
    return [linkDuplicate(global.name, before.input.name, made.input.name)];
  }
  const name = (one: Definition) => sections.list[one.input.places[one.section]!.section]!.name;
  if (name(before) !== name(made)) {
    const why = `they define ${global.name} in one of them each`;
    return [linkSections(`${name(before)} and ${name(made)}`, before.input.name, made.input.name, why)];
  }
  global.definition = isFirst || made.symbol.binding === 'weak' ? before : made;
  global.losers.push(global.definition === before ? made : before);
  return [];
}
