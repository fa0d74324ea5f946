import type { ProgramSpec } from '@skep/object';
import { mutate, Random, randomBytes, randomProgram } from '../jit-programs.ts';
import { CALLED, HostileMachine, type Original, program, type Seen } from './hostile-machine.ts';

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
  private readonly sides: readonly [HostileMachine, HostileMachine];
  private age = 0;

  constructor(originals: readonly Original[] = []) {
    this.originals = originals;
    this.sides = [
      new HostileMachine({ originals, engine: 'interpreter', budget: BUDGET }),
      new HostileMachine({ originals, engine: 'jit', budget: BUDGET * 64 }),
    ];
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

  private make(random: Random, side: HostileMachine): { spec: ProgramSpec; context: 'packet' | 'buffer' } {
    const kind = random.below(this.originals.length > 0 ? 10 : 7);
    if (kind < 1) return { spec: program(randomBytes(random)), context: 'buffer' };
    if (kind < 7) {
      const code = randomProgram(random, side.shape(random.chance(60) ? CALLED : undefined));
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

/** Programs that share two machines before new ones are made. */
const GENERATION = 200;
const BUDGET = 4000;
/** Milliseconds of processor time after which a run is worth a line. */
const SLOW = 1000;
