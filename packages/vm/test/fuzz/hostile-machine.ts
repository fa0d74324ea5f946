import { HELPERS } from '@skep/abi';
import { SkepError } from '@skep/base';
import { type CodeReference, type MapSpec, PLAIN_MAP, PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { XdpPacket } from '../../src/hooks/xdp.ts';
import { FIRST_KFUNC, kfuncs } from '../../src/kfuncs/index.ts';
import { Machine } from '../../src/machine.ts';
import type { SpecialField, VmMap } from '../../src/maps/map.ts';
import { UserMap } from '../../src/maps/user.ts';
import { CELLS, FRAME_SIZE, MAX_FRAMES, MAX_NESTING, type SavedMemory, SCRATCH, STACKS } from '../../src/memory.ts';
import { testRun } from '../../src/test-run.ts';
import { SimulatedWorld } from '../../src/world.ts';
import { ANY, BUFFER, type HelperInfo, type Shape } from '../jit-programs.ts';

/** Programs to be changed, with the maps that they name. */
export interface Original {
  readonly program: ProgramSpec;
  readonly maps: readonly MapSpec[];
}

/** What came of a run. */
export interface Seen {
  readonly refused: boolean;
  /** The low half of r0; undefined when it was stopped. */
  readonly result: number | undefined;
  readonly text: string;
  /** Nothing can be compared. */
  readonly loose: boolean;
}

export interface HostileOptions {
  readonly originals: readonly Original[];
  readonly engine: 'interpreter' | 'jit';
  readonly budget: number;
  /** Also maps whose state lies in JavaScript, of which two machines have different amounts. */
  readonly everyMap?: boolean;
}

const STACK_BYTES = FRAME_SIZE * MAX_FRAMES * MAX_NESTING;
/** Of memory below the stacks only these bytes may ever be written: the scratch of loads, the cells of r0 … r5. */
const CELL_BYTES = 48;

/** A machine with maps of all kinds, for programs that nobody has verified. */
export class HostileMachine {
  readonly machine: Machine;
  private readonly specs: readonly Given[];
  private readonly fresh: SavedMemory;
  private readonly buffer: number;
  private readonly packet: XdpPacket;
  private maps = new Map<string, VmMap>();
  private users: UserMap[] = [];
  private named: Shape['maps'] = [];

  constructor({ originals, engine, budget, everyMap }: HostileOptions) {
    this.machine = new Machine({ cpus: 2, budget, engine, compileAfter: 0 });
    const own = everyMap ? [...MAPS, ...MORE_MAPS] : MAPS;
    const others = originals.flatMap((one) => one.maps).map((spec): Given => ({ spec, special: [] }));
    this.specs = [
      ...own,
      ...others.filter((one, i) => others.findIndex((two) => two.spec.name === one.spec.name) === i),
    ];
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
    machine.outcome = {};
    this.maps = new Map();
    for (const { spec, special } of this.specs) this.maps.set(spec.name, machine.createMap(spec, special));
    this.users = MAPS.map(({ spec }) => new UserMap(machine, this.maps.get(spec.name)!));
    this.named = [...this.maps.values()].map(({ address, spec }) => ({
      address,
      keySize: Math.min(spec.keySize, 32),
      valueSize: Math.min(spec.valueSize, 100),
      trie: spec.type === 11,
    }));
    const target = machine.loadProgram(program(new Uint8Array(Int32Array.of(0xb7, 7, 0x95, 0).buffer)), this.maps);
    const value = new Uint8Array(4);
    new DataView(value.buffer).setUint32(0, machine.objects.numberOf(target), true);
    this.maps.get('type3')!.userUpdate(this.buffer, value, 0);
  }

  /** Programs for its maps. */
  shape(helpers: readonly HelperInfo[] | undefined, small = false): Shape {
    return { wild: true, maps: this.named, ...(helpers && { helpers }), small };
  }

  run(spec: ProgramSpec, context: 'packet' | 'buffer' | 'hook'): Seen {
    const { machine } = this;
    this.packet.fill(PACKET, 1, 0);
    machine.packet = this.packet;
    // Programs can read what others left in frames above theirs.
    machine.memory.bytes.fill(0, STACKS, STACKS + STACK_BYTES);
    machine.memory.bytes.fill(7, this.buffer, this.buffer + BUFFER);
    try {
      const loaded = machine.loadProgram(spec, this.maps);
      machine.objects.remove(loaded);
      const result =
        context === 'hook'
          ? testRun(machine, loaded, { data: PACKET }).retval
          : machine.run(loaded, context === 'packet' ? this.packet.context : this.buffer);
      return { refused: false, result, text: `r0 = ${result}`, loose: false };
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      const text = error.message;
      const loose = /without ending|has overwritten|beyond the end|nested too deeply/.test(text);
      return { refused: error.code !== 'E4010', result: undefined, text, loose };
    }
  }

  /** User space looks at every map, writes and deletes; time goes on, and timers run. */
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

  /** An offset below the stacks that something has written to and nothing may; -1 when there is none. */
  damage(): number {
    const low = new Uint32Array(this.machine.memory.bytes.buffer, 0, STACKS / 4);
    for (let i = 0; i < low.length; i++) {
      if (low[i] === 0) continue;
      const at = 4 * i;
      if (!((at >= SCRATCH && at < SCRATCH + 8) || (at >= CELLS && at < CELLS + CELL_BYTES))) return at;
    }
    return -1;
  }

  differs(other: HostileMachine): boolean {
    return this.difference(other) >= 0;
  }

  /** Everything but the stacks: compiled code does not write there what it keeps in registers. */
  difference(other: HostileMachine): number {
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

/** A program of these bytes; calls of kernel functions by their place in {@link KFUNCS} are linked. */
export function program(code: Uint8Array): ProgramSpec {
  const words = new Int32Array(code.buffer, code.byteOffset, code.length >> 2);
  const references: CodeReference[] = [];
  for (let slot = 0; slot < words.length >> 1; slot++) {
    if ((words[2 * slot]! & 0xf0ff) !== 0x2085) continue;
    const name = kfuncs[words[2 * slot + 1]! - FIRST_KFUNC]?.name;
    if (name !== undefined) references.push({ kind: 'kfunc', slot, name, btfId: 0, weak: false });
  }
  return {
    ...PLAIN_PROGRAM,
    name: 'hostile',
    section: 'xdp',
    code,
    references,
  };
}

interface Given {
  readonly spec: MapSpec;
  readonly special: readonly SpecialField[];
}

function map(
  type: number,
  keySize: number,
  valueSize: number,
  maxEntries: number,
  flags = 0,
  inner?: MapSpec,
  special: readonly SpecialField[] = [],
): Given {
  const spec: MapSpec = {
    ...PLAIN_MAP,
    name: `type${type}${keySize > 4 ? `_${keySize}` : ''}${special.length > 0 ? '_special' : ''}`,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
    inner,
  };
  return { spec, special };
}

/** Hash tables, arrays, each per CPU and LRU; tries; queue, stack and bloom filter; buffers; programs; stack traces. */
const MAPS: readonly Given[] = [
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

/** Timers, work queues, lists, trees and pointers in values; maps in maps; storages; targets; arena, user ring buffer. */
const MORE_MAPS: readonly Given[] = [
  map(1, 8, 160, 4, 0, undefined, [
    { kind: 'bpf_spin_lock', offset: 0, size: 4 },
    { kind: 'bpf_timer', offset: 8, size: 16 },
    { kind: 'bpf_wq', offset: 24, size: 16 },
    { kind: 'kptr', offset: 40, size: 8 },
    { kind: 'bpf_list_head', offset: 48, size: 16 },
    { kind: 'bpf_rb_root', offset: 64, size: 16 },
  ]),
  map(12, 4, 4, 3, 0, map(2, 4, 8, 2).spec),
  map(13, 4, 4, 3, 0, map(1, 4, 8, 2).spec),
  map(14, 4, 8, 4),
  map(15, 4, 4, 4),
  map(16, 4, 4, 2),
  map(17, 4, 4, 4),
  map(18, 4, 4, 4),
  map(20, 4, 8, 4),
  map(24, 4, 8, 0, 1),
  map(28, 4, 8, 0, 1),
  map(29, 4, 8, 0, 1),
  map(32, 4, 8, 0, 1),
  map(31, 0, 0, 4096),
  map(33, 0, 0, 4, 1 << 10),
];

const machine = new Machine();
/** Helpers; those that print into the void are left out. */
export const CALLED: readonly HelperInfo[] = HELPERS.filter(
  (one) => machine.helpers[one.id] !== undefined && one.id !== 6,
);
/** Functions of the kernel, of whose arguments nothing is told. */
export const KFUNCS: readonly HelperInfo[] = kfuncs.map((_, i) => ({
  id: FIRST_KFUNC + i,
  params: Array.from({ length: 5 }, () => ({ type: ANY })),
  kernel: true,
}));
const PACKET = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + (i === 12 ? 0 : 1)) & 255);
