import { SkepError, suggest } from '@skep/base';
import type { ProgramSpec } from '@skep/object';
import type { Location } from './debugger.ts';

/** E4051 */
export const noSuchPlace = (location: Location, programs: readonly ProgramSpec[]): SkepError => {
  const functions = [...new Set(programs.flatMap((one) => one.functions.map((each) => each.name)))];
  const near = 'function' in location ? suggest(location.function, functions) : undefined;
  return new SkepError({
    code: 'E4051',
    severity: 'error',
    message: `there is no ${describe(location)} to stop at`,
    help: near ? `did you mean \`${near}\`?` : `functions: ${functions.join(', ')}`,
  });
};

/** E4052 */
export const noSuchMap = (name: string, names: readonly string[]): SkepError => {
  const near = suggest(name, names);
  return new SkepError({
    code: 'E4052',
    severity: 'error',
    message: `there is no map \`${name}\``,
    help: near ? `did you mean \`${near}\`?` : `maps: ${names.join(', ')}`,
  });
};

function describe(location: Location): string {
  const where = location.program === undefined ? '' : ` of program \`${location.program}\``;
  if ('slot' in location) return `instruction ${location.slot}${where}`;
  if ('function' in location) return `function \`${location.function}\`${where}`;
  return `code${where} at or behind line ${location.line}${location.file === undefined ? '' : ` of ${location.file}`}`;
}
