import { SkepError } from '@skep/base';
import { type MapSpec, PLAIN_MAP, PLAIN_PROGRAM, type ProgramSpec } from '@skep/object';
import { describe, expect, it } from 'vitest';
import { Fault } from '../src/fault.ts';
import { interpret } from '../src/interpreter.ts';
import { compileProgram } from '../src/jit/compile.ts';
import type { Trust } from '../src/jit/shared.ts';
import { Machine } from '../src/machine.ts';
import type { VmMap } from '../src/maps/map.ts';
import { FRAME_SIZE, STACKS } from '../src/memory.ts';
import { BUFFER, Random, randomBytes, randomProgram, type Shape } from './jit-programs.ts';

/** Programs of one run; `SKEP_FUZZ=100000` by hand. The seed of a failure is in its message. */
const PROGRAMS = Number(process.env.SKEP_FUZZ ?? 1500);
/** By hand as long as it takes. */
const HOURS = 24 * 3_600_000;
const SEED = Number(process.env.SKEP_SEED ?? 1);

const programSpec = (code: Uint8Array): ProgramSpec => ({
  ...PLAIN_PROGRAM,
  name: 'random',
  section: 'socket',
  code,
});

const mapSpec = (type: number, keySize: number, valueSize: number, maxEntries: number): MapSpec => ({
  ...PLAIN_MAP,
  name: `map${type}`,
  type,
  keySize,
  valueSize,
  maxEntries,
});

const HASH = 1;
const ARRAY = 2;
const PERCPU_ARRAY = 6;
const LRU = 9;
const LPM = 11;

/** A machine with maps and a buffer; two made alike have everything at the same addresses. */
class Side {
  readonly machine: Machine;
  readonly maps: readonly VmMap[];
  readonly buffer: number;
  readonly trust: Trust | undefined;
  /** Of programs that are trusted the frame may lie in locals: then it is no longer what can be seen. */
  readonly showFrame: boolean;

  constructor(budget: number, trust?: Trust, showFrame = true) {
    this.machine = new Machine({ budget, cpus: 2 });
    this.showFrame = showFrame;
    this.trust = trust;
    this.maps = [
      this.machine.createMap(mapSpec(ARRAY, 4, 12, 8)),
      this.machine.createMap(mapSpec(PERCPU_ARRAY, 4, 8, 4)),
      this.machine.createMap(mapSpec(HASH, 4, 16, 6)),
      this.machine.createMap(mapSpec(HASH, 12, 24, 32)),
      this.machine.createMap(mapSpec(HASH, 8, 100, 32)),
      this.machine.createMap(mapSpec(LRU, 4, 8, 6)),
      this.machine.createMap({ ...mapSpec(LPM, 8, 4, 64), flags: 1 }),
    ];
    this.buffer = this.machine.memory.allocate(BUFFER);
  }

  shape(wild: boolean): Shape {
    return {
      wild,
      maps: this.maps.map(({ address, spec }) => ({
        address,
        keySize: spec.keySize,
        valueSize: spec.valueSize,
        trie: spec.type === LPM,
      })),
    };
  }

  /** What can be seen of a run: its result or fault, the buffer, the frame and the maps. */
  run(code: Uint8Array): Seen {
    const { machine, trust } = this;
    const program = machine.loadProgram(programSpec(code), new Map());
    machine.objects.remove(program as never);
    const registers = new Int32Array(22);
    registers[2] = this.buffer;
    machine.memory.bytes.fill(7, this.buffer, this.buffer + BUFFER);
    machine.memory.bytes.fill(0, STACKS, STACKS + 8 * FRAME_SIZE);
    let fault: string | undefined;
    let kind = '';
    try {
      if (trust === undefined) {
        machine.fuel = machine.budget;
        interpret(machine, program.code, 0, registers);
      } else {
        const compiled = compileProgram(machine, program, trust);
        if (compiled === undefined) return { refused: true, fault: undefined, kind, text: '' };
        compiled.call(0, registers);
      }
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      kind = error.kind;
      fault = `${error.kind} at ${error.slot}`;
    }
    const { bytes } = machine.memory;
    const lines = [
      fault ?? `r0 = ${registers[0]}, ${registers[1]}`,
      Buffer.from(bytes.subarray(this.buffer, this.buffer + BUFFER)).toString('hex'),
      this.showFrame ? Buffer.from(bytes.subarray(STACKS, STACKS + FRAME_SIZE)).toString('hex') : '',
      ...this.maps.map((map) => this.contents(map)),
    ];
    return { refused: false, fault, kind, text: lines.join('\n') };
  }

  private contents(map: VmMap): string {
    const { memory } = this.machine;
    return map
      .keys()
      .map((key) => {
        const at = memory.allocate(64);
        memory.bytes.set(key, at);
        const value = new Uint8Array(map.userValueSize);
        try {
          map.userLookup(at, value);
        } catch {
          // The program has written over the map's own entries.
          return 'damaged';
        }
        memory.release(at, 64);
        return `${Buffer.from(key).toString('hex')}=${Buffer.from(value).toString('hex')}`;
      })
      .sort()
      .join(' ');
  }
}

interface Seen {
  readonly refused: boolean;
  readonly fault: string | undefined;
  readonly kind: string;
  readonly text: string;
}

describe('compiled code', () => {
  it(
    'does what the interpreter does, faults included',
    () => {
      let faults = 0;
      let finished = 0;
      let sides = [new Side(3000), new Side(3000 * 64, 'unverified')] as const;
      for (let i = 0; i < PROGRAMS; i++) {
        const seed = SEED * 1_000_003 + i;
        const random = new Random(seed);
        if (i % 200 === 0) sides = [new Side(3000), new Side(3000 * 64, 'unverified')];
        const code = randomProgram(random, sides[0].shape(true));
        const want = sides[0].run(code);
        const got = sides[1].run(code);
        if (want.kind === 'fuel' || got.refused) {
          // Where the interpreter gave up, compiled code (which counts by loops) may have come further.
          sides = [new Side(3000), new Side(3000 * 64, 'unverified')];
          continue;
        }
        expect(got.text, `seed ${seed}`).toBe(want.text);
        if (want.fault === undefined) finished += 1;
        else faults += 1;
      }
      if (process.env.SKEP_FUZZ)
        console.log(`${finished} finished, ${faults} stopped, ${PROGRAMS - finished - faults} without end`);
      expect(finished).toBeGreaterThan(PROGRAMS / 4);
      expect(faults).toBeGreaterThan(PROGRAMS / 50);
    },
    HOURS,
  );

  it.each(['verified', 'bounded'] as const)(
    'does so in mode %s for programs that do nothing wrong',
    (trust) => {
      const two = () => [new Side(100_000, undefined, false), new Side(100_000 * 64, trust, false)] as const;
      let sides = two();
      for (let i = 0; i < PROGRAMS / 3; i++) {
        const seed = SEED * 2_000_003 + i;
        const random = new Random(seed);
        if (i % 200 === 0) sides = two();
        const code = randomProgram(random, sides[0].shape(false));
        const want = sides[0].run(code);
        expect(want.fault, `seed ${seed}`).toBe(undefined);
        expect(sides[1].run(code).text, `seed ${seed}`).toBe(want.text);
      }
    },
    HOURS,
  );

  it(
    'never leaves its memory, hangs or crashes, whatever the bytes',
    () => {
      let ran = 0;
      let refused = 0;
      let side = new Side(20_000, 'unverified');
      for (let i = 0; i < PROGRAMS * 2; i++) {
        const seed = SEED * 3_000_017 + i;
        if (i % 500 === 0) side = new Side(20_000, 'unverified');
        try {
          side.run(randomBytes(new Random(seed)));
          ran += 1;
        } catch (error) {
          if (!(error instanceof SkepError)) throw new Error(`seed ${seed}`, { cause: error });
          refused += 1;
        }
      }
      expect(ran).toBeGreaterThan(PROGRAMS / 10);
      expect(refused).toBeGreaterThan(0);
    },
    HOURS,
  );
});
