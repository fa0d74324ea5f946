import { ATTACH_TYPES, MAP_TYPES, PROG_TYPES } from '@skep/abi';
import { ByteWriter, SkepError } from '@skep/base';
import {
  type BpfMap,
  enableStats,
  type Handle,
  type Hook,
  type Kernel,
  kernel as openKernel,
  type Program,
  possibleCpus,
} from '@skep/kernel';
import { type Btf, BtfBuilder, type MapSpec, type ObjectSpec, type ProgramSpec } from '@skep/object';
import { notInThisHome, unknownSection } from '../diagnostics.ts';
import type {
  AttachOptions,
  Host,
  HostLink,
  HostMap,
  HostObject,
  HostProgram,
  HostRecords,
  HostTestResult,
  HostTestRun,
  UpdateMode,
} from '../host.ts';

/** The running Linux kernel as a home. Throws E50xx where there is none, or where it may not be used. */
export function kernel(): Host {
  return new KernelHost(openKernel());
}

class KernelHost implements Host {
  readonly kind = 'kernel';
  readonly replay = undefined;
  private readonly kernel: Kernel;

  constructor(kernel: Kernel) {
    this.kernel = kernel;
  }

  get release(): string {
    return this.kernel.release;
  }
  get cpus(): number {
    return possibleCpus();
  }
  targetBtf(): Btf | undefined {
    return this.kernel.btf();
  }
  prepare(object: ObjectSpec): HostObject {
    return new KernelObject(this.kernel, object);
  }
  countRuns(): { close(): void } | undefined {
    try {
      return enableStats();
    } catch {
      // Not permitted, or before Linux 5.8: the figures are then missing, nothing else.
      return undefined;
    }
  }
  close(): void {}
}

class KernelObject implements HostObject {
  private readonly kernel: Kernel;
  private readonly object: ObjectSpec;
  private readonly maps = new Map<string, BpfMap>();
  private readonly programs: Program[] = [];
  private readonly strings = new Map<string, number>();
  private readonly btf: Handle | undefined;

  constructor(kernel: Kernel, object: ObjectSpec) {
    this.kernel = kernel;
    this.object = object;
    if (object.btf) this.btf = kernel.loadBtf(this.btfBytes(object.btf));
  }

  createMap(spec: MapSpec): HostMap {
    const map = this.create(spec);
    this.maps.set(spec.name, map);
    if (spec.initialValue) map.update(new Uint8Array(4), spec.initialValue);
    for (const [slot, name] of spec.initialSlots) {
      const inner = this.maps.get(name);
      if (inner) map.update(u32(slot), u32(inner.fd));
    }
    return new KernelHostMap(this.kernel, spec, map);
  }

  loadProgram(spec: ProgramSpec): HostProgram {
    const hook = spec.hook;
    if (hook === undefined) throw new SkepError(unknownSection(spec.name, spec.section, undefined));
    const attachType =
      hook.attachType === undefined ? undefined : ATTACH_TYPES.find((one) => one.name === hook.attachType)!.value;
    const traced = hook.programType === 'BPF_PROG_TYPE_TRACING' || hook.programType === 'BPF_PROG_TYPE_LSM';
    const program = this.kernel.loadProgram({
      name: spec.name,
      type: PROG_TYPES.find((one) => one.name === hook.programType)!.value,
      code: this.fill(spec),
      license: this.object.license,
      kernelVersion: this.object.kernelVersion,
      expectedAttachType: attachType,
      flags: (hook.sleepable ? BPF_F_SLEEPABLE : 0) | (hook.flags.includes('xdp.frags') ? BPF_F_XDP_HAS_FRAGS : 0),
      attachBtfId:
        traced && attachType !== undefined && hook.target
          ? this.kernel.attachTarget(attachType, hook.target)
          : undefined,
      ...(this.btf &&
        spec.funcInfo.length > 0 && { btf: this.btf, funcInfo: this.funcInfo(spec), lineInfo: this.lineInfo(spec) }),
    });
    this.programs.push(program);
    return new KernelHostProgram(this.kernel, spec, program);
  }

  close(): void {
    for (const program of this.programs) program.close();
    for (const map of this.maps.values()) map.close();
    this.btf?.close();
  }

  private create(spec: MapSpec): BpfMap {
    const inner = spec.inner && this.create(spec.inner);
    try {
      const typed = this.btf && spec.keyType !== 0 && spec.valueType !== 0;
      const data = spec.data !== undefined;
      return this.kernel.createMap({
        // Data sections are named after their object, as libbpf does.
        name: data ? `${this.object.name.slice(0, 8)}${spec.name}` : spec.name,
        type: spec.type,
        keySize: spec.keySize,
        valueSize: spec.valueSize,
        maxEntries: spec.maxEntries === 0 && spec.type === PERF_EVENT_ARRAY ? possibleCpus() : spec.maxEntries,
        flags: spec.flags,
        inner,
        numaNode: spec.numaNode,
        mapExtra: spec.mapExtra,
        btf:
          (typed || (data && spec.valueType !== 0)) && this.btf
            ? { handle: this.btf, keyType: spec.keyType, valueType: spec.valueType }
            : undefined,
      });
    } finally {
      inner?.close();
    }
  }

  /** The object's types with the strings of its line information, all of which the kernel keeps in one table. */
  private btfBytes(btf: Btf): Uint8Array {
    const builder = BtfBuilder.from(btf);
    for (const program of this.object.programs) {
      for (const line of program.lineInfo) {
        for (const text of [line.file, line.text])
          if (!this.strings.has(text)) this.strings.set(text, builder.addString(text));
      }
    }
    return builder.toBytes();
  }

  private funcInfo(spec: ProgramSpec): Uint8Array {
    const writer = new ByteWriter();
    for (const one of spec.funcInfo) writer.u32(one.slot).u32(one.type);
    return writer.toBytes();
  }

  private lineInfo(spec: ProgramSpec): Uint8Array {
    const writer = new ByteWriter();
    for (const one of spec.lineInfo) {
      writer.u32(one.slot).u32(this.strings.get(one.file)!).u32(this.strings.get(one.text)!);
      writer.u32((one.line * 1024 + Math.min(one.column, 1023)) >>> 0);
    }
    return writer.toBytes();
  }

  /** Descriptors and kernel addresses take the places that the object left for them. */
  private fill(spec: ProgramSpec): Uint8Array {
    const code = spec.code.slice();
    const view = new DataView(code.buffer);
    for (const reference of spec.references) {
      const at = reference.slot * 8;
      switch (reference.kind) {
        case 'map':
          setPseudo(view, at, BPF_PSEUDO_MAP_FD);
          view.setInt32(at + 4, this.maps.get(reference.map)!.fd, true);
          break;
        case 'map-value':
          setPseudo(view, at, BPF_PSEUDO_MAP_VALUE);
          view.setInt32(at + 4, this.maps.get(reference.map)!.fd, true);
          view.setInt32(at + 12, reference.offset, true);
          break;
        case 'func':
          setPseudo(view, at, BPF_PSEUDO_FUNC);
          break;
        case 'kfunc':
        case 'ksym': {
          const id = this.kernel.btf().find(reference.name, reference.kind === 'kfunc' ? 'func' : 'var');
          if (id === undefined && !reference.weak) {
            throw new SkepError(
              notInThisHome(
                `\`${reference.name}\`, which program \`${spec.name}\` asks for,`,
                `kernel ${this.kernel.release}`,
              ),
              5,
            );
          }
          if (reference.kind === 'kfunc') {
            setPseudo(view, at, BPF_PSEUDO_KFUNC_CALL);
            view.setInt32(at + 4, id ?? 0, true);
          } else {
            setPseudo(view, at, id === undefined ? 0 : BPF_PSEUDO_BTF_ID);
            view.setInt32(at + 4, id ?? 0, true);
            view.setInt32(at + 12, 0, true);
          }
        }
      }
    }
    return code;
  }
}

class KernelHostProgram implements HostProgram {
  readonly spec: ProgramSpec;
  private readonly kernel: Kernel;
  private readonly program: Program;

  constructor(kernel: Kernel, spec: ProgramSpec, program: Program) {
    this.kernel = kernel;
    this.spec = spec;
    this.program = program;
  }

  attach(options: AttachOptions): HostLink {
    const link = this.kernel.attach(this.program, hookOf(this.spec, options));
    return { via: `${link.what}, by ${link.via}`, close: () => link.close() };
  }

  testRun(options: HostTestRun): HostTestResult {
    const result = this.program.testRun({ data: options.data, context: options.context, repeat: options.repeat ?? 1 });
    return {
      retval: result.retval,
      dataOut: options.data && result.data,
      contextOut: options.context && result.context,
      nsPerRun: result.nanoseconds,
    };
  }

  get handle(): number {
    return this.program.fd;
  }

  stats(): { readonly runs: bigint; readonly ns: bigint } {
    const { runs, nanoseconds } = this.program.info();
    return { runs, ns: nanoseconds };
  }
}

/** What a section name and the user's options say about where to attach. */
function hookOf(spec: ProgramSpec, options: AttachOptions): Hook {
  const { programType, target } = spec.hook!;
  switch (programType) {
    case 'BPF_PROG_TYPE_TRACEPOINT': {
      const [category, name] = (target ?? '').split('/');
      if (category && name) return { kind: 'tracepoint', category, name };
      throw new SkepError(unknownSection(spec.name, spec.section, 'tracepoint/CATEGORY/NAME'));
    }
    case 'BPF_PROG_TYPE_RAW_TRACEPOINT':
    case 'BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE':
      if (target) return { kind: 'raw_tracepoint', name: target };
      throw new SkepError(unknownSection(spec.name, spec.section, 'raw_tp/NAME'));
    case 'BPF_PROG_TYPE_TRACING':
    case 'BPF_PROG_TYPE_LSM':
      return { kind: 'tracing' };
    case 'BPF_PROG_TYPE_PERF_EVENT':
      return {
        kind: 'perf_event',
        event: 'cpu-clock',
        frequency: options.frequency ?? 99,
        ...(options.pid !== undefined && { pid: options.pid }),
      };
    case 'BPF_PROG_TYPE_XDP':
      if (options.interface)
        return { kind: 'xdp', device: options.interface, ...(options.mode && { mode: options.mode }) };
      throw new SkepError({
        code: 'E8012',
        severity: 'error',
        message: `program \`${spec.name}\` is for packets, and no network interface was named`,
        help: 'name it with `--interface NAME`, or try the program on a packet with `skep test-run`',
      });
    default:
      throw new SkepError(notInThisHome(`attaching programs of SEC("${spec.section}")`, 'kernel yet'));
  }
}

class KernelHostMap implements HostMap {
  readonly spec: MapSpec;
  private readonly kernel: Kernel;
  private readonly map: BpfMap;

  constructor(kernel: Kernel, spec: MapSpec, map: BpfMap) {
    this.kernel = kernel;
    this.spec = spec;
    this.map = map;
  }

  get valueBytes(): number {
    return this.map.rawValueSize;
  }
  lookup(key: Uint8Array): Uint8Array | undefined {
    return this.map.lookup(key);
  }
  update(key: Uint8Array, value: Uint8Array, mode: UpdateMode): boolean {
    return this.map.update(key, value, mode);
  }
  delete(key: Uint8Array): boolean {
    return this.map.delete(key);
  }
  entries(): Iterable<readonly [Uint8Array, Uint8Array]> {
    return this.map.entries();
  }
  nextKey(key?: Uint8Array): Uint8Array | undefined {
    return this.map.nextKey(key);
  }
  updateMany(keys: Uint8Array, values: Uint8Array): void {
    this.map.updateMany(keys, values);
  }
  push(value: Uint8Array): void {
    this.map.push(value);
  }
  pop(): Uint8Array | undefined {
    return this.map.pop();
  }
  freeze(): void {
    this.map.freeze();
  }
  get handle(): number {
    return this.map.fd;
  }
  openRecords(): HostRecords {
    // The class is of no matter here: both read alike. Ring buffers lose nothing, programs fail to reserve.
    const ring =
      this.spec.type === PERF_EVENT_ARRAY ? this.kernel.openPerfBuffer(this.map) : this.kernel.openRing(this.map);
    return {
      get lost() {
        return 'lost' in ring ? ring.lost : 0;
      },
      drain: (take, max) => ring.drain(take, max),
      batches: (options) => ring.batches(options),
      close: () => ring.close(),
    };
  }
}

/** One of no size gets a slot for each CPU, as with libbpf. */
const PERF_EVENT_ARRAY = MAP_TYPES.find((one) => one.name === 'BPF_MAP_TYPE_PERF_EVENT_ARRAY')!.value;

function setPseudo(view: DataView, at: number, source: number): void {
  view.setUint8(at + 1, (view.getUint8(at + 1) & 0x0f) | (source << 4));
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

/** `src_reg` of instructions that the kernel resolves (include/uapi/linux/bpf.h). */
const BPF_PSEUDO_MAP_FD = 1;
const BPF_PSEUDO_MAP_VALUE = 2;
const BPF_PSEUDO_BTF_ID = 3;
const BPF_PSEUDO_FUNC = 4;
const BPF_PSEUDO_KFUNC_CALL = 2;
const BPF_F_SLEEPABLE = 1 << 4;
const BPF_F_XDP_HAS_FRAGS = 1 << 5;
