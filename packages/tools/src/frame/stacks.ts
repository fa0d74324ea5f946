import type { Loaded } from 'skep';
import type { Names } from './names.ts';

/** Reads stacks by the numbers that `bpf_get_stackid` gave, with names: the outermost function first. */
export interface StackReader {
  user(pid: number, id: number): string[];
  kernel(id: number): string[];
  /** Forgets the stacks that were read, so that there is room for others. */
  clear(): void;
}

/** `mark` adds `_[k]` to functions of the kernel. */
export function stackReader(loaded: Loaded, map: string, names: Names, mark = false): StackReader {
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
    user: (pid, id) => (id < 0 ? missing(id) : addresses(id).map((one) => names.userFunction(pid, one))),
    kernel: (id) =>
      id < 0 ? missing(id) : addresses(id).map((one) => names.kernelFunction(one) + (mark ? '_[k]' : '')),
    clear() {
      for (const id of read) stacks.delete(keyOf(id));
      read.clear();
    },
  };
}

/** The map has no types: a decoder for 127 numbers would be dear, and most of them are not used. */
function keyOf(id: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(id).buffer);
}

const EEXIST = -17;
const EFAULT = -14;

/** Why there is no stack: it had no place, or there was none to begin with. */
function missing(id: number): string[] {
  return id === EEXIST ? ['[lost: another stack had its place]'] : id === EFAULT || id === -1 ? [] : ['[no stack]'];
}
