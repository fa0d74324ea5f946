import { SkepError } from '@skep/base';
import type { Recording } from '@skep/capture';
import { Btf, type MapSpec, type ObjectSpec, type ProgramSpec } from '@skep/object';
import {
  type Attachment,
  hookKey,
  Machine,
  type MachineOptions,
  PerfEventMap,
  RingMap,
  replay,
  requireHook,
  testRun,
  type VmMap,
  type VmProgram,
} from '@skep/vm';
import { mapOperationFailed, notInThisHome } from '../diagnostics.ts';
import type {
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
  UpdateMode,
} from '../host.ts';

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

export class VmHost implements Host {
  readonly kind = 'vm';
  readonly machine: Machine;
  readonly recording: Recording | undefined;
  private readonly attachments = new Set<Attachment>();
  private readonly btf: VmOptions['btf'];
  private target: Btf | undefined;

  constructor(options: VmOptions) {
    this.recording = options.recording;
    this.machine = new Machine({ ...options, cpus: options.cpus ?? options.recording?.header.cpus ?? 1 });
    this.btf = options.btf;
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

  prepare(_object: ObjectSpec): HostObject {
    return new VmObject(this.machine, this.attachments);
  }

  get replay(): (() => Generator<number, void, void>) | undefined {
    const { recording } = this;
    return recording && (() => replay(this.machine, recording, this.attachments));
  }

  onTrace(take: (text: string) => void): void {
    this.machine.onTrace = take;
  }

  close(): void {
    this.attachments.clear();
  }
}

class VmObject implements HostObject {
  private readonly machine: Machine;
  private readonly attachments: Set<Attachment>;
  private readonly maps = new Map<string, VmMap>();

  constructor(machine: Machine, attachments: Set<Attachment>) {
    this.machine = machine;
    this.attachments = attachments;
  }

  createMap(spec: MapSpec): HostMap {
    const map = this.machine.createMap(spec);
    this.maps.set(spec.name, map);
    return new VmHostMap(this.machine, map);
  }

  loadProgram(spec: ProgramSpec): HostProgram {
    return new VmHostProgram(this.machine, this.machine.loadProgram(spec, this.maps), this.attachments);
  }

  close(): void {
    for (const map of this.maps.values()) this.machine.mapsByAddress.delete(map.address);
  }
}

class VmHostProgram implements HostProgram {
  private readonly machine: Machine;
  private readonly program: VmProgram;
  private readonly attachments: Set<Attachment>;

  constructor(machine: Machine, program: VmProgram, attachments: Set<Attachment>) {
    this.machine = machine;
    this.program = program;
    this.attachments = attachments;
  }

  get spec(): ProgramSpec {
    return this.program.spec;
  }

  attach(): HostLink {
    const attachment: Attachment = { program: this.program, hook: requireHook(this.spec) };
    this.attachments.add(attachment);
    return { via: `recording of ${hookKey(this.spec.section)}`, close: () => this.attachments.delete(attachment) };
  }

  testRun(options: HostTestRun): HostTestResult {
    return testRun(this.machine, this.program, {
      ...(options.data && { data: options.data }),
      ...(options.context && { context: options.context }),
      ...(options.repeat !== undefined && { repeat: options.repeat }),
    });
  }

  stats(): undefined {
    return undefined;
  }
}

/** Keys and values pass through memory of their own, so that user space and programs use the same code. */
class VmHostMap implements HostMap {
  private readonly machine: Machine;
  private readonly map: VmMap;
  private readonly key: number;
  private frozen = false;

  constructor(machine: Machine, map: VmMap) {
    this.machine = machine;
    this.map = map;
    this.key = machine.memory.allocate(map.spec.keySize);
  }

  get spec(): MapSpec {
    return this.map.spec;
  }
  get valueBytes(): number {
    return this.map.userValueSize;
  }

  lookup(key: Uint8Array): Uint8Array | undefined {
    this.machine.memory.bytes.set(key, this.key);
    const value = new Uint8Array(this.valueBytes);
    const result = this.map.userLookup(this.key, value);
    if (result === 0) return value;
    if (result === ENOENT) return undefined;
    throw new SkepError(mapOperationFailed(this.spec.name, 'lookup', result));
  }

  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode): boolean {
    this.machine.memory.bytes.set(key, this.key);
    const flags = { any: 0, ifAbsent: 1, ifPresent: 2 }[mode];
    const result = this.frozen ? EPERM : this.map.userUpdate(this.key, value, flags);
    if (result === 0) return true;
    if (result === EEXIST || result === ENOENT) return false;
    throw new SkepError(mapOperationFailed(this.spec.name, 'update', result));
  }

  delete(key: Uint8Array): boolean {
    this.machine.memory.bytes.set(key, this.key);
    const result = this.map.delete(this.key);
    if (result === 0) return true;
    if (result === ENOENT) return false;
    throw new SkepError(mapOperationFailed(this.spec.name, 'delete', result));
  }

  *entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    for (const key of this.map.keys()) {
      const value = this.lookup(key);
      if (value !== undefined) yield [key, value];
    }
  }

  freeze(): void {
    this.frozen = true;
  }

  openRecords(): HostRecords {
    const { map } = this;
    if (!(map instanceof RingMap) && !(map instanceof PerfEventMap))
      throw new SkepError(notInThisHome(`reading records of ${this.spec.name}`, 'virtual machine'));
    return new VmRecords(map);
  }
}

class VmRecords implements HostRecords {
  readonly lost = 0;
  private readonly map: RingMap | PerfEventMap;
  private wake: (() => void) | undefined;
  private closed = false;

  constructor(map: RingMap | PerfEventMap) {
    this.map = map;
    map.onSubmit = () => this.wake?.();
  }

  drain(take: (view: RecordView, offset: number, length: number) => void, max: number): number {
    return this.map.drain(take, max);
  }

  async *batches<T>(options: BatchOptions<T>): AsyncGenerator<T[], void, undefined> {
    const { decode, signal, max = 1024 } = options;
    const stop = () => this.wake?.();
    signal?.addEventListener('abort', stop);
    try {
      while (!this.closed && !signal?.aborted) {
        const batch: T[] = [];
        this.map.drain((view, offset, length) => batch.push(decode(view, offset, length)), max);
        if (batch.length > 0) yield batch;
        else await new Promise<void>((resolve) => (this.wake = resolve));
      }
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  close(): void {
    this.closed = true;
    this.map.onSubmit = undefined;
    this.wake?.();
  }
}

const EPERM = -1;
const ENOENT = -2;
const EEXIST = -17;
