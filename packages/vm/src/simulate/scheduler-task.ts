import type { StructOps } from '../hooks/struct-ops.ts';
import type { Machine } from '../machine.ts';
import { SLICE_DFL } from './scx.ts';
import { Member } from './structure.ts';

/** A task for a scheduler: by turns it computes and sleeps, for so many nanoseconds each. */
export interface TaskPlan {
  readonly pid: number;
  readonly comm?: string;
  /** 1 … 10000; 100 is that of nice 0. */
  readonly weight?: number;
  /** Computes, sleeps, computes … and ends after the last. */
  readonly plan: readonly number[];
  /** When it first wakes up. */
  readonly start?: number;
  /** Processors that it may use; all when not given. */
  readonly cpus?: readonly number[];
}

/** A task under a scheduler; times in nanoseconds of the machine's clock. */
export interface Task {
  readonly plan: TaskPlan;
  /** Of its `task_struct`. */
  readonly address: bigint;
  state: 'asleep' | 'ready' | 'running' | 'done';
  wakes: number;
  /** Which part of its plan it is at, and what is left of it. */
  step: number;
  left: number;
  cpu: number;
  /** Since when it is ready. */
  ready: number;
  ran: number;
  waited: number;
  slice?: bigint;
  /** Its place in a queue that is ordered by virtual time. */
  key: bigint;
}

export interface Cpu {
  readonly id: number;
  /** What waits for this processor. */
  readonly local: Queue;
  task: Task | undefined;
  /** Until when its task's time is counted, and when it last had a tick. */
  since: number;
  ticked: number;
}

/** A DSQ. */
export interface Queue {
  readonly id: bigint;
  readonly tasks: Task[];
}

/** Where a program sends a task. */
export interface Dispatch {
  readonly task: Task;
  readonly queue: bigint;
  readonly slice: bigint;
  readonly flags: bigint;
  readonly vtime: bigint | undefined;
}

export function allows(task: Task, cpu: number): boolean {
  return task.plan.cpus!.includes(cpu);
}

/** Those members of `task_struct` that a scheduler and its programs both write; programs may declare fewer. */
export class TaskFields {
  private readonly slice: Member | undefined;
  private readonly vtime: Member | undefined;
  private readonly cpu: Member | undefined;

  constructor(machine: Machine, ops: StructOps) {
    const find = (path: string) => Member.find(machine, ops.types, 'task_struct', path);
    this.slice = find('scx.slice');
    this.vtime = find('scx.dsq_vtime');
    this.cpu = find('thread_info.cpu');
  }

  /** Nanoseconds that it may still run. */
  sliceOf(task: Task): bigint {
    return this.slice?.get(task.address) ?? task.slice ?? 0n;
  }

  /** Of a task that runs; of another only when it runs next. */
  setSlice(task: Task, slice: bigint, cpu: Cpu): void {
    if (cpu.task === task) this.slice?.set(task.address, slice);
    task.slice = slice;
  }

  /** 0: it keeps what it has. */
  giveSlice(task: Task, slice: bigint): void {
    if (slice !== 0n) this.slice?.set(task.address, slice);
    task.slice = slice === 0n ? this.sliceOf(task) || SLICE_DFL : slice;
  }

  setVtime(task: Task, vtime: bigint): void {
    this.vtime?.set(task.address, vtime);
    task.key = vtime;
  }

  /** It begins to run there. */
  begin(task: Task, cpu: number): void {
    this.cpu?.set(task.address, BigInt(cpu));
    task.slice ??= SLICE_DFL;
    this.slice?.set(task.address, task.slice);
  }
}
