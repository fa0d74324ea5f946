import { MAP_TYPES } from '@skep/abi';
import { type MapSpec, PLAIN_MAP } from '@skep/object';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Checkpoint } from '../../src/debug/checkpoint.ts';
import { Machine, type RingMap, type SpecialField, UserMap, type VmMap } from '../../src/index.ts';

const typeOf = (name: string) => MAP_TYPES.find((one) => one.name === `BPF_MAP_TYPE_${name}`)!.value;

function spec(name: string, keySize: number, valueSize: number, maxEntries: number, flags = 0): MapSpec {
  return {
    ...PLAIN_MAP,
    name: name.toLowerCase(),
    type: typeOf(name),
    keySize,
    valueSize,
    maxEntries,
    flags,
  };
}

const SPECS = [
  spec('HASH', 4, 8, 6),
  spec('ARRAY', 4, 8, 6),
  spec('PERCPU_HASH', 4, 8, 6),
  spec('PERCPU_ARRAY', 4, 8, 6),
  spec('LRU_HASH', 4, 8, 4),
  spec('LRU_PERCPU_HASH', 4, 8, 4),
  spec('LPM_TRIE', 8, 8, 6, 1),
  spec('QUEUE', 0, 8, 4),
  spec('STACK', 0, 8, 4),
  spec('BLOOM_FILTER', 0, 8, 16),
];

type Operation = readonly [what: number, key: number, value: number, flags: number];
const operations = fc.array(fc.tuple(fc.nat(6), fc.nat(9), fc.nat(255), fc.nat(2)), { maxLength: 40 });

/** Does something to a map as user space or as a program would, and gives what came of it. */
function perform(machine: Machine, user: UserMap, scratch: number, [what, key, value, flags]: Operation): unknown {
  const { map } = user;
  const { keySize } = map.spec;
  const keyBytes = new Uint8Array(keySize);
  // A prefix of 24 bits for the trie; the same bytes are a key elsewhere.
  if (keySize > 0) keyBytes.set(keySize === 8 ? [24, 0, 0, 0, 10, 0, key, 0] : [key]);
  const valueBytes = new Uint8Array(map.userValueSize).fill(value);
  const target = new Uint8Array(map.userValueSize);
  machine.memory.bytes.set(keyBytes, scratch);
  machine.memory.bytes.fill(value, scratch + 16, scratch + 24);
  switch (what) {
    case 0:
      return user.update(keyBytes, valueBytes, flags);
    case 1:
      return [user.lookup(keyBytes, target), ...target];
    case 2:
      return user.delete(keyBytes);
    case 3:
      return map.lookup(scratch, 0);
    case 4:
      return map.update(scratch, scratch + 16, flags, 0);
    case 5:
      return [map.push?.(scratch + 16, 0), map.peek?.(scratch + 16)];
    default:
      return [map.pop?.(scratch + 16), user.take(keyBytes, target), ...target];
  }
}

const contents = (map: VmMap) => map.keys().map((one) => one.join());

describe('a checkpoint', () => {
  for (const one of SPECS) {
    it(`puts back a ${one.name}, so that the same operations do the same again`, () => {
      fc.assert(
        fc.property(operations, operations, (before, after) => {
          const machine = new Machine({ cpus: 2 });
          const map = machine.createMap(one);
          const user = new UserMap(machine, map);
          const scratch = machine.memory.allocate(32);
          const run = (list: readonly Operation[]) => list.map((each) => perform(machine, user, scratch, each));
          run(before);
          const then = contents(map);
          const checkpoint = new Checkpoint(machine);
          const first = run(after);
          const ended = contents(map);
          const memory = machine.memory.save().bytes;
          checkpoint.restore();
          expect(contents(map)).toEqual(then);
          expect(run(after)).toEqual(first);
          expect(contents(map)).toEqual(ended);
          expect(Buffer.compare(machine.memory.save().bytes, memory)).toBe(0);
        }),
        { numRuns: 40 },
      );
    });
  }

  it('puts back what was sent through a ring, and its reader', () => {
    const machine = new Machine();
    const ring = machine.createMap(spec('RINGBUF', 0, 0, 4096)) as RingMap;
    const send = (value: number) => {
      const at = ring.reserve(8);
      machine.memory.view.setInt32(at, value, true);
      ring.commit(at, false, 0);
    };
    const read = () => {
      const found: number[] = [];
      ring.drain((view, offset) => found.push(view.getInt32(offset, true)), 100);
      return found;
    };
    send(1);
    send(2);
    const checkpoint = new Checkpoint(machine);
    for (let i = 0; i < 2; i++) {
      send(3);
      expect(read()).toEqual([1, 2, 3]);
      checkpoint.restore();
    }
    expect(read()).toEqual([1, 2]);
  });

  it('puts back timers, and that they go with the entry that they lie in', () => {
    const machine = new Machine();
    const timer: SpecialField = { kind: 'bpf_timer', offset: 0, size: 16 };
    const map = machine.createMap(spec('HASH', 4, 24, 4), [timer]);
    const user = new UserMap(machine, map);
    const key = new Uint8Array(4);
    const at = machine.memory.allocate(4);
    user.update(key, new Uint8Array(24));
    const checkpoint = new Checkpoint(machine);
    for (let i = 0; i < 3; i++) {
      const value = map.lookup(at, 0);
      expect(machine.timers.init(value, map, 1)).toBe(0);
      expect(machine.timers.init(value, map, 1)).toBe(-16);
      expect(user.delete(key)).toBe(0);
      user.update(key, new Uint8Array(24));
      expect(machine.timers.init(map.lookup(at, 0), map, 1)).toBe(0);
      checkpoint.restore();
    }
  });

  it('puts back the world and forgets memory that was taken later', () => {
    const machine = new Machine();
    const numbers = [machine.world.random(), machine.world.random()];
    const checkpoint = new Checkpoint(machine);
    const next = machine.world.random();
    const at = machine.memory.allocate(3_000_000);
    machine.memory.bytes.fill(7, at, at + 3_000_000);
    checkpoint.restore();
    expect(machine.world.random()).toBe(next);
    expect(numbers).not.toContain(next);
    expect(machine.memory.allocate(3_000_000)).toBe(at);
    expect(machine.memory.bytes.subarray(at, at + 3_000_000).every((byte) => byte === 0)).toBe(true);
  });
});
