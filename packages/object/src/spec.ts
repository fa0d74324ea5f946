import type { Btf } from './btf/btf.ts';
import type { BtfExt, BtfId, CoreRelocation, FuncInfo, LineInfo } from './btf/model.ts';

/**
 * What an object holds, as pure data that depends on no machine: the same on every kernel and in every browser.
 * Made by {@link openObject} from the bytes of an ELF object, whoever compiled it.
 */
export interface ObjectSpec {
  /** At most 15 characters, from the file name, as libbpf names maps and programs after it. */
  readonly name: string;
  readonly license: string;
  /** From section `version`; 0 when absent. */
  readonly kernelVersion: number;
  readonly btf: Btf | undefined;
  readonly btfExt: BtfExt | undefined;
  readonly programs: readonly ProgramSpec[];
  /** Maps of `.maps`, then one for each data section (`.rodata`, `.data`, `.bss`, `.rodata.x` …), then `.kconfig`. */
  readonly maps: readonly MapSpec[];
  /** Variables of the data sections. */
  readonly globals: readonly GlobalSpec[];
}

/** A program with the subprograms that it calls, before anything is relocated. */
export interface ProgramSpec {
  /** The C function's name. */
  readonly name: string;
  /** `tracepoint/syscalls/sys_enter_openat`, `xdp`, … as written. */
  readonly section: string;
  /** What the section name says, from the table of abi; undefined when the section is not known. */
  readonly hook: HookSpec | undefined;
  /** `?` before the section name: load only when asked. */
  readonly autoload: boolean;
  /** The program's own instructions followed by every subprogram that it reaches, calls resolved. */
  readonly code: Uint8Array;
  readonly references: readonly CodeReference[];
  readonly core: readonly CoreRelocation[];
  readonly funcInfo: readonly FuncInfo[];
  readonly lineInfo: readonly LineInfo[];
  /** Where in {@link code} each function starts, by slot; the program itself is first. */
  readonly functions: readonly { readonly name: string; readonly slot: number }[];
  /** Where the function starts that goes on after `bpf_throw` (`__exception_cb(name)`), if there is one. */
  readonly exceptionCallback?: number;
}

/** Where a program belongs, from the name of its section. */
export interface HookSpec {
  /** `BPF_PROG_TYPE_…` without the prefix would hide it from grep: the kernel's own spelling. */
  readonly programType: string;
  /** `BPF_…` of `enum bpf_attach_type`, where the type needs one at load or attach. */
  readonly attachType: string | undefined;
  /** What stands behind the first slash: `syscalls/sys_enter_openat`, a function, an interface. */
  readonly target: string | undefined;
  readonly sleepable: boolean;
  /** XDP frags, multi, session … as the section's table row says. */
  readonly flags: readonly string[];
}

/** An instruction (at `slot` of {@link ProgramSpec.code}) that the host must fill in. */
export type CodeReference =
  /** `ld_imm64` of a map. */
  | { readonly kind: 'map'; readonly slot: number; readonly map: string }
  /** `ld_imm64` of an address inside the value of a data-section map. */
  | { readonly kind: 'map-value'; readonly slot: number; readonly map: string; readonly offset: number }
  /** `ld_imm64` of a kernel variable (`.ksyms`), typed or not. */
  | {
      readonly kind: 'ksym';
      readonly slot: number;
      readonly name: string;
      readonly btfId: BtfId;
      readonly weak: boolean;
    }
  /** A call of a kernel function (`.ksyms`). */
  | {
      readonly kind: 'kfunc';
      readonly slot: number;
      readonly name: string;
      readonly btfId: BtfId;
      readonly weak: boolean;
    }
  /** `ld_imm64` of a subprogram's address (callbacks); already resolved to a slot offset. */
  | { readonly kind: 'func'; readonly slot: number; readonly name: string };

/** A map as the object declares it; on the machine it is made by a host. */
export interface MapSpec {
  readonly name: string;
  /** The kernel's number of `BPF_MAP_TYPE_…`; names stand in abi. */
  readonly type: number;
  /** Bytes. */
  readonly keySize: number;
  /** Bytes. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** `BPF_F_…` of map creation. */
  readonly flags: number;
  readonly keyType: BtfId;
  readonly valueType: BtfId;
  /** `LIBBPF_PIN_BY_NAME`. */
  readonly pinByName: boolean;
  readonly numaNode: number | undefined;
  readonly mapExtra: bigint;
  /** Of map-in-map: the inner map's shape and the initial contents by slot. */
  readonly inner: MapSpec | undefined;
  readonly initialSlots: ReadonlyMap<number, string>;
  /** Data sections: what the single value holds at first; arenas: what their first pages hold; struct_ops: the structure. */
  readonly initialValue: Uint8Array | undefined;
  readonly data: 'rodata' | 'data' | 'bss' | 'kconfig' | undefined;
  /** Of section `.struct_ops` or `.struct_ops.link`: a structure of functions for the kernel to call. */
  readonly structOps?: StructOpsSpec;
}

/** Of a map of `struct_ops`: which programs its structure consists of. */
export interface StructOpsSpec {
  /** The structure's type: the kernel's has the same name, flavours left aside, and is matched member by member. */
  readonly type: BtfId;
  /** The program of each member that has one, by the member's number in {@link type}. */
  readonly programs: ReadonlyMap<number, string>;
  /** `?` before the section name: neither made nor registered unless asked for. */
  readonly optional: boolean;
}

/** A variable of a data section. */
export interface GlobalSpec {
  readonly name: string;
  /** The name of its data-section map in {@link ObjectSpec.maps}. */
  readonly map: string;
  readonly offset: number;
  readonly size: number;
  readonly type: BtfId;
  /** `.kconfig` only: the value stays 0 when the kernel's configuration does not have it. */
  readonly weak?: boolean;
}
