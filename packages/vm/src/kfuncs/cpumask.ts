import { give, giveUnsigned, type Helper } from '../helpers/helper.ts';
import type { Machine } from '../machine.ts';

/**
 * Kernel functions over sets of CPUs (kernel/bpf/cpumask.c). A set is `struct cpumask` of a kernel for 8192 CPUs; bits
 * beyond the machine's CPUs are never looked at. Masks that a program made are released with their last reference.
 */
export const cpumaskKfuncs: Record<string, Helper> = {
  bpf_cpumask_create: (machine, r) => giveUnsigned(r, machine.cpumasks.create()),
  bpf_cpumask_acquire: (machine, r) => {
    machine.cpumasks.acquire(r[2]!);
    giveUnsigned(r, r[2]!);
  },
  bpf_cpumask_release: (machine, r) => {
    machine.cpumasks.release(r[2]!);
    give(r, 0);
  },
  bpf_cpumask_first: (machine, r) =>
    giveUnsigned(
      r,
      first(machine, (cpu) => bit(machine, r, 1, cpu)),
    ),
  bpf_cpumask_first_zero: (machine, r) =>
    giveUnsigned(
      r,
      first(machine, (cpu) => !bit(machine, r, 1, cpu)),
    ),
  bpf_cpumask_first_and: (machine, r) =>
    giveUnsigned(
      r,
      first(machine, (cpu) => bit(machine, r, 1, cpu) && bit(machine, r, 2, cpu)),
    ),
  // The kernel spreads its choices; here it is always the first.
  bpf_cpumask_any_distribute: (machine, r) =>
    giveUnsigned(
      r,
      first(machine, (cpu) => bit(machine, r, 1, cpu)),
    ),
  bpf_cpumask_any_and_distribute: (machine, r) =>
    giveUnsigned(
      r,
      first(machine, (cpu) => bit(machine, r, 1, cpu) && bit(machine, r, 2, cpu)),
    ),
  // (cpu, mask)
  bpf_cpumask_set_cpu: (machine, r) => void change(machine, r, true),
  bpf_cpumask_clear_cpu: (machine, r) => void change(machine, r, false),
  bpf_cpumask_test_cpu: (machine, r) => {
    const cpu = r[2]! >>> 0;
    giveUnsigned(r, cpu < machine.cpus && bit(machine, r, 2, cpu) ? 1 : 0);
  },
  bpf_cpumask_test_and_set_cpu: (machine, r) => giveUnsigned(r, change(machine, r, true) ? 1 : 0),
  bpf_cpumask_test_and_clear_cpu: (machine, r) => giveUnsigned(r, change(machine, r, false) ? 1 : 0),
  bpf_cpumask_setall: (machine, r) => fill(machine, r, () => true),
  bpf_cpumask_clear: (machine, r) => fill(machine, r, () => false),
  // (target, a, b): whether anything is left
  bpf_cpumask_and: (machine, r) => {
    fill(machine, r, (cpu) => bit(machine, r, 2, cpu) && bit(machine, r, 3, cpu));
    giveUnsigned(r, first(machine, (cpu) => bit(machine, r, 1, cpu)) < machine.cpus ? 1 : 0);
  },
  bpf_cpumask_or: (machine, r) => fill(machine, r, (cpu) => bit(machine, r, 2, cpu) || bit(machine, r, 3, cpu)),
  bpf_cpumask_xor: (machine, r) => fill(machine, r, (cpu) => bit(machine, r, 2, cpu) !== bit(machine, r, 3, cpu)),
  bpf_cpumask_copy: (machine, r) => fill(machine, r, (cpu) => bit(machine, r, 2, cpu)),
  bpf_cpumask_equal: (machine, r) => all(machine, r, (cpu) => bit(machine, r, 1, cpu) === bit(machine, r, 2, cpu)),
  bpf_cpumask_subset: (machine, r) => all(machine, r, (cpu) => !bit(machine, r, 1, cpu) || bit(machine, r, 2, cpu)),
  bpf_cpumask_empty: (machine, r) => all(machine, r, (cpu) => !bit(machine, r, 1, cpu)),
  bpf_cpumask_full: (machine, r) => all(machine, r, (cpu) => bit(machine, r, 1, cpu)),
  bpf_cpumask_intersects: (machine, r) => {
    const found = first(machine, (cpu) => bit(machine, r, 1, cpu) && bit(machine, r, 2, cpu));
    giveUnsigned(r, found < machine.cpus ? 1 : 0);
  },
  bpf_cpumask_weight: (machine, r) => {
    let count = 0;
    for (let cpu = 0; cpu < machine.cpus; cpu++) if (bit(machine, r, 1, cpu)) count += 1;
    giveUnsigned(r, count);
  },
};

/** Masks that programs made, and how many references there are to each. */
export class Cpumasks {
  private readonly machine: Machine;
  private readonly references = new Map<number, number>();

  constructor(machine: Machine) {
    this.machine = machine;
  }

  create(): number {
    const at = this.machine.memory.allocate(SIZE);
    this.references.set(at, 1);
    return at;
  }

  acquire(at: number): void {
    const count = this.references.get(at);
    if (count !== undefined) this.references.set(at, count + 1);
  }

  release(at: number): void {
    const count = this.references.get(at);
    if (count === undefined) return;
    if (count > 1) this.references.set(at, count - 1);
    else {
      this.references.delete(at);
      this.machine.memory.release(at, SIZE);
    }
  }
}

/** `struct bpf_cpumask`: 8192 bits and a count. */
const SIZE = 1032;

function wordAt(machine: Machine, r: Int32Array, n: number, cpu: number): number {
  return machine.memory.check(r[2 * n]!, r[2 * n + 1]!, SIZE - 8, 'a set of CPUs') + ((cpu >> 5) << 2);
}

function bit(machine: Machine, r: Int32Array, n: number, cpu: number): boolean {
  return ((machine.memory.view.getInt32(wordAt(machine, r, n, cpu), true) >>> (cpu & 31)) & 1) === 1;
}

function put(machine: Machine, r: Int32Array, n: number, cpu: number, on: boolean): void {
  const at = wordAt(machine, r, n, cpu);
  const { view } = machine.memory;
  const word = view.getInt32(at, true);
  view.setInt32(at, on ? word | (1 << (cpu & 31)) : word & ~(1 << (cpu & 31)), true);
}

/** The first CPU of a kind; as many as there are CPUs when there is none. */
function first(machine: Machine, is: (cpu: number) => boolean): number {
  let cpu = 0;
  while (cpu < machine.cpus && !is(cpu)) cpu += 1;
  return cpu;
}

/** Sets or clears the CPU of r1 in the mask of r2; whether it was set. */
function change(machine: Machine, r: Int32Array, on: boolean): boolean {
  const cpu = r[2]! >>> 0;
  if (cpu >= machine.cpus) return false;
  const before = bit(machine, r, 2, cpu);
  put(machine, r, 2, cpu, on);
  return before;
}

function fill(machine: Machine, r: Int32Array, is: (cpu: number) => boolean): void {
  for (let cpu = 0; cpu < machine.cpus; cpu++) put(machine, r, 1, cpu, is(cpu));
}

function all(machine: Machine, r: Int32Array, is: (cpu: number) => boolean): void {
  giveUnsigned(r, first(machine, (cpu) => !is(cpu)) === machine.cpus ? 1 : 0);
}
