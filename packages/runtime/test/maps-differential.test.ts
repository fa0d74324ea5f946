import { dated, MAP_TYPES, type MapTypeName } from '@skep/abi';
import { type BpfMap, bpf, createMap, KernelError, permitted, possibleCpus, returned } from '@skep/kernel';
import type { MapSpec } from '@skep/object';
import { Machine, UserMap } from '@skep/vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/**
 * The same operations on a map of the kernel and on one of the virtual machine give the same results, values and error
 * numbers. Sequences are random; what the kernel leaves open (the order of a hash map's keys) is compared as a set.
 */
interface Shape {
  readonly type: MapTypeName;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  readonly mapExtra?: bigint;
  /** Keys that sequences use. */
  readonly keys: readonly Uint8Array[];
  /** Values, of one CPU. */
  readonly values?: readonly Uint8Array[];
  /** The kernel fixes the order of keys. */
  readonly ordered?: boolean;
}

const permission = permitted();
const skip = permission.ok ? undefined : permission.message;
const cpus = permission.ok ? possibleCpus() : 1;

const u32 = (...words: number[]): Uint8Array => new Uint8Array(Uint32Array.from(words).buffer);
const prefix = (length: number, ...bytes: number[]): Uint8Array => Uint8Array.of(...u32(length), ...bytes);
const some = (size: number): Uint8Array[] =>
  Array.from({ length: 6 }, (_, i) => Uint8Array.from({ length: size }, (_, j) => (j === 0 ? i : (i * 7 + j) & 1)));
const indices = [0, 1, 2, 3, 4, 0xffffffff].map((i) => u32(i));

const BPF_F_NO_PREALLOC = 1;
const shapes: Record<string, Shape> = {
  hash: { type: 'BPF_MAP_TYPE_HASH', keySize: 4, valueSize: 8, maxEntries: 4, keys: some(4) },
  'hash of odd sizes, not preallocated': {
    type: 'BPF_MAP_TYPE_HASH',
    keySize: 13,
    valueSize: 5,
    maxEntries: 3,
    flags: BPF_F_NO_PREALLOC,
    keys: some(13),
  },
  'read-only hash': { type: 'BPF_MAP_TYPE_HASH', keySize: 4, valueSize: 4, maxEntries: 4, flags: 8, keys: some(4) },
  'write-only hash': { type: 'BPF_MAP_TYPE_HASH', keySize: 4, valueSize: 4, maxEntries: 4, flags: 16, keys: some(4) },
  'per-CPU hash': { type: 'BPF_MAP_TYPE_PERCPU_HASH', keySize: 4, valueSize: 12, maxEntries: 4, keys: some(4) },
  'LRU hash below its capacity': {
    type: 'BPF_MAP_TYPE_LRU_HASH',
    keySize: 4,
    valueSize: 8,
    maxEntries: 1000,
    keys: some(4),
  },
  'per-CPU LRU hash below its capacity': {
    type: 'BPF_MAP_TYPE_LRU_PERCPU_HASH',
    keySize: 4,
    valueSize: 8,
    maxEntries: 1000,
    keys: some(4),
  },
  array: { type: 'BPF_MAP_TYPE_ARRAY', keySize: 4, valueSize: 6, maxEntries: 4, keys: indices, ordered: true },
  'per-CPU array': {
    type: 'BPF_MAP_TYPE_PERCPU_ARRAY',
    keySize: 4,
    valueSize: 6,
    maxEntries: 4,
    keys: indices,
    ordered: true,
  },
  'LPM trie of IPv4': {
    type: 'BPF_MAP_TYPE_LPM_TRIE',
    keySize: 8,
    valueSize: 4,
    maxEntries: 6,
    flags: BPF_F_NO_PREALLOC,
    ordered: true,
    keys: [
      prefix(0, 0, 0, 0, 0),
      prefix(8, 10, 0, 0, 0),
      prefix(8, 10, 1, 2, 3),
      prefix(9, 10, 128, 0, 0),
      prefix(16, 10, 1, 0, 0),
      prefix(24, 10, 1, 2, 0),
      prefix(32, 10, 1, 2, 3),
      prefix(31, 10, 1, 2, 2),
      prefix(4, 192, 0, 0, 0),
      prefix(32, 192, 168, 0, 1),
      prefix(33, 10, 0, 0, 0),
    ],
  },
  'LPM trie of 3 bytes': {
    type: 'BPF_MAP_TYPE_LPM_TRIE',
    keySize: 7,
    valueSize: 1,
    maxEntries: 100,
    flags: BPF_F_NO_PREALLOC,
    ordered: true,
    keys: Array.from({ length: 40 }, (_, i) => prefix((i * 5) % 25, (i * 37) & 0xff, (i * 11) & 0xff, i)),
  },
  queue: { type: 'BPF_MAP_TYPE_QUEUE', keySize: 0, valueSize: 5, maxEntries: 3, keys: [new Uint8Array()] },
  stack: { type: 'BPF_MAP_TYPE_STACK', keySize: 0, valueSize: 8, maxEntries: 3, keys: [new Uint8Array()] },
  'program array': {
    type: 'BPF_MAP_TYPE_PROG_ARRAY',
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    keys: indices,
    values: [u32(0x7ffffff0)],
    ordered: true,
  },
  'perf event array': {
    type: 'BPF_MAP_TYPE_PERF_EVENT_ARRAY',
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    keys: indices,
    values: [u32(0x7ffffff0)],
    ordered: true,
  },
  'cgroup array': {
    type: 'BPF_MAP_TYPE_CGROUP_ARRAY',
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    keys: indices,
    values: [u32(0x7ffffff0)],
    ordered: true,
  },
  'stack trace': {
    type: 'BPF_MAP_TYPE_STACK_TRACE',
    keySize: 4,
    valueSize: 64,
    maxEntries: 3,
    keys: indices,
    ordered: true,
  },
  devmap: {
    type: 'BPF_MAP_TYPE_DEVMAP',
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    keys: indices,
    values: [u32(0), u32(1)],
    ordered: true,
  },
  'devmap with programs': {
    type: 'BPF_MAP_TYPE_DEVMAP',
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    keys: indices,
    values: [u32(0, 0), u32(1, 0), u32(1, 0xffffffff), u32(0, 0xffffffff), u32(1, 0x7ffffff0), u32(0, 5)],
    ordered: true,
  },
  'devmap hash': {
    type: 'BPF_MAP_TYPE_DEVMAP_HASH',
    keySize: 4,
    valueSize: 4,
    maxEntries: 3,
    keys: indices,
    values: [u32(0), u32(1)],
  },
  cpumap: {
    type: 'BPF_MAP_TYPE_CPUMAP',
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    keys: indices.filter((_, i) => i !== 2 && i !== 3),
    values: [u32(0), u32(192), u32(20000)],
    ordered: true,
  },
  sockmap: {
    type: 'BPF_MAP_TYPE_SOCKMAP',
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    keys: indices,
    values: [u32(0x7ffffff0, 0), u32(0, 1)],
    ordered: true,
  },
  'sockmap of short values': {
    type: 'BPF_MAP_TYPE_SOCKMAP',
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    keys: indices,
    values: [u32(0x7ffffff0)],
    ordered: true,
  },
  sockhash: {
    type: 'BPF_MAP_TYPE_SOCKHASH',
    keySize: 6,
    valueSize: 8,
    maxEntries: 4,
    keys: some(6),
    values: [u32(0x7ffffff0, 0)],
  },
  xskmap: {
    type: 'BPF_MAP_TYPE_XSKMAP',
    keySize: 4,
    valueSize: 4,
    maxEntries: 4,
    keys: indices,
    values: [u32(0x7ffffff0)],
    ordered: true,
  },
  'reuseport array': {
    type: 'BPF_MAP_TYPE_REUSEPORT_SOCKARRAY',
    keySize: 4,
    valueSize: 8,
    maxEntries: 4,
    keys: indices,
    values: [u32(0x7ffffff0, 0), u32(0, 1)],
    ordered: true,
  },
  'ring buffer': { type: 'BPF_MAP_TYPE_RINGBUF', keySize: 0, valueSize: 0, maxEntries: 4096, keys: [new Uint8Array()] },
  'cgroup storage': {
    type: 'BPF_MAP_TYPE_CGROUP_STORAGE',
    keySize: 16,
    valueSize: 8,
    maxEntries: 0,
    keys: some(16),
  },
  'per-CPU cgroup storage': {
    type: 'BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE',
    keySize: 8,
    valueSize: 8,
    maxEntries: 0,
    keys: some(8),
  },
  'array that can be mapped': {
    type: 'BPF_MAP_TYPE_ARRAY',
    keySize: 4,
    valueSize: 12,
    maxEntries: 4,
    flags: 0x400,
    keys: indices,
    ordered: true,
  },
  'LRU hash of a list for each CPU': {
    type: 'BPF_MAP_TYPE_LRU_HASH',
    keySize: 4,
    valueSize: 8,
    maxEntries: 1000,
    flags: 2,
    keys: some(4),
  },
  arena: {
    type: 'BPF_MAP_TYPE_ARENA',
    keySize: 0,
    valueSize: 0,
    maxEntries: 4,
    flags: 0x400,
    keys: [new Uint8Array()],
  },
  'user ring buffer': {
    type: 'BPF_MAP_TYPE_USER_RINGBUF',
    keySize: 0,
    valueSize: 0,
    maxEntries: 4096,
    keys: [new Uint8Array()],
  },
};

type Operation =
  | { readonly do: 'lookup' | 'delete' | 'next'; readonly key: number }
  | { readonly do: 'update'; readonly key: number; readonly value: number; readonly mode: 0 | 1 | 2 }
  | { readonly do: 'pop' | 'keys' | 'first' };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('lookup', 'delete', 'next'), key: fc.nat(200) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('update' as const),
      key: fc.nat(200),
      value: fc.nat(250),
      mode: fc.constantFrom<0 | 1 | 2>(0, 0, 1, 2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('pop', 'keys', 'first') }) },
);

interface Home {
  lookup(key: Uint8Array): string;
  update(key: Uint8Array, value: Uint8Array, mode: 0 | 1 | 2): string;
  delete(key: Uint8Array): string;
  next(key: Uint8Array | undefined): string;
  pop(): string;
  keys(): string[];
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function kernelHome(map: BpfMap): Home {
  const guarded = (run: () => string): string => {
    try {
      return run();
    } catch (error) {
      if (error instanceof KernelError) return String(-error.errno);
      throw error;
    }
  };
  return {
    lookup: (key) =>
      guarded(() => {
        const value = map.lookup(key);
        return value ? hex(value) : '-2';
      }),
    update: (key, value, mode) =>
      guarded(() =>
        map.update(key, value, (['any', 'ifAbsent', 'ifPresent'] as const)[mode]) ? '0' : mode === 1 ? '-17' : '-2',
      ),
    delete: (key) => guarded(() => (map.delete(key) ? '0' : '-2')),
    next: (key) =>
      guarded(() => {
        const next = map.nextKey(key);
        return next ? hex(next) : '-2';
      }),
    pop: () =>
      guarded(() => {
        const value = map.pop();
        return value ? hex(value) : '-2';
      }),
    keys: () => [...map.keys()].map(hex),
  };
}

function machineHome(map: UserMap): Home {
  const { spec, userValueSize } = map.map;
  const value = () => new Uint8Array(userValueSize);
  const outcome = (result: number, bytes: Uint8Array) => (result === 0 ? hex(bytes) : String(result));
  return {
    lookup: (key) => {
      const target = value();
      return outcome(map.lookup(key, target), target);
    },
    update: (key, bytes, mode) => String(map.update(key, bytes, mode)),
    delete: (key) => String(map.delete(key)),
    next: (key) => {
      const target = new Uint8Array(spec.keySize);
      return outcome(map.nextKey(key, target), target);
    },
    pop: () => {
      const target = value();
      return outcome(map.take(new Uint8Array(), target), target);
    },
    keys: () => map.map.keys().map(hex),
  };
}

function play(home: Home, shape: Shape, operations: readonly Operation[]): string[] {
  const perCpu = /PERCPU/.test(shape.type);
  const stride = (shape.valueSize + 7) & ~7;
  const valueFor = (n: number): Uint8Array => {
    if (shape.values) return shape.values[n % shape.values.length]!;
    if (!perCpu) return new Uint8Array(shape.valueSize).fill(n + 1);
    const all = new Uint8Array(stride * cpus);
    for (let cpu = 0; cpu < cpus; cpu++) all.fill(n + cpu, cpu * stride, cpu * stride + shape.valueSize);
    return all;
  };
  const keyOf = (n: number) => shape.keys[n % shape.keys.length]!;
  return operations.map((one): string => {
    switch (one.do) {
      case 'lookup':
        return `lookup ${home.lookup(keyOf(one.key))}`;
      case 'update':
        return `update ${home.update(keyOf(one.key), valueFor(one.value), one.mode)}`;
      case 'delete':
        return `delete ${home.delete(keyOf(one.key))}`;
      case 'next': {
        const next = home.next(keyOf(one.key));
        // Which key comes next in a hash map is its own business; an error or its absence is not.
        return `next ${shape.ordered || next.startsWith('-') ? next : ''}`;
      }
      case 'first': {
        const first = home.next(undefined);
        return `first ${shape.ordered || first.startsWith('-') ? first : ''}`;
      }
      case 'pop':
        return shape.keySize === 0 ? `pop ${home.pop()}` : '';
      case 'keys': {
        if (/QUEUE|STACK|RINGBUF|ARENA/.test(shape.type) || shape.flags === 16) return '';
        return `keys ${shape.ordered ? home.keys() : home.keys().sort()}`;
      }
      default:
        return '';
    }
  });
}

/** `next` of a hash map depends on its order when the key is there: only whether there is one at all is the same then. */
const openNext = (shape: Shape, operations: readonly Operation[]): Operation[] =>
  shape.ordered ? [...operations] : operations.filter((one) => one.do !== 'next');

/** Commands of bpf(2) with flags that most of them do not have, and those over many keys at once. */
interface BatchOperation {
  readonly do: 'update' | 'lookup' | 'take' | 'updateMany' | 'deleteMany' | 'lookupMany' | 'takeMany';
  readonly keys: readonly number[];
  readonly value: number;
  readonly flags: number;
}

const batch: fc.Arbitrary<BatchOperation> = fc.record({
  do: fc.constantFrom('update', 'lookup', 'take', 'updateMany', 'updateMany', 'deleteMany', 'lookupMany', 'takeMany'),
  keys: fc.array(fc.nat(200), { maxLength: 4 }),
  value: fc.nat(250),
  flags: fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4, 5, 8),
});

interface RawHome {
  single(command: 'update' | 'lookup' | 'take', key: Uint8Array, value: Uint8Array, flags: number): number;
  /** The result, and how many it says. */
  many(
    command: 'updateMany' | 'deleteMany' | 'lookupMany' | 'takeMany',
    keys: Uint8Array,
    values: Uint8Array,
    count: number,
    flags: number,
  ): readonly [error: number, count: number];
  readonly valueSize: number;
}

function rawKernel(map: BpfMap): RawHome {
  const single = {
    update: 'BPF_MAP_UPDATE_ELEM',
    lookup: 'BPF_MAP_LOOKUP_ELEM',
    take: 'BPF_MAP_LOOKUP_AND_DELETE_ELEM',
  } as const;
  const many = {
    updateMany: 'BPF_MAP_UPDATE_BATCH',
    deleteMany: 'BPF_MAP_DELETE_BATCH',
    lookupMany: 'BPF_MAP_LOOKUP_BATCH',
    takeMany: 'BPF_MAP_LOOKUP_AND_DELETE_BATCH',
  } as const;
  return {
    valueSize: map.rawValueSize,
    single: (command, key, value, flags) =>
      bpf(single[command], { map_fd: map.fd, key: key.length === 0 ? undefined : key, value, flags: BigInt(flags) }),
    many: (command, keys, values, count, flags) => {
      const out_batch = new Uint8Array(Math.max(map.keySize, 4));
      const read = command === 'lookupMany' || command === 'takeMany';
      const error = bpf(many[command], {
        map_fd: map.fd,
        keys,
        values,
        count,
        elem_flags: BigInt(flags),
        ...(read && { out_batch }),
      });
      return [error, returned(many[command], 'count')];
    },
  };
}

function rawMachine(map: UserMap): RawHome {
  return {
    valueSize: map.map.userValueSize,
    single: (command, key, value, flags) =>
      command === 'update' ? map.update(key, value, flags) : map[command](key, value, flags),
    many: (command, keys, values, count, flags) => {
      const result =
        command === 'updateMany'
          ? map.updateMany(keys, values, flags)
          : command === 'deleteMany'
            ? map.deleteMany(keys, flags)
            : map[command](keys, values, count, flags);
      return [result.error, result.count];
    },
  };
}

function playBatches(home: RawHome, shape: Shape, all: readonly BatchOperation[]): string[] {
  const hash = /HASH/.test(shape.type);
  const keyOf = (n: number): Uint8Array => shape.keys[n % shape.keys.length]!;
  const valueFor = (n: number): Uint8Array => {
    const value = new Uint8Array(home.valueSize).fill(n);
    if (shape.values) value.set(shape.values[n % shape.values.length]!);
    return value;
  };
  return all.map((one): string => {
    const { do: command, flags } = one;
    if (command === 'update' || command === 'lookup' || command === 'take') {
      const value = valueFor(one.value);
      const result = home.single(command, keyOf(one.keys[0] ?? 0), value, flags);
      return `${command} ${flags} ${result} ${result === 0 && !/PERCPU/.test(shape.type) ? hex(value) : ''}`;
    }
    if (command === 'updateMany' || command === 'deleteMany') {
      const keys = Buffer.concat(one.keys.map(keyOf));
      const values = Buffer.concat(one.keys.map((_, i) => valueFor(one.value + i)));
      const [error, count] = home.many(command, keys, values, one.keys.length, flags);
      // Where nothing was begun, the count is what the caller had put there.
      return `${command} ${flags} ${error} ${[-1, -22, -524].includes(error) ? '' : count}`;
    }
    // Room for everything: where a smaller batch of a hash ends, its buckets decide.
    const room = Math.min(shape.maxEntries + 1, 1001);
    const keys = new Uint8Array(room * Math.max(1, shape.keySize));
    const values = new Uint8Array(room * home.valueSize);
    const [error, count] = home.many(command, keys, values, room, flags);
    if (error !== 0 && error !== -2) return `${command} ${flags} ${error}`;
    const rows = Array.from({ length: count }, (_, i) =>
      hex(keys.subarray(i * shape.keySize, (i + 1) * shape.keySize)),
    );
    return `${command} ${flags} ${error} ${count} ${hash ? rows.sort() : rows}`;
  });
}

describe.skipIf(skip !== undefined)(`maps of both homes${skip ? ` (skipped: ${skip})` : ''}`, () => {
  for (const [name, shape] of Object.entries(shapes)) {
    it(`agree on results and error numbers: ${name}`, () => {
      const { value: type } = dated(MAP_TYPES, shape.type);
      let ran = 0;
      fc.assert(
        fc.property(fc.array(operation, { maxLength: 40 }), (all) => {
          const operations = openNext(shape, all);
          const options = { name: 'differential', type, flags: shape.flags ?? 0 };
          const { keySize, valueSize, maxEntries } = shape;
          const kernelMap = createMap({ ...options, keySize, valueSize, maxEntries });
          try {
            const machine = new Machine({ cpus });
            const map = machine.createMap(specOf(type, shape));
            const wanted = play(kernelHome(kernelMap), shape, operations);
            const got = play(machineHome(new UserMap(machine, map)), shape, operations);
            expect(got).toEqual(wanted);
            ran += operations.length;
          } finally {
            kernelMap.close();
          }
        }),
        { numRuns: 40 },
      );
      expect(ran).toBeGreaterThan(100);
    });
  }

  for (const [name, shape] of Object.entries(shapes)) {
    it(`agree about batches and flags: ${name}`, () => {
      const { value } = dated(MAP_TYPES, shape.type);
      fc.assert(
        fc.property(fc.array(batch, { minLength: 1, maxLength: 12 }), (all) => {
          const spec = specOf(value, shape);
          const { keySize, valueSize, maxEntries, flags = 0, mapExtra = 0n } = shape;
          const kernelMap = createMap({ name: 'map', type: value, keySize, valueSize, maxEntries, flags, mapExtra });
          const machine = new Machine({ cpus });
          const machineMap = new UserMap(machine, machine.createMap(spec));
          try {
            const results = [rawKernel(kernelMap), rawMachine(machineMap)].map((home) => playBatches(home, shape, all));
            expect(results[1]).toEqual(results[0]);
          } finally {
            kernelMap.close();
          }
        }),
        { numRuns: 15 },
      );
    });
  }

  it('are refused for the same shapes', () => {
    const wrong: string[] = [];
    const sizes = [0, 1, 4, 5, 8, 513];
    for (const [name, { type, maxEntries, flags = 0 }] of Object.entries(shapes)) {
      const { value } = dated(MAP_TYPES, type);
      for (const keySize of sizes) {
        for (const valueSize of [0, 4, 8, 20]) {
          for (const more of [0, 1, 2, 0x40, 0x180, 0x400]) {
            for (const entries of [0, maxEntries]) {
              const shape = { type, keySize, valueSize, maxEntries: entries, flags: flags ^ more, keys: [] };
              const kernel = accepts(() =>
                createMap({
                  name: 'shape',
                  type: value,
                  keySize,
                  valueSize,
                  maxEntries: entries,
                  flags: flags ^ more,
                }).close(),
              );
              const machine = accepts(() => new Machine({ cpus }).createMap(specOf(value, shape)));
              if (kernel !== machine)
                wrong.push(
                  `${name}: key ${keySize} value ${valueSize} entries ${entries} flags ${flags ^ more}: kernel ${kernel}, machine ${machine}`,
                );
            }
          }
        }
      }
    }
    expect(wrong).toEqual([]);
  }, 60_000);

  for (const type of ['BPF_MAP_TYPE_ARRAY_OF_MAPS', 'BPF_MAP_TYPE_HASH_OF_MAPS'] as const) {
    it(`agree about maps in maps: ${type}`, () => {
      const { value } = dated(MAP_TYPES, type);
      const number = (name: MapTypeName) => dated(MAP_TYPES, name).value;
      const innerShape = { type: number('BPF_MAP_TYPE_HASH'), keySize: 4, valueSize: 8, maxEntries: 3 };
      const others = [
        innerShape,
        { ...innerShape, maxEntries: 9 },
        { ...innerShape, valueSize: 4 },
        { ...innerShape, keySize: 8 },
        { ...innerShape, flags: BPF_F_NO_PREALLOC },
        { ...innerShape, type: number('BPF_MAP_TYPE_LRU_HASH') },
      ];
      const shape = { type, keySize: 4, valueSize: 4, maxEntries: 3, keys: indices.slice(0, 5) };
      const inner = createMap({ name: 'inner', ...innerShape });
      const kernelOuter = createMap({ name: 'outer', type: value, keySize: 4, valueSize: 4, maxEntries: 3, inner });
      const kernelInner = others.map((one) => createMap({ name: 'inner', ...one }));
      const machine = new Machine({ cpus });
      const innerSpec = { ...specOf(innerShape.type, shape), ...innerShape };
      const outer = machine.createMap({ ...specOf(value, shape), inner: innerSpec });
      const machineInner = others.map((one) => machine.createMap({ ...innerSpec, flags: 0, ...one }));
      const homes = [
        { home: kernelHome(kernelOuter), handles: kernelInner.map((one) => one.fd) },
        {
          home: machineHome(new UserMap(machine, outer)),
          handles: machineInner.map((one) => machine.objects.numberOf(one)),
        },
      ];
      try {
        fc.assert(
          fc.property(fc.array(operation, { maxLength: 30 }), (all) => {
            const results = homes.map(({ home, handles }) => {
              for (const key of shape.keys) home.delete(key);
              const values = [...handles, 0x7ffffff0].map((handle) => u32(handle));
              // Ids differ from home to home: only that there is one can be compared.
              const plain = (text: string) => text.replace(/^lookup [0-9a-f]{8}$/, 'lookup id');
              return play(home, { ...shape, values }, openNext(shape, all)).map(plain);
            });
            expect(results[1]).toEqual(results[0]);
          }),
          { numRuns: 60 },
        );
      } finally {
        for (const one of [inner, kernelOuter, ...kernelInner]) one.close();
      }
    });
  }

  it('agree that a bloom filter knows what was pushed', () => {
    const { value } = dated(MAP_TYPES, 'BPF_MAP_TYPE_BLOOM_FILTER');
    const shape = { type: 'BPF_MAP_TYPE_BLOOM_FILTER' as const, keySize: 0, valueSize: 6, maxEntries: 1000, keys: [] };
    const kernelMap = createMap({ name: 'bloom', type: value, keySize: 0, valueSize: 6, maxEntries: 1000 });
    const machine = new Machine();
    const map = new UserMap(machine, machine.createMap(specOf(value, shape)));
    try {
      const item = (n: number) => Uint8Array.of(n, n >> 8, 1, 2, 3, 4);
      for (let n = 0; n < 300; n++) {
        kernelMap.push(item(n));
        expect(map.update(new Uint8Array(), item(n))).toBe(0);
      }
      let mistaken = 0;
      for (let n = 0; n < 2000; n++) {
        const found = map.lookup(new Uint8Array(), item(n));
        if (n < 300) expect(found).toBe(0);
        else mistaken += found === 0 ? 1 : 0;
      }
      expect(mistaken).toBeLessThan(40);
      expect(map.update(new Uint8Array(), item(1), 1)).toBe(-22);
      expect(map.nextKey(undefined, new Uint8Array())).toBe(-95);
      expect(map.delete(new Uint8Array())).toBe(-95);
      expect(map.take(new Uint8Array(), new Uint8Array(6))).toBe(-524);
      const home = kernelHome(kernelMap);
      expect([home.next(undefined), home.delete(new Uint8Array()), home.pop()]).toEqual(['-95', '-95', '-524']);
    } finally {
      kernelMap.close();
    }
  });

  it('drop old entries of a full LRU map, never the newest', () => {
    const machine = new Machine();
    const type = dated(MAP_TYPES, 'BPF_MAP_TYPE_LRU_HASH').value;
    const shape = { type: 'BPF_MAP_TYPE_LRU_HASH' as const, keySize: 4, valueSize: 4, maxEntries: 64, keys: [] };
    const kernelMap = createMap({ name: 'lru', type, keySize: 4, valueSize: 4, maxEntries: 64 });
    try {
      for (const home of [
        kernelHome(kernelMap),
        machineHome(new UserMap(machine, machine.createMap(specOf(type, shape)))),
      ]) {
        for (let i = 0; i < 500; i++) {
          expect(home.update(u32(i), u32(i * 3), 0)).toBe('0');
          expect(home.lookup(u32(i))).toBe(hex(u32(i * 3)));
          expect(home.keys().length).toBeLessThanOrEqual(64);
        }
      }
    } finally {
      kernelMap.close();
    }
  });
});

function accepts(make: () => unknown): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

function specOf(type: number, shape: Shape): MapSpec {
  return {
    name: 'differential',
    type,
    keySize: shape.keySize,
    valueSize: shape.valueSize,
    maxEntries: shape.maxEntries,
    flags: shape.flags ?? 0,
    keyType: 0,
    valueType: 0,
    pinByName: false,
    numaNode: undefined,
    mapExtra: shape.mapExtra ?? 0n,
    inner: undefined,
    initialSlots: new Map(),
    initialValue: undefined,
    data: undefined,
  };
}
