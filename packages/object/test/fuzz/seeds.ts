import { clang } from '../clang.ts';
import { CORE_SOURCE } from '../core/source.ts';
import { SOURCES } from '../sources.ts';
import { type Seed, seedOf } from './mutate.ts';

/** Objects of clang's that have among them all that readers know. */
export function seeds(): Seed[] {
  return Object.entries({ ...SOURCES, core: CORE_SOURCE }).map(([name, source]) => seedOf(name, clang(source)));
}
