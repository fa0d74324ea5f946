import { expect, it } from 'vitest';
import { Hostile } from './hostile.ts';

/** By hand millions of them, with changed copies of real programs as well: `npm run fuzz -w packages/vm`. */
const PROGRAMS = 1500;

it('comes through hostile programs, and both engines agree on them', () => {
  const hostile = new Hostile();
  for (let seed = 1; seed <= PROGRAMS; seed++) hostile.try(seed);
  const { refused, finished, stopped } = hostile.tally;
  expect(refused).toBeGreaterThan(0);
  expect(finished).toBeGreaterThan(PROGRAMS / 10);
  expect(stopped).toBeGreaterThan(PROGRAMS / 10);
}, 120_000);
