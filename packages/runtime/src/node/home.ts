import { SkepError } from '@skep/base';
import type { Recording } from '@skep/capture';
import { permitted, probeFeature } from '@skep/kernel';
import { noRecording } from '../diagnostics.ts';
import type { Host } from '../host.ts';
import { kernel } from '../hosts/kernel.ts';
import { vm } from '../hosts/vm.ts';
import { compileTypes } from './kernel-types.ts';

/** Where programs run: in the kernel, in the virtual machine, or wherever it can be. */
export const HOMES = ['auto', 'kernel', 'vm'] as const;
/** One of {@link HOMES}. */
export type HomeName = (typeof HOMES)[number];

/** A home and, in one line, why it is this one. */
export interface Home {
  readonly host: Host;
  readonly why: string;
}

/** Reads a recording when it is needed. */
export type RecordingSource = () => Promise<Recording>;

/**
 * The kernel when bpf(2) is permitted, else the virtual machine, unless the user says which. `recording` is what the
 * virtual machine would replay, read only then; without one it refuses (E8011).
 */
export async function chooseHome(
  wanted: HomeName,
  recording: RecordingSource | undefined,
  options: {
    readonly replay: boolean;
    /** The programs are given packets of a file; nothing is attached. */
    readonly packets?: boolean;
    /** The programs have CO-RE relocations. */
    readonly needsTypes: boolean;
  },
): Promise<Home> {
  if (wanted === 'kernel') return { host: kernel(), why: 'you asked for it' };
  if (options.packets)
    return {
      host: vm({ btf: compileTypes }),
      why: wanted === 'vm' ? 'you asked for it' : 'packets of a file are played there',
    };
  if (wanted === 'vm') return { host: await machine(recording), why: 'you asked for it' };
  if (options.replay) return { host: await machine(recording), why: 'recordings are replayed there' };
  const obstacle = obstacleToKernel(options.needsTypes);
  if (obstacle === undefined) return { host: kernel(), why: 'bpf(2) is permitted here' };
  if (recording === undefined) return { host: kernel(), why: 'there is no recording to replay instead' };
  return { host: await machine(recording), why: obstacle };
}

function obstacleToKernel(needsTypes: boolean): string | undefined {
  const permission = permitted();
  if (!permission.ok) return `bpf(2) is not permitted here: ${permission.reasons[0]?.message ?? permission.message}`;
  if (needsTypes && !probeFeature('btf').ok) return 'this kernel does not show its types, which the program asks for';
  return undefined;
}

async function machine(recording: RecordingSource | undefined): Promise<Host> {
  if (recording === undefined) throw new SkepError(noRecording());
  return vm({ recording: await recording(), btf: compileTypes });
}
