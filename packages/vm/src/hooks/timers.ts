import { EBUSY, EDEADLK, EINVAL } from '../errno.ts';
import type { Machine } from '../machine.ts';
import type { VmMap } from '../maps/map.ts';
import type { VmProgram } from '../program.ts';
import { SimulatedWorld } from '../world.ts';

/**
 * `struct bpf_timer`, `struct bpf_wq` and `struct bpf_task_work` (kernel/bpf/helpers.c): timers and work items in the values
 * of maps, driven by the clock of the machine's world. Work is due at once, which is when the clock is next moved, even by
 * nothing; that of a task finds the task that is current then.
 * Nothing happens by itself: {@link advance} moves the clock and runs what falls due, in the order of the times.
 */
export class Timers {
  private readonly machine: Machine;
  /** By the address of the timer. */
  private readonly timers = new Map<number, Timer>();
  private readonly heard = new Set<VmMap>();
  private current: Timer | undefined;
  private started = 0;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  init(address: number, map: VmMap, flags: number): number {
    if (!CLOCKS.has(flags)) return EINVAL;
    if (this.timers.has(address)) return EBUSY;
    const place = this.placeOf(address, map);
    if (place === undefined) return EINVAL;
    this.timers.set(address, { map, ...place, callback: undefined, due: undefined, order: 0, cpu: 0 });
    if (!this.heard.has(map)) {
      this.heard.add(map);
      const before = map.onFree;
      map.onFree = (value) => {
        before?.(value);
        for (const [at, timer] of this.timers) if (timer.map === map && timer.value === value) this.timers.delete(at);
      };
    }
    return 0;
  }

  setCallback(address: number, program: VmProgram, slot: number, kind: number): number {
    const timer = this.timers.get(address);
    if (timer === undefined) return EINVAL;
    timer.callback = { program, slot, kind };
    return 0;
  }

  start(address: number, nanoseconds: bigint, flags: number): number {
    const timer = this.timers.get(address);
    if (timer?.callback === undefined || (flags & ~(ABSOLUTE | CPU_PIN)) !== 0) return EINVAL;
    timer.due = (flags & ABSOLUTE) !== 0 ? nanoseconds : this.machine.world.time(5) + nanoseconds;
    timer.order = this.started++;
    timer.cpu = this.machine.world.cpu;
    return 0;
  }

  /** Work of a task: set up and started in one step, and again after it ran. */
  schedule(address: number, map: VmMap, program: VmProgram, slot: number, kind: number): number {
    if (this.timers.get(address)?.due !== undefined) return EBUSY;
    const error = this.timers.has(address) ? 0 : this.init(address, map, 0);
    if (error !== 0) return error;
    this.setCallback(address, program, slot, kind);
    return this.start(address, 0n, 0);
  }

  /** 1 when it was going to run. */
  cancel(address: number): number {
    const timer = this.timers.get(address);
    if (timer === undefined) return EINVAL;
    if (timer === this.current) return EDEADLK;
    const active = timer.due !== undefined;
    timer.due = undefined;
    return active ? 1 : 0;
  }

  /** When the next timer falls due. */
  get next(): bigint | undefined {
    return this.first()?.due;
  }

  /** Moves the clock to `to`, running each timer that falls due at its time; gives how many ran. */
  advance(clock: { now: bigint }, to: bigint): number {
    let ran = 0;
    for (let timer = this.first(); timer?.due !== undefined && timer.due <= to; timer = this.first()) {
      if (timer.due > clock.now) clock.now = timer.due;
      timer.due = undefined;
      this.run(timer);
      ran += 1;
    }
    if (to > clock.now) clock.now = to;
    return ran;
  }

  forget(map: VmMap): void {
    for (const [at, timer] of this.timers) if (timer.map === map) this.timers.delete(at);
    this.heard.delete(map);
  }

  private run(timer: Timer): void {
    const { program, slot, kind } = timer.callback!;
    const { memory } = this.machine;
    const key = memory.allocate(timer.key.length);
    memory.bytes.set(timer.key, key);
    this.current = timer;
    const { world } = this.machine;
    if (world instanceof SimulatedWorld) world.cpu = timer.cpu;
    try {
      this.machine.runCallback(program, slot, kind, [timer.map.address, 0, key, 0, timer.value, 0]);
    } finally {
      this.current = undefined;
      memory.release(key, timer.key.length);
    }
  }

  private first(): Timer | undefined {
    let best: Timer | undefined;
    for (const timer of this.timers.values()) {
      if (timer.due === undefined) continue;
      if (best?.due === undefined || timer.due < best.due || (timer.due === best.due && timer.order < best.order))
        best = timer;
    }
    return best;
  }

  /** The entry that a timer lies in. */
  private placeOf(address: number, map: VmMap): { key: Uint8Array; value: number } | undefined {
    const { memory } = this.machine;
    const at = memory.allocate(map.spec.keySize);
    try {
      const keys = map.keys();
      memory.work += keys.length * (map.spec.keySize + 64);
      for (const key of keys) {
        memory.bytes.set(key, at);
        const value = map.lookup(at, 0);
        if (value !== 0 && value <= address && address < value + map.spec.valueSize) return { key, value };
      }
      return undefined;
    } finally {
      memory.release(at, map.spec.keySize);
    }
  }
}

interface Timer {
  readonly map: VmMap;
  readonly key: Uint8Array;
  /** Address of the map's value. */
  readonly value: number;
  callback: { readonly program: VmProgram; readonly slot: number; readonly kind: number } | undefined;
  due: bigint | undefined;
  order: number;
  /** Where it was started, and runs. */
  cpu: number;
}

/** CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME; all of them are the one clock here. */
const CLOCKS = new Set([0, 1, 7]);
/** BPF_F_TIMER_ABS, BPF_F_TIMER_CPU_PIN. */
const ABSOLUTE = 1;
const CPU_PIN = 2;
