import { badTestRun } from '../diagnostics.ts';
import type { PlainObject } from '../hooks/kernel-object.ts';
import type { StructOps, StructOpsArgument } from '../hooks/struct-ops.ts';
import type { Machine } from '../machine.ts';
import { SimulatedWorld } from '../world.ts';
import { DispatchQueues } from './dispatch-queues.ts';
import { CpuMask, IdleCpus } from './idle-cpus.ts';
import { allows, type Cpu, type Dispatch, type Task, TaskFields, type TaskPlan } from './scheduler-task.ts';
import {
  DEQ_SLEEP,
  ENQ_REENQ,
  ENQ_WAKEUP,
  EXIT_KINDS,
  GLOBAL,
  KICK_PREEMPT,
  LOCAL,
  MAX_DISPATCH,
  MAX_TURNS,
  SLICE_DFL,
  SLICE_INF,
  WAKE_TTWU,
} from './scx.ts';
import { Member } from './structure.ts';

export type { TaskPlan } from './scheduler-task.ts';

/** What the simulated machine is like. */
export interface SchedulerOptions {
  /** Processors; those of the machine when not given. */
  readonly cpus?: number;
  /** Nanoseconds between two ticks of a processor: 4,000,000, as with HZ=250. */
  readonly tick?: number;
}

/** A processor ran a task from one time to another, in nanoseconds since the scheduler started. */
export interface Ran {
  readonly cpu: number;
  readonly pid: number;
  readonly from: number;
  readonly to: number;
}

/** What a scheduler did; times in nanoseconds. */
export interface SchedulerReport {
  readonly ran: readonly Ran[];
  /** Nanoseconds that each task ran, and that it was ready and did not. */
  readonly tasks: ReadonlyMap<number, { readonly ran: number; readonly waited: number; readonly done: boolean }>;
  /** Why the scheduler was ended: by itself, or because it did what it must not. */
  readonly exit: {
    readonly kind: 'unregistered' | 'exited' | 'error';
    readonly message: string;
    readonly code: bigint;
  };
}

/**
 * A scheduler of sched_ext over simulated tasks and processors: what kernel/sched/ext.c does between the functions of
 * `struct sched_ext_ops`. Tasks wait in the queues (DSQs) that the programs put them into by `scx_bpf_dispatch` and its
 * sisters, and run for their slices; time is the machine's clock, which jumps from event to event. There are no cgroups,
 * no hotplug, and all processors are alike. The same programs and tasks always give the same report.
 */
export class SimulatedScheduler {
  private readonly machine: Machine;
  private readonly ops: StructOps;
  private readonly world: SimulatedWorld;
  private readonly tick: number;
  private readonly cpus: readonly Cpu[];
  private readonly tasks: Task[] = [];
  private readonly fields: TaskFields;
  private readonly ran: Ran[] = [];
  private readonly start: bigint;
  private ended: SchedulerReport['exit'] | undefined;
  /** The task that `select_cpu` or `enqueue` is asked about, and where it sent it. */
  private asked: { readonly task: Task; readonly flags: bigint; sent: Dispatch | undefined } | undefined;
  /** What a run of `dispatch` sent, and for which processor. */
  private dispatching: { readonly cpu: Cpu; sent: Dispatch[]; moved: number } | undefined;
  readonly idle: IdleCpus;
  readonly queues: DispatchQueues;

  constructor(machine: Machine, ops: StructOps, options: SchedulerOptions = {}) {
    if (!(machine.world instanceof SimulatedWorld)) throw badTestRun(ops.struct, 'schedulers run in a simulated world');
    this.machine = machine;
    this.ops = ops;
    this.world = machine.world;
    this.tick = options.tick ?? 4_000_000;
    this.start = this.world.now;
    this.cpus = Array.from({ length: options.cpus ?? machine.cpus }, (_, id) => ({
      id,
      local: { id: LOCAL, tasks: [] },
      task: undefined,
      since: 0,
      ticked: 0,
    }));
    this.fields = new TaskFields(machine, ops);
    this.idle = new IdleCpus(machine, this.cpus.length);
    this.queues = new DispatchQueues(this.cpus, this.fields, (message) => this.fail(message));
    machine.scheduler = this;
    const result = this.call('init');
    if (Number(BigInt.asIntN(32, BigInt(result ?? 0))) < 0) this.fail(`ops.init() failed (${result})`);
  }

  /** Brings tasks under the scheduler, as when it is registered. */
  add(...plans: readonly TaskPlan[]): void {
    for (const plan of plans) this.admit(plan);
  }

  /** Runs until nothing is left to do, or so many nanoseconds have passed; then the scheduler is unregistered. */
  run(nanoseconds: number): SchedulerReport {
    const end = this.now() + nanoseconds;
    for (let events = 0; this.ended === undefined; events++) {
      if (events > MOST_EVENTS)
        throw badTestRun(this.ops.struct, `the scheduler had more than ${MOST_EVENTS} events without an end`);
      for (const cpu of this.cpus) if (cpu.task === undefined) this.pick(cpu);
      const next = this.nextEvent();
      if (next === undefined || next > end) break;
      this.advance(next);
      for (const task of this.tasks) if (task.state === 'asleep' && task.wakes <= next) this.wake(task);
      for (const cpu of this.cpus) this.step(cpu);
    }
    for (const cpu of this.cpus) if (cpu.task) this.stop(cpu, cpu.task, this.now(), true);
    return this.finish();
  }

  // What the kernel functions ask.

  /** How many tasks wait in a queue, or -ENOENT. */
  queued(id: bigint): number {
    return this.queues.length(id, this.asked?.task.cpu ?? this.current());
  }

  /** The task of an address: its structure, which programs got as an argument or found in a queue. */
  taskAt(address: bigint): { readonly cpu: number; readonly running: boolean } | undefined {
    const task = this.tasks.find((one) => one.address === address);
    return task && { cpu: task.cpu, running: this.cpus.some((one) => one.task === task) };
  }

  /** `scx_bpf_dispatch`, and with a time `scx_bpf_dispatch_vtime`. */
  dispatch(address: bigint, queue: bigint, slice: bigint, flags: bigint, vtime?: bigint): void {
    const task = this.tasks.find((one) => one.address === address);
    if (task === undefined) {
      this.fail('a dispatch of what is no task');
      return;
    }
    const sent: Dispatch = { task, queue, slice, flags, vtime };
    if (this.asked?.task === task) {
      if (this.asked.sent !== undefined) this.fail(`${task.plan.comm ?? ''}[${task.plan.pid}] is dispatched twice`);
      else this.asked.sent = sent;
    } else if (this.dispatching) {
      if (this.dispatching.sent.length >= MAX_DISPATCH) this.fail('dispatch buffer overflow');
      else this.dispatching.sent.push(sent);
    } else this.fail(`scx_bpf_dispatch() of ${task.plan.pid} from a function that is asked about another task`);
  }

  /** How many more a run of `dispatch` may send. */
  slots(): number {
    return this.dispatching ? MAX_DISPATCH - this.dispatching.sent.length : 0;
  }

  cancel(): void {
    this.dispatching?.sent.pop();
  }

  /** `scx_bpf_consume`: the first task of a queue that may run there goes to the processor's own. */
  consume(id: bigint): boolean {
    const { dispatching } = this;
    if (dispatching === undefined) {
      this.fail('scx_bpf_consume() is for ops.dispatch()');
      return false;
    }
    this.flush();
    if (this.queues.waiting(id) === undefined) {
      this.fail(`non-existent DSQ 0x${id.toString(16)}`);
      return false;
    }
    return this.take(id, dispatching.cpu);
  }

  /** `scx_bpf_dispatch_from_dsq`: a task that waits in a queue goes to another. */
  move(address: bigint, from: bigint, to: bigint, flags: bigint, slice?: bigint, vtime?: bigint): boolean {
    const task = this.queues.waiting(from)?.find((one) => one.address === address);
    if (task === undefined) return false;
    this.insert({ task, queue: to, slice: slice ?? this.fields.sliceOf(task), flags, vtime }, this.current());
    return true;
  }

  /** `scx_bpf_select_cpu_dfl`: the one it ran on, if that is idle, else any that is. */
  selectCpu(address: bigint, previous: number): { readonly cpu: number; readonly idle: boolean } {
    const task = this.tasks.find((one) => one.address === address);
    const cpu = this.idle.pick((one) => task === undefined || allows(task, one), previous);
    return cpu < 0 ? { cpu: previous, idle: false } : { cpu, idle: true };
  }

  /** `scx_bpf_kick_cpu`: an idle processor looks for work, and with SCX_KICK_PREEMPT what runs ends its slice. */
  kick(id: number, flags: bigint): boolean {
    const cpu = this.cpus[id];
    if (cpu === undefined) {
      this.fail(`invalid CPU ${id}`);
      return false;
    }
    if (cpu.task && (flags & KICK_PREEMPT) !== 0n) this.fields.setSlice(cpu.task, 0n, cpu);
    return true;
  }

  /** What waits for the processor goes back to `enqueue`. */
  reenqueue(): number {
    const cpu = this.cpus[this.current()]!;
    const again = cpu.local.tasks.splice(0);
    for (const task of again) this.enqueue(task, ENQ_REENQ);
    return again.length;
  }

  get size(): number {
    return this.cpus.length;
  }

  /** Ends the scheduler: by a program's own wish, or for what it must not do. */
  fail(message: string, kind: 'error' | 'exited' = 'error', code = 0n): void {
    this.ended ??= { kind, message, code };
  }

  // Between them, what the kernel does.

  private admit(plan: TaskPlan): void {
    const { machine, ops } = this;
    const mask = new CpuMask(machine);
    const allowed = plan.cpus ?? this.cpus.map((one) => one.id);
    for (const id of allowed) mask.set(id, true);
    const given: PlainObject = {
      pid: plan.pid,
      tgid: plan.pid,
      comm: plan.comm ?? `task${plan.pid}`,
      cpus_ptr: BigInt(mask.address),
      nr_cpus_allowed: allowed.length,
      scx: { weight: plan.weight ?? 100, slice: SLICE_DFL },
    };
    const address = ops.object('task_struct', known(machine, ops, given));
    const task: Task = {
      plan: { ...plan, cpus: allowed },
      address,
      state: 'asleep',
      wakes: this.now() + (plan.start ?? 0),
      step: 0,
      left: plan.plan[0] ?? 0,
      cpu: allowed[0] ?? 0,
      ready: 0,
      ran: 0,
      waited: 0,
      key: 0n,
    };
    this.tasks.push(task);
    this.world.tasks.push({ address, pid: plan.pid, tgid: plan.pid });
    this.callWith('init_task', 'scx_init_task_args', {}, address);
    this.call('enable', address);
    this.call('set_weight', address, BigInt(plan.weight ?? 100));
  }

  private wake(task: Task): void {
    task.state = 'ready';
    task.ready = this.now();
    let sent: Dispatch | undefined;
    if (this.ops.has('select_cpu')) {
      const asked = this.ask(task, WAKE_TTWU, () => this.call('select_cpu', task.address, BigInt(task.cpu), WAKE_TTWU));
      const cpu = Number(BigInt.asIntN(32, BigInt(asked.result ?? 0)));
      if (this.cpus[cpu] === undefined) this.fail(`ops.select_cpu() gave processor ${cpu}`);
      else task.cpu = allows(task, cpu) ? cpu : task.cpu;
      ({ sent } = asked);
    } else {
      const chosen = this.selectCpu(task.address, task.cpu);
      task.cpu = chosen.cpu;
      if (chosen.idle) sent = { task, queue: LOCAL, slice: SLICE_DFL, flags: 0n, vtime: undefined };
    }
    this.call('runnable', task.address, ENQ_WAKEUP);
    if (sent) this.insert(sent, task.cpu);
    else this.enqueue(task, ENQ_WAKEUP);
  }

  private enqueue(task: Task, flags: bigint): void {
    task.state = 'ready';
    if (!this.ops.has('enqueue')) {
      this.insert({ task, queue: GLOBAL, slice: SLICE_DFL, flags, vtime: undefined }, task.cpu);
      return;
    }
    const { sent } = this.ask(task, flags, () => this.call('enqueue', task.address, flags));
    // Otherwise it is the programs' to remember.
    if (sent) this.insert(sent, task.cpu);
  }

  private ask<T>(
    task: Task,
    flags: bigint,
    call: () => T,
  ): { readonly result: T; readonly sent: Dispatch | undefined } {
    const before = this.asked;
    const asked = { task, flags, sent: undefined as Dispatch | undefined };
    this.asked = asked;
    this.on(task.cpu);
    try {
      return { result: call(), sent: asked.sent };
    } finally {
      this.asked = before;
    }
  }

  /** `from`: the processor whose queue is meant by the local one. */
  private insert(dispatch: Dispatch, from: number): void {
    this.queues.insert(dispatch, this.asked?.task.cpu ?? from);
  }

  /** An idle processor takes the next task, from its own queue, the global one, or what `dispatch` finds. */
  private pick(cpu: Cpu): void {
    if (!this.balance(cpu, undefined)) {
      if (!this.idle.idle.has(cpu.id)) {
        this.idle.idle.set(cpu.id, true);
        this.call('update_idle', BigInt(cpu.id), 1n);
      }
      return;
    }
    if (this.idle.take(cpu.id)) this.call('update_idle', BigInt(cpu.id), 0n);
    this.begin(cpu, cpu.local.tasks.shift()!);
  }

  private balance(cpu: Cpu, previous: Task | undefined): boolean {
    if (cpu.local.tasks.length > 0 || this.take(GLOBAL, cpu)) return true;
    if (!this.ops.has('dispatch')) return false;
    for (let turn = 0; turn < MAX_TURNS && this.ended === undefined; turn++) {
      this.dispatching = { cpu, sent: [], moved: 0 };
      this.on(cpu.id);
      try {
        this.call('dispatch', BigInt(cpu.id), previous ? previous.address : 0n);
        this.flush();
      } finally {
        const { moved } = this.dispatching;
        this.dispatching = undefined;
        if (moved === 0) turn = MAX_TURNS;
      }
      if (cpu.local.tasks.length > 0 || this.take(GLOBAL, cpu)) return true;
    }
    return false;
  }

  private flush(): void {
    const { dispatching } = this;
    if (dispatching === undefined) return;
    for (const one of dispatching.sent.splice(0)) {
      dispatching.moved += 1;
      // What sleeps or runs by now is not dispatched; the kernel ignores that, too.
      if (one.task.state === 'ready') this.insert(one, dispatching.cpu.id);
    }
  }

  private take(queue: bigint, cpu: Cpu): boolean {
    const taken = this.queues.take(queue, cpu);
    if (taken && this.dispatching) this.dispatching.moved += 1;
    return taken;
  }

  private begin(cpu: Cpu, task: Task): void {
    const now = this.now();
    task.state = 'running';
    task.cpu = cpu.id;
    task.waited += now - task.ready;
    this.fields.begin(task, cpu.id);
    cpu.task = task;
    cpu.since = now;
    cpu.ticked = now;
    this.on(cpu.id);
    this.call('running', task.address);
  }

  /** What has become of a processor's task by now: its work is done, its slice, or it is time for a tick. */
  private step(cpu: Cpu): void {
    const { task } = cpu;
    if (task === undefined) return;
    const now = this.now();
    this.account(cpu, task, now);
    if (task.left <= 0) {
      this.stop(cpu, task, now, false);
      this.call('quiescent', task.address, DEQ_SLEEP);
      this.sleep(task, now);
      cpu.task = undefined;
      return;
    }
    if (now - cpu.ticked >= this.tick) {
      cpu.ticked = now;
      this.on(cpu.id);
      this.call('tick', task.address);
    }
    if (this.fields.sliceOf(task) > 0n) return;
    if (!this.balance(cpu, task)) {
      // Nobody else wants it.
      this.fields.setSlice(task, SLICE_DFL, cpu);
      return;
    }
    this.stop(cpu, task, now, true);
    cpu.task = undefined;
    task.ready = now;
    this.enqueue(task, 0n);
  }

  private account(cpu: Cpu, task: Task, now: number): void {
    const passed = now - cpu.since;
    if (passed <= 0) return;
    const last = this.ran.at(-1);
    const from = cpu.since - Number(this.start);
    // One line for what was one stretch.
    const known = last && this.ran.findLast((one) => one.cpu === cpu.id);
    if (known?.pid === task.plan.pid && known.to === from) (known as { to: number }).to = now - Number(this.start);
    else this.ran.push({ cpu: cpu.id, pid: task.plan.pid, from, to: now - Number(this.start) });
    task.ran += passed;
    task.left -= passed;
    cpu.since = now;
    const slice = this.fields.sliceOf(task);
    if (slice !== SLICE_INF) this.fields.setSlice(task, slice > BigInt(passed) ? slice - BigInt(passed) : 0n, cpu);
  }

  private stop(cpu: Cpu, task: Task, now: number, runnable: boolean): void {
    this.account(cpu, task, now);
    this.on(cpu.id);
    this.call('stopping', task.address, runnable ? 1n : 0n);
  }

  private sleep(task: Task, now: number): void {
    const { plan } = task.plan;
    const sleeps = plan[task.step + 1];
    const next = plan[task.step + 2];
    if (sleeps === undefined || next === undefined) {
      task.state = 'done';
      this.call('disable', task.address);
      this.callWith('exit_task', 'scx_exit_task_args', {}, task.address);
      return;
    }
    task.state = 'asleep';
    task.step += 2;
    task.left = next;
    task.wakes = now + sleeps;
  }

  private nextEvent(): number | undefined {
    let next: number | undefined;
    const at = (time: number): void => {
      next = next === undefined ? time : Math.min(next, time);
    };
    for (const task of this.tasks) if (task.state === 'asleep') at(task.wakes);
    for (const cpu of this.cpus) {
      if (cpu.task === undefined) continue;
      const slice = this.fields.sliceOf(cpu.task);
      at(cpu.since + Math.min(cpu.task.left, slice === SLICE_INF ? Number.POSITIVE_INFINITY : Number(slice)));
      if (this.ops.has('tick')) at(cpu.ticked + this.tick);
    }
    const timer = this.machine.timers.next;
    // Timers alone keep nobody waiting.
    if (timer !== undefined && (next !== undefined || this.tasks.some((one) => one.state === 'ready')))
      at(Number(timer));
    return next === undefined ? undefined : Math.max(next, this.now());
  }

  private advance(to: number): void {
    this.machine.timers.advance(this.world, BigInt(to));
  }

  private finish(): SchedulerReport {
    const exit = this.ended ?? { kind: 'unregistered' as const, message: '', code: 0n };
    this.ended = exit;
    for (const task of this.tasks) {
      if (task.state === 'done') continue;
      if (task.state === 'ready') task.waited += this.now() - task.ready;
      this.call('disable', task.address);
      this.callWith('exit_task', 'scx_exit_task_args', {}, task.address);
    }
    const info = { kind: EXIT_KINDS[exit.kind], exit_code: exit.code, reason: exit.kind, msg: exit.message };
    this.callWith('exit', 'scx_exit_info', info);
    this.machine.scheduler = undefined;
    const tasks = this.tasks.map(
      ({ plan, ran, waited, state }) => [plan.pid, { ran, waited, done: state === 'done' }] as const,
    );
    return { ran: this.ran, tasks: new Map(tasks), exit };
  }

  private call(member: string, ...args: readonly StructOpsArgument[]): number | bigint | undefined {
    return this.ops.has(member) ? this.ops.callKnown(member, ...args) : undefined;
  }

  /** A structure comes last, with those of its members that the types have. */
  private callWith(member: string, type: string, value: PlainObject, ...first: readonly bigint[]): void {
    if (!this.ops.has(member)) return;
    const { types } = this.ops;
    const known = Object.entries(value).filter(([name]) => Member.find(this.machine, types, type, name));
    // A program that reads nothing of it need not bring its type.
    const there = types.find(type, 'struct') !== undefined;
    this.call(member, ...first, there ? Object.fromEntries(known) : 0n);
  }

  private on(cpu: number): void {
    this.world.cpu = cpu;
  }
  private current(): number {
    return Math.min(this.world.cpu, this.cpus.length - 1);
  }

  private now(): number {
    return Number(this.world.now);
  }
}

/** Only members that the types have: programs may declare no more than they read. */
function known(machine: Machine, ops: StructOps, given: PlainObject): PlainObject {
  const has = (path: string) => Member.find(machine, ops.types, 'task_struct', path) !== undefined;
  const scx = Object.entries((given['scx'] ?? {}) as PlainObject).filter(([name]) => has(`scx.${name}`));
  const own = Object.entries(given).filter(([name]) => name !== 'scx' && has(name));
  return { ...Object.fromEntries(own), ...(scx.length > 0 && { scx: Object.fromEntries(scx) }) };
}

const MOST_EVENTS = 200_000;
