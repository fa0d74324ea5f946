import { type HookSpec, type MapSpec, PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { expect, it } from 'vitest';
import { Machine } from '../src/machine.ts';
import type { VmMap } from '../src/maps/map.ts';
import type { VmProgram } from '../src/program.ts';
import { insn, Random, type Word } from './jit-programs.ts';

/** The same operations on hash tables in compiled code and in JavaScript: results, contents and what LRU maps drop. */
const STEPS = Number(process.env.SKEP_FUZZ ?? 800);

const TYPES = { hash: 1, perCpuHash: 5, lruHash: 9, lruPerCpuHash: 10 };
const SHAPES = [
  [4, 8, 7],
  [8, 1, 32],
  [16, 100, 5],
  [6, 12, 16],
  [20, 24, 40],
] as const;

it.each(Object.entries(TYPES))(
  '%s',
  (_, type) => {
    for (const [keySize, valueSize, entries] of SHAPES) {
      const sides = [new Side(undefined), new Side('bounded'), new Side('verified')].map((side) => {
        side.make(type, keySize, valueSize, entries);
        return side;
      });
      const random = new Random(type * 1000 + keySize);
      for (let step = 0; step < STEPS; step++) {
        const [operation, key, cpu] = [random.below(4), random.below(entries + 6), random.below(2)];
        const odd = random.chance(5) ? random.pick([3, 4, -1]) : random.pick([0, 0, 1, 2]);
        const value = random.next();
        const seen = sides.map((side) => side.step(operation, odd, key, value, cpu));
        for (const one of seen) expect(one, `type ${type}, key ${keySize}, step ${step}`).toBe(seen[0]);
        if (step % 200 === 0) {
          const contents = sides.map((side) => side.contents());
          for (const one of contents) expect(one, `step ${step}`).toBe(contents[0]);
        }
      }
    }
  },
  240_000,
);

class Side {
  private readonly machine: Machine;
  private readonly trust: 'bounded' | 'verified' | undefined;
  private readonly buffer: number;
  private map!: VmMap;
  private program!: VmProgram;

  constructor(trust: 'bounded' | 'verified' | undefined) {
    this.trust = trust;
    this.machine = new Machine({ cpus: 2, ...(trust ? { trust } : { engine: 'interpreter' as const }) });
    this.buffer = this.machine.memory.allocate(256);
  }

  make(type: number, keySize: number, valueSize: number, maxEntries: number): void {
    const spec = { name: 'table', type, keySize, valueSize, maxEntries, flags: 0, keyType: 0, valueType: 0 };
    this.map = this.machine.createMap({ ...spec, initialSlots: [] } as unknown as MapSpec);
    this.program = this.machine.loadProgram(program(this.map.address), new Map());
    if (this.trust) this.machine.compile(this.program);
  }

  step(operation: number, flags: number, key: number, value: number, cpu: number): string {
    const { machine, buffer, map } = this;
    (machine.world as { cpu: number }).cpu = cpu;
    const { view, bytes } = machine.memory;
    bytes.fill(0, buffer, buffer + 256);
    view.setUint32(buffer, operation, true);
    view.setBigInt64(buffer + 8, BigInt(flags), true);
    bytes.fill(key, buffer + 16, buffer + 16 + map.spec.keySize);
    bytes.fill(value, buffer + 64, buffer + 64 + map.spec.valueSize);
    const result = machine.run64(this.program, buffer);
    return `${result} ${Buffer.from(machine.memory.bytes.subarray(buffer, buffer + 256)).toString('hex')}`;
  }

  contents(): string {
    const { machine, map } = this;
    const at = machine.memory.allocate(64);
    const entries = map.keys().map((key) => {
      machine.memory.bytes.set(key, at);
      const value = new Uint8Array(map.userValueSize);
      map.userLookup(at, value);
      return `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`;
    });
    machine.memory.release(at, 64);
    return entries.sort().join(' ');
  }
}

/** Operation, flags, key and value stand in the buffer that the context is: 0 and 1 update, 2 deletes, 3 looks up. */
function program(map: number): ProgramSpec {
  const words: Word[] = [
    insn(0xbf, 6, 1, 0, 0),
    insn(0x61, 7, 6, 0, 0),
    insn(0x79, 4, 6, 8, 0),
    insn(0x18, 1, 0, 0, map),
    [0, 0],
    insn(0xbf, 2, 6, 0, 0),
    insn(0x07, 2, 0, 0, 16),
    insn(0xbf, 3, 6, 0, 0),
    insn(0x07, 3, 0, 0, 64),
    insn(0x15, 7, 0, 4, 2),
    insn(0x15, 7, 0, 5, 3),
    insn(0x85, 0, 0, 0, 2),
    insn(0x95, 0, 0, 0, 0),
    insn(0x95, 0, 0, 0, 0),
    insn(0x85, 0, 0, 0, 3),
    insn(0x95, 0, 0, 0, 0),
    insn(0x85, 0, 0, 0, 1),
    insn(0x15, 0, 0, 4, 0),
    insn(0x71, 1, 0, 0, 0),
    insn(0x73, 6, 1, 200, 0),
    insn(0x72, 0, 0, 0, 77),
    insn(0xb7, 0, 0, 0, 5),
    insn(0x95, 0, 0, 0, 0),
  ];
  return {
    ...PLAIN_PROGRAM,
    name: 'operations',
    section: 'xdp',
    hook: { programType: 'BPF_PROG_TYPE_XDP' } as HookSpec,
    code: new Uint8Array(Int32Array.from(words.flat()).buffer),
  };
}
