import { describe, expect, it } from 'vitest';
import { type BpfMap, createMap, KernelError, possibleCpus } from '../src/index.ts';
import { bytes32, bytes64, expectNoLeaks, noKernel, number64 } from './support/host.ts';

const HASH = 1;
const ARRAY = 2;
const PERCPU_ARRAY = 6;
const LPM_TRIE = 11;
const ARRAY_OF_MAPS = 12;
const QUEUE = 22;
const NO_PREALLOC = 1;
const MMAPABLE = 1024;

describe.skipIf(noKernel)('maps of the kernel', () => {
  expectNoLeaks();

  const hash = (maxEntries = 100): BpfMap =>
    createMap({ name: 'hash', type: HASH, keySize: 4, valueSize: 8, maxEntries });

  it('looks up, updates and deletes', () => {
    const map = hash();
    expect(map.lookup(bytes32(1))).toBeUndefined();
    expect(map.update(bytes32(1), bytes64(42))).toBe(true);
    expect(number64(map.lookup(bytes32(1))!)).toBe(42);
    expect(map.update(bytes32(1), bytes64(43), 'ifAbsent')).toBe(false);
    expect(map.update(bytes32(2), bytes64(43), 'ifPresent')).toBe(false);
    expect(map.update(bytes32(1), bytes64(44), 'ifPresent')).toBe(true);
    const into = new Uint8Array(8);
    expect(map.lookupInto(bytes32(1), into)).toBe(true);
    expect(number64(into)).toBe(44);
    expect(map.lookupInto(bytes32(9), into)).toBe(false);
    expect(map.delete(bytes32(1))).toBe(true);
    expect(map.delete(bytes32(1))).toBe(false);
    map.close();
  });

  it('returns copies', () => {
    const map = hash();
    map.update(bytes32(1), bytes64(1));
    const first = map.lookup(bytes32(1))!;
    first[0] = 99;
    expect(number64(map.lookup(bytes32(1))!)).toBe(1);
    map.close();
  });

  it.each([1, 7, 1000, 5000])('walks all entries once, in batches of %i', (batch) => {
    const map = hash(5000);
    const keys = new Uint8Array(4000 * 4);
    const values = new Uint8Array(4000 * 8);
    for (let i = 0; i < 4000; i++) {
      keys.set(bytes32(i * 7), i * 4);
      values.set(bytes64(i), i * 8);
    }
    map.updateMany(keys, values);
    const seen = new Map([...map.entries(batch)].map(([key, value]) => [number64(pad(key)), number64(value)]));
    expect(seen.size).toBe(4000);
    for (let i = 0; i < 4000; i++) expect(seen.get(i * 7)).toBe(i);
    expect([...map.keys()]).toHaveLength(4000);
    map.close();
  });

  it('walks key by key where the kernel has no batches', () => {
    const queueLike = createMap({ name: 'inner', type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
    const outer = createMap({
      name: 'outer',
      type: ARRAY_OF_MAPS,
      keySize: 4,
      valueSize: 4,
      maxEntries: 3,
      inner: queueLike,
    });
    outer.update(bytes32(1), bytes32(queueLike.fd));
    const entries = [...outer.entries()];
    expect(entries.filter(([, value]) => number64(pad(value)) !== 0)).toHaveLength(1);
    outer.close();
    queueLike.close();
  });

  it('walks tries and empty maps', () => {
    const trie = createMap({
      name: 'trie',
      type: LPM_TRIE,
      keySize: 8,
      valueSize: 4,
      maxEntries: 10,
      flags: NO_PREALLOC,
    });
    expect([...trie.entries()]).toEqual([]);
    for (const last of [1, 2, 3]) trie.update(Uint8Array.of(32, 0, 0, 0, 10, 0, 0, last), bytes32(last));
    expect([...trie.entries(2)].map(([key]) => key[7]).sort()).toEqual([1, 2, 3]);
    trie.close();
    const empty = hash();
    expect([...empty.entries()]).toEqual([]);
    expect(empty.nextKey()).toBeUndefined();
    empty.close();
  });

  it('has a value for each possible CPU', () => {
    const map = createMap({ name: 'percpu', type: PERCPU_ARRAY, keySize: 4, valueSize: 12, maxEntries: 2 });
    expect(map.rawValueSize).toBe(16 * possibleCpus());
    const raw = new Uint8Array(map.rawValueSize);
    for (let cpu = 0; cpu < possibleCpus(); cpu++) raw.fill(cpu + 1, cpu * 16, cpu * 16 + 12);
    map.update(bytes32(1), raw);
    const values = map.perCpu(map.lookup(bytes32(1))!);
    expect(values).toHaveLength(possibleCpus());
    values.forEach((value, cpu) => {
      expect([...value]).toEqual(Array(12).fill(cpu + 1));
    });
    const all = [...map.entries()];
    expect(all).toHaveLength(2);
    expect(all[1]![1]).toEqual(raw);
    map.close();
  });

  it('shares memory of arrays', () => {
    const map = createMap({ name: 'mem', type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 3, flags: MMAPABLE });
    const memory = map.memory();
    expect(memory).toHaveLength(24);
    memory.set(bytes64(77), 8);
    expect(number64(map.lookup(bytes32(1))!)).toBe(77);
    map.update(bytes32(2), bytes64(88));
    expect(number64(memory, 16)).toBe(88);
    map.close();
    expect(number64(memory, 16)).toBe(88); // still mapped
  });

  it('refuses changes of frozen maps', () => {
    const map = createMap({ name: 'frozen', type: ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 });
    map.freeze();
    expect(() => map.update(bytes32(0), bytes64(1))).toThrow(KernelError);
    map.close();
  });

  it('pushes and pops', () => {
    const queue = createMap({ name: 'queue', type: QUEUE, keySize: 0, valueSize: 4, maxEntries: 2 });
    expect(queue.pop()).toBeUndefined();
    queue.push(bytes32(1));
    queue.push(bytes32(2));
    expect(() => queue.push(bytes32(3))).toThrow(/E5004.*queue.*E2BIG/);
    expect(queue.pop()).toEqual(bytes32(1));
    expect(queue.pop()).toEqual(bytes32(2));
    queue.close();
  });

  it('says which map and why not', () => {
    expect(() => createMap({ name: 'bad', type: HASH, keySize: 0, valueSize: 8, maxEntries: 1 })).toThrow(
      /E5004: BPF_MAP_CREATE failed for map bad \(BPF_MAP_TYPE_HASH, key 0/,
    );
    expect(() => createMap({ name: 'new', type: 999, keySize: 4, valueSize: 8, maxEntries: 1 })).toThrow(/type 999/);
    const full = hash(1);
    full.update(bytes32(1), bytes64(1));
    const failed = caught(() => full.update(bytes32(2), bytes64(1)));
    expect(failed.diagnostics[0]!.help).toMatch(/full/);
    expect(failed).toMatchObject({ call: 'BPF_MAP_UPDATE_ELEM', errnoName: 'E2BIG' });
    full.close();
  });

  it('throws on wrong sizes and after close', () => {
    const map = hash();
    expect(() => map.lookup(new Uint8Array(3))).toThrow(/key of map hash has 4 bytes, not 3/);
    expect(() => map.update(bytes32(1), bytes32(1))).toThrow(/value of map hash has 8 bytes, not 4/);
    expect(() => map.updateMany(new Uint8Array(8), new Uint8Array(8))).toThrow(/16/);
    expect(() => map.memory()).toThrow(/BPF_F_MMAPABLE/);
    map.close();
    map.close();
    expect(() => map.lookup(bytes32(1))).toThrow(/closed/);
  });
});

function pad(bytes: Uint8Array): Uint8Array {
  const wide = new Uint8Array(8);
  wide.set(bytes);
  return wide;
}

function caught(run: () => unknown): KernelError {
  try {
    run();
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
