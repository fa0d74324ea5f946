import type { StackCount } from '@skep/view';
import type { Loaded } from 'skep';
import type { Names } from './names.ts';
import { STACKS } from './options.ts';
import { taken } from './taken.ts';
import type { Given, ToolOption } from './tool.ts';

/** What tools with stacks of processes and kernel take besides {@link STACKS}. */
export const STACK_SIDES: readonly ToolOption[] = [
  { flags: '-U, --user-stacks-only', summary: 'only the stacks of processes', global: 'only_user' },
  { flags: '-K, --kernel-stacks-only', summary: 'only the stacks of the kernel', global: 'only_kernel' },
  { flags: '-d, --delimited', summary: 'a line between the stacks of kernel and process' },
  { flags: '-a, --annotations', summary: 'mark functions of the kernel with _[k]' },
  ...STACKS,
];

/** What some of them take besides. */
export const STACK_PLACES: readonly ToolOption[] = [
  { flags: '-s, --offset', summary: 'where in each function: vfs_read+0x1c' },
  { flags: '-v, --verbose', summary: 'the address of each frame' },
];

/** As the programs have it: a process with the numbers of its two stacks. */
export interface StackKey {
  readonly pid: number;
  readonly user: number;
  readonly kernel: number;
  readonly comm: string;
}

/**
 * Takes what a map counts by {@link StackKey} out of it, with the names of the functions in `stacks`. `place` is the
 * innermost function where the stack does not have it; a process without a name is nobody's.
 */
export function takeStacks<Key extends StackKey>(
  loaded: Loaded,
  map: string,
  given: Given,
  place?: (key: Key) => string,
): (StackCount & { label: string | undefined })[] {
  const read = stackReader(loaded, 'stacks', given.names, {
    mark: given.flag('annotations'),
    offset: given.flag('offset'),
    address: given.flag('verbose') || given.flag('address'),
  });
  const asLine = given.flag('folded') || given.text('flameGraph') !== undefined;
  return taken<Key, bigint>(loaded, map).map(([key, value]) => {
    const { pid, user, kernel, comm } = key;
    const inProcess = given.flag('kernelStacksOnly') ? [] : read.user(pid, user);
    const inKernel = given.flag('userStacksOnly') ? [] : read.kernel(kernel);
    const between = given.flag('delimited') && inProcess.length > 0 && inKernel.length > 0 ? ['--'] : [];
    const frames = [...inProcess, ...between, ...inKernel];
    const name = place?.(key);
    if (name !== undefined && frames.at(-1) !== name) frames.push(name);
    const who = comm === '' ? [] : [comm];
    const label = comm === '' ? undefined : `-                ${comm} (${pid})`;
    return { frames: asLine ? [...who, ...frames] : frames, value: Number(value), label };
  });
}

/** Reads stacks by the numbers that `bpf_get_stackid` gave, with names: the outermost function first. */
export interface StackReader {
  user(pid: number, id: number): string[];
  kernel(id: number): string[];
  /** Forgets the stacks that were read, so that there is room for others. */
  clear(): void;
}

/** How frames are written. */
export interface FrameStyle {
  /** `_[k]` behind functions of the kernel. */
  readonly mark?: boolean;
  /** How far into the function. */
  readonly offset?: boolean;
  readonly address?: boolean;
}

export function stackReader(loaded: Loaded, map: string, names: Names, style: FrameStyle = {}): StackReader {
  const stacks = loaded.maps.get(map)!;
  const read = new Set<number>();
  const addresses = (id: number): bigint[] => {
    read.add(id);
    const bytes = stacks.get(keyOf(id)) as Uint8Array | undefined;
    if (bytes === undefined) return [];
    const list = new BigUint64Array(bytes.slice().buffer);
    const end = list.indexOf(0n);
    return [...list.slice(0, end < 0 ? list.length : end)].reverse();
  };
  return {
    user: (pid, id) =>
      id < 0
        ? missing(id)
        : addresses(id).map((one) => located(one, names.userFunction(pid, one, style.offset), style)),
    kernel: (id) => {
      if (id < 0) return missing(id);
      const frames = kernelFrames(addresses(id).reverse(), names, style).reverse();
      return style.mark ? frames.map((one) => `${one}_[k]`) : frames;
    },
    clear() {
      for (const id of read) stacks.delete(keyOf(id));
      read.clear();
    },
  };
}

/** The names of a stack of the kernel, as `bpf_get_stack` gives it: the innermost function first. */
export function kernelFrames(addresses: readonly bigint[], names: Names, style: FrameStyle = {}): string[] {
  const frames = addresses.map((one) => names.kernelFunction(one));
  const first = frames.findLastIndex((one) => OURS.test(one)) + 1;
  if (!style.offset && !style.address) return frames.slice(first);
  return addresses.slice(first).map((one) => located(one, names.kernelFunction(one, style.offset), style));
}

/** `0xffffffff8123 vfs_read`. */
function located(address: bigint, name: string, { address: shown }: FrameStyle): string {
  return shown ? `0x${address.toString(16)} ${name}` : name;
}

/** The map has no types: a decoder for 127 numbers would be dear, and most of them are not used. */
function keyOf(id: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(id).buffer);
}

/** Behind these comes only the program itself, and how it was called. */
const OURS = /^(bpf_prog_[0-9a-f]{16}_|bpf_trace_run\d|__traceiter_|__bpf_trace_)/;

const EEXIST = -17;
const EFAULT = -14;

/** Why there is no stack: it had no place, or there was none to begin with. */
function missing(id: number): string[] {
  return id === EEXIST ? ['[lost: another stack had its place]'] : id === EFAULT || id === -1 ? [] : ['[no stack]'];
}
