import { MAP } from '@skep/abi';
import { SkepError } from '@skep/base';
import type { Recording } from '@skep/capture';
import { Btf, type MapSpec, type ObjectSpec, type ProgramSpec } from '@skep/object';
import {
  type Attachment,
  Machine,
  type MachineOptions,
  replay,
  SimulatedWorld,
  StructOps,
  specialFields,
  UserMap,
  type VmMap,
  type VmProgram,
} from '@skep/vm';
import { mapOperationFailed } from '../diagnostics.ts';
import type { Host, HostMap, HostObject, HostProgram } from '../host.ts';
import { VmHostMap } from './vm-map.ts';
import { VmHostProgram } from './vm-program.ts';
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
      spec.maxEntries === 0 && spec.type === MAP.BPF_MAP_TYPE_PERF_EVENT_ARRAY
        ? { ...spec, maxEntries: this.machine.cpus }
        : spec;
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
