import { setBuiltIns } from '../macros.ts';
import { AGGREGATES } from './aggregates.ts';
import { MAPS } from './maps.ts';
import { META } from './meta.ts';
import { OUTPUT } from './output.ts';
import { PROBE } from './probe.ts';
import type { FunctionSpec } from './spec.ts';
import { STRINGS } from './strings.ts';
import { SYMBOLS } from './symbols.ts';
import { TASK } from './task.ts';

/** All functions and builtins, in the groups of the reference page. */
export const FUNCTION_GROUPS: readonly { readonly title: string; readonly functions: readonly FunctionSpec[] }[] = [
  { title: 'Output', functions: OUTPUT },
  { title: 'Aggregations', functions: AGGREGATES },
  { title: 'Maps', functions: MAPS },
  { title: 'Task, processor and time', functions: TASK },
  { title: 'Probe, stacks and symbols', functions: [...PROBE, ...SYMBOLS] },
  { title: 'Text and bytes', functions: STRINGS },
  { title: 'The script itself', functions: META },
];

/** By all their names. */
export const FUNCTIONS: ReadonlyMap<string, FunctionSpec> = new Map(
  FUNCTION_GROUPS.flatMap(({ functions }) =>
    functions.flatMap((one) => one.names.map((name): [string, FunctionSpec] => [name, one])),
  ),
);

export function functionNames(): Iterable<string> {
  return FUNCTIONS.keys();
}

setBuiltIns((name) => FUNCTIONS.has(name));
