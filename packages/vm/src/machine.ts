import type { Btf, MapSpec, ProgramSpec } from '@skep/object';
import { unsupportedHook } from './diagnostics.ts';
import { Fault, Thrown } from './fault.ts';
import type { Helper } from './helpers/helper.ts';
import { helpers } from './helpers/index.ts';
import type { Message } from './helpers/message.ts';
import type { SkBuff } from './hooks/skb.ts';
import { Socket, type SocketOptions } from './hooks/socket.ts';
import { Timers } from './hooks/timers.ts';
import type { XdpPacket } from './hooks/xdp.ts';
import { interpret, type Observer } from './interpreter.ts';
import { type Compiled, compileProgram, compileProgramAsync } from './jit/compile.ts';
import type { Trust } from './jit/shared.ts';
import { Cpumasks } from './kfuncs/cpumask.ts';
import { Graphs } from './kfuncs/graphs.ts';
import { Heap } from './kfuncs/heap.ts';
import { FIRST_KFUNC, kfuncs } from './kfuncs/index.ts';
import { ArenaMap } from './maps/arena.ts';
import { createMap } from './maps/create.ts';
import type { SpecialField, VmMap } from './maps/map.ts';
import { CELLS, Memory, NULL_END, SCRATCH } from './memory.ts';
import { Objects } from './objects.ts';
import { CALLBACK, faultError, isCallback, loadProgram, type VmProgram } from './program.ts';
import type { SimulatedHid } from './simulate/hid.ts';
import type { SimulatedQdisc } from './simulate/qdisc.ts';
import type { SimulatedScheduler } from './simulate/scheduler.ts';
import { SimulatedWorld, type World } from './world.ts';

/** What a machine is like. */
export interface MachineOptions {
  /** How many CPUs per-CPU maps have; 1 when not given. */
  readonly cpus?: number;
  /** Instructions that one run may take; the kernel's verifier bounds them, here a number does. */
  readonly budget?: number;
  /**
   * `jit`, the default: programs that have run some thousand instructions are compiled to WebAssembly. `interpreter`:
   * they never are.
   */
  readonly engine?: 'jit' | 'interpreter';
  /**
   * What compiled code checks: everything, unless a verifier has accepted the programs. A function is asked when a
   * program is compiled, which is when it has run for a while.
   */
  readonly trust?: Trust | ((program: VmProgram) => Trust);
  /** How many instructions of a program the interpreter runs before it is compiled; 0 compiles before the first run. */
  readonly compileAfter?: number;
}

/**
 * One virtual machine: a memory, maps, programs and the world that helpers ask. Programs run one at a time.
 * Nothing that a program does can reach beyond it, whatever its bytes are.
 */
export class Machine {
  readonly memory = new Memory();
  readonly cpus: number;
  readonly budget: number;
  /** By number; kernel functions (kfuncs) stand behind the helpers, from {@link FIRST_KFUNC} on. */
  readonly helpers: readonly (Helper | undefined)[] = callable;
  readonly mapsByAddress = new Map<number, VmMap>();
  /** Maps, programs, sockets and cgroups by the numbers that user space has for them. */
  readonly objects = new Objects();
  readonly timers = new Timers(this);
  /** Objects that programs made, and the lists and trees that they put them into. */
  readonly heap = new Heap(this);
  readonly graphs = new Graphs(this);
  readonly cpumasks = new Cpumasks(this);
  /** Eight bytes that a kprobe session hands from a function's entry to its return (`bpf_session_cookie`). */
  readonly sessionCookie: number;
  /** See {@link SCRATCH}, {@link CELLS}. */
  readonly scratch = SCRATCH;
  readonly cells = CELLS;
  readonly engine: 'jit' | 'interpreter';
  private readonly trustIn: (program: VmProgram) => Trust;
  private readonly compileAfter: number;
  world: World = new SimulatedWorld();
  /** What `bpf_trace_printk` wrote; without line breaks added. */
  onTrace: ((text: string) => void) | undefined;
  /** The packet that an XDP program runs on. */
  packet: XdpPacket | undefined;
  /** The packet that a program over `__sk_buff` runs on. */
  skb: SkBuff | undefined;
  /** What calls the programs of a scheduler, an input device, a queueing discipline. */
  scheduler: SimulatedScheduler | undefined;
  hid: SimulatedHid | undefined;
  qdisc: SimulatedQdisc | undefined;
  /** The bytes that an sk_msg program runs on. */
  message: Message | undefined;
  /** The types of the kernel that the machine pretends to be. */
  kernelTypes: () => Btf | undefined = () => undefined;
  /** What is known of the hook that the program runs for. */
  hook: HookState = {};
  /** What the program asked for beside its verdict: where a packet is to go, answers to the hook, signals. */
  outcome: Outcome = {};
  /** A helper asks that another program goes on in place of the running one; see {@link enterTail}. */
  tail: VmProgram | undefined;
  /** Tail calls of the current run. */
  tailCalls = 0;
  /** The program whose code runs now. */
  running: VmProgram | undefined;
  /** What runs it; without, it is the interpreter. */
  compiled: Compiled | undefined;
  /** What compiled programs share: instructions left of the run, and the CPU. */
  readonly globals = {
    fuel: new WebAssembly.Global({ value: 'i32', mutable: true }, 0),
    cpu: new WebAssembly.Global({ value: 'i32', mutable: true }, 0),
    /** Turns that `may_goto` lets the loops of the run make. */
    turns: new WebAssembly.Global({ value: 'i32', mutable: true }, 0),
  };
  /** Instructions left of the current run. */
  fuel = 0;
  /** Runs inside runs (callbacks). */
  nesting = 0;
  /** Who watches the programs; the interpreter runs them then, instruction by instruction. */
  observer: Observer | undefined;
  private readonly registers: Int32Array[] = [];
  private readonly arenas = new Set<ArenaMap>();
  /** Two pages in which nothing stays; see {@link castKern}. */
  private nowhere: number | undefined;

  constructor(options: MachineOptions = {}) {
    this.cpus = options.cpus ?? 1;
    this.budget = options.budget ?? 64_000_000;
    this.engine = options.engine ?? 'jit';
    const { trust = 'unverified' } = options;
    this.trustIn = typeof trust === 'function' ? trust : () => trust;
    this.compileAfter = options.compileAfter ?? COMPILE_AFTER;
    this.sessionCookie = this.memory.allocate(8);
  }

  /** `special` are the fields of values that the kernel keeps for itself, from the type of the value. */
  createMap(spec: MapSpec, special: readonly SpecialField[] = []): VmMap {
    const map = createMap(this, spec, special);
    this.mapsByAddress.set(map.address, map);
    this.objects.add({ kind: 'map', map });
    if (special.length > 0) map.onFree = (value) => this.heap.release(value, special);
    if (map instanceof ArenaMap) this.arenas.add(map);
    return map;
  }

  removeMap(map: VmMap): void {
    this.mapsByAddress.delete(map.address);
    if (map instanceof ArenaMap) this.arenas.delete(map);
    this.objects.remove(map);
    this.timers.forget(map);
  }

  /** `types` are the object's, which functions that make objects of the program's types need. */
  loadProgram(spec: ProgramSpec, maps: ReadonlyMap<string, VmMap>, types?: Btf): VmProgram {
    const program = loadProgram(this, spec, maps, types);
    this.objects.add({ kind: 'program', program });
    return program;
  }

  /**
   * The address that a program uses for one of an arena: the low half, but in pages that nobody allocated one of a page
   * that is zero whenever it is asked for.
   */
  castKern(low: number): number {
    for (const arena of this.arenas) if (arena.stateOf(low >>> 0) === 'used') return low;
    // Also behind the pages that the arena has: the kernel keeps 4 GiB of addresses free for each.
    if (this.arenas.size === 0 || low >>> 0 < NULL_END) return low;
    this.nowhere ??= this.memory.allocate(2 * PAGE);
    this.memory.bytes.fill(0, this.nowhere, this.nowhere + 2 * PAGE);
    this.memory.work += 2 * PAGE;
    return this.nowhere + (low & (PAGE - 1));
  }

  /** A socket that programs can find or be run for. */
  createSocket(options: SocketOptions): Socket {
    const socket = new Socket(this.memory, options);
    this.objects.add({ kind: 'socket', socket });
    return socket;
  }

  /** The number by which user space names a cgroup, for cgroup arrays. */
  cgroupNumber(cgroup: bigint): number {
    return this.objects.numberOf(cgroup) || this.objects.add({ kind: 'cgroup', cgroup });
  }

  /** Takes the request of `bpf_tail_call`: the program that goes on. */
  enterTail(): VmProgram {
    const program = this.tail!;
    this.tail = undefined;
    this.running = program;
    return program;
  }

  /**
   * Runs a program on the context at an offset of memory; gives r0 as a signed 32-bit number, which is what hooks look
   * at. Throws E4010 when the program does what the verifier would have refused.
   */
  run(program: VmProgram, context: number): number {
    const compiled = this.observer ? undefined : (program.compiled ?? this.warm(program));
    this.begin(program, compiled);
    try {
      return compiled ? compiled.run(context) : this.interpret(program, context);
    } catch (error) {
      if (error instanceof Thrown) return this.caught(error);
      throw error instanceof Fault ? faultError(this.running ?? program, error) : error;
    }
  }

  /** The same with all 64 bits of r0, unsigned, for programs whose results are pointers or long. */
  run64(program: VmProgram, context: number): bigint {
    const compiled = this.observer ? undefined : (program.compiled ?? this.warm(program));
    this.begin(program, compiled);
    if (!compiled) this.fuel = this.observer ? 0 : this.budget;
    const registers = this.registersFor(this.nesting);
    registers[2] = context;
    try {
      if (compiled) compiled.call(0, registers);
      else {
        interpret(this, program.code, 0, registers);
        if (!this.observer) program.heat += this.budget - this.fuel;
      }
    } catch (error) {
      if (error instanceof Thrown) return BigInt.asUintN(64, BigInt(this.caught(error)));
      throw error instanceof Fault ? faultError(this.running ?? program, error) : error;
    }
    return (BigInt(registers[1]! >>> 0) << 32n) | BigInt(registers[0]! >>> 0);
  }

  /** Runs a program so many times on the same context, each time with the whole budget; gives the last result. */
  repeat(program: VmProgram, context: number, times: number): number {
    if (times > 100 && this.engine === 'jit') this.compile(program);
    const { compiled } = program;
    if (!compiled?.repeat || this.observer || program.bounded) {
      let result = 0;
      for (let i = 0; i < times; i++) result = this.run(program, context);
      return result;
    }
    this.begin(program, compiled);
    try {
      return compiled.repeat(context, times);
    } catch (error) {
      throw error instanceof Fault ? faultError(this.running ?? program, error) : error;
    }
  }

  /** Runs a program on every packet of a table; see {@link PacketBatch}, which asks beforehand whether it can. */
  runBatch(program: VmProgram, table: number, count: number, context: number): void {
    const compiled = program.compiled!;
    this.begin(program, compiled);
    try {
      compiled.batch!(table, count, context);
    } catch (error) {
      throw error instanceof Fault ? faultError(this.running ?? program, error) : error;
    }
  }

  /** Compiles a program now; false when only the interpreter takes it. */
  compile(program: VmProgram): boolean {
    if (program.compiled === undefined) program.compiled = compileProgram(this, program, this.trustIn(program)) ?? null;
    return program.compiled !== null;
  }

  /** The same without blocking, as browsers want it on a page's main thread. */
  async compileAsync(program: VmProgram): Promise<boolean> {
    if (program.compiled === undefined)
      program.compiled = (await compileProgramAsync(this, program, this.trustIn(program))) ?? null;
    return program.compiled !== null;
  }

  private begin(program: VmProgram, compiled: Compiled | undefined): void {
    this.running = program;
    this.compiled = compiled;
    this.tail = undefined;
    this.tailCalls = 0;
    this.outcome = {};
    if (program.bounded) this.globals.turns.value = Math.min(MAX_TURNS, this.budget >> 5);
  }

  /** What a run gives that ended by `bpf_throw`; its callback is rare enough for the interpreter. */
  private caught({ low, high }: Thrown): number {
    const program = this.running!;
    if (program.exceptionCallback === undefined) return low;
    const registers = this.registersFor(this.nesting);
    registers[2] = low;
    registers[3] = high;
    this.compiled = undefined;
    this.fuel = this.observer ? 0 : this.budget;
    try {
      interpret(this, program.code, program.exceptionCallback, registers);
    } catch (error) {
      throw error instanceof Fault ? faultError(program, error) : error;
    }
    return registers[0]!;
  }

  private interpret(program: VmProgram, context: number): number {
    const registers = this.registersFor(this.nesting);
    registers[2] = context;
    registers[3] = 0;
    this.fuel = this.observer ? 0 : this.budget;
    try {
      interpret(this, program.code, 0, registers);
    } finally {
      if (!this.observer) program.heat += this.budget - this.fuel;
    }
    return registers[0]!;
  }

  /** The compiled program, once it is worth it. */
  private warm(program: VmProgram): Compiled | undefined {
    if (this.engine === 'interpreter' || program.compiled === null) return undefined;
    // Compiling a long program takes longer, some microseconds an instruction.
    const long = this.compileAfter === 0 ? 0 : (program.code.length >> 1) * RUNS_TO_PAY;
    if (program.heat < Math.max(this.compileAfter, long)) return undefined;
    this.compile(program);
    return program.compiled ?? undefined;
  }

  /** Runs a callback of the running program on arguments (halves of r1, r2, …); gives the low half of r0. */
  callback(slot: number, kind: number, args: readonly number[]): number {
    const program = this.running;
    if (kind !== CALLBACK || program === undefined || !isCallback(program, slot))
      throw new Fault('call', 'it passes what is no function as a callback');
    const registers = this.registersFor(this.nesting);
    for (let i = 0; i < args.length; i++) registers[2 + i] = args[i]!;
    if (this.compiled) this.compiled.call(slot, registers);
    else interpret(this, program.code, slot, registers);
    return registers[0]!;
  }

  /** Runs a callback by itself, outside of a run: that of a timer. */
  runCallback(program: VmProgram, slot: number, kind: number, args: readonly number[]): number {
    this.fuel = this.observer ? 0 : this.budget;
    this.running = program;
    this.compiled = this.observer ? undefined : (program.compiled ?? undefined);
    this.tail = undefined;
    this.tailCalls = 0;
    if (program.bounded) this.globals.turns.value = Math.min(MAX_TURNS, this.budget >> 5);
    try {
      return this.callback(slot, kind, args);
    } catch (error) {
      if (error instanceof Thrown) return this.caught(error);
      throw error instanceof Fault ? faultError(program, error) : error;
    }
  }

  /** Registers of one nesting of runs, kept for the next. */
  private registersFor(nesting: number): Int32Array {
    let registers = this.registers[nesting];
    if (registers === undefined) {
      registers = new Int32Array(22);
      this.registers[nesting] = registers;
    }
    registers.fill(0);
    return registers;
  }
}

const callable: readonly (Helper | undefined)[] = Object.assign(
  Array.from<Helper | undefined>({ length: FIRST_KFUNC }),
  helpers,
).concat(kfuncs.map((one) => one.run));

/** Compiling takes about as long as interpreting so many instructions. */
const COMPILE_AFTER = 20_000;
/** Bytes of a page of an arena. */
const PAGE = 4096;
/** And for each instruction of the program so many. */
const RUNS_TO_PAY = 50;

/** `BPF_MAX_LOOPS`; fewer where the budget would not last for loops of 32 instructions. */
const MAX_TURNS = 8 << 20;

/** See {@link Machine.hook}. */
export interface HookState {
  /** How many arguments the context of a traced function has; a result stands behind them when it `returns`. */
  readonly args?: number;
  readonly returns?: boolean;
  /** `bpf_get_func_ip`. */
  readonly address?: bigint;
  /** `bpf_get_attach_cookie`. */
  readonly cookie?: bigint;
  /** The socket that a cgroup, sock_ops or sk_msg program runs for. */
  readonly socket?: Socket;
  /** What the hook would return but for the program (`bpf_get_retval`). */
  readonly retval?: number;
  /** Address of the kernel's structure behind the context (`bpf_cast_to_kern_ctx`). */
  readonly kernelContext?: bigint;
  /** The function of a kprobe session returns. */
  readonly sessionReturn?: boolean;
  /** What the network driver tells of a packet (`bpf_xdp_metadata_rx_…`); protocols in host byte order. */
  readonly received?: {
    readonly hash?: number;
    readonly hashType?: number;
    readonly timestamp?: bigint;
    readonly vlan?: { readonly protocol: number; readonly tag: number };
  };
}

/** See {@link Machine.outcome}. */
export interface Outcome {
  /** `bpf_redirect` and its sisters: an interface's index, or a key of a map. */
  redirect?: { readonly interface?: number; readonly map?: VmMap; readonly key?: number; readonly flags: number };
  /** Packets that `bpf_clone_redirect` sent. */
  clones?: { readonly interface: number; readonly flags: number; readonly data: Uint8Array }[];
  /** The socket that `bpf_sk_assign`, `bpf_sk_select_reuseport` or a redirect to a socket chose. */
  socket?: Socket;
  /** `bpf_set_retval`, and what `bpf_get_retval` then gives. */
  retval?: number;
  /** `bpf_tcp_send_ack`: what comes next. */
  acks?: number[];
  /** `bpf_store_hdr_opt`, `bpf_reserve_hdr_opt`: options of a TCP header, and bytes for them. */
  headerOptions?: readonly Uint8Array[];
  reservedOptions?: number;
  /** `bpf_bprm_opts_set`: the program that is started is to distrust its environment. */
  secureExec?: boolean;
  /** `bpf_override_return`. */
  override?: bigint;
  /** `bpf_send_signal`; to the task at an address by `bpf_send_signal_task`, otherwise to the current one. */
  signals?: { readonly signal: number; readonly thread: boolean; readonly task?: bigint }[];
  /** Sockets that `bpf_sock_destroy` closed. */
  destroyed?: Socket[];
  /** `bpf_sock_addr_set_sun_path`. */
  unixPath?: Uint8Array;
  /** `bpf_bind`: the address as the program gave it. */
  bind?: Uint8Array;
  /** What `bpf_seq_printf` and `bpf_seq_write` wrote. */
  text?: string;
  /** `bpf_rc_keydown`, `bpf_rc_repeat`, `bpf_rc_pointer_rel`. */
  remote?: { readonly kind: 'key' | 'repeat' | 'pointer'; readonly values: readonly number[] }[];
  /** `bpf_sysctl_set_new_value`. */
  sysctl?: string;
}

/** Refuses programs whose hook no recording holds. */
export function requireHook(spec: ProgramSpec): string {
  if (spec.hook === undefined) throw unsupportedHook(spec.name, spec.section);
  return hookKey(spec.section);
}

/** One spelling for sections that mean the same: `tp/x` and `tracepoint/x`, `raw_tp/x` and `raw_tracepoint/x`. */
export function hookKey(section: string): string {
  return section
    .replace(/^\?/, '')
    .replace(/^tp\//, 'tracepoint/')
    .replace(/^raw_tracepoint\//, 'raw_tp/');
}
