import type { Span } from '@skep/base';
import type { Expression } from '../ast.ts';
import type { Emitter } from '../emit.ts';
import {
  type AddressSpace,
  asNumber,
  int,
  isCompound,
  isScalar,
  layoutOf,
  partsOf,
  type StructField,
  sizeOf,
  type TraceType,
  UINT64,
} from '../type.ts';
import { copy, storeScalar, zero } from './bytes.ts';
import { cType, plus, plus64 } from './c-text.ts';

/** Where a value lies: an address that the program may use (`here`), or one that must be read by a helper. */
export interface Place {
  /** C: a `char *` when it is here, else a `u64`. */
  readonly at: string;
  readonly space: 'here' | 'context' | AddressSpace;
  readonly field?: StructField;
}

/** Where what `.`, `[]` and `*` name lies. */
export function placeOf(e: Emitter, node: Expression): Place {
  switch (node.kind) {
    case 'unary': {
      if (node.op !== '*') break;
      const type = asNumber(node.operand.type!);
      return {
        at: e.value(node.operand),
        space: type.kind === 'pointer' ? e.space(type.space) : e.unit.context.space,
      };
    }
    case 'member': {
      const base = asNumber(node.base.type!);
      if (base.kind === 'pointer') {
        const field = fieldOf(base.to, node.name);
        const address = e.value(node.base);
        return { at: memberAddress(e, address, base.to, field), space: e.space(base.space), field };
      }
      const inner = placeOf(e, node.base);
      if (isCompound(base)) {
        const index =
          base.kind === 'tuple' ? Number(node.name) : base.fields.findIndex((one) => one.name === node.name);
        return { at: plus(inner.at, layoutOf(base).offsets[index]!), space: inner.space };
      }
      const field = fieldOf(base, node.name);
      if (inner.space === 'here' || inner.space === 'context')
        return { at: plus(inner.at, field.offset), space: inner.space, field };
      return { at: memberAddress(e, inner.at, base, field), space: inner.space, field };
    }
    case 'index': {
      const base = asNumber(node.base.type!);
      const constant = e.checker.constant(node.index);
      const size = sizeOf(node.type!);
      if (base.kind === 'tuple')
        return {
          at: plus(placeOf(e, node.base).at, layoutOf(base).offsets[Number(constant)]!),
          space: placeOf(e, node.base).space,
        };
      if (base.kind === 'pointer') {
        const address = e.value(node.base);
        const at =
          constant === undefined
            ? `(${address} + (u64)(s64)${e.value(node.index)} * ${size})`
            : plus64(address, Number(constant) * size);
        return { at: e.keep(UINT64, at), space: e.space(base.space) };
      }
      const inner = placeOf(e, node.base);
      const head = base.kind === 'buffer' ? 4 : 0;
      if (constant !== undefined)
        return {
          at:
            inner.space === 'here' || inner.space === 'context'
              ? plus(inner.at, head + Number(constant) * size)
              : plus64(inner.at, head + Number(constant) * size),
          space: inner.space,
        };
      const index = e.keep(UINT64, `(u64)(${e.value(node.index)})`);
      const count =
        base.kind === 'array' ? base.count : base.kind === 'string' || base.kind === 'buffer' ? base.size : 0;
      if (count > 0) {
        e.emit(
          `  if (${index} >= ${count}) { ${e.notice('Array access out of bounds. This can lead to unexpected results.', node.span)} ${index} = 0; }`,
        );
      }
      const offset = `${index} * ${size}`;
      if (inner.space === 'here' || inner.space === 'context') {
        // An address that varies is read by a helper.
        return { at: e.keep(UINT64, `(u64)(${inner.at}) + ${head} + ${offset}`), space: 'bpf' };
      }
      return { at: e.keep(UINT64, `${inner.at} + ${offset}`), space: inner.space };
    }
    case 'variable':
      return { at: e.variable(node.symbol!), space: 'here' };
    case 'name':
    case 'call':
      if (node.name === 'args' || node.name === 'ctx') {
        const { shape } = e.unit.context;
        if (shape === 'record' || shape === 'slots' || shape === 'iterator')
          return { at: `((char *)${e.context()})`, space: 'context' };
      }
      break;
    case 'cast':
      break;
  }
  const type = asNumber(node.type!);
  if (isScalar(type)) {
    const room = e.room(8);
    storeScalar(e, room, type, e.value(node));
    return { at: room, space: 'here' };
  }
  return { at: e.ref(node), space: 'here' };
}

function fieldOf(type: TraceType, name: string): StructField {
  if (isCompound(type)) {
    const index = type.kind === 'tuple' ? Number(name) : type.fields.findIndex((one) => one.name === name);
    return { name, type: partsOf(type)[index]!, offset: layoutOf(type).offsets[index]! };
  }
  if (type.kind !== 'struct') throw new Error(`no field ${name}`);
  return type.fields().find((one) => one.name === name)!;
}

/** The kernel's structs differ from kernel to kernel: the offset is filled in when the program is loaded. */
function memberAddress(e: Emitter, base: string, type: TraceType, field: StructField): string {
  if (type.kind === 'struct' && type.kernel && !type.anonymous && !field.bits) {
    e.out.vmlinux = true;
    return e.keep(UINT64, `(u64)&((${type.name} *)(${base}))->${field.name}`);
  }
  return plus64(base, field.offset);
}

/** Where something lies in the kernel or a process, as a number. */
export function addressOfPlace(e: Emitter, node: Expression): string {
  const place = placeOf(e, node);
  return e.keep(UINT64, `(u64)(${place.at})`);
}

/** A `char *` to the bytes of a variable, or of a copy. */
export function addressable(e: Emitter, node: Expression): string {
  if (node.kind === 'variable') {
    const variable = e.variable(node.symbol!);
    return isScalar(node.symbol!.type!) ? `((char *)&${variable})` : variable;
  }
  const type = asNumber(node.type!);
  if (!isScalar(type)) return e.ref(node);
  const room = e.room(8);
  storeScalar(e, room, type, e.value(node));
  return room;
}

export function load(e: Emitter, place: Place, type: TraceType, span: Span): string {
  const { field } = place;
  if (field?.dataLocation) return e.keep(type, `(u64)${e.context()} + (*(u32 *)(${place.at}) & 0xffff)`);
  if (field?.bits && type.kind === 'int') {
    const size = field.bits.offset + field.bits.width > type.size * 8 ? 8 : type.size;
    const unit = load(e, { at: place.at, space: place.space }, int(size, false), span);
    const shiftUp = 64 - field.bits.offset - field.bits.width;
    return e.keep(type, `(${cType(type)})(((u64)${unit} << ${shiftUp}) >> ${64 - field.bits.width})`);
  }
  if (place.space === 'here') return e.keep(type, `*(${cType(type)} *)(${place.at})`);
  if (place.space === 'context' && (e.unit.context.shape !== 'iterator' || type.kind !== 'pointer'))
    return e.keep(type, `*(${cType(type)} *)(${place.at})`);
  if (place.space === 'context') {
    // Loaded plainly it would be a pointer that may be null, which the verifier lets nobody calculate with.
    const pointer = e.keep(type, '0');
    e.emit(`  bpf_probe_read_kernel(&${pointer}, 8, ${place.at});`);
    return pointer;
  }
  const result = e.keep(type, '0');
  readMemory(e, place.space, `&${result}`, sizeOf(type), place.at, span);
  return result;
}

export function readInto(e: Emitter, place: Place, type: TraceType, dest: string, span: Span): void {
  if (place.field?.dataLocation) {
    storeScalar(e, dest, type, load(e, place, type, span));
    return;
  }
  if (place.space === 'here') copy(e, dest, place.at, sizeOf(type));
  else if (place.space === 'context') readMemory(e, 'kernel', dest, sizeOf(type), place.at, span);
  else readMemory(e, place.space, dest, sizeOf(type), place.at, span);
}

/** Reads memory of elsewhere; bytes that cannot be read are zero. */
export function readMemory(
  e: Emitter,
  space: AddressSpace,
  dest: string,
  size: number | string,
  address: string,
  span: Span,
): void {
  if (size === 0) return;
  const user = e.space(space) === 'user';
  const call = `bpf_probe_read_${user ? 'user' : 'kernel'}(${dest}, ${size}, (void *)(${address}))`;
  if (e.out.helperErrors) {
    const code = e.scratchVariable('s64', call);
    e.emit(
      `  if (${code} < 0) ${e.helperError(user ? 'probe_read_user' : 'probe_read_kernel', 'Bad address', span, false, code)}`,
    );
  } else e.emit(`  ${call};`);
}

/** A string of elsewhere; what is behind its end is zero. */
export function readString(
  e: Emitter,
  space: AddressSpace,
  dest: string,
  size: number | string,
  address: string,
  room = size,
): void {
  zero(e, dest, Number(room));
  e.emit(
    `  bpf_probe_read_${e.space(space) === 'user' ? 'user' : 'kernel'}_str(${dest}, ${size}, (void *)(${address}));`,
  );
}
