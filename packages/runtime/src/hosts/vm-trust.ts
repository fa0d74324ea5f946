import type { ObjectSpec, ProgramSpec } from '@skep/object';
import { programInputs, verify } from '@skep/verifier';
import type { MachineOptions } from '@skep/vm';

export type Trust = Exclude<NonNullable<MachineOptions['trust']>, (...args: never[]) => unknown>;

/**
 * How far the virtual machine trusts a program: wholly where skep's verifier accepts exactly the code that runs. Only
 * programs on packets are asked about: their memory is all in the machine, and nothing in them hangs on a kernel's
 * types. Stack that was never written counts as no value, so that results stay the same from run to run.
 */
export function trustIn(object: ObjectSpec, program: ProgramSpec): Trust {
  if (object.btf === undefined || !ON_PACKETS.has(program.hook?.programType ?? '')) return 'unverified';
  if (program.references.some(({ kind }) => kind === 'kfunc' || kind === 'ksym')) return 'unverified';
  // It was fitted to the types of its home when it was loaded.
  const fitted = { ...object, programs: [{ ...program, core: [] }] };
  const [asked] = programInputs(fitted, { kernel: KERNEL, kernelBtf: object.btf });
  if (asked?.input === undefined) return 'unverified';
  const { accepted } = verify({ ...asked.input, kernelBtf: undefined, uninitStack: false, budget: BUDGET });
  return accepted ? 'verified' : 'unverified';
}

const KERNEL = '6.18';
/** A program that takes longer to judge gains less than it waits. */
const BUDGET = { time: 200, processed: 200_000 };
const ON_PACKETS: ReadonlySet<string> = new Set([
  'BPF_PROG_TYPE_XDP',
  'BPF_PROG_TYPE_SCHED_CLS',
  'BPF_PROG_TYPE_SOCKET_FILTER',
  'BPF_PROG_TYPE_CGROUP_SKB',
]);
