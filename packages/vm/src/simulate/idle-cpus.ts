import { EBUSY } from '../errno.ts';
import type { Machine } from '../machine.ts';

/** Which processors have no task, in a `struct cpumask` that programs can read. */
export class IdleCpus {
  /** Of the processors without a task, and of all. */
  readonly idle: CpuMask;
  readonly all: CpuMask;
  private readonly count: number;

  /** All are idle at first. */
  constructor(machine: Machine, count: number) {
    this.count = count;
    this.idle = new CpuMask(machine);
    this.all = new CpuMask(machine);
    for (let cpu = 0; cpu < count; cpu++) {
      this.idle.set(cpu, true);
      this.all.set(cpu, true);
    }
  }

  /** One that will do, which then counts as taken; -EBUSY when there is none. */
  pick(allowed: (cpu: number) => boolean, preferred = -1): number {
    if (preferred >= 0 && this.take(preferred, allowed)) return preferred;
    for (let cpu = 0; cpu < this.count; cpu++) if (this.take(cpu, allowed)) return cpu;
    return EBUSY;
  }

  /** The same; when there is none, a busy one that will do. */
  pickAny(allowed: (cpu: number) => boolean): number {
    const idle = this.pick(allowed);
    if (idle >= 0) return idle;
    for (let cpu = 0; cpu < this.count; cpu++) if (allowed(cpu)) return cpu;
    return EBUSY;
  }

  /** Takes one; false when it is not idle, or will not do. */
  take(cpu: number, allowed: (cpu: number) => boolean = () => true): boolean {
    if (!this.idle.has(cpu) || !allowed(cpu)) return false;
    this.idle.set(cpu, false);
    return true;
  }
}

/** A `struct cpumask` in the machine's memory. */
export class CpuMask {
  readonly address: number;
  private readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
    this.address = machine.memory.allocate(BYTES);
  }

  has(cpu: number): boolean {
    return ((this.machine.memory.bytes[this.address + (cpu >> 3)]! >> (cpu & 7)) & 1) === 1;
  }

  set(cpu: number, on: boolean): void {
    const at = this.address + (cpu >> 3);
    const { bytes } = this.machine.memory;
    bytes[at] = on ? bytes[at]! | (1 << (cpu & 7)) : bytes[at]! & ~(1 << (cpu & 7));
  }
}

/** For NR_CPUS = 8192, as distributions have it. */
const BYTES = 1024;
