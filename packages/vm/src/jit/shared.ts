import type * as w from './wasm.ts';

/** How far a program is trusted: what compiled code checks at run time. */
export type Trust =
  /** A verifier accepted it: nothing is checked. */
  | 'verified'
  /** Its accesses are safe, but nobody has shown that it ends: loops count. */
  | 'bounded'
  /** Anything: addresses, loops and calls are checked, faults say where they happened. */
  | 'unverified';

/** A subprogram's WebAssembly function, and its parameters among r1 … r5. */
export interface Subprogram {
  readonly index: number;
  readonly params: readonly number[];
}

/** What one module's functions share. */
export interface Shared {
  readonly code: Int32Array;
  readonly trust: Trust;
  /** By their entry slots. */
  readonly functions: ReadonlyMap<number, Subprogram>;
  /** Global with the instructions left. */
  readonly fuel: number;
  /** Global with the number of the CPU. */
  readonly cpu: number;
  /** Eight bytes of memory for each of r0 … r5, through which rare helpers take and give 64-bit numbers. */
  readonly cells: number;
  /** `stop(reason, slot)`: throws. */
  readonly stop: number;
  /** `outside(address, offset, size, slot)`: where the bytes can be read, or throws. */
  readonly outside: number;
  /** `wild(address, offset, slot)`: throws. */
  readonly wild: number;
  /** `packetLoad(opcode, offset, packet, slot)`: 0 beyond the packet's end, else the bytes are in the cell of r0. */
  readonly packetLoad: number;
  /** `castKern(address)`: see {@link Machine.castKern}. */
  readonly castKern: number;
  /** Global with the turns left that `may_goto` lets loops make. */
  readonly turns: number;
  /** Loads may be of the recorded kernel's memory, whose addresses have high halves. */
  readonly kernelLoads: boolean;
  /** Calls may reach the ninth frame. */
  readonly deep: boolean;
  /** See {@link StackOptions.keySize}. */
  keySize(map: number): number | undefined;
  /** See {@link StackOptions.functions}. */
  readonly kernelFunctions: number;
  /** Emits a call of a helper. */
  helper(site: HelperSite): void;
}

/** A helper call as {@link Shared.helper} sees it. */
export interface HelperSite {
  readonly code: w.Code;
  readonly slot: number;
  readonly id: number;
  /** Leaves a register's 64 bits on the stack, or the lower half. */
  readonly get: (register: number) => void;
  readonly get32: (register: number) => void;
  /** Takes r0 from the stack: 64 bits, or 32 of a number that has no more. */
  readonly give: () => void;
  readonly give32: () => void;
  /** What a register holds for certain. */
  readonly known: (register: number) => Known | undefined;
  /** How many frames lie between that frame and one for a function that the site calls. */
  readonly depth: number;
  /** Stops the program when there is no frame left for a function that the site calls. */
  readonly checkDepth: () => void;
  /** The local with the address of the function's frame, to which known offsets count. */
  readonly frame: number;
  /** Free i32 locals. */
  readonly temporary: number;
  readonly temporary2: number;
  /** More of them, by number. */
  readonly word: (i: number) => number;
  /** Leaves four bytes at an offset from what a register points to on the stack. */
  readonly load32: (register: number, at: number) => void;
  /**
   * Writes to memory what locals hold of the stack, from where arguments point; `sizes` are the bytes that the callee
   * looks at, by register, where they are known. {@link reload} is for callees that may write there.
   */
  readonly flush: (sizes?: Readonly<Record<number, number>>) => void;
  readonly reload: () => void;
  /** To be called around what may run other code of the program. */
  readonly save: () => void;
  readonly restore: () => void;
}

/**
 * A 32-bit number, an address by its offset from the start of the function's own frame, or a callback by its slot.
 */
export type Known = { readonly kind: 'number' | 'frame' | 'function'; readonly value: number };

/** Reasons that compiled code gives to `stop`. */
export const STOP = { fuel: 0, frames: 1, illegal: 2, call: 3, chain: 4 } as const;
