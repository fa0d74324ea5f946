import { SkepError } from '@skep/base';
import {
  type Btf,
  type CoreRelocation,
  type MapSpec,
  type ObjectSpec,
  type ProgramSpec,
  relocateCore,
} from '@skep/object';
import { LOST_COUNTERS, ringsOf } from './count-lost.ts';
import { noTypes, notInThisHome, unknownGlobal } from './diagnostics.ts';
import type {
  AttachOptions,
  Host,
  HostLink,
  HostMap,
  HostObject,
  HostProgram,
  HostTestResult,
  HostTestRun,
  PrepareOptions,
  TakePacket,
} from './host.ts';
import { recordTypes } from './hosts/map-kinds.ts';
import { decoderFor, type Value } from './typed/decode.ts';
import { type Encodable, encode } from './typed/encode.ts';
import { TypedMap } from './typed/map.ts';
import { Records, recordTypesOf } from './typed/records.ts';

/** An object in its home: maps exist, programs are accepted. Nothing runs until {@link attach}. Close it when done. */
export class Loaded {
  readonly object: ObjectSpec;
  readonly host: Host;
  readonly programs: ReadonlyMap<string, LoadedProgram>;
  readonly maps: ReadonlyMap<string, TypedMap>;
  /** Ring buffers and perf event arrays. */
  readonly records: ReadonlyMap<string, Records>;
  private readonly hostObject: HostObject;
  private readonly hostMaps: ReadonlyMap<string, HostMap>;
  private closed = false;

  constructor(
    object: ObjectSpec,
    host: Host,
    hostObject: HostObject,
    hostMaps: ReadonlyMap<string, HostMap>,
    programs: readonly HostProgram[],
  ) {
    this.object = object;
    this.host = host;
    this.hostObject = hostObject;
    this.hostMaps = hostMaps;
    this.programs = new Map(programs.map((one) => [one.spec.name, new LoadedProgram(one)]));
    const plain = [...hostMaps].filter(([, map]) => !recordTypes.has(map.spec.type));
    this.maps = new Map(plain.map(([name, map]) => [name, new TypedMap(map, object.btf)]));
    const rings = [...hostMaps].filter(([, map]) => recordTypes.has(map.spec.type));
    this.records = new Map(
      rings.map(([name, map]) => [
        name,
        new Records(name, map.openRecords(), object.btf, recordTypesOf(object.btf, map.spec), () => this.lostOf(name)),
      ]),
    );
  }

  /** Attaches every program to what its section names; all of them or, on failure, none. */
  attach(options: AttachOptions = {}): Attached {
    const links: AttachedLink[] = [];
    try {
      for (const program of this.programs.values())
        links.push({ program: program.name, link: program.attach(options) });
      // Structures of functions, when all of these are there.
      for (const [name, map] of this.hostMaps) if (map.attach) links.push({ program: name, link: map.attach() });
    } catch (error) {
      for (const { link } of links.reverse()) link.close();
      throw error;
    }
    return new Attached(links);
  }

  /** The value of a global variable now. */
  global(name: string): Value {
    const { spec, map, btf } = this.find(name);
    const bytes = map.lookup(new Uint8Array(4))!;
    return decoderFor(btf, spec.type)(new DataView(bytes.buffer, bytes.byteOffset), spec.offset);
  }

  /** Sets a global variable of `.data` or `.bss`; not atomic with what programs write meanwhile. */
  setGlobal(name: string, value: Encodable): void {
    const { spec, map, btf } = this.find(name);
    const bytes = map.lookup(new Uint8Array(4))!.slice();
    bytes.set(encode(btf, spec.type, value, `\`${name}\``), spec.offset);
    map.update(new Uint8Array(4), bytes, 'any');
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const one of this.records.values()) one.close();
    this.hostObject.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** What the programs counted for a ring; where they count, and it is not clear for which, with the first. */
  private lostOf(name: string): number {
    const rings = ringsOf(this.object);
    const index = rings.indexOf(name);
    const bytes = index < 0 ? undefined : this.hostMaps.get(LOST_COUNTERS)?.lookup(new Uint8Array(4));
    if (bytes === undefined) return 0;
    const counters = new BigUint64Array(bytes.slice().buffer);
    return Number(counters[index]! + (index === 0 ? counters[rings.length]! : 0n));
  }

  private find(name: string) {
    const spec = this.object.globals.find((one) => one.name === name);
    if (spec === undefined) {
      throw new SkepError(
        unknownGlobal(
          name,
          this.object.globals.map((one) => one.name),
        ),
      );
    }
    return { spec, map: this.hostMaps.get(spec.map)!, btf: this.object.btf! };
  }
}

/** A program of a loaded object. */
export class LoadedProgram {
  readonly spec: ProgramSpec;
  private readonly host: HostProgram;

  constructor(host: HostProgram) {
    this.host = host;
    this.spec = host.spec;
  }

  get name(): string {
    return this.spec.name;
  }
  /** Instruction slots, as the kernel counts them. */
  get instructions(): number {
    return this.spec.code.length / 8;
  }
  attach(options: AttachOptions = {}): HostLink {
    return this.host.attach(options);
  }
  /** `BPF_PROG_TEST_RUN`. */
  run(options: HostTestRun = {}): HostTestResult {
    return this.host.testRun(options);
  }
  /** One packet of many through a program over packets: its verdict, and the packet as it is then. */
  packet(data: Uint8Array): { readonly retval: number; readonly dataOut: Uint8Array } {
    const host = this.host;
    if (host.packet) return host.packet(data);
    const { retval, dataOut } = host.testRun({ data });
    return { retval, dataOut: dataOut ?? data };
  }
  /** Many of them at once, where the host has a way for this program; see {@link HostProgram.packets}. */
  packets(data: readonly Uint8Array[], take: TakePacket): boolean {
    return this.host.packets?.(data, take) ?? false;
  }
  /** Makes it outlive the process, as a file on a mounted bpffs. Throws E8010 in the virtual machine. */
  pin(path: string): void {
    if (!this.host.pin) throw new SkepError(notInThisHome(`pinning program \`${this.name}\``, 'virtual machine'));
    this.host.pin(path);
  }
  /** The value that program arrays take for this program. */
  get handle(): number {
    return this.host.handle;
  }
  stats(): { readonly runs: bigint; readonly ns: bigint } | undefined {
    return this.host.stats();
  }
}

interface AttachedLink {
  readonly program: string;
  readonly link: HostLink;
}

/** Programs that run. Closing detaches them; the maps stay until {@link Loaded.close}. */
export class Attached {
  readonly links: readonly AttachedLink[];

  constructor(links: readonly AttachedLink[]) {
    this.links = links;
  }

  close(): void {
    for (const { link } of this.links) link.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** See {@link Spec.load}. */
export function load(
  object: ObjectSpec,
  programs: readonly ProgramSpec[],
  host: Host,
  options: PrepareOptions & { readonly types?: Btf | undefined } = {},
): Loaded {
  const relocated = programs.map((program) => relocate(program, object.btf, host, options.types));
  const hostObject = host.prepare(object, options);
  try {
    const wanted = object.maps.filter((spec) => isWanted(spec, programs));
    const maps = new Map(wanted.map((spec) => [spec.name, hostObject.createMap(spec)]));
    for (const map of maps.values()) if (map.spec.data === 'rodata') map.freeze();
    const loaded = relocated.map((program) => hostObject.loadProgram(program));
    return new Loaded(object, host, hostObject, maps, loaded);
  } catch (error) {
    hostObject.close();
    throw error;
  }
}

/** Structures of functions that are optional are made when one of their programs is loaded. */
function isWanted(spec: MapSpec, programs: readonly ProgramSpec[]): boolean {
  const members = [...(spec.structOps?.programs.values() ?? [])];
  return spec.structOps?.optional !== true || programs.some((one) => members.includes(one.name));
}

/**
 * CO-RE: offsets and sizes become those of the kernel that the program will run in, or of the types given: what these have
 * not, the registers of a call among it, is the kernel's.
 */
function relocate(program: ProgramSpec, local: Btf | undefined, host: Host, types: Btf | undefined): ProgramSpec {
  if (program.core.length === 0 || local === undefined) return program;
  const given = new Set(
    types ? program.core.filter((one) => types.find(rootOf(local, one), ...WHOLE) !== undefined) : [],
  );
  const others = program.core.filter((one) => !given.has(one));
  let { code } = program;
  if (types && given.size > 0) ({ code } = relocateCore(code, [...given], local, types));
  if (others.length > 0) {
    const target = host.targetBtf();
    if (target === undefined)
      throw new SkepError(noTypes(`${host.kind === 'kernel' ? 'this kernel' : 'the recording'} has no BTF`));
    ({ code } = relocateCore(code, others, local, target));
  }
  return { ...program, code };
}

/** What a relocation can be fitted to; a structure that is only named is none. */
const WHOLE = ['struct', 'union', 'enum', 'enum64', 'typedef'] as const;

function rootOf(local: Btf, { type }: CoreRelocation): string {
  return local.name(local.resolve(type));
}
