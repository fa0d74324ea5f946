import type { Btf, FuncInfo, LineInfo } from '@skep/object';
import type { MapInfo } from './maps.ts';

/** What an instruction refers to that its bytes do not say. */
export type KernelSymbol =
  | { readonly kind: 'kfunc'; readonly name: string }
  /** A kernel variable or function, typed by the kernel's BTF. */
  | { readonly kind: 'ksym'; readonly name: string };

/** A program to be checked, as it would be handed to `BPF_PROG_LOAD`. */
export interface ProgramInput {
  /** 8 bytes an instruction slot, little endian. */
  readonly code: Uint8Array;
  /** `BPF_PROG_TYPE_…` by number. */
  readonly type: number;
  /** `enum bpf_attach_type`; 0 where the type needs none. */
  readonly attachType?: number;
  /** What `attach_btf_id` names: a function, a tracepoint (`sched_switch`), `bpf_iter_task`, the struct of struct_ops. */
  readonly attachTarget?: string | undefined;
  /** The member of the struct of a struct_ops program. */
  readonly structOpsMember?: string | undefined;
  /** `BPF_F_…` of `BPF_PROG_LOAD`. */
  readonly flags?: number;
  readonly license?: string;
  /** How many processors the machine may have, which bounds their numbers. The most that kernels are built for when absent. */
  readonly cpus?: number | undefined;
  readonly maps?: readonly MapInfo[];
  /** Slot of an `ld_imm64` of a map (`src` 1 … 6) -> index in `maps`. */
  readonly mapAt?: ReadonlyMap<number, number>;
  readonly symbols?: ReadonlyMap<number, KernelSymbol>;
  readonly btf?: Btf | undefined;
  readonly funcInfo?: readonly FuncInfo[];
  readonly lineInfo?: readonly LineInfo[];
}

export interface Subprogram {
  readonly index: number;
  /** First slot. */
  readonly start: number;
  /** The slot behind its last. */
  end: number;
  name: string;
  /** Verified by itself against its prototype. */
  global: boolean;
  /** BTF id of its function; 0 without BTF. */
  type: number;
  stackDepth: number;
  /** Stack below this offset holds only registers that are saved around calls which are put in line. */
  fastcallOff: number;
  keepFastcallStack: boolean;
  isCallback: boolean;
  isAsyncCallback: boolean;
  isExceptionCallback: boolean;
  hasTailCall: boolean;
  hasLdAbs: boolean;
  called: boolean;
}

/** The instructions as arrays by field: what the explorer reads a million times a second. */
const GPL_COMPATIBLE = new Set([
  'GPL',
  'GPL v2',
  'GPL and additional rights',
  'Dual BSD/GPL',
  'Dual MIT/GPL',
  'Dual MPL/GPL',
]);

export class Program {
  readonly input: ProgramInput;
  readonly length: number;
  readonly code: Uint8Array;
  readonly dst: Uint8Array;
  readonly src: Uint8Array;
  readonly off: Int16Array;
  readonly imm: Int32Array;
  /** Calls that are put in line, and the saves around them. */
  readonly fastcallPattern: Uint8Array;
  /** In the order of their first slot; the program itself is the first. */
  subprograms: Subprogram[] = [];
  private readonly starts = new Map<number, Subprogram>();

  constructor(input: ProgramInput) {
    this.input = input;
    const bytes = input.code;
    const length = bytes.length >> 3;
    this.length = length;
    this.code = new Uint8Array(length);
    this.dst = new Uint8Array(length);
    this.src = new Uint8Array(length);
    this.off = new Int16Array(length);
    this.imm = new Int32Array(length);
    this.fastcallPattern = new Uint8Array(length);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < length; i++) {
      const at = i * 8;
      this.code[i] = view.getUint8(at);
      const regs = view.getUint8(at + 1);
      this.dst[i] = regs & 15;
      this.src[i] = regs >> 4;
      this.off[i] = view.getInt16(at + 2, true);
      this.imm[i] = view.getInt32(at + 4, true);
    }
  }

  /** Whether its licence lets it use what the kernel keeps for programs under the GPL. */
  get gpl(): boolean {
    return GPL_COMPATIBLE.has(this.input.license ?? '');
  }

  subprogramAt(slot: number): Subprogram | undefined {
    return this.starts.get(slot);
  }

  /** The subprogram that a slot lies in. */
  subprogramOf(slot: number): Subprogram {
    let found = this.subprograms[0]!;
    for (const one of this.subprograms) if (one.start <= slot) found = one;
    return found;
  }

  setSubprograms(starts: readonly number[]): void {
    this.subprograms = starts.map((start, index) => ({
      index,
      start,
      end: starts[index + 1] ?? this.length,
      name: '',
      global: false,
      type: 0,
      stackDepth: 0,
      fastcallOff: 0,
      keepFastcallStack: false,
      isCallback: false,
      isAsyncCallback: false,
      isExceptionCallback: false,
      hasTailCall: false,
      hasLdAbs: false,
      called: false,
    }));
    this.starts.clear();
    for (const one of this.subprograms) this.starts.set(one.start, one);
  }

  isCallTo(slot: number): boolean {
    return this.code[slot] === 0x85 && this.src[slot] === 1;
  }

  isFunctionAddress(slot: number): boolean {
    return this.code[slot] === 0x18 && this.src[slot] === 4;
  }

  isKfuncCall(slot: number): boolean {
    return this.code[slot] === 0x85 && this.src[slot] === 2;
  }

  isHelperCall(slot: number): boolean {
    return this.code[slot] === 0x85 && this.src[slot] === 0;
  }

  kfuncName(slot: number): string | undefined {
    const symbol = this.input.symbols?.get(slot);
    return symbol?.kind === 'kfunc' ? symbol.name : undefined;
  }
}
