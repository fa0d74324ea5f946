import type { Facts } from './facts.ts';
import { PacketView } from './packets.ts';
import { running, type Unit, unitOfModule } from './unit.ts';

const NOBODY: Facts = {
  pid: 1,
  tid: 1,
  uid: 0,
  gid: 0,
  cpu: 0,
  now: 0n,
  comm: 'skep',
  cgroupId: 1n,
  random: 0,
  task: {},
};

/**
 * A file's probes as plain JavaScript: its maps are JavaScript's, what it emits is in `collected` of its events. The module
 * is what `import * as m` gives, and exports at least one of its maps, events or params.
 */
export function simulate(module: { readonly [name: string]: unknown }): Simulation {
  const unit = unitOfModule(module);
  if (unit === undefined)
    throw new TypeError(
      'this module exports no map, event or params of skep/probe: export one of those that its probes use',
    );
  return new Simulation(unit);
}

/** Probes that run as plain JavaScript, on what a test hands them. */
export class Simulation {
  private readonly unit: Unit;

  constructor(unit: Unit) {
    this.unit = unit;
    this.reset();
  }

  /** Empty maps, no events, the parameters' first values. */
  reset(): void {
    for (const one of this.unit.declared) {
      one.connect(undefined);
      one.reset();
    }
  }

  /**
   * Runs one probe. `name` is its kind, its target, or both (`tracepoint:syscalls:sys_enter_openat`). What it gets: the
   * context as an object, a packet as bytes, arguments as an array. Gives what it returns.
   */
  run(name: string, context: unknown = {}, facts: Partial<Facts> = {}): unknown {
    const found = this.unit.probes.filter(
      (one) => name === one.kind || name === one.target || name === `${one.kind}:${one.target}`,
    );
    if (found.length !== 1)
      throw new TypeError(
        `${found.length === 0 ? 'no probe is' : 'several probes are'} \`${name}\`; there are ${this.unit.probes.map((one) => `${one.kind}:${one.target}`).join(', ')}`,
      );
    const [probe] = found as [Unit['probes'][number]];
    const args =
      context instanceof Uint8Array
        ? [new PacketView(context, probe.kind !== 'cgroup_skb')]
        : Array.isArray(context)
          ? context
          : [context];
    const before = running.facts;
    running.facts = { ...NOBODY, ...facts };
    try {
      return probe.run(...(args as never[]));
    } finally {
      running.facts = before;
    }
  }
}
