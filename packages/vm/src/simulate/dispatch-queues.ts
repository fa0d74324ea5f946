import { EEXIST, EINVAL, ENOENT } from '../errno.ts';
import { allows, type Cpu, type Dispatch, type Queue, type Task, type TaskFields } from './scheduler-task.ts';
import { BUILTIN, ENQ_HEAD, ENQ_PREEMPT, GLOBAL, LOCAL, LOCAL_ON } from './scx.ts';

/** The queues (DSQs) in which tasks wait: one for all processors, one of each, and those that programs make. */
export class DispatchQueues {
  private readonly cpus: readonly Cpu[];
  private readonly fields: TaskFields;
  private readonly fail: (message: string) => void;
  private readonly own = new Map<bigint, Queue>();
  private readonly global: Queue = { id: GLOBAL, tasks: [] };

  /** `fail` ends the scheduler for what it must not do. */
  constructor(cpus: readonly Cpu[], fields: TaskFields, fail: (message: string) => void) {
    this.cpus = cpus;
    this.fields = fields;
    this.fail = fail;
  }

  /** 0, or an error number. */
  create(id: bigint): number {
    if ((id & BUILTIN) !== 0n) return EINVAL;
    if (this.own.has(id)) return EEXIST;
    this.own.set(id, { id, tasks: [] });
    return 0;
  }

  destroy(id: bigint): void {
    const queue = this.own.get(id);
    if (queue && queue.tasks.length > 0) this.fail(`DSQ 0x${id.toString(16)} is not empty and cannot be destroyed`);
    else this.own.delete(id);
  }

  /** How many wait in a queue, or -ENOENT; `cpu` is the processor whose own queue `SCX_DSQ_LOCAL` means. */
  length(id: bigint, cpu: number): number {
    return this.find(id, cpu)?.tasks.length ?? ENOENT;
  }

  /** The tasks in a queue that a program made. */
  waiting(id: bigint): readonly Task[] | undefined {
    return this.own.get(id)?.tasks;
  }

  /** Puts a task into a queue; what is wrong with it ends the scheduler. */
  insert({ task, queue: id, slice, flags, vtime }: Dispatch, cpu: number): void {
    this.remove(task);
    const queue = this.find(id, cpu);
    if (queue === undefined) {
      this.fail(`non-existent DSQ 0x${id.toString(16)} for ${task.plan.comm ?? ''}[${task.plan.pid}]`);
      this.global.tasks.push(task);
      return;
    }
    if (task.state === 'asleep' || task.state === 'done') return;
    this.fields.giveSlice(task, slice);
    if (vtime === undefined) {
      if ((flags & (ENQ_HEAD | ENQ_PREEMPT)) !== 0n) queue.tasks.unshift(task);
      else queue.tasks.push(task);
    } else {
      if ((id & BUILTIN) !== 0n) this.fail('cannot use vtime ordering for built-in DSQs');
      this.fields.setVtime(task, vtime);
      const at = queue.tasks.findIndex((one) => BigInt.asIntN(64, vtime - one.key) < 0n);
      queue.tasks.splice(at < 0 ? queue.tasks.length : at, 0, task);
    }
    const owner = this.cpus.find((one) => one.local === queue);
    if (owner) {
      task.cpu = owner.id;
      if ((flags & ENQ_PREEMPT) !== 0n && owner.task) this.fields.setSlice(owner.task, 0n, owner);
    }
  }

  /** The first task that may run there goes to the processor's own queue: from the one for all, or one that a program made. */
  take(id: bigint, cpu: Cpu): boolean {
    const tasks = id === GLOBAL ? this.global.tasks : (this.own.get(id)?.tasks ?? []);
    const at = tasks.findIndex((one) => allows(one, cpu.id));
    if (at < 0) return false;
    const [task] = tasks.splice(at, 1);
    cpu.local.tasks.push(task!);
    task!.cpu = cpu.id;
    return true;
  }

  private remove(task: Task): void {
    for (const { tasks } of [this.global, ...this.own.values(), ...this.cpus.map((one) => one.local)]) {
      const at = tasks.indexOf(task);
      if (at >= 0) tasks.splice(at, 1);
    }
  }

  private find(id: bigint, cpu: number): Queue | undefined {
    if (id === GLOBAL) return this.global;
    if (id === LOCAL) return this.cpus[cpu]?.local;
    if ((id & LOCAL_ON) === LOCAL_ON) return this.cpus[Number(id & 0xffffffffn)]?.local;
    return this.own.get(id);
  }
}
