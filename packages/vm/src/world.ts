import type { MemoryPiece, RecordedRun, RecordedStack } from '@skep/capture';
import type { Socket } from './hooks/socket.ts';

/** What helpers ask of the machine that a program runs on; everything a run depends on besides its maps and context. */
export interface World {
  readonly cpu: number;
  /** Nanoseconds, for `bpf_ktime_get_ns` and its sisters; by number of the helper. */
  time(helper: number): bigint;
  pidTgid(): bigint;
  uidGid(): bigint;
  /** At most 15 characters. */
  comm(): string;
  /** Address of the `task_struct`, for `bpf_get_current_task`. */
  task(helper: number): bigint;
  cgroupId(): bigint;
  random(): number;
  /** At most `size` bytes at an address, or undefined for EFAULT. */
  read(address: bigint, size: number, space: MemoryPiece['space']): Uint8Array | undefined;
  /** The bytes of a string with its NUL, cut to `size`; undefined for EFAULT. */
  readString(address: bigint, size: number, space: MemoryPiece['space']): Uint8Array | undefined;

  /** What only simulated machines know; helpers that ask where there is no answer fail as they do in the kernel. */
  /** Addresses on the stack of the kernel or of the process, innermost first. */
  stack?(user: boolean): readonly bigint[] | undefined;
  /** Of a recording: the stack, and what the helper gave for it. */
  recordedStack?(user: boolean): { readonly result: number; readonly addresses: readonly bigint[] } | undefined;
  /** Of a recording: what `bpf_get_func_ip` (173) or `bpf_get_attach_cookie` (174) gave. */
  hookFact?(helper: number): bigint | undefined;
  /** `bpf_kallsyms_lookup_name`. */
  symbol?(name: string): bigint | undefined;
  /** `bpf_d_path` of the `struct path` at an address. */
  path?(address: bigint): string | undefined;
  /** `bpf_fib_lookup`. */
  route?(query: RouteQuery): Route | undefined;
  /** `bpf_sk_lookup_tcp` and its sisters. */
  findSocket?(query: SocketQuery): Socket | undefined;
  /** The cgroups from the root down to the current one. */
  cgroups?(): readonly bigint[];
  /** Of `bpf_sysctl_get_…`: the name under /proc/sys, the value there, the value that is being written. */
  readonly sysctl?: { readonly name: string; readonly current: string; readonly next?: string };
  /** Counts of `bpf_perf_event_read_value`, by map and key. */
  perfCounter?(map: string, index: number): { counter: bigint; enabled: bigint; running: bigint } | undefined;
  /** Number and inode of the pid namespace, and the ids in it (`bpf_get_ns_current_pid_tgid`). */
  readonly pidNamespace?: { readonly device: bigint; readonly inode: bigint };
  readonly netnsCookie?: bigint;
  /** Address of the `struct socket` behind a `struct file` (`bpf_sock_from_file`). */
  socketOfFile?(address: bigint): bigint | undefined;
  /** Processes and threads that programs can find. */
  readonly tasks?: readonly SimulatedTask[];
  readonly cgroupTree?: readonly SimulatedCgroup[];
  /** What is in files (`bpf_dynptr_from_file`). */
  readonly files?: readonly SimulatedFile[];
  /** Bytes from one CPU's copy of a variable of the kernel to the next (`bpf_per_cpu_ptr`). */
  readonly perCpuStride?: bigint;
}

/** A task by the address of its `task_struct` (see {@link kernelObject}). */
export interface SimulatedTask {
  readonly address: bigint;
  readonly pid: number;
  readonly tgid: number;
  /** By its id in {@link World.cgroupTree}. */
  readonly cgroup?: bigint;
  /** Its memory, in ascending order. */
  readonly areas?: readonly SimulatedArea[];
  /** Address of its `pt_regs`. */
  readonly registers?: bigint;
  /** Address of the `struct file` that it runs. */
  readonly executable?: bigint;
}

/** What is in a file, by the address of its `struct file`; it does not change. */
export interface SimulatedFile {
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/** A piece of a process's memory by the address of its `vm_area_struct`. */
export interface SimulatedArea {
  readonly address: bigint;
  readonly start: bigint;
  readonly end: bigint;
}

/** A cgroup by the address of its `struct cgroup`; the root has no parent. */
export interface SimulatedCgroup {
  readonly address: bigint;
  readonly id: bigint;
  readonly parent?: bigint;
}

/** The packet that a route is asked for: addresses as bytes, 4 or 16. */
export interface RouteQuery {
  readonly family: 'inet' | 'inet6';
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly interface: number;
  readonly protocol: number;
  readonly length: number;
}

/** The answer: where out, over which neighbour. */
export interface Route {
  readonly interface: number;
  /** Address of the next hop when there is a gateway. */
  readonly gateway?: Uint8Array;
  /** Hardware addresses, 6 bytes; without a neighbour's, the helper says BPF_FIB_LKUP_RET_NO_NEIGH. */
  readonly sourceMac?: Uint8Array;
  readonly targetMac?: Uint8Array;
  readonly mtu?: number;
  readonly metric?: number;
  /** Instead of a way: BPF_FIB_LKUP_RET_BLACKHOLE … by number. */
  readonly refuse?: number;
}

/** A connection as a program describes it: addresses as bytes, ports in host byte order. */
export interface SocketQuery {
  readonly protocol: 'tcp' | 'udp';
  readonly family: 'inet' | 'inet6';
  readonly source: Uint8Array;
  readonly target: Uint8Array;
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly netns: bigint;
}

/** A machine of nothing but what a test sets: the clock stands still until it is moved, memory is a list of pieces. */
export class SimulatedWorld implements World {
  cpu = 0;
  now = 0n;
  tgid = 1;
  pid = 1;
  uid = 0;
  gid = 0;
  name = 'skep';
  taskAddress = 0n;
  cgroup = 1n;
  private seed = 1;
  /** Innermost first. */
  kernelStack: readonly bigint[] | undefined;
  userStack: readonly bigint[] | undefined;
  readonly symbols = new Map<string, bigint>();
  /** By the address of their `struct path`. */
  readonly paths = new Map<bigint, string>();
  readonly routes: ((query: RouteQuery) => Route | undefined)[] = [];
  readonly sockets: ((query: SocketQuery) => Socket | undefined)[] = [];
  /** Cgroups above the current one, from the root down. */
  ancestors: readonly bigint[] = [];
  sysctl: NonNullable<World['sysctl']> = { name: '', current: '' };
  pidNamespace: NonNullable<World['pidNamespace']> = { device: 0n, inode: 0n };
  netnsCookie = 1n;
  tasks: SimulatedTask[] = [];
  cgroupTree: SimulatedCgroup[] = [];
  files: SimulatedFile[] = [];
  perCpuStride = 0n;
  readonly perfCounters = new Map<string, { counter: bigint; enabled: bigint; running: bigint }>();
  readonly memory: { readonly address: bigint; readonly space: MemoryPiece['space']; readonly bytes: Uint8Array }[] =
    [];

  time(): bigint {
    return this.now;
  }
  pidTgid(): bigint {
    return (BigInt(this.tgid) << 32n) | BigInt(this.pid);
  }
  uidGid(): bigint {
    return (BigInt(this.gid) << 32n) | BigInt(this.uid);
  }
  comm(): string {
    return this.name;
  }
  task(): bigint {
    return this.taskAddress;
  }
  cgroupId(): bigint {
    return this.cgroup;
  }
  /** xorshift32: the same numbers in every run. */
  random(): number {
    let x = this.seed;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.seed = x;
    return x >>> 0;
  }
  stack(user: boolean): readonly bigint[] | undefined {
    return user ? this.userStack : this.kernelStack;
  }
  symbol(name: string): bigint | undefined {
    return this.symbols.get(name);
  }
  path(address: bigint): string | undefined {
    return this.paths.get(address);
  }
  route(query: RouteQuery): Route | undefined {
    for (const route of this.routes) {
      const found = route(query);
      if (found) return found;
    }
    return undefined;
  }
  findSocket(query: SocketQuery): Socket | undefined {
    for (const find of this.sockets) {
      const found = find(query);
      if (found) return found;
    }
    return undefined;
  }
  cgroups(): readonly bigint[] {
    return [...this.ancestors, this.cgroup];
  }
  perfCounter(map: string, index: number): { counter: bigint; enabled: bigint; running: bigint } | undefined {
    return this.perfCounters.get(`${map}:${index}`);
  }
  read(address: bigint, size: number, space: MemoryPiece['space']): Uint8Array | undefined {
    return readPieces(this.memory, address, size, space);
  }
  readString(address: bigint, size: number, space: MemoryPiece['space']): Uint8Array | undefined {
    return readStringPieces(this.memory, address, size, space);
  }
}

/** One recorded run: every question gets the answer that the recorded program got, in order; then the last one again. */
export class RecordedWorld implements World {
  readonly cpu: number;
  private readonly run: RecordedRun;
  private readonly next = new Map<number, number>();

  constructor(run: RecordedRun) {
    this.run = run;
    this.cpu = run.cpu;
  }

  time(helper: number): bigint {
    return this.call(helper) ?? this.run.time;
  }
  pidTgid(): bigint {
    return this.run.pidTgid;
  }
  uidGid(): bigint {
    return this.run.uidGid;
  }
  comm(): string {
    return this.run.comm;
  }
  task(helper: number): bigint {
    return this.call(helper) ?? 0n;
  }
  cgroupId(): bigint {
    return this.call(80) ?? 0n;
  }
  random(): number {
    return Number(BigInt.asUintN(32, this.call(7) ?? 4n));
  }
  hookFact(helper: number): bigint | undefined {
    return this.call(helper);
  }
  stack(user: boolean): readonly bigint[] | undefined {
    return this.recordedStack(user)?.addresses;
  }
  recordedStack(user: boolean): RecordedStack | undefined {
    const stacks = this.run.stacks?.filter((one) => one.user === user) ?? [];
    const key = user ? USER_STACKS : KERNEL_STACKS;
    const at = this.next.get(key) ?? 0;
    this.next.set(key, at + 1);
    return stacks[Math.min(at, stacks.length - 1)];
  }
  read(address: bigint, size: number, space: MemoryPiece['space']): Uint8Array | undefined {
    return readPieces(this.run.memory, address, size, space);
  }
  readString(address: bigint, size: number, space: MemoryPiece['space']): Uint8Array | undefined {
    return readStringPieces(this.run.memory, address, size, space);
  }

  /** The next recorded result of a helper; the last one when the program asks more often than it did then. */
  private call(helper: number): bigint | undefined {
    const from = this.next.get(helper) ?? 0;
    let last: bigint | undefined;
    for (let i = 0, seen = 0; i < this.run.calls.length; i++) {
      const one = this.run.calls[i]!;
      if (one.helper !== helper) continue;
      last = one.result;
      if (seen++ === from) {
        this.next.set(helper, from + 1);
        return last;
      }
    }
    return last;
  }
}

/** Beside the numbers of helpers: how many stacks of each side were asked for. */
const [USER_STACKS, KERNEL_STACKS] = [-1, -2];

type Piece = Pick<MemoryPiece, 'address' | 'space' | 'bytes'>;

function readPieces(
  pieces: readonly Piece[],
  address: bigint,
  size: number,
  space: Piece['space'],
): Uint8Array | undefined {
  // The latest reading wins: memory may have changed between two.
  for (let i = pieces.length - 1; i >= 0; i--) {
    const piece = pieces[i]!;
    if (piece.space !== space || address < piece.address) continue;
    const at = Number(address - piece.address);
    if (at + size <= piece.bytes.length) return piece.bytes.subarray(at, at + size);
  }
  return undefined;
}

function readStringPieces(
  pieces: readonly Piece[],
  address: bigint,
  size: number,
  space: Piece['space'],
): Uint8Array | undefined {
  for (let i = pieces.length - 1; i >= 0; i--) {
    const piece = pieces[i]!;
    if (piece.space !== space || address < piece.address) continue;
    const at = Number(address - piece.address);
    if (at >= piece.bytes.length) continue;
    const end = piece.bytes.indexOf(0, at);
    const whole = piece.bytes.subarray(at, end < 0 ? piece.bytes.length : end + 1);
    if (whole.length <= size && end >= 0) return whole;
    const cut = whole.slice(0, Math.min(size, whole.length + 1));
    cut[cut.length - 1] = 0;
    return cut;
  }
  return undefined;
}
