import type { Recording } from '@skep/capture';
import type { Btf, MapSpec, ObjectSpec, ProgramSpec } from '@skep/object';
import type { Fields, HookGiven, Outcome, PlainContext, Socket } from '@skep/vm';

/**
 * A home for programs: the Linux kernel or the virtual machine. Both do the same to the same objects; what one cannot
 * do, it refuses with a diagnostic. Everything made by a host is closed by whoever asked for it.
 */
export interface Host {
  readonly kind: 'kernel' | 'vm';
  /** `6.12.0`: the kernel that programs see. */
  readonly release: string;
  /** How many values an entry of a per-CPU map has. */
  readonly cpus: number;
  /** Types of that kernel, for CO-RE; undefined when there are none. */
  targetBtf(): Btf | undefined;
  /** Everything that belongs to one object: its maps, types and programs. */
  prepare(object: ObjectSpec, options?: PrepareOptions): HostObject;
  /** What is replayed. */
  readonly recording?: Recording | undefined;
  /**
   * Runs what there is to run (the virtual machine's recording), and says where intervals ended; the kernel's events come by
   * themselves.
   */
  readonly replay: ((interval?: () => void) => Generator<number, void, void>) | undefined;
  /** Moves the clock that programs see to so many nanoseconds, running timers on the way; the kernel's goes by itself. */
  advance?(time: bigint): void;
  /** Has runs and their time counted until it is closed; undefined where the host cannot. */
  countRuns?(): { close(): void } | undefined;
  /** Asks for the lines of `bpf_trace_printk`, where the host has them to itself. */
  onTrace?(take: (text: string) => void): void;
  /** Hands over what of that is there already. */
  drainTrace?(): void;
  close(): void;
}

/** What is settled before anything is made. */
export interface PrepareOptions {
  /**
   * The directory, on a mounted bpffs, of maps that are declared with `LIBBPF_PIN_BY_NAME`: those that are there are used,
   * others are pinned there and stay. `/sys/fs/bpf` when not given; false uses and leaves none.
   */
  readonly pins?: string | false | undefined;
  /**
   * What programs that replace or trace a function of another program (`freplace`, `fentry`, `fexit`) are loaded for, by their
   * names: the other program, loaded in this kernel.
   */
  readonly targets?: { readonly [program: string]: { readonly handle: number } } | undefined;
}

/** What a host holds of one object. */
export interface HostObject {
  createMap(spec: MapSpec): HostMap;
  /** `program` is relocated for {@link Host.targetBtf}. */
  loadProgram(program: ProgramSpec): HostProgram;
  close(): void;
}

/** Keys and values as bytes; of per-CPU maps, all CPUs' values in a row, each rounded up to 8 bytes. */
export interface HostMap {
  readonly spec: MapSpec;
  /** Bytes of a value as read and written here. */
  readonly valueBytes: number;
  lookup(key: Uint8Array): Uint8Array | undefined;
  /** False when `mode` forbids it: there is such an entry, or there is none. Throws when there is no room. */
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode): boolean;
  /** False when there was no such entry. */
  delete(key: Uint8Array): boolean;
  entries(): Iterable<readonly [key: Uint8Array, value: Uint8Array]>;
  /** The same, many behind each other, in buffers that the next step overwrites; where that costs less. */
  batches?(): Iterable<{ readonly keys: Uint8Array; readonly values: Uint8Array; readonly count: number }>;
  /** The key after `key`, or the first; undefined after the last. Hash maps start over when `key` is gone. */
  nextKey(key?: Uint8Array): Uint8Array | undefined;
  /** Many entries at once, keys and values behind each other. */
  updateMany(keys: Uint8Array, values: Uint8Array): void;
  /** Queues and stacks: adds a value; throws when it is full. */
  push(value: Uint8Array): void;
  /** Queues and stacks: takes the next value. */
  pop(): Uint8Array | undefined;
  /** Programs and user space can no longer write (`.rodata`). */
  freeze(): void;
  /** What maps of maps take as a value for this map: a descriptor. */
  readonly handle: number;
  /** Ring buffers and perf event arrays only. */
  openRecords(): HostRecords;
  /** User ring buffers only; the kernel only. */
  openWriter?(): HostWriter;
  /** struct_ops only: registers the structure with its programs. */
  readonly attach?: (() => HostLink) | undefined;
  /** Makes it outlive the process, as a file; the kernel only. */
  pin?(path: string): void;
}

/** What programs take from a user ring buffer (`bpf_user_ringbuf_drain`) is sent here. */
export interface HostWriter {
  /** False when there is no room now. */
  send(bytes: Uint8Array): boolean;
  close(): void;
}

/** Whether an update makes a new entry, changes one, or either. */
export type UpdateMode = 'any' | 'ifAbsent' | 'ifPresent';

/** What can be read of a record; nothing of it is to be kept, the bytes are used again. */
export type RecordView = Pick<DataView, Extract<keyof DataView, `get${string}`>> & {
  /** Where it is cheaper than byte by byte. */
  readonly copy?: (at: number, length: number) => Uint8Array;
};

/** Records where they lie, each at a multiple of eight bytes. */
export interface RawBatch {
  /** Little endian; `at` in bytes, a multiple of the width. Half as dear as a view's getters. */
  readonly memory: {
    readonly view: RecordView;
    readonly i8: (at: number) => number;
    readonly u8: (at: number) => number;
    readonly i16: (at: number) => number;
    readonly u16: (at: number) => number;
    readonly i32: (at: number) => number;
    readonly u32: (at: number) => number;
    readonly i64: (at: number) => bigint;
    readonly u64: (at: number) => bigint;
    readonly f32: (at: number) => number;
    readonly f64: (at: number) => number;
  };
  /** Two numbers a record: where it begins in {@link memory}, and its length in bytes. */
  readonly places: ArrayLike<number>;
  /** Records. */
  readonly count: number;
  /** How many are consumed when the callback is left, however it is; {@link count} unless it says otherwise. */
  taken: number;
  /** The reader was closed meanwhile: no more records are wanted. */
  readonly ended: boolean;
}

/** A ring of the kernel as generated decoders walk through it, header by header; see RingWalk of @skep/kernel. */
export interface RingWalk {
  readonly raw: unknown;
  readonly start: number;
  readonly waiting: number;
  readonly mask: number;
  readonly max: number;
  readonly ended: boolean;
  bytes: number;
  taken: number;
}

/** A ring or perf buffer of a host. */
export interface HostRecords {
  /** Hands over every record that is there, oldest first, at most `max`; gives their number. */
  drain(take: (view: RecordView, offset: number, length: number) => void, max: number): number;
  /** The same, many in one call, where records lie in one memory. */
  drainBatches?(take: (batch: RawBatch) => void, max: number): number;
  /** The same, by a decoder that walks through the ring itself. */
  walk?<T>(decode: (walk: RingWalk, take: (record: T) => void) => void, take: (record: T) => void, max: number): number;
  /**
   * Decoded records as they come, many at a time, until the signal is given, or a recording that is played for them is at its
   * end. One reader.
   */
  batches<T>(options: BatchOptions<T>): AsyncGenerator<T[], void, undefined>;
  /** Bytes that wait to be read, of ring buffers in the kernel. */
  readonly pending?: number | undefined;
  /** Records that the kernel dropped because nobody read (perf buffers); ring buffers count in the program. */
  readonly lost: number;
  close(): void;
}

/** How records are read, and how many at a time. */
export interface BatchOptions<T> {
  readonly decode: (view: RecordView, offset: number, length: number) => T;
  /** What hosts with {@link HostRecords.walk} use instead. */
  readonly decodeBatch?: (walk: RingWalk, take: (record: T) => void) => void;
  readonly signal?: AbortSignal | undefined;
  readonly max?: number;
}

/** A program that is loaded. */
export interface HostProgram {
  readonly spec: ProgramSpec;
  attach(options: AttachOptions): HostLink;
  testRun(options: HostTestRun): HostTestResult;
  /** One packet of many through an XDP program, where the host has a way with less ado than {@link testRun}. */
  packet?(data: Uint8Array): { readonly retval: number; readonly dataOut: Uint8Array };
  /**
   * Many packets through an XDP program at once; `take` is told of each in order, and asks for the packet as it is then
   * where it wants to know. False when the program has to be run on one after the other.
   */
  packets?(data: readonly Uint8Array[], take: TakePacket): boolean;
  /** What program arrays take as a value for this program: a descriptor. */
  readonly handle: number;
  /** Makes it outlive the process, as a file; the kernel only. */
  pin?(path: string): void;
  /** Runs and nanoseconds so far, where the host counts them. */
  stats(): { readonly runs: bigint; readonly ns: bigint } | undefined;
}

/** See {@link HostProgram.packets}. */
export type TakePacket = (index: number, retval: number, dataOut: () => Uint8Array) => void;

/** Where programs attach, beyond what their sections say. */
export interface AttachOptions {
  /** XDP, tc, netkit: the network interface. */
  readonly interface?: string;
  /** tc: in place of what the section says. */
  readonly direction?: 'ingress' | 'egress';
  /** Programs on cgroups: a directory of cgroup version 2. */
  readonly cgroup?: string;
  /** sk_lookup, flow_dissector: a file of a network namespace; our own when not given. */
  readonly netns?: string;
  /** netfilter. */
  readonly netfilter?: {
    readonly family?: 'ipv4' | 'ipv6';
    readonly hook: 'pre_routing' | 'input' | 'forward' | 'output' | 'post_routing';
    readonly priority?: number;
  };
  /** lwt_in, lwt_out, lwt_xmit: packets to this destination, by a route that is made for the program. */
  readonly route?: string;
  /** lirc_mode2: the device of the infrared receiver. */
  readonly lirc?: string;
  /** sk_msg, sk_skb, iterators over maps: which map of the object. */
  readonly map?: string;
  /** Socket filters and sk_reuseport: the descriptor of the socket. */
  readonly socket?: number;
  /** XDP: which of the driver's ways; the kernel chooses when not given. */
  readonly mode?: 'native' | 'generic' | 'offload';
  /** perf events: which, a clock when not given; each `period` of it is a run, when no frequency is given. */
  readonly event?: string;
  readonly period?: number;
  /** perf events: samples per second. */
  readonly frequency?: number;
  /** perf events: accesses of memory instead, of one process or everywhere; kernels only. */
  readonly breakpoint?: {
    readonly address: number | bigint;
    /** Bytes. */
    readonly length: 1 | 2 | 4 | 8;
    readonly access: 'write' | 'read-write' | 'execute';
  };
  /** perf events, uprobes, static probes: one process instead of all. */
  readonly pid?: number;
  /** kprobe.multi, uprobe.multi: these functions in place of the section's pattern. */
  readonly functions?: readonly string[];
  /** Replays: the hook whose recorded runs the program sees, in place of the section's. */
  readonly hook?: string;
  /** Static probes: what `bpf_usdt_cookie` returns. */
  readonly cookie?: number | bigint;
}

/** Something attached. */
export interface HostLink {
  /** How it is attached: `tracepoint, by bpf_link`. */
  readonly via: string;
  /** Iterators: what the program prints, from the start; each call walks anew. */
  readonly read?: () => string;
  /** Makes it outlive the process, as a file; the kernel only, and only what it holds by a link of its own. */
  readonly pin?: (path: string) => void;
  close(): void;
}

/** What a program is run on. */
export interface HostTestRun {
  readonly data?: Uint8Array | undefined;
  /** As bytes, or as plain values: the members of the UAPI struct, `args`, registers. */
  readonly context?: Uint8Array | PlainContext | undefined;
  readonly repeat?: number | undefined;
  /** The virtual machine only: the socket that the program runs for (`sk` of its context). */
  readonly socket?: Socket | undefined;
  /** The virtual machine only: what helpers tell of the hook. */
  readonly hook?: HookGiven | undefined;
}

/** What a test run gave; times in nanoseconds. */
export interface HostTestResult {
  readonly retval: number;
  readonly dataOut: Uint8Array | undefined;
  readonly contextOut: Uint8Array | undefined;
  readonly nsPerRun: number;
  /** The context as plain values, where it is a record of the UAPI. */
  readonly fields?: Fields | undefined;
  /** The virtual machine only: what the program asked for beside its verdict. */
  readonly outcome?: Outcome;
}
