import { LIMITS } from '@skep/abi';
import { outOfMemory } from './diagnostics.ts';
import { Fault } from './fault.ts';

/**
 * The one linear memory of a machine: stacks, contexts, packets, map values and ring buffers. A BPF pointer is an
 * offset into it; addresses of 2^32 and above stand for memory of the recorded machine and are only read by helpers.
 *
 *     0x00000  nothing: a NULL pointer, or one near it, faults here
 *     0x10000  the stacks, eight frames of 512 bytes for each nesting of programs
 *     …        allocations, 8-byte aligned
 *
 * It is a WebAssembly memory so that compiled code can share it. Growing it detaches the views: read them from
 * {@link view} and {@link bytes} after every allocation.
 */
export class Memory {
  view: DataView;
  bytes: Uint8Array;
  /** What compiled code imports. */
  readonly shared: WebAssembly.Memory;
  /**
   * Bytes that helpers have worked on, and what counts for as much; see {@link takeWork}. Programs pay for it from their
   * budget of instructions, so that none keeps the machine busy with calls on ever the same megabyte.
   */
  work = 0;
  private top = FIRST_FREE;
  private readonly free = new Map<number, number[]>();

  constructor() {
    this.shared = new WebAssembly.Memory({ initial: INITIAL_PAGES, maximum: MAXIMUM_PAGES });
    this.view = new DataView(this.shared.buffer);
    this.bytes = new Uint8Array(this.shared.buffer);
  }

  get size(): number {
    return this.bytes.length;
  }

  /** Zeroed memory; E4002 when it would exceed 2 GiB. */
  allocate(size: number): number {
    const rounded = Math.max(8, (size + 7) & ~7);
    const reused = this.free.get(rounded)?.pop();
    if (reused !== undefined) {
      this.bytes.fill(0, reused, reused + rounded);
      return reused;
    }
    const at = this.top;
    const end = at + rounded;
    if (!(end + BEHIND <= MAXIMUM_PAGES * PAGE)) throw outOfMemory(size);
    if (end + BEHIND > this.size) this.grow(end + BEHIND);
    this.top = end;
    return at;
  }

  /** Gives an allocation back for others of the same size. */
  release(at: number, size: number): void {
    const rounded = Math.max(8, (size + 7) & ~7);
    // A program that nobody has verified may have changed the links from which this offset was read.
    if (at < FIRST_FREE || at % 8 !== 0 || at + rounded > this.top) return;
    const list = this.free.get(rounded);
    if (list) list.push(at);
    else this.free.set(rounded, [at]);
  }

  /** A view of `size` bytes at a pointer that a program gave to a helper; faults unless all of it is memory. */
  slice(low: number, high: number, size: number, what: string): Uint8Array {
    // Of nothing the address does not matter: NULL is what programs give then.
    if (size === 0 && (low | high) === 0) return this.bytes.subarray(0, 0);
    const at = this.check(low, high, size, what);
    return this.bytes.subarray(at, at + size);
  }

  /** The offset of `size` accessible bytes, or a fault that says `what` was wrong. */
  check(low: number, high: number, size: number, what: string): number {
    const at = low >>> 0;
    if (high !== 0 || at < NULL_END || at + size > this.size)
      throw new Fault('memory', `${what} at ${pointerText(low, high)}`);
    this.work += size;
    return at;
  }

  /** The instructions that the work of helpers so far stands for; what is not worth the ado stays for the next time. */
  takeWork(): number {
    if (this.work < LEAST_WORK) return 0;
    const instructions = Math.min(this.work / BYTES_AN_INSTRUCTION, 0x20000000) | 0;
    this.work = 0;
    return instructions;
  }

  /** A copy of what is in use, to go back to. */
  save(): SavedMemory {
    return { bytes: this.bytes.slice(0, this.top), free: [...this.free].map(([size, list]) => [size, list.slice()]) };
  }

  /** Makes everything as it was then; it never shrinks, so that views stay valid. */
  restore({ bytes, free }: SavedMemory): void {
    this.bytes.set(bytes);
    if (this.top > bytes.length) this.bytes.fill(0, bytes.length, this.top);
    this.top = bytes.length;
    this.free.clear();
    for (const [size, list] of free) this.free.set(size, list.slice());
  }

  private grow(end: number): void {
    const want = Math.min(MAXIMUM_PAGES * PAGE, Math.max(end, this.size * 2));
    try {
      this.shared.grow(Math.ceil((want - this.size) / PAGE));
    } catch {
      throw outOfMemory(end);
    }
    this.view = new DataView(this.shared.buffer);
    this.bytes = new Uint8Array(this.shared.buffer);
  }
}

/** See {@link Memory.save}. */
export interface SavedMemory {
  readonly bytes: Uint8Array;
  readonly free: readonly (readonly [size: number, offsets: readonly number[]])[];
}

/** What a program records in its outcome counts as work on so many bytes: nobody fills the host's memory with it. */
export const RECORDED = 1 << 16;
const BYTES_AN_INSTRUCTION = 16;
const LEAST_WORK = 2048;
/** Compiled loops read some bytes more than the program does, all at once; what is allocated never ends memory. */
const BEHIND = 64;
const PAGE = 65536;
const INITIAL_PAGES = 16;
/** 2 GiB: offsets stay positive in 32-bit arithmetic. */
const MAXIMUM_PAGES = 32768;

/**
 * High half of addresses in arenas as user space sees them; the low half is the offset in the machine's memory, which is
 * what programs use after `addr_space_cast`.
 */
export const ARENA_HIGH = 0x7e00;

/**
 * Where programs have no memory the machine has some of its own: eight bytes through which loads of recorded kernel
 * memory pass, and eight for each of r0 … r5, in which compiled code and JavaScript hand each other 64-bit numbers.
 */
export const SCRATCH = 0x40;
export const CELLS = 0x80;
/** Below lies no memory. */
export const NULL_END = 0x10000;
export const STACKS = 0x10000;
/** Bytes of one frame and the most frames of one program. */
export const FRAME_SIZE = LIMITS.stack;
export const MAX_FRAMES = LIMITS.callDepth;
/** Programs inside callbacks of helpers inside programs … */
export const MAX_NESTING = 8;
const FIRST_FREE = STACKS + FRAME_SIZE * MAX_FRAMES * MAX_NESTING;

export function pointerText(low: number, high: number): string {
  return `0x${((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16)}`;
}
