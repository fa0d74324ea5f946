import type { ProgramSpec } from '@skep/object';
import { Machine } from '../../src/machine.ts';
import { mutate, Random, randomBytes, randomProgram } from '../jit-programs.ts';
import { CALLED, HostileMachine, KFUNCS, type Original, program } from './hostile-machine.ts';

/** What came of many programs. */
export interface SwarmTally {
  programs: number;
  /** Of them: bytes at random, made of calls and accesses at random, changed copies of real programs. */
  bytes: number;
  made: number;
  changed: number;
  /** Refused before the first instruction. */
  refused: number;
  finished: number;
  stopped: number;
}

/**
 * Very many programs that nobody has verified, one after another in the same machine, as compiled code and some of them
 * in the interpreter as well. Nothing is compared; but nothing may come out of a run but a result or an error with a code,
 * in time, nothing may write below the stacks, and another machine in the same process, its programs and the objects of
 * JavaScript stay what they are.
 *
 * Blocks of {@link BLOCK} programs start with new maps: a seed and its block say everything about a run.
 */
export class Swarm {
  readonly tally: SwarmTally = { programs: 0, bytes: 0, made: 0, changed: 0, refused: 0, finished: 0, stopped: 0 };
  /** Told before each program. */
  onProgram: ((seed: number) => void) | undefined;
  private readonly originals: readonly Original[];
  private readonly bystander = new Bystander();
  private compiled: HostileMachine;
  private interpreted: HostileMachine;

  constructor(originals: readonly Original[] = []) {
    this.originals = originals;
    this.compiled = this.machine('jit');
    this.interpreted = this.machine('interpreter');
  }

  /** The programs of block n. */
  block(n: number): void {
    if (this.compiled.machine.memory.size > MUCH_MEMORY) this.compiled = this.machine('jit');
    if (this.interpreted.machine.memory.size > MUCH_MEMORY) this.interpreted = this.machine('interpreter');
    this.compiled.renew();
    this.interpreted.renew();
    for (let seed = n * BLOCK; seed < (n + 1) * BLOCK; seed++) this.try(seed);
    for (const side of [this.compiled, this.interpreted]) {
      side.look();
      const damage = side.damage();
      if (damage >= 0) throw new Error(`block ${n}: something wrote to 0x${damage.toString(16)}`);
    }
    this.bystander.check(`block ${n}`);
  }

  private try(seed: number): void {
    this.onProgram?.(seed);
    const random = new Random(seed);
    const { spec, context } = this.make(random);
    const sides = seed % INTERPRETED === 0 ? [this.compiled, this.interpreted] : [this.compiled];
    this.tally.programs += 1;
    for (const side of sides) {
      const start = performance.now();
      try {
        const seen = side.run(spec, context);
        if (side === this.compiled)
          this.tally[seen.refused ? 'refused' : seen.result === undefined ? 'stopped' : 'finished'] += 1;
      } catch (error) {
        throw new Error(`seed ${seed} in the ${side.machine.engine}: an error without a code`, { cause: error });
      }
      if (performance.now() - start > SLOW) this.measure(seed, spec, context, side);
    }
  }

  /** Again, by the clock of the process: others may have had the processor meanwhile. */
  private measure(seed: number, spec: ProgramSpec, context: 'packet' | 'buffer' | 'hook', side: HostileMachine): void {
    const before = process.cpuUsage();
    side.run(spec, context);
    const { user, system } = process.cpuUsage(before);
    const took = (user + system) / 1000;
    if (took > SLOW / 2)
      process.stdout.write(`seed ${seed} took ${took.toFixed(0)} ms in the ${side.machine.engine}\n`);
  }

  private make(random: Random): { spec: ProgramSpec; context: 'packet' | 'buffer' | 'hook' } {
    const kind = random.below(this.originals.length > 0 ? 20 : 15);
    if (kind < 6) {
      this.tally.bytes += 1;
      return { spec: program(randomBytes(random)), context: 'buffer' };
    }
    if (kind < 15) {
      this.tally.made += 1;
      const calls = random.pick([undefined, CALLED, CALLED, KFUNCS]);
      const code = randomProgram(random, this.compiled.shape(calls, true));
      return { spec: program(code), context: random.chance(50) ? 'packet' : 'buffer' };
    }
    this.tally.changed += 1;
    const original = random.pick(this.originals).program;
    return { spec: { ...original, code: mutate(random, original.code) }, context: 'hook' };
  }

  private machine(engine: 'jit' | 'interpreter'): HostileMachine {
    const budget = engine === 'jit' ? 20_000 : 5000;
    return new HostileMachine({ originals: this.originals, engine, budget, everyMap: true });
  }
}

/** What must not change, whatever hostile programs do elsewhere in the process. */
class Bystander {
  private readonly machine = new Machine({ budget: 1000, compileAfter: 0 });
  private readonly count: () => number;
  private readonly globals: string;
  private counted = 0;
  private readonly pattern = 0xa5;

  constructor() {
    const { machine } = this;
    const value = machine.memory.allocate(8);
    // r2 = *r1; r2 += 1; *r1 = r2; r0 = r2
    const code = Int32Array.of(0x1279, 0, 0x0207, 1, 0x217b, 0, 0x20bf, 0, 0x95, 0);
    const counter = machine.loadProgram(program(new Uint8Array(code.buffer)), new Map());
    machine.memory.bytes.fill(this.pattern, value + 8);
    this.count = () => machine.run(counter, value);
    this.globals = this.observed();
  }

  check(when: string): void {
    const { bytes } = this.machine.memory;
    this.counted += 1;
    if (this.count() !== this.counted) throw new Error(`${when}: another machine's program counts otherwise`);
    // All of it but its stacks, its cells and the counter.
    const last = bytes.length - 1;
    const from = bytes.indexOf(this.pattern, STACKS_END);
    if (Buffer.compare(bytes.subarray(from, last), bytes.subarray(from + 1)) !== 0)
      throw new Error(`${when}: another machine's memory has changed`);
    if (this.observed() !== this.globals) throw new Error(`${when}: objects of JavaScript have changed`);
  }

  private observed(): string {
    const roots = [Object, Array, Map, Set, Function, Number, BigInt, Uint8Array, Int32Array, DataView, WebAssembly];
    const names = [globalThis, ...roots, ...roots.map((one) => (one as { prototype?: object }).prototype ?? {})];
    return names.map((one) => Reflect.ownKeys(one).length).join(' ');
  }
}

/** Programs between two looks at everything. */
export const BLOCK = 256;
/** One in so many runs in the interpreter, too. */
const INTERPRETED = 4;
/** Milliseconds after which a run is done again, and measured. */
const SLOW = 1000;
const MUCH_MEMORY = 32 << 20;
const STACKS_END = 0x20000;
