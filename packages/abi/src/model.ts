/** A parameter of a helper, as C text. */
export interface HelperParam {
  readonly type: string;
  readonly name: string;
}

/** A helper function of `linux/bpf.h`: `call` with this number in the immediate. */
export interface Helper {
  readonly id: number;
  /** With its prefix: `bpf_map_lookup_elem`. */
  readonly name: string;
  /** C text. */
  readonly result: string;
  readonly params: readonly HelperParam[];
  readonly variadic: boolean;
  /** The release that brought it, `5.8`. */
  readonly since: KernelVersion;
}

/** What the verifier checks of an argument: the kernel's `enum bpf_arg_type` and its flags, `ARG_PTR_TO_MEM | MEM_RDONLY`. */
export interface HelperArg {
  readonly kind: string;
  /** Bytes of `ARG_PTR_TO_FIXED_SIZE_MEM`. */
  readonly size?: number;
  /** Of the kernel's BTF, for `ARG_PTR_TO_BTF_ID`; '' when it is known only at the call. */
  readonly struct?: string;
}

/**
 * A `struct bpf_func_proto` of the kernel. A helper has several when types of programs reach it in different ways: their
 * names begin with that of the helper or not (`bpf_skb_event_output` for `bpf_perf_event_output`).
 */
export interface HelperProto {
  readonly name: string;
  /** `enum bpf_return_type`. */
  readonly result: string | undefined;
  readonly resultStruct?: string;
  readonly args: readonly HelperArg[];
  /** Only for programs under a licence compatible with the GPL. */
  readonly gplOnly?: true;
  /** Packet pointers may be passed as memory. */
  readonly packetAccess?: true;
  /** Only for sleepable programs. */
  readonly mightSleep?: true;
}

/** The helpers that one `get_func_proto` of the kernel answers for (helper -> prototype), and those it asks next. */
export interface HelperSet {
  readonly inherits: readonly string[];
  readonly helpers: Readonly<Record<string, string>>;
}

/** `KF_*` of `include/linux/btf.h`. */
export type KfuncFlag =
  | 'acquire'
  | 'release'
  | 'ret_null'
  | 'trusted_args'
  | 'sleepable'
  | 'destructive'
  | 'rcu'
  | 'iter_new'
  | 'iter_next'
  | 'iter_destroy'
  | 'rcu_protected';

/** A function of the kernel that programs may call; its prototype is in the kernel's BTF. */
export interface Kfunc {
  readonly name: string;
  readonly flags: readonly KfuncFlag[];
}

/** `major.minor`, compared by {@link compareVersions}. */
export type KernelVersion = string;

/** An enumerator of the kernel's with the release in which it first worked. */
export interface Dated {
  readonly name: string;
  readonly value: number;
  readonly since: KernelVersion;
}

/** An enum of `linux/bpf.h`; its tag is empty where it has none. */
export interface UapiEnum {
  /** '' when the enum is anonymous. */
  readonly name: string;
  readonly values: Readonly<Record<string, number>>;
}

/** A member of a UAPI record. */
export interface UapiField {
  /** '' when the member is an anonymous struct or union. */
  readonly name: string;
  /** C text without the name: `__u32[4]`, `struct bpf_sock *`; `struct` / `union` for a type without a name. */
  readonly type: string;
  /** Bytes from the start of the outermost record. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
  /** Of a bit-field: its first bit within the unit at `offset`, and its width. */
  readonly bitOffset?: number;
  readonly bitSize?: number;
  /** The members of a struct or union that is defined in place. */
  readonly fields?: readonly UapiField[];
}

/** A struct or union of `linux/bpf.h` as 64-bit ABIs lay it out. */
export interface UapiRecord {
  readonly kind: 'struct' | 'union';
  readonly name: string;
  readonly size: number;
  readonly align: number;
  readonly fields: readonly UapiField[];
}

/** A Linux error: its positive number, its name, and a short text of our own. */
export interface Errno {
  readonly number: number;
  readonly name: string;
  readonly text: string;
}
