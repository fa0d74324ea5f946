import { HELPERS } from '@skep/abi';
import { SkepError } from '@skep/base';
import type { MapSpec, ProgramSpec } from '@skep/object';
import { XdpPacket } from '../../src/hooks/xdp.ts';
import { Machine } from '../../src/machine.ts';
import type { VmMap } from '../../src/maps/map.ts';
import { UserMap } from '../../src/maps/user.ts';
import { FRAME_SIZE, MAX_FRAMES, MAX_NESTING, type SavedMemory, STACKS } from '../../src/memory.ts';
import { SimulatedWorld } from '../../src/world.ts';
import { BUFFER, mutate, Random, randomBytes, randomProgram, type Shape } from '../jit-programs.ts';

/** Programs to be changed, with the maps that they name. */
export interface Original {
  readonly program: ProgramSpec;
  readonly maps: readonly MapSpec[];
}

/** What came of some programs. */
export interface Tally {
  programs: number;
  /** Refused before the first instruction. */
  refused: number;
  /** Ran to their end, the same in both engines. */
  finished: number;
  /** Stopped by the same fault at the same instruction. */
  stopped: number;
  /**
   * Ended by the budget, or in a map that they had overwritten: the engines notice that at different times, so that
   * nothing is compared.
   */
  survived: number;
}

/**
 * Runs programs that nobody has verified in the interpreter and as compiled code, in two machines that are alike to the
 * byte. Throws when the engines disagree, when anything but a coded error comes out, when a run takes longer than its
 * budget allows, or when user space cannot look at the maps afterwards.
 */
export class Hostile {
  readonly tally: Tally = { programs: 0, refused: 0, finished: 0, stopped: 0, survived: 0 };
  private readonly originals: readonly Original[];
  private readonly sides: readonly [Side, Side];
  private age = 0;

  constructor(originals: readonly Original[] = []) {
    this.originals = originals;
    this.sides = [new Side(originals, 'interpreter'), new Side(originals, 'jit')];
  }

  /** One program; `seed` alone says which, but for the state that those before it left. */
  try(seed: number): void {
    const random = new Random(seed);
    this.age += 1;
    if (this.age > GENERATION) this.renew();
    this.tally.programs += 1;
    const { spec, context } = this.make(random, this.sides[0]);
    const [want, got] = this.sides.map((side) => this.guarded(seed, () => side.run(spec, context))) as [Seen, Seen];
    if (want.refused !== got.refused) throw new Error(`seed ${seed}: only one engine refuses it`);
    if (want.refused) this.tally.refused += 1;
    else if (want.loose || got.loose) this.tally.survived += 1;
    else if (want.text !== got.text) throw new Error(`seed ${seed}: ${want.text} interpreted, ${got.text} compiled`);
    else if (want.result === undefined) this.tally.stopped += 1;
    else this.tally.finished += 1;
    const apart = !want.refused && (want.loose || got.loose);
    if (!apart && this.sides[0].differs(this.sides[1]))
      throw new Error(`seed ${seed}: memory differs at ${this.sides[0].difference(this.sides[1]).toString(16)}`);
    if (random.chance(apart ? 25 : 5)) for (const side of this.sides) this.guarded(seed, () => side.look());
    // Whoever stood still at another place has another state.
    if (apart) this.renew();
  }

  private renew(): void {
    for (const side of this.sides) side.renew();
    this.age = 0;
  }

  private make(random: Random, side: Side): { spec: ProgramSpec; context: 'packet' | 'buffer' } {
    const kind = random.below(this.originals.length > 0 ? 10 : 7);
    if (kind < 1) return { spec: program(randomBytes(random)), context: 'buffer' };
    if (kind < 7) {
      const code = randomProgram(random, side.shape(random.chance(60)));
      return { spec: program(code), context: random.chance(50) ? 'packet' : 'buffer' };
    }
    const original = random.pick(this.originals).program;
    return { spec: { ...original, code: mutate(random, original.code) }, context: 'packet' };
  }

  /** Only errors with a code may come out, and in time. */
  private guarded<T>(seed: number, body: () => T): T {
    const start = process.cpuUsage();
    try {
      return body();
    } catch (error) {
      throw new Error(`seed ${seed}: an error without a code`, { cause: error });
    } finally {
      // Of its own: other processes may have had the processor meanwhile.
      const { user, system } = process.cpuUsage(start);
      const took = (user + system) / 1000;
      if (took > SLOW) process.stderr.write(`seed ${seed} took ${took.toFixed(0)} ms\n`);
    }
  }
}

const STACK_BYTES = FRAME_SIZE * MAX_FRAMES * MAX_NESTING;
/** Programs that share two machines before new ones are made. */
const GENERATION = 200;
const BUDGET = 4000;
/** Milliseconds of processor time after which a run is worth a line. */
const SLOW = 1000;

interface Seen {
  readonly refused: boolean;
  /** The low half of r0; undefined when it was stopped. */
  readonly result: number | undefined;
  readonly text: string;
  /** Nothing can be compared. */
  readonly loose: boolean;
}

class Side {
  readonly machine: Machine;
  private readonly specs: readonly MapSpec[];
  private readonly fresh: SavedMemory;
  private readonly buffer: number;
  private readonly packet: XdpPacket;
  private maps = new Map<string, VmMap>();
  private users: UserMap[] = [];

  constructor(originals: readonly Original[], engine: 'interpreter' | 'jit') {
    const compiled = engine === 'jit';
    this.machine = new Machine({ cpus: 2, budget: compiled ? BUDGET * 64 : BUDGET, engine, compileAfter: 0 });
    this.specs = [...MAPS, ...originals.flatMap((one) => one.maps)];
    this.packet = new XdpPacket(this.machine.memory);
    this.buffer = this.machine.memory.allocate(BUFFER);
    this.fresh = this.machine.memory.save();
    this.renew();
  }

  /** Other maps, and the memory of a new machine. */
  renew(): void {
    const { machine } = this;
    for (const map of this.maps.values()) machine.removeMap(map);
    machine.memory.restore(this.fresh);
    // Wild programs have written beyond what is in use.
    machine.memory.bytes.fill(0, this.fresh.bytes.length);
    machine.world = new SimulatedWorld();
    this.maps = new Map();
    for (const spec of this.specs) if (!this.maps.has(spec.name)) this.maps.set(spec.name, machine.createMap(spec));
    this.users = MAPS.map(({ name }) => new UserMap(machine, this.maps.get(name)!));
    const target = machine.loadProgram(program(new Uint8Array(Int32Array.of(0xb7, 7, 0x95, 0).buffer)), this.maps);
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, machine.objects.numberOf(target), true);
    this.maps.get('type3')!.userUpdate(this.buffer, value, 0);
  }

  shape(helpers: boolean): Shape {
    return {
      wild: true,
      maps: [...this.maps.values()].map(({ address, spec }) => ({
        address,
        keySize: Math.min(spec.keySize, 32),
        valueSize: Math.min(spec.valueSize, 100),
        trie: spec.type === 11,
      })),
      ...(helpers && { helpers: CALLED }),
    };
  }

  run(spec: ProgramSpec, context: 'packet' | 'buffer'): Seen {
    const { machine } = this;
    this.packet.fill(PACKET, 1, 0);
    machine.packet = this.packet;
    // Programs can read what others left in frames above theirs.
    machine.memory.bytes.fill(0, STACKS, STACKS + STACK_BYTES);
    machine.memory.bytes.fill(7, this.buffer, this.buffer + BUFFER);
    try {
      const loaded = machine.loadProgram(spec, this.maps);
      machine.objects.remove(loaded);
      const result = machine.run(loaded, context === 'packet' ? this.packet.context : this.buffer);
      return { refused: false, result, text: `r0 = ${result}`, loose: false };
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      const text = error.message;
      const loose = /without ending|has overwritten|beyond the end|nested too deeply/.test(text);
      return { refused: error.code !== 'E4010', result: undefined, text, loose };
    }
  }

  /** User space looks at every map, writes and deletes. */
  look(): void {
    for (const user of this.users) {
      const { spec, userValueSize } = user.map;
      const key = new Uint8Array(spec.keySize);
      const value = new Uint8Array(userValueSize);
      for (const access of [
        () => user.nextKey(undefined, key),
        () => user.nextKey(key, key),
        () => user.lookup(key, value),
        () => user.update(key, value),
        () => user.delete(key),
        () => user.take(key, value),
        () => user.lookupMany(new Uint8Array(64 * spec.keySize), new Uint8Array(64 * userValueSize), 64),
      ]) {
        try {
          access();
        } catch (error) {
          if (!(error instanceof SkepError)) throw error;
        }
      }
    }
  }

  differs(other: Side): boolean {
    return this.difference(other) >= 0;
  }

  /** Everything but the stacks: compiled code does not write there what it keeps in registers. */
  difference(other: Side): number {
    const from = STACKS + STACK_BYTES;
    const [a, b] = [this, other].map(({ machine }) => Buffer.from(machine.memory.bytes.buffer, from)) as [
      Buffer,
      Buffer,
    ];
    if (a.equals(b)) return -1;
    for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return from + i;
    return from + Math.min(a.length, b.length);
  }
}

function program(code: Uint8Array): ProgramSpec {
  return {
    name: 'hostile',
    section: 'xdp',
    hook: undefined,
    autoload: true,
    code,
    references: [],
    core: [],
    funcInfo: [],
    lineInfo: [],
    functions: [],
  };
}

function map(type: number, keySize: number, valueSize: number, maxEntries: number, flags = 0): MapSpec {
  return {
    name: `type${type}${keySize > 4 ? `_${keySize}` : ''}`,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
    keyType: 0,
    valueType: 0,
    pinByName: false,
    numaNode: undefined,
    mapExtra: 0n,
    inner: undefined,
    initialSlots: new Map(),
    initialValue: undefined,
    data: undefined,
  };
}

/** Hash tables, arrays, each per CPU and LRU; tries; queue, stack and bloom filter; buffers; programs; stack traces. */
const MAPS: readonly MapSpec[] = [
  map(1, 4, 16, 6),
  map(1, 12, 24, 32),
  map(1, 40, 8, 16),
  map(5, 4, 8, 8),
  map(2, 4, 12, 8),
  map(6, 4, 8, 4),
  map(9, 4, 8, 6),
  map(10, 8, 8, 6),
  map(11, 8, 4, 64, 1),
  map(11, 20, 8, 16, 1),
  map(22, 0, 8, 4),
  map(23, 0, 8, 4),
  map(30, 0, 8, 16),
  map(27, 0, 0, 4096),
  map(4, 4, 4, 2),
  map(3, 4, 4, 4),
  map(7, 4, 64, 16),
];

const machine = new Machine();
/** Those that print into the void are left out. */
const CALLED = HELPERS.filter((one) => machine.helpers[one.id] !== undefined && one.id !== 6);
const PACKET = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + (i === 12 ? 0 : 1)) & 255);
