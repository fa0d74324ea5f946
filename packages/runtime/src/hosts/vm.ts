import { dated, MAP_TYPES } from '@skep/abi';
import { SkepError } from '@skep/base';
import type { Recording } from '@skep/capture';
import { Btf, type MapSpec, type ObjectSpec, type ProgramSpec } from '@skep/object';
import {
  type Attachment,
  hookKey,
  Machine,
  type MachineOptions,
  PacketBatch,
  PerfEventMap,
  RingMap,
  replay,
  requireHook,
  SimulatedWorld,
  StructOps,
  specialFields,
  testRun,
  UserMap,
  type VmMap,
  type VmProgram,
  xdpPacket,
} from '@skep/vm';
import { mapOperationFailed, notInThisHome } from '../diagnostics.ts';
import type {
  AttachOptions,
  BatchOptions,
  Host,
  HostLink,
  HostMap,
  HostObject,
  HostProgram,
  HostRecords,
  HostTestResult,
  HostTestRun,
  RecordView,
  TakePacket,
  UpdateMode,
} from '../host.ts';
import { type Trust, trustIn } from './vm-trust.ts';

/** What the machine is like, and what happens on it. */
export interface VmOptions extends MachineOptions {
  /** What happened, for programs that are attached. */
  readonly recording?: Recording | undefined;
  /** Types of the kernel to pretend to be, unless the recording brings its own. */
  readonly btf?: Btf | (() => Btf | undefined) | undefined;
}

/** The virtual machine as a home: everything of the kernel's that skep has implemented, with no privilege and anywhere. */
export function vm(options: VmOptions = {}): VmHost {
  return new VmHost(options);
}

/** The virtual machine as a host; made by {@link vm}. */
export class VmHost implements Host {
  readonly kind = 'vm';
  readonly machine: Machine;
  readonly recording: Recording | undefined;
  /** Structures of functions by the name of their variable: what the kernel would call, a test calls. */
  readonly structOps = new Map<string, StructOps>();
  private readonly attachments = new Set<Attachment>();
  private readonly objects = new WeakMap<VmProgram, ObjectSpec>();
  private readonly btf: VmOptions['btf'];
  private target: Btf | undefined;
  /** Somebody replays the recording. */
  private driven = false;
  /** What readers have played of it. */
  private playing: Generator<number, void, void> | undefined;

  constructor(options: VmOptions) {
    this.recording = options.recording;
    this.machine = new Machine({
      ...options,
      cpus: options.cpus ?? options.recording?.header.cpus ?? 1,
      trust: options.trust ?? ((program) => this.trustIn(program)),
    });
    this.btf = options.btf;
    this.machine.kernelTypes = () => this.targetBtf();
  }

  get release(): string {
    return this.recording?.header.release ?? 'none';
  }
  get cpus(): number {
    return this.machine.cpus;
  }

  targetBtf(): Btf | undefined {
    if (this.target === undefined) {
      const recorded = this.recording?.blocks.find((one) => one.kind === 'btf');
      this.target = recorded ? Btf.parse(recorded.bytes) : typeof this.btf === 'function' ? this.btf() : this.btf;
    }
    return this.target;
  }

  /** Of which object a program is. */
  loaded(program: VmProgram, object: ObjectSpec): void {
    this.objects.set(program, object);
  }

  private trustIn(program: VmProgram): Trust {
    const object = this.objects.get(program);
    return object === undefined ? 'unverified' : trustIn(object, program.spec);
  }

  prepare(object: ObjectSpec): HostObject {
    return new VmObject(this, this.attachments, object);
  }

  get replay(): Host['replay'] {
    const { recording } = this;
    if (recording === undefined) return undefined;
    return (interval) => {
      this.driven = true;
      return replay(this.machine, recording, this.attachments, interval);
    };
  }

  /**
   * For readers of records that find none: plays some runs of the recording, false when all were played. Undefined where
   * nobody but others brings records: without a recording, or when somebody calls {@link replay}.
   */
  playOn(): Promise<boolean> | undefined {
    const { recording } = this;
    if (recording === undefined || this.driven || this.attachments.size === 0) return undefined;
    const play = () => {
      if (this.driven || this.attachments.size === 0) return true;
      this.playing ??= replay(this.machine, recording, this.attachments);
      return !this.playing.next().done;
    };
    // Others get their turn before: to replay it themselves, to detach, to give a signal.
    return new Promise((resolve, reject) => {
      setTimeout(() => {
        try {
          resolve(play());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  advance(time: bigint): void {
    const { machine } = this;
    if (machine.world instanceof SimulatedWorld) machine.timers.advance(machine.world, time);
  }

  onTrace(take: (text: string) => void): void {
    // As a line of tracefs: without its break.
    this.machine.onTrace = (text) => take(text.endsWith('\n') ? text.slice(0, -1) : text);
  }

  close(): void {
    this.attachments.clear();
  }
}

class VmObject implements HostObject {
  private readonly host: VmHost;
  private readonly machine: Machine;
  private readonly attachments: Set<Attachment>;
  private readonly programs = new Map<string, VmProgram>();
  private readonly maps = new Map<string, VmMap>();
  private readonly object: ObjectSpec;
  private readonly btf: Btf | undefined;

  constructor(host: VmHost, attachments: Set<Attachment>, object: ObjectSpec) {
    this.host = host;
    this.machine = host.machine;
    this.attachments = attachments;
    this.object = object;
    this.btf = object.btf;
  }

  createMap(spec: MapSpec): HostMap {
    // A perf event array of no size gets a slot for each CPU, as with libbpf.
    const sized =
      spec.maxEntries === 0 && spec.type === PERF_EVENT_ARRAY ? { ...spec, maxEntries: this.machine.cpus } : spec;
    const map = this.machine.createMap(this.configured(sized), specialFields(this.btf, spec.valueType));
    this.maps.set(spec.name, map);
    for (const [slot, name] of spec.initialSlots) {
      const inner = this.maps.get(name);
      if (inner) this.fillSlot(map, slot, inner);
    }
    return new VmHostMap(this.machine, map, () => this.host.playOn());
  }

  loadProgram(spec: ProgramSpec): HostProgram {
    const program = this.machine.loadProgram(spec, this.maps, this.btf);
    this.host.loaded(program, this.object);
    for (const map of this.maps.values()) {
      for (const [slot, name] of map.spec.initialSlots)
        if (name === spec.name && !this.maps.has(name)) this.fillSlot(map, slot, program);
    }
    const order = this.programs.size;
    this.programs.set(spec.name, program);
    for (const map of this.maps.values()) if (map.spec.structOps) this.offer(map.spec);
    return new VmHostProgram(this.machine, program, order, this.attachments);
  }

  close(): void {
    for (const name of this.maps.keys()) this.host.structOps.delete(name);
    for (const map of this.maps.values()) this.machine.removeMap(map);
  }

  /** `LINUX_KERNEL_VERSION` is that of the recorded kernel; other settings are 0. */
  private configured(spec: MapSpec): MapSpec {
    const [, major, minor, patch] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(this.host.release) ?? [];
    const version = this.object.globals.find((one) => one.map === spec.name && one.name === 'LINUX_KERNEL_VERSION');
    if (spec.data !== 'kconfig' || version === undefined || major === undefined) return spec;
    const initialValue = spec.initialValue?.slice() ?? new Uint8Array(spec.valueSize);
    const code = (Number(major) << 16) | (Number(minor) << 8) | Math.min(255, Number(patch ?? 0));
    new DataView(initialValue.buffer).setUint32(version.offset, code, true);
    return { ...spec, initialValue };
  }

  /** A structure of functions, with those of its programs that are loaded. */
  private offer({ name, structOps }: MapSpec): void {
    const struct = this.btf?.type(structOps!.type);
    if (struct?.kind !== 'struct') return;
    const programs = new Map<string, VmProgram>();
    for (const [index, one] of structOps!.programs) {
      const program = this.programs.get(one);
      if (program) programs.set(struct.members[index]!.name, program);
    }
    // A flavour is told apart behind `___`.
    const known = struct.name.replace(/___.*$/, '');
    const target = this.host.targetBtf();
    const types = target?.find(known, 'struct') === undefined ? this.btf! : target;
    this.host.structOps.set(name, new StructOps(this.machine, { types, struct: known, programs }));
  }

  /** `.values` of a map's definition: inner maps, and programs of tail calls. */
  private fillSlot(map: VmMap, slot: number, what: VmMap | VmProgram): void {
    const key = new Uint8Array(4);
    const value = new Uint8Array(4);
    new DataView(key.buffer).setUint32(0, slot, true);
    new DataView(value.buffer).setUint32(0, this.machine.objects.numberOf(what), true);
    const result = new UserMap(this.machine, map).update(key, value);
    if (result !== 0) throw new SkepError(mapOperationFailed(map.spec.name, 'filling', result));
  }
}

class VmHostProgram implements HostProgram {
  private readonly machine: Machine;
  private readonly program: VmProgram;
  private readonly order: number;
  private readonly attachments: Set<Attachment>;
  private batch: PacketBatch | undefined;

  constructor(machine: Machine, program: VmProgram, order: number, attachments: Set<Attachment>) {
    this.machine = machine;
    this.program = program;
    this.order = order;
    this.attachments = attachments;
  }

  get spec(): ProgramSpec {
    return this.program.spec;
  }

  attach(options: AttachOptions = {}): HostLink {
    const hook = options.hook === undefined ? requireHook(this.spec) : hookKey(options.hook);
    const attachment: Attachment = { program: this.program, hook, order: this.order };
    this.attachments.add(attachment);
    return { via: `recording of ${hookKey(this.spec.section)}`, close: () => this.attachments.delete(attachment) };
  }

  testRun(options: HostTestRun): HostTestResult {
    const result = testRun(this.machine, this.program, {
      ...(options.data && { data: options.data }),
      ...(options.context && { context: options.context }),
      ...(options.repeat !== undefined && { repeat: options.repeat }),
      ...(options.socket && { socket: options.socket }),
      ...(options.hook && { hook: options.hook }),
    });
    const { retval, dataOut, nsPerRun, outcome } = result;
    return {
      retval,
      dataOut,
      contextOut: options.context && result.contextOut,
      nsPerRun,
      outcome,
      get fields() {
        return result.fields;
      },
    };
  }

  packet(data: Uint8Array): { readonly retval: number; readonly dataOut: Uint8Array } {
    if (this.spec.hook?.programType !== 'BPF_PROG_TYPE_XDP') {
      const { retval, dataOut } = testRun(this.machine, this.program, { data });
      return { retval, dataOut: dataOut! };
    }
    return xdpPacket(this.machine, this.program, data);
  }

  packets(data: readonly Uint8Array[], take: TakePacket): boolean {
    const { machine, program } = this;
    if (!PacketBatch.takes(machine, program)) return false;
    this.batch ??= new PacketBatch(machine, BATCH);
    const { batch } = this;
    for (let at = 0; at < data.length; ) {
      batch.clear();
      const first = at;
      while (at < data.length && batch.add(data[at]!)) at += 1;
      const { ran, failed } = batch.run(program);
      for (let i = 0; i < ran; i++) take(first + i, batch.verdict(i), () => batch.data(i));
      if (failed !== undefined) throw failed;
    }
    return true;
  }

  get handle(): number {
    return this.machine.objects.numberOf(this.program);
  }

  stats(): undefined {
    return undefined;
  }
}

/** A map as bpf(2) gives it, with the kernel's error numbers as diagnostics. */
class VmHostMap implements HostMap {
  readonly handle: number;
  private readonly map: VmMap;
  private readonly user: UserMap;
  private readonly playOn: VmHost['playOn'];

  constructor(machine: Machine, map: VmMap, playOn: VmHost['playOn']) {
    this.map = map;
    this.playOn = playOn;
    this.user = new UserMap(machine, map);
    this.handle = machine.objects.numberOf(map);
  }

  get spec(): MapSpec {
    return this.map.spec;
  }
  get valueBytes(): number {
    return this.map.userValueSize;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    const value = new Uint8Array(this.valueBytes);
    return this.found(this.user.lookup(key, value), 'lookup') ? value : undefined;
  }

  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode): boolean {
    const result = this.user.update(key, value, { any: 0, ifAbsent: 1, ifPresent: 2 }[mode]);
    if (result === 0) return true;
    if ((mode === 'ifAbsent' && result === EEXIST) || (mode === 'ifPresent' && result === ENOENT)) return false;
    throw new SkepError(mapOperationFailed(this.spec.name, 'update', result));
  }

  delete(key: Uint8Array): boolean {
    return this.found(this.user.delete(key), 'delete');
  }

  nextKey(key?: Uint8Array): Uint8Array | undefined {
    const next = new Uint8Array(this.spec.keySize);
    return this.found(this.user.nextKey(key, next), 'walk') ? next : undefined;
  }

  updateMany(keys: Uint8Array, values: Uint8Array): void {
    const { error } = this.user.updateMany(keys, values);
    if (error === ENOTSUPP) {
      const { keySize } = this.spec;
      const size = this.valueBytes;
      for (let i = 0; i < keys.length / keySize; i++) {
        const key = keys.subarray(i * keySize, (i + 1) * keySize);
        this.update(key, values.subarray(i * size, (i + 1) * size), 'any');
      }
    } else if (error !== 0) throw new SkepError(mapOperationFailed(this.spec.name, 'update', error));
  }

  push(value: Uint8Array): void {
    this.update(new Uint8Array(0), value, 'any');
  }

  pop(): Uint8Array | undefined {
    const value = new Uint8Array(this.valueBytes);
    return this.found(this.user.take(new Uint8Array(0), value), 'pop') ? value : undefined;
  }

  *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const key of this.user.keys()) {
      const value = this.lookup(key);
      if (value !== undefined) yield [key, value];
    }
  }

  freeze(): void {
    this.found(this.user.freeze(), 'freeze');
  }

  private found(result: number, operation: string): boolean {
    if (result === 0) return true;
    if (result === ENOENT) return false;
    throw new SkepError(mapOperationFailed(this.spec.name, operation, result));
  }

  openRecords(): HostRecords {
    const { map } = this;
    if (!(map instanceof RingMap) && !(map instanceof PerfEventMap))
      throw new SkepError(notInThisHome(`reading records of ${this.spec.name}`, 'virtual machine'));
    return new VmRecords(map, this.playOn);
  }
}

class VmRecords implements HostRecords {
  readonly lost = 0;
  private readonly map: RingMap | PerfEventMap;
  private readonly playOn: VmHost['playOn'];
  private wake: (() => void) | undefined;
  private closed = false;

  constructor(map: RingMap | PerfEventMap, playOn: VmHost['playOn']) {
    this.map = map;
    this.playOn = playOn;
    map.onSubmit = () => this.wake?.();
  }

  drain(take: (view: RecordView, offset: number, length: number) => void, max: number): number {
    return this.map.drain(take, max);
  }

  async *batches<T>(options: BatchOptions<T>): AsyncGenerator<T[], void, undefined> {
    const { decode, signal, max = 1024 } = options;
    const stop = () => this.wake?.();
    signal?.addEventListener('abort', stop);
    // As a descriptor of the kernel would: AbortSignal.timeout alone does not keep a process waiting.
    const alive = signal && setInterval(() => {}, 1 << 30);
    try {
      while (!this.closed && !signal?.aborted) {
        const batch: T[] = [];
        this.map.drain((view, offset, length) => batch.push(decode(view, offset, length)), max);
        if (batch.length > 0) {
          yield batch;
          continue;
        }
        const played = this.playOn();
        if (played === undefined) await new Promise<void>((resolve) => (this.wake = resolve));
        else if (!(await played)) return;
      }
    } finally {
      clearInterval(alive);
      signal?.removeEventListener('abort', stop);
    }
  }

  close(): void {
    this.closed = true;
    this.map.onSubmit = undefined;
    this.wake?.();
  }
}

/** Packets that lie in the machine's memory at once. */
const BATCH = 64;
const PERF_EVENT_ARRAY = dated(MAP_TYPES, 'BPF_MAP_TYPE_PERF_EVENT_ARRAY').value;
const ENOENT = -2;
const EEXIST = -17;
const ENOTSUPP = -524;
