import type { Column } from '@skep/view';
import { LiveNames } from '../src/frame/names.ts';
import type { Display, Given, Tool } from '../src/frame/tool.ts';
import { optionName } from '../src/index.ts';

/**
 * The columns that a tool can show, with any of its switches, in their order; none of histograms and stacks. Undefined
 * where only what was counted decides.
 */
export function columnsOf(tool: Tool): Column[] | undefined {
  const flags = tool.options.filter((one) => one.value === undefined).map((one) => optionName(one.flags));
  const found = new Map<string, Column>();
  // Those that want an argument make a program of it.
  const alone = ARGUMENTS[tool.name] ? [] : flags.map((one) => [one]);
  const displays = [[], flags, ...alone].map((given) => shown(tool, given));
  if (displays.some((one) => one.kind === 'sections')) return undefined;
  for (const display of displays)
    for (const column of columnsIn(display)) if (!found.has(column.title)) found.set(column.title, column);
  return [...found.values()];
}

function columnsIn(display: Display): readonly Column[] {
  return 'columns' in display ? display.columns : [];
}

/** What a tool with these switches would show, on its first route. */
function shown(tool: Tool, flags: readonly string[]): Display {
  const given: Given = {
    args: ARGUMENTS[tool.name] ?? [],
    route: tool.routes[0]!,
    names: new LiveNames(),
    text: () => undefined,
    number: () => undefined,
    flag: (name) => flags.includes(name),
    list: (name) => (LISTS[`${tool.name} ${name}`] === undefined ? [] : [LISTS[`${tool.name} ${name}`]!]),
    fact: (_, look) => look(),
    realtime: (monotonic) => monotonic,
  };
  return tool.display(given);
}

/** Tools that show nothing until they are told what. */
const ARGUMENTS: { readonly [tool: string]: readonly string[] } = {
  funccount: ['c:malloc'],
  funclatency: ['c:malloc'],
  stackcount: ['c:malloc'],
  trace: ['c:malloc "%d", arg1'],
};
const LISTS: { readonly [option: string]: string } = { 'argdist counter': 'p:c:malloc(size_t size):size_t:size' };
