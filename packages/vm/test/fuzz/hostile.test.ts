import { type MapSpec, PLAIN_MAP } from '@skep/object';
import { expect, it } from 'vitest';
import { Machine } from '../../src/machine.ts';
import { Hostile } from './hostile.ts';
import { program } from './hostile-machine.ts';
import { BLOCK, Swarm } from './swarm.ts';

/** By hand millions of them, with changed copies of real programs as well: `npm run fuzz -w packages/vm`. */
const PROGRAMS = 1500;
const BLOCKS = process.env['CI'] ? 300 : 4;

const LARGE: MapSpec = {
  ...PLAIN_MAP,
  ...{ name: 'large', type: 2, keySize: 4, valueSize: 8, maxEntries: 200_000 },
};

it('comes through hostile programs, and both engines agree on them', () => {
  const hostile = new Hostile();
  for (let seed = 1; seed <= PROGRAMS; seed++) hostile.try(seed);
  const { refused, finished, stopped } = hostile.tally;
  expect(refused).toBeGreaterThan(0);
  expect(finished).toBeGreaterThan(PROGRAMS / 10);
  expect(stopped).toBeGreaterThan(PROGRAMS / 10);
}, 120_000);

it('comes through swarms of them, with every map, helper and kernel function', () => {
  const swarm = new Swarm();
  for (let n = 1; n <= BLOCKS; n++) swarm.block(n);
  const { programs, finished, stopped } = swarm.tally;
  expect(programs).toBe(BLOCKS * BLOCK);
  expect(finished).toBeGreaterThan(programs / 10);
  expect(stopped).toBeGreaterThan(programs / 10);
}, 600_000);

it('charges what helpers do to the budget of the program', () => {
  // A walk over all keys of a large map, and texts of any width: each call costs what it costs the machine.
  for (const code of [walks(), wide()]) {
    const machine = new Machine({ budget: 3_000_000 });
    const map = machine.createMap(LARGE);
    const format = machine.memory.allocate(16);
    machine.memory.bytes.set(new TextEncoder().encode('%8388607d'), format);
    const endless = machine.loadProgram(program(code(map.address, format)), new Map());
    const before = process.cpuUsage();
    expect(() => machine.run(endless, 0)).toThrow('without ending');
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(5000);
  }
});

type Code = (map: number, format: number) => Uint8Array;

/** for (;;) bpf_timer_init(stack, map, 1) */
function walks(): Code {
  return (map) => endless([0xa1bf, 0], [0x107, -16], [0x218, map], [0, 0], [0x3b7, 1], [0x85, 169]);
}

/** for (;;) bpf_trace_printk(format, 10, 1, 1, 1) */
function wide(): Code {
  return (_, format) => endless([0x118, format], [0, 0], [0x2b7, 10], [0x3b7, 1], [0x4b7, 1], [0x5b7, 1], [0x85, 6]);
}

function endless(...words: [number, number][]): Uint8Array {
  const back = -(words.length + 1);
  return new Uint8Array(Int32Array.from([...words.flat(), 0x05 | (back << 16), 0, 0x95, 0]).buffer);
}
