/** The programs of an object, each with its verdict. */
import { ATTACH_TYPES, BPF_F_RDONLY_PROG, BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS, PROG, PROG_TYPES } from '@skep/abi';
import { applyCore, type Btf, type MapSpec, type ObjectSpec, type ProgramSpec } from '@skep/object';
import type { MeasuredTables } from './check/context.ts';
import type { Budget } from './explore/explorer.ts';
import type { KernelProfile } from './profile.ts';
import type { MapInfo } from './program/maps.ts';
import type { KernelSymbol } from './program/program.ts';
import { type Verdict, type VerifyInput, verify } from './verify.ts';

/** For which kernel, and with what kept, the programs of an object are verified. */
export interface ObjectOptions {
  readonly kernel: KernelProfile['version'];
  /** Types of that kernel, to which the programs are fitted. */
  readonly kernelBtf: Btf;
  readonly privileged?: boolean | undefined;
  readonly budget?: Budget;
  /** See {@link VerifyInput.cpus}. */
  readonly cpus?: number | undefined;
  /** Of a kernel that was asked itself ({@link VerifyInput.tables}). */
  readonly tables?: MeasuredTables | undefined;
  /** Keep the path to a refusal ({@link Verdict.path}). */
  readonly path?: boolean;
  /** The kernel's log of level 2, line by line, with the program that it is about. */
  readonly trace?: (line: string, program: ProgramSpec) => void;
}

/** The verdict on one program of an object. */
export interface ProgramVerdict extends Verdict {
  readonly program: ProgramSpec;
}

/** Verifies programs of an object, all of them when none is named. @throws SkepError E32xx where types cannot be fitted */
export function verifyObject(object: ObjectSpec, options: ObjectOptions, names?: readonly string[]): ProgramVerdict[] {
  return programInputs(object, options, names).map(({ program, input }) => ({
    program,
    ...(input === undefined ? undecided(`programs of section ${program.section}`) : verify(input)),
  }));
}

/** A program, and as what it would be loaded. */
export interface ProgramAndInput {
  readonly program: ProgramSpec;
  /** Undefined where the section does not say what kind of program it is. */
  readonly input: VerifyInput | undefined;
}

/** The programs of an object as {@link verify} takes them: fitted to the kernel's types, with all that they refer to. */
export function programInputs(
  object: ObjectSpec,
  options: ObjectOptions,
  names?: readonly string[],
): ProgramAndInput[] {
  const maps = object.maps.map((map) =>
    map.data === 'kconfig' ? kernelConfig(object, map, options.kernel) : mapInfo(map),
  );
  const index = new Map(object.maps.map((map, i) => [map.name, i]));
  return object.programs
    .filter((program) => names === undefined || names.length === 0 || names.includes(program.name))
    .map((program) => ({ program, input: inputOf(object, program, maps, index, options) }));
}

function inputOf(
  object: ObjectSpec,
  program: ProgramSpec,
  maps: readonly MapInfo[],
  index: ReadonlyMap<string, number>,
  options: ObjectOptions,
): VerifyInput | undefined {
  const { hook } = program;
  const { trace } = options;
  const type = PROG_TYPES.find((one) => one.name === hook?.programType)?.value;
  if (type === undefined) return undefined;
  const code = object.btf === undefined ? program.code.slice() : applyCore(program, object.btf, options.kernelBtf).code;
  const mapAt = new Map<number, number>();
  const symbols = new Map<number, KernelSymbol>();
  for (const reference of program.references) {
    const { slot } = reference;
    switch (reference.kind) {
      case 'map':
        setSource(code, slot, 1);
        mapAt.set(slot, index.get(reference.map) ?? -1);
        break;
      case 'map-value':
        setSource(code, slot, 2);
        setImmediate(code, slot + 1, reference.offset);
        mapAt.set(slot, index.get(reference.map) ?? -1);
        break;
      case 'func':
        setSource(code, slot, 4);
        break;
      case 'kfunc': {
        const id = options.kernelBtf.find(reference.name, 'func');
        setSource(code, slot, 2);
        setImmediate(code, slot, id ?? 0);
        symbols.set(slot, { kind: 'kfunc', name: id === undefined ? '' : reference.name });
        break;
      }
      case 'ksym': {
        const known = reference.btfId !== 0 && options.kernelBtf.find(reference.name, 'var', 'func') !== undefined;
        setSource(code, slot, known ? 3 : 0);
        if (known) symbols.set(slot, { kind: 'ksym', name: reference.name });
        break;
      }
    }
  }
  return {
    code,
    type,
    attachType: ATTACH_TYPES.find((one) => one.name === hook?.attachType)?.value ?? 0,
    ...(type === PROG.BPF_PROG_TYPE_STRUCT_OPS
      ? structOpsMember(object, program)
      : { attachTarget: TYPED.has(type) ? hook?.target : undefined }),
    flags:
      (hook?.sleepable ? BPF_F_SLEEPABLE : 0) | (hook?.flags.includes('BPF_F_XDP_HAS_FRAGS') ? BPF_F_XDP_HAS_FRAGS : 0),
    license: object.license,
    maps,
    mapAt,
    symbols,
    btf: object.btf,
    funcInfo: program.funcInfo,
    lineInfo: program.lineInfo,
    kernel: options.kernel,
    kernelBtf: options.kernelBtf,
    ...(options.privileged !== undefined && { privileged: options.privileged }),
    ...(options.budget !== undefined && { budget: options.budget }),
    ...(options.cpus !== undefined && { cpus: options.cpus }),
    ...(options.tables !== undefined && { tables: options.tables }),
    ...(options.path !== undefined && { path: options.path }),
    ...(trace !== undefined && { trace: (line: string) => trace(line, program) }),
  };
}

/** The member of a structure of functions that the program stands in; flavours (`name___x`) left aside. */
function structOpsMember(
  object: ObjectSpec,
  program: ProgramSpec,
): Pick<VerifyInput, 'attachTarget' | 'structOpsMember'> {
  for (const { structOps } of object.maps) {
    if (structOps === undefined || object.btf === undefined) continue;
    const type = object.btf.type(object.btf.resolve(structOps.type));
    if (type.kind !== 'struct') continue;
    for (const [index, name] of structOps.programs) {
      const member = type.members[index];
      if (name !== program.name || member === undefined) continue;
      return { attachTarget: type.name.replace(/___.*$/, ''), structOpsMember: member.name };
    }
  }
  return {};
}

/** Their target decides what their context is. */
const TYPED = new Set([
  PROG.BPF_PROG_TYPE_TRACING,
  PROG.BPF_PROG_TYPE_STRUCT_OPS,
  PROG.BPF_PROG_TYPE_EXT,
  PROG.BPF_PROG_TYPE_LSM,
]);

function undecided(what: string): Verdict {
  return {
    accepted: false,
    decided: false,
    code: 'E2000',
    message: `skep's verifier cannot judge ${what} yet`,
    help: 'load the program with the kernel to learn what it says',
    kernelMessage: '',
    insn: -1,
    processed: 0,
    totalStates: 0,
    peakStates: 0,
    stackDepth: [],
    visits: new Uint32Array(0),
    statesKept: new Uint32Array(0),
    needs: { helpers: [], kfuncs: [], features: [], since: undefined },
    limits: [],
  };
}

function mapInfo(map: MapSpec): MapInfo {
  const readOnly = map.data === 'rodata' || map.data === 'kconfig';
  return {
    name: map.name,
    type: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags | (readOnly ? BPF_F_RDONLY_PROG : 0),
    keyType: map.keyType,
    valueType: map.valueType,
    inner: map.inner === undefined ? undefined : mapInfo(map.inner),
    contents: map.data === 'rodata' ? (map.initialValue ?? new Uint8Array(map.valueSize)) : undefined,
  };
}

/** Of the kernel's configuration only its version is known here. */
function kernelConfig(object: ObjectSpec, map: MapSpec, kernel: KernelProfile['version']): MapInfo {
  const contents = new Uint8Array(map.valueSize);
  const version = object.globals.find((one) => one.map === map.name && one.name === 'LINUX_KERNEL_VERSION');
  if (version === undefined) return mapInfo(map);
  const [major, minor] = kernel.split('.').map(Number);
  new DataView(contents.buffer).setUint32(version.offset, (major! << 16) | (minor! << 8), true);
  return { ...mapInfo(map), contents, known: [[version.offset, version.offset + version.size]] };
}

function setSource(code: Uint8Array, slot: number, source: number): void {
  code[slot * 8 + 1] = (code[slot * 8 + 1]! & 15) | (source << 4);
}

function setImmediate(code: Uint8Array, slot: number, value: number): void {
  new DataView(code.buffer, code.byteOffset).setInt32(slot * 8 + 4, value, true);
}
