import { readFileSync } from 'node:fs';
import { SimulatedWorld } from '@skep/vm';

/** The machine that scripts see in the virtual machine: this process, and the clock of this computer or one that jumps. */
export class ProcessWorld extends SimulatedWorld {
  private readonly clock: Clock;

  constructor(clock: Clock, comm: string) {
    super();
    this.clock = clock;
    this.tgid = process.pid;
    this.pid = process.pid;
    this.uid = process.getuid?.() ?? 0;
    this.gid = process.getgid?.() ?? 0;
    this.name = comm;
    this.taskAddress = 0xffff_8880_0000_1000n;
    this.cgroup = 1n;
  }

  override time(helper = 0): bigint {
    return helper === TAI ? this.clock.wall() : this.clock.now();
  }
}

/** Nanoseconds since boot, and of the day; and waiting. */
export interface Clock {
  now(): bigint;
  wall(): bigint;
  /** Resolves when so much time has passed, or when the signal is given. */
  wait(nanoseconds: bigint, signal: AbortSignal): Promise<void>;
}

export function realClock(): Clock {
  const offset = bootTime() - process.hrtime.bigint();
  return {
    now: () => process.hrtime.bigint() + offset,
    wall: () => BigInt(Date.now()) * 1_000_000n,
    wait: (nanoseconds, signal) =>
      new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve();
        };
        const timer = setTimeout(done, Number(nanoseconds) / 1e6);
        signal.addEventListener('abort', done);
      }),
  };
}

/** A clock that never waits: intervals follow each other at once. */
export function virtualClock(): Clock {
  let now = bootTime();
  const wall = BigInt(Date.now()) * 1_000_000n - now;
  return {
    now: () => {
      now += 1000n;
      return now;
    },
    wall: () => wall + now,
    wait: async (nanoseconds, signal) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (!signal.aborted) now += nanoseconds;
    },
  };
}

/** The clock of a recording: it stands where it is set, and does not wait. */
export function recordedClock(header: {
  readonly startMonotonic: bigint;
  readonly startRealtime: bigint;
}): Clock & { set(time: bigint): void } {
  let now = header.startMonotonic;
  return {
    now: () => now,
    wall: () => header.startRealtime + now - header.startMonotonic,
    wait: () => Promise.resolve(),
    set: (time) => {
      now = time;
    },
  };
}

/** Nanoseconds since boot. */
function bootTime(): bigint {
  try {
    return BigInt(Math.round(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e9));
  } catch {
    return process.hrtime.bigint();
  }
}

/** `bpf_ktime_get_tai_ns`. */
const TAI = 208;
