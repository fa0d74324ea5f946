import { existsSync } from 'node:fs';
import { ATTACH_TYPES, BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS, MAP, PROG_TYPES } from '@skep/abi';
import { ByteWriter, SkepError } from '@skep/base';
import {
  type BpfMap,
  btfBytesOf,
  btfFeatures,
  enableStats,
  findProgramTarget,
  type Handle,
  type Kernel,
  KernelError,
  mapInfo,
  kernel as openKernel,
  openMap,
  openModuleBtf,
  type Program,
  possibleCpus,
  registerStructOps,
  releaseAtLeast,
  TraceLines,
} from '@skep/kernel';
import {
  Btf,
  BtfBuilder,
  type BtfId,
  kernelMapName,
  type MapSpec,
  type ObjectSpec,
  PLAIN_MAP,
  type ProgramSpec,
  retypeContexts,
  sanitizeBtf,
} from '@skep/object';
import { notByItself, optionNeeded, unknownSection } from '../diagnostics.ts';
import type { Host, HostMap, HostObject, HostProgram, PrepareOptions } from '../host.ts';
import { TypedMap } from '../typed/map.ts';
import { fillCode, prints } from './kernel-code.ts';
import { kconfigValue } from './kernel-config.ts';
import { ArenaHostMap, entriesOf, KernelHostMap, reuse, u32 } from './kernel-map.ts';
import { KernelHostProgram } from './kernel-program.ts';
import { type StructOpsProgram, structOpsLayout } from './kernel-struct-ops.ts';
import { UsdtSpecs } from './kernel-usdt.ts';

/** The running Linux kernel as a home. Throws E50xx where there is none, or where it may not be used. */
export function kernel(): Host {
  return new KernelHost(openKernel());
}

/**
 * A map that is loaded by whomever, by its number or by the file that it is pinned as, typed by the types that it was loaded
 * with. Throws E5004 when there is none.
 */
export function openKernelMap(which: number | string): { readonly map: TypedMap; close(): void } {
  const map = openMap(which);
  const { btfId, keyType, valueType } = mapInfo(map.fd);
  let btf: Btf | undefined;
  try {
    btf = btfId === 0 || valueType === 0 ? undefined : Btf.parse(btfBytesOf(btfId));
  } catch {
    // Types on top of those of the kernel or a module: bytes are shown then.
  }
  const { name, type, keySize, valueSize, maxEntries, flags } = map;
  const spec: MapSpec = {
    ...PLAIN_MAP,
    ...{ name, type, keySize, valueSize, maxEntries, flags },
    ...(btf && { keyType, valueType }),
  };
  return { map: new TypedMap(new KernelHostMap(openKernel(), spec, map), btf), close: () => map.close() };
}

class KernelHost implements Host {
  readonly kind = 'kernel';
  readonly replay = undefined;
  private readonly kernel: Kernel;
  private take: ((text: string) => void) | undefined;
  private trace: TraceLines | undefined;

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
  prepare(object: ObjectSpec, options: PrepareOptions = {}): HostObject {
    return new KernelObject(this.kernel, object, options, () => this.startTrace());
  }
  onTrace(take: (text: string) => void): void {
    this.take = take;
  }
  drainTrace(): void {
    this.trace?.drain();
  }
  countRuns(): { close(): void } | undefined {
    try {
      return enableStats();
    } catch {
      // Not permitted, or before Linux 5.8: the figures are then missing, nothing else.
      return undefined;
    }
  }
  close(): void {
    this.trace?.close();
    this.trace = undefined;
  }

  /** Not before a program is there that prints: reading takes a place in tracefs. */
  private startTrace(): void {
    if (this.take) this.trace ??= TraceLines.open(this.take);
  }
}

class KernelObject implements HostObject {
  private readonly kernel: Kernel;
  private readonly object: ObjectSpec;
  private readonly maps = new Map<string, BpfMap>();
  private readonly programs = new Map<string, Program>();
  /** Of programs that are a function of a structure, by their names. */
  private usdt: UsdtSpecs | undefined;
  private readonly structOps = new Map<string, { place: StructOpsProgram; module: Handle | undefined }>();
  /** Types of modules that structures of functions are of. */
  private readonly modules = new Map<string, Handle>();
  private readonly arenas: { free(): void }[] = [];
  private readonly strings = new Map<string, number>();
  private readonly btf: Handle | undefined;
  /** By the names of programs: types of functions that old kernels are told in place of the object's. */
  private retyped: ReadonlyMap<string, ReadonlyMap<BtfId, BtfId>> = new Map();
  private readonly pins: string | false;
  private readonly targets: NonNullable<PrepareOptions['targets']>;
  private readonly startTrace: () => void;

  constructor(kernel: Kernel, object: ObjectSpec, options: PrepareOptions, startTrace: () => void) {
    this.kernel = kernel;
    this.object = object;
    this.pins = options.pins ?? BPFFS;
    this.targets = options.targets ?? {};
    this.startTrace = startTrace;
    if (object.btf) this.btf = this.loadBtf(object.btf);
  }

  createMap(spec: MapSpec): HostMap {
    if (spec.structOps) return this.createStructOps(spec);
    const pinned = spec.pinByName && this.pins !== false ? `${this.pins}/${spec.name}` : undefined;
    const found = pinned !== undefined && existsSync(pinned) ? reuse(pinned, spec) : undefined;
    const map = found ?? this.create(spec);
    this.maps.set(spec.name, map);
    if (found) return new KernelHostMap(this.kernel, spec, map);
    if (pinned !== undefined) map.pin(pinned);
    if (spec.type === MAP.BPF_MAP_TYPE_ARENA) {
      const memory = map.mapArena();
      this.arenas.push(memory);
      memory.bytes.set(spec.initialValue ?? []);
      return new ArenaHostMap(this.kernel, spec, map, memory.bytes.subarray(0, spec.initialValue?.length ?? 0));
    }
    if (spec.data === 'kconfig' && this.object.btf) {
      const globals = this.object.globals.filter((one) => one.map === spec.name);
      map.update(new Uint8Array(4), kconfigValue(spec.valueSize, globals, this.object.btf));
      map.freeze();
    } else if (spec.initialValue) map.update(new Uint8Array(4), spec.initialValue);
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
    const member = this.structOps.get(spec.name);
    const replaced = this.targets[spec.name];
    if (hook.programType === 'BPF_PROG_TYPE_EXT' && replaced === undefined)
      throw new SkepError(
        optionNeeded(spec.name, 'replaces a function of another program', '`load(host, { targets })`'),
      );
    if (hook.programType === 'BPF_PROG_TYPE_STRUCT_OPS' && member === undefined)
      throw new SkepError(notByItself(spec.name, spec.section));
    if (prints(spec.code)) this.startTrace();
    const { code, modules } = fillCode(this.kernel, spec, this.maps, this.object.btf);
    const target =
      !replaced && traced && attachType !== undefined && hook.target
        ? this.kernel.findAttachTarget(attachType, hook.target)
        : undefined;
    const other = replaced && { fd: replaced.handle };
    let program: Program;
    try {
      program = this.kernel.loadProgram({
        name: spec.name,
        type: PROG_TYPES.find((one) => one.name === hook.programType)!.value,
        code,
        modules,
        license: this.object.license,
        kernelVersion: this.object.kernelVersion,
        expectedAttachType: member?.place.expectedAttachType ?? attachType,
        flags:
          (hook.sleepable ? BPF_F_SLEEPABLE : 0) |
          (hook.flags.includes('BPF_F_XDP_HAS_FRAGS') ? BPF_F_XDP_HAS_FRAGS : 0),
        attachBtfId: other ? findProgramTarget(other, hook.target) : (member?.place.attachBtfId ?? target?.attachBtfId),
        attachTo: other ?? member?.module ?? target?.module,
        ...(this.btf &&
          spec.funcInfo.length > 0 && { btf: this.btf, funcInfo: this.funcInfo(spec), lineInfo: this.lineInfo(spec) }),
      });
    } finally {
      target?.module?.close();
      for (const module of modules) module.close();
    }
    this.programs.set(spec.name, program);
    for (const map of this.maps.values()) this.fillProgramArray(map, spec.name, program);
    this.usdt ??= UsdtSpecs.of(this.maps, this.object.maps, this.object.btf);
    return new KernelHostProgram(this.kernel, spec, program, this.maps, this.usdt);
  }

  close(): void {
    for (const program of this.programs.values()) program.close();
    for (const module of this.modules.values()) module.close();
    for (const arena of this.arenas) arena.free();
    for (const map of this.maps.values()) map.close();
    this.btf?.close();
  }

  /** The map is made now, so that programs know which function they are; it is filled when it is attached. */
  private createStructOps(spec: MapSpec): HostMap {
    const { valueType, module, value, programs } = structOpsLayout(spec, this.object.btf!);
    const types = module === undefined ? undefined : this.moduleTypes(module);
    for (const place of programs) this.structOps.set(place.name, { place, module: types });
    const map = this.kernel.createMap({
      ...{ name: spec.name, type: spec.type, keySize: spec.keySize, valueSize: value.length, maxEntries: 1 },
      ...{ flags: spec.flags, kernelValueType: valueType, kernelValueModule: types },
      btf: { handle: this.btf!, keyType: 0, valueType: 0 },
    });
    this.maps.set(spec.name, map);
    return new KernelHostMap(this.kernel, spec, map, () => {
      const filled = value.slice();
      const view = new DataView(filled.buffer);
      for (const { name, offset } of programs) {
        const program = this.programs.get(name);
        if (program) view.setBigUint64(offset, BigInt(program.fd), true);
      }
      const link = registerStructOps(map, filled, `struct_ops ${spec.name}`);
      return { via: `${link.what}, by ${link.via}`, close: () => link.close() };
    });
  }

  /** `.values` of a program array. */
  private fillProgramArray(map: BpfMap, name: string, program: Program): void {
    if (map.type !== MAP.BPF_MAP_TYPE_PROG_ARRAY) return;
    const slots = this.object.maps.find((one) => one.name === map.name)?.initialSlots ?? [];
    for (const [slot, wanted] of slots) if (wanted === name) map.update(u32(slot), u32(program.fd));
  }

  private moduleTypes(module: string): Handle {
    const types = this.modules.get(module) ?? openModuleBtf(module);
    this.modules.set(module, types);
    return types;
  }

  private create(spec: MapSpec): BpfMap {
    const inner = spec.inner && this.create(spec.inner);
    try {
      const typed = this.btf && spec.keyType !== 0 && spec.valueType !== 0;
      const data = spec.data !== undefined;
      return this.kernel.createMap({
        name: data ? kernelMapName(this.object.name, spec.name) : spec.name,
        type: spec.type,
        keySize: spec.keySize,
        valueSize: spec.valueSize,
        maxEntries: entriesOf(spec),
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

  /**
   * As they are, or, where the kernel is too old for some kinds of types, with older ones in their place. What it still does
   * not take, it does without: programs then have no lines in the verifier's log, and only structures of functions need types.
   */
  private loadBtf(btf: Btf): Handle | undefined {
    const attempts = [() => BtfBuilder.from(btf), () => sanitizeBtf(btf, btfFeatures())];
    for (const build of attempts) {
      try {
        this.strings.clear();
        const builder = build();
        if (!releaseAtLeast('6.8')) this.retyped = retypeContexts(builder, btf, this.object.programs);
        return this.kernel.loadBtf(this.btfBytes(builder));
      } catch (error) {
        if (!(error instanceof KernelError && error.code === 'E5031')) throw error;
        if (build === attempts.at(-1) && this.object.maps.some((one) => one.structOps)) throw error;
      }
    }
    return undefined;
  }

  /** With the strings of line information, all of which the kernel keeps in one table. */
  private btfBytes(builder: BtfBuilder): Uint8Array {
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
    const retyped = this.retyped.get(spec.name);
    for (const one of spec.funcInfo) writer.u32(one.slot).u32(retyped?.get(one.type) ?? one.type);
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
}

/** Where libbpf pins maps, too. */
const BPFFS = '/sys/fs/bpf';
