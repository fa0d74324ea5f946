import type { task_struct } from './generated/kernel.ts';
import { running } from './unit.ts';
import type { Text } from './values.ts';

/** Who runs a probe, and when. */
export interface Facts {
  readonly pid: number;
  readonly tid: number;
  readonly uid: number;
  readonly gid: number;
  readonly cpu: number;
  /** Nanoseconds since boot. */
  readonly now: bigint;
  readonly comm: string;
  readonly cgroupId: bigint;
  readonly random: number;
  readonly task: unknown;
}

function fact<K extends keyof Facts>(name: K): Facts[K] {
  if (running.facts === undefined) throw new Error(`\`${name}()\` is for probes; the user side asks \`process\``);
  return running.facts[name];
}

/** The process's number, which the kernel calls tgid. */
export const pid = (): number => fact('pid');
/** The thread's number. */
export const tid = (): number => fact('tid');
/** The user's number. */
export const uid = (): number => fact('uid');
/** The group's number. */
export const gid = (): number => fact('gid');
/** The number of the processor. */
export const cpu = (): number => fact('cpu');
/** Nanoseconds since boot, without time asleep. */
export const now = (): bigint => fact('now');
/** The thread's name, at most 15 characters. */
export const comm = (): Text => fact('comm');
/** The number of the cgroup (version 2), which is the inode of its directory. */
export const cgroupId = (): bigint => fact('cgroupId');
/** 32 bits. */
export const random = (): number => fact('random');
/** The current task, its fields found on any kernel. */
export const task = (): task_struct => fact('task') as task_struct;
