import { readFileSync } from 'node:fs';
import { systemCallFailed } from '../diagnostics.ts';
import { native } from './native.ts';
import { sys } from './syscalls.ts';

/** Memory of our own that does not move, so that its address may stand in an attribute for as long as it lives. */
export interface Memory {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Nobody may touch {@link bytes} afterwards. */
  free(): void;
}

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
/** There or nowhere; what lies there already is not replaced. */
const MAP_FIXED_NOREPLACE = 0x100000;
const MAP_ANONYMOUS = 0x20;

/** Zeroed; rounded up to whole pages. */
export function allocate(size: number): Memory {
  const length = roundUp(Math.max(size, 1), pageSize());
  return mapped(0, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/**
 * Memory of a descriptor, shared with the kernel. A write through {@link Memory.bytes} of a mapping that is not
 * `writable` kills the process: such bytes must never leave this package.
 * @param at the address that it must have; 0 leaves it to the kernel
 */
export function mapShared(fd: number, length: number, offset: number, writable: boolean, at = 0): Memory {
  const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  return mapped(at, length, protection, MAP_SHARED | (at === 0 ? 0 : MAP_FIXED_NOREPLACE), fd, offset);
}

function mapped(at: number, length: number, protection: number, flags: number, fd: number, offset: number): Memory {
  const address = sys('mmap', at, length, protection, flags, fd, offset);
  if (address < 0) throw systemCallFailed('mmap', -address, `${length} bytes`);
  const bytes = new Uint8Array(native().view(address, length));
  return {
    address,
    bytes,
    view: new DataView(bytes.buffer),
    free() {
      sys('munmap', address, length);
    },
  };
}

let cachedPageSize = 0;

/** Bytes; AT_PAGESZ of the auxiliary vector, since arm64 has kernels with 4, 16 and 64 KiB. */
export function pageSize(): number {
  if (cachedPageSize === 0) {
    cachedPageSize = 4096;
    const vector = readFileSync('/proc/self/auxv');
    for (let at = 0; at + 16 <= vector.length; at += 16) {
      if (vector.readUInt32LE(at) === 6) cachedPageSize = vector.readUInt32LE(at + 8);
    }
  }
  return cachedPageSize;
}

export function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
