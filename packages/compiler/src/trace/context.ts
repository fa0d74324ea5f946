import type { Btf, BtfFuncProto, BtfId } from '@skep/object';
import type { CTypes } from './c-types.ts';
import { parametersOf as debugParameters, type ParameterPlace, type ProbeParameter } from './debug-types.ts';
import type { Probe } from './probe.ts';
import type { TraceTarget } from './target.ts';
import {
  type AddressSpace,
  INT64,
  type IntType,
  int,
  NONE,
  pointer,
  type StructField,
  type StructType,
  sizeOf,
  string,
  type TraceType,
  UINT64,
} from './type.ts';

/** What a probe gives its program. */
export interface ProbeContext {
  /** Where pointers that say nothing else point to. */
  readonly space: AddressSpace;
  /** Of the program's section in the object. */
  readonly section: string;
  /**
   * Where values come from: slots of eight bytes (`slots`), a record (`record`), registers, a struct of pointers (`iterator`),
   * nothing.
   */
  readonly shape: 'none' | 'slots' | 'record' | 'registers' | 'iterator' | 'usdt';
  /** Members of `args`, or of `ctx` for iterators. */
  readonly args: StructType | undefined;
  /** Where the members of `args` are, in their order, when they are not side by side in memory. */
  readonly places?: readonly ParameterPlace[];
  readonly retval: TraceType | undefined;
  /** The program runs for something of its own accord, and stacks and registers mean something. */
  readonly user: boolean;
}

export function contextOf(probe: Probe, types: CTypes, target: TraceTarget): ProbeContext {
  const base = { args: undefined, retval: undefined, user: false } as const;
  switch (probe.kind) {
    case 'begin':
    case 'end':
    case 'test':
    case 'bench':
    case 'self':
    case 'interval':
      return { ...base, space: 'kernel', section: `raw_tp/skep_${probe.kind}`, shape: 'none', user: true };
    case 'profile':
    case 'software':
    case 'hardware':
    case 'watchpoint':
      return { ...base, space: 'kernel', section: 'perf_event', shape: 'registers' };
    case 'tracepoint': {
      const space = probe.category === 'syscalls' ? 'user' : 'kernel';
      const format = target.tracepointFormat?.(probe.category, probe.event);
      const args = format === undefined ? undefined : recordOf(probe, format, types, space);
      return { ...base, space, section: `tracepoint/${probe.category}/${probe.event}`, shape: 'record', args };
    }
    case 'rawtracepoint': {
      const parameters = tracepointParameters(target.btf?.(), probe.event);
      return {
        ...base,
        space: 'kernel',
        section: `raw_tp/${probe.event}`,
        shape: 'slots',
        args: slots(`${probe.event}_args`, parameters, types),
      };
    }
    case 'kprobe':
    case 'kretprobe':
      return {
        ...base,
        space: 'kernel',
        section: probe.functions
          ? `${probe.kind}.multi/${pattern(probe.function)}`
          : `${probe.kind}/${probe.function}${probe.offset ? `+${probe.offset}` : ''}`,
        shape: 'registers',
        retval: probe.kind === 'kretprobe' ? UINT64 : undefined,
      };
    case 'fentry':
    case 'fexit': {
      const found = functionParameters(target.btf?.(), probe.function);
      const args = slots(`${probe.function}_args`, found?.parameters ?? [], types);
      const retval = probe.kind === 'fexit' ? (found ? typeOfBtf(found.result, types) : UINT64) : undefined;
      return { ...base, space: 'kernel', section: `${probe.kind}/${probe.function}`, shape: 'slots', args, retval };
    }
    case 'uprobe':
    case 'uretprobe': {
      const place = probe.place === undefined ? probe.function : `0x${probe.place.toString(16)}`;
      const found =
        probe.kind === 'uprobe' && probe.offset === 0n && probe.functions === undefined
          ? target.executable?.(probe.binary)?.debug?.()?.function(probe.function)
          : undefined;
      const parameters = found && debugParameters(found);
      return {
        ...base,
        space: 'user',
        section: probe.functions
          ? `${probe.kind}.multi/${probe.binary}:${pattern(probe.function)}`
          : `${probe.kind}/${probe.binary}:${place}${probe.offset ? `+${probe.offset}` : ''}`,
        shape: 'registers',
        retval: probe.kind === 'uretprobe' ? UINT64 : undefined,
        user: true,
        args: parameters && argumentsOf(`${probe.function}_args`, parameters),
        ...(parameters && { places: parameters.map((one) => one.place) }),
      };
    }
    case 'usdt':
      return {
        ...base,
        space: 'user',
        section: `usdt/${probe.binary}:${probe.provider}:${probe.event}`,
        shape: 'usdt',
        user: true,
      };
    case 'iter': {
      const context = types.type(`struct bpf_iter__${probe.over}`);
      return {
        ...base,
        space: 'kernel',
        section: `iter/${probe.over}`,
        shape: 'iterator',
        args: context?.kind === 'struct' ? context : undefined,
      };
    }
  }
}

/** As names of sections may have it; which functions it means is said when the program is attached. */
function pattern(text: string): string {
  return text.replace(/[^\w.$*?]/g, '*');
}

/** The fields of a tracepoint, as its format file tells them; those that all tracepoints have are left out. */
function recordOf(
  probe: Probe & { kind: 'tracepoint' },
  format: string,
  types: CTypes,
  space: AddressSpace,
): StructType {
  const fields: StructField[] = [];
  let size = 8;
  for (const [, declaration = '', offset, bytes, signed] of format.matchAll(
    /field:([^;]+);\s*offset:(\d+);\s*size:(\d+);\s*signed:(\d)/g,
  )) {
    const array = /\[[^\]]*\]$/.exec(declaration)?.[0] ?? '';
    const plain = declaration.slice(0, declaration.length - array.length);
    const name = /\w+$/.exec(plain)?.[0] ?? plain;
    const written = plain.slice(0, plain.length - name.length).trim() + array;
    const at = Number(offset);
    size = Math.max(size, at + Number(bytes));
    if (name.startsWith('common_')) continue;
    const type = fieldType(written, Number(bytes), signed === '1', types, space);
    fields.push({ name, type, offset: at, ...(written.startsWith('__data_loc') && { dataLocation: true }) });
  }
  return {
    kind: 'struct',
    name: `struct _tracepoint_${probe.category}_${probe.event}`,
    anonymous: true,
    size,
    fields: () => fields,
    kernel: false,
  };
}

function fieldType(written: string, size: number, signed: boolean, types: CTypes, space: AddressSpace): TraceType {
  if (written.startsWith('__data_loc')) return pointer(/\bchar\b/.test(written) ? int(1, true) : NONE, 'kernel');
  const array = /\[(\w*)\]$/.exec(written);
  const base = written
    .replace(/\[\w*\]$/, '')
    .replace(/\bconst\b/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (array) {
    if (base === 'char') return string(size);
    const element = types.type(base);
    const each = element && element.kind === 'int' ? element : (int(1, signed) as IntType);
    return { kind: 'array', of: each, count: Math.floor(size / (each.kind === 'int' ? each.size : 1)) };
  }
  if (base.endsWith('*')) {
    let to = typeOfText(base.slice(0, -1).trim(), types, space);
    if (to === undefined) to = NONE;
    return pointer(to, space);
  }
  if (base.startsWith('enum ')) return types.type(base) ?? int(size, signed);
  if (base.startsWith('struct ') || base.startsWith('union '))
    return types.type(base) ?? { kind: 'array', of: int(1, false), count: size };
  if (base === 'bool') return { kind: 'bool' };
  return [1, 2, 4, 8].includes(size) ? int(size, signed) : { kind: 'array', of: int(1, false), count: size };
}

function typeOfText(text: string, types: CTypes, space: AddressSpace): TraceType | undefined {
  if (text.endsWith('*')) {
    const to = typeOfText(text.slice(0, -1).trim(), types, space);
    return to && pointer(to, space);
  }
  return types.type(text);
}

interface Parameter {
  readonly name: string;
  readonly type: string;
  /** Slots of eight bytes: structs of up to sixteen bytes are passed by value. */
  readonly slots: number;
}

/** Parameters in slots of eight bytes, as BTF programs get them. */
function slots(name: string, parameters: readonly Parameter[], types: CTypes): StructType {
  let offset = 0;
  const fields = parameters.map((one): StructField => {
    const field = { name: one.name, type: typeOfBtf(one.type, types), offset };
    offset += 8 * one.slots;
    return field;
  });
  return {
    kind: 'struct',
    name: `struct ${name}`,
    anonymous: true,
    size: Math.max(8, offset),
    fields: () => fields,
    kernel: false,
  };
}

/** Parameters of a function of a program, each at a multiple of eight bytes. */
function argumentsOf(name: string, parameters: readonly ProbeParameter[]): StructType {
  let at = 0;
  const fields = parameters.map((one): StructField => {
    const offset = at;
    at += Math.ceil(Math.max(1, sizeOf(one.type)) / 8) * 8;
    return { name: one.name, type: one.type, offset };
  });
  return {
    kind: 'struct',
    name: `struct ${name}`,
    anonymous: true,
    size: Math.max(8, at),
    fields: () => fields,
    kernel: false,
  };
}

/** A type as C writes it; only what pointers and integers need. */
function typeOfBtf(text: string, types: CTypes, space: AddressSpace = 'kernel'): TraceType {
  const plain = text
    .replace(/\b(const|volatile)\b/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  if (plain === 'void') return NONE;
  if (plain.endsWith('*')) {
    const to = plain.slice(0, -1).trim();
    const inner = to.endsWith('*') ? typeOfBtf(to, types, space) : to === 'void' ? NONE : (types.type(to) ?? NONE);
    return pointer(inner, space);
  }
  const found = types.type(plain);
  // Larger structs are passed by pieces.
  if (found?.kind === 'struct') return found.size <= 8 ? found : INT64;
  return found ?? INT64;
}

function tracepointParameters(btf: Btf | undefined, event: string): Parameter[] {
  const found = btf && tracepointPrototype(btf, event);
  return btf && found ? parametersOf(btf, found) : [];
}

/** What a raw tracepoint passes on. */
export function tracepointPrototype(btf: Btf, event: string): BtfFuncProto | undefined {
  // The function that calls the programs has names for what it passes on; the type of the tracepoint has none.
  const found =
    functionPrototype(btf, `__traceiter_${event}`) ??
    functionPrototype(btf, `__probestub_${event}`) ??
    prototypeOf(btf, btf.find(`btf_trace_${event}`, 'typedef'));
  // The first is the tracepoint's own data.
  return found && { ...found, params: found.params.slice(1) };
}

function functionParameters(
  btf: Btf | undefined,
  name: string,
): { parameters: Parameter[]; result: string } | undefined {
  const found = btf && functionPrototype(btf, name);
  return btf && found && { parameters: parametersOf(btf, found), result: cName(btf, found.result) };
}

export function functionPrototype(btf: Btf, name: string): BtfFuncProto | undefined {
  return prototypeOf(btf, btf.find(name, 'func'));
}

/** Through functions, typedefs and pointers. */
function prototypeOf(btf: Btf, id: BtfId | undefined): BtfFuncProto | undefined {
  for (let i = 0; id !== undefined && id !== 0 && i < 8; i++) {
    const type = btf.type(id);
    if (type.kind === 'func_proto') return type;
    if (type.kind !== 'func' && type.kind !== 'typedef' && type.kind !== 'ptr') return undefined;
    id = type.type;
  }
  return undefined;
}

function parametersOf(btf: Btf, proto: BtfFuncProto): Parameter[] {
  return proto.params.map((one, i) => ({
    name: one.name || `arg${i}`,
    type: cName(btf, one.type),
    slots: Math.ceil(sizeOfBtf(btf, one.type) / 8) || 1,
  }));
}

function sizeOfBtf(btf: Btf, id: BtfId): number {
  try {
    return btf.sizeOf(id);
  } catch {
    // Of a kind that has no size.
    return 8;
  }
}

/** A type as C names it; functions and what has no name are `void`. */
export function cName(btf: Btf, id: number): string {
  if (id === 0) return 'void';
  const type = btf.type(id);
  switch (type.kind) {
    case 'int':
    case 'typedef':
    case 'float':
      return type.name;
    case 'ptr':
      return `${cName(btf, type.type)} *`;
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'type_tag':
      return cName(btf, type.type);
    case 'struct':
    case 'union':
      return type.name ? `${type.kind} ${type.name}` : 'void';
    case 'fwd':
      return `struct ${type.name}`;
    case 'enum':
    case 'enum64':
      return type.name ? `enum ${type.name}` : 'int';
    default:
      return 'void';
  }
}
