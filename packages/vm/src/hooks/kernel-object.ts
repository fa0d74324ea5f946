import { suggest, utf8Bytes } from '@skep/base';
import type { Btf, BtfComposite, BtfId, BtfMember } from '@skep/object';
import type { Machine } from '../machine.ts';

/**
 * A structure of the kernel as plain values: members by name (of anonymous ones directly), numbers and bigints, text for
 * arrays of char, arrays by element, structures in place as objects. A pointer is an address, or the object, text or
 * bytes that it points to, which get a place of their own.
 */
export interface PlainObject {
  readonly [member: string]: PlainValue;
}
/** A value that JavaScript code writes for a member of a structure of the kernel. */
export type PlainValue = number | bigint | boolean | string | Uint8Array | PlainObject | readonly PlainValue[];

/**
 * Puts a structure of the kernel into the machine's memory and gives its address, so that programs find it as they find
 * `task_struct` or `sock` in the kernel: `kernelObject(machine, btf, 'task_struct', { pid: 7, comm: 'cat' })`. Members
 * that are not given are zero; `placed` collects what was allocated. Throws a RangeError for a type or member that there is not.
 */
export function kernelObject(machine: Machine, btf: Btf, type: string, value: PlainObject, placed?: Placed[]): bigint {
  const id = btf.find(type, 'struct', 'union');
  if (id === undefined) throw new RangeError(`there is no type \`${type}\` in these types`);
  return BigInt(place({ machine, btf, placed }, id, value));
}

/** Where something was put, to be taken back by {@link releasePlaced}. */
export interface Placed {
  readonly at: number;
  readonly size: number;
}

export function releasePlaced(machine: Machine, placed: readonly Placed[]): void {
  for (const { at, size } of placed) machine.memory.release(at, size);
}

interface Placing {
  readonly machine: Machine;
  readonly btf: Btf;
  readonly placed: Placed[] | undefined;
}

/** A structure in memory as plain values again; pointers as addresses. */
export function readKernelObject(machine: Machine, btf: Btf, type: string, address: bigint): PlainObject {
  const id = btf.find(type, 'struct', 'union');
  if (id === undefined) throw new RangeError(`there is no type \`${type}\` in these types`);
  const at = machine.memory.check(Number(BigInt.asIntN(32, address)), Number(address >> 32n), btf.sizeOf(id), type);
  return read(machine, btf, id, at) as PlainObject;
}

function place({ machine, btf, placed }: Placing, id: BtfId, value: PlainValue): number {
  const { memory } = machine;
  if (typeof value === 'string' || value instanceof Uint8Array) {
    const bytes = typeof value === 'string' ? utf8Bytes(`${value}\0`) : value;
    const at = memory.allocate(bytes.length);
    placed?.push({ at, size: bytes.length });
    memory.bytes.set(bytes, at);
    return at;
  }
  const size = btf.sizeOf(id);
  const at = memory.allocate(size);
  placed?.push({ at, size });
  write({ machine, btf, placed }, id, at, value);
  return at;
}

function write(to: Placing, id: BtfId, at: number, value: PlainValue): void {
  const { machine, btf } = to;
  const type = btf.type(btf.resolve(id));
  switch (type.kind) {
    case 'struct':
    case 'union':
      if (typeof value !== 'object' || Array.isArray(value) || value instanceof Uint8Array)
        throw wrong(value, type.name);
      writeMembers(to, btf.resolve(id), at, value as PlainObject);
      return;
    case 'array': {
      const size = btf.sizeOf(type.type);
      const list = typeof value === 'string' ? utf8Bytes(value) : value;
      if (list instanceof Uint8Array) {
        machine.memory.bytes.set(
          list.subarray(0, Math.max(0, type.count * size - (typeof value === 'string' ? 1 : 0))),
          at,
        );
      } else if (Array.isArray(list)) {
        for (const [i, one] of list.slice(0, type.count).entries()) write(to, type.type, at + i * size, one);
      } else throw wrong(value, 'an array');
      return;
    }
    case 'ptr': {
      const address =
        typeof value === 'object' || typeof value === 'string'
          ? BigInt(place(to, btf.resolve(type.type), value))
          : BigInt(value);
      machine.memory.view.setBigUint64(at, BigInt.asUintN(64, address), true);
      return;
    }
    default: {
      if (typeof value === 'object' || typeof value === 'string') throw wrong(value, 'a number');
      writeBits(machine, at, 0, 8 * btf.sizeOf(id), BigInt(value));
    }
  }
}

function writeMembers(to: Placing, id: BtfId, at: number, value: PlainObject): void {
  const { machine, btf } = to;
  for (const [name, one] of Object.entries(value)) {
    const found = memberOf(btf, id, name);
    if (found === undefined) {
      const type = btf.type(id) as BtfComposite;
      const near = suggest(name, namesOf(btf, id));
      throw new RangeError(`\`${type.name}\` has no member \`${name}\`${near ? `; did you mean \`${near}\`?` : ''}`);
    }
    const { member, offset } = found;
    if (member.bitSize === 0) write(to, member.type, at + (offset >> 3), one);
    else if (typeof one === 'object' || typeof one === 'string') throw wrong(one, 'a number');
    else writeBits(machine, at, offset, member.bitSize, BigInt(one));
  }
}

function writeBits(machine: Machine, at: number, offset: number, count: number, value: bigint): void {
  const { bytes } = machine.memory;
  if ((offset | count) % 8 === 0) {
    const from = at + (offset >> 3);
    for (let i = 0; i < count >> 3; i++) bytes[from + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    return;
  }
  for (let i = 0; i < count; i++) {
    const place = at + ((offset + i) >> 3);
    const mask = 1 << ((offset + i) & 7);
    bytes[place] = (value >> BigInt(i)) & 1n ? bytes[place]! | mask : bytes[place]! & ~mask;
  }
}

function read(machine: Machine, btf: Btf, id: BtfId, at: number): PlainValue {
  const { view, bytes } = machine.memory;
  const type = btf.type(btf.resolve(id));
  switch (type.kind) {
    case 'struct':
    case 'union': {
      const out: { [name: string]: PlainValue } = {};
      for (const member of type.members) {
        const value =
          member.bitSize === 0
            ? read(machine, btf, member.type, at + (member.bitOffset >> 3))
            : readBits(machine, at, member);
        if (member.name === '') Object.assign(out, value);
        else out[member.name] = value;
      }
      return out;
    }
    case 'array': {
      const size = btf.sizeOf(type.type);
      const element = btf.type(btf.resolve(type.type));
      if (element.kind === 'int' && element.size === 1) return bytes.slice(at, at + type.count);
      return Array.from({ length: type.count }, (_, i) => read(machine, btf, type.type, at + i * size));
    }
    case 'ptr':
      return view.getBigUint64(at, true);
    default: {
      const size = type.kind === 'int' || type.kind === 'enum' || type.kind === 'enum64' ? type.size : 0;
      const signed = 'signed' in type && type.signed;
      let value = 0n;
      for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[at + i]!);
      if (signed) value = BigInt.asIntN(8 * size, value);
      return size > 4 ? value : Number(value);
    }
  }
}

function readBits(machine: Machine, at: number, { bitOffset, bitSize }: BtfMember): number | bigint {
  let value = 0n;
  for (let i = bitSize - 1; i >= 0; i--) {
    const bit = (machine.memory.bytes[at + ((bitOffset + i) >> 3)]! >> ((bitOffset + i) & 7)) & 1;
    value = (value << 1n) | BigInt(bit);
  }
  return bitSize > 32 ? value : Number(value);
}

/** A member by name, also inside of anonymous ones, with its offset in bits. */
export function memberOf(btf: Btf, id: BtfId, name: string): { member: BtfMember; offset: number } | undefined {
  const type = btf.type(btf.resolve(id));
  if (type.kind !== 'struct' && type.kind !== 'union') return undefined;
  for (const member of type.members) {
    if (member.name === name) return { member, offset: member.bitOffset };
    if (member.name !== '') continue;
    const inner = memberOf(btf, member.type, name);
    if (inner) return { member: inner.member, offset: inner.offset + member.bitOffset };
  }
  return undefined;
}

function namesOf(btf: Btf, id: BtfId): string[] {
  const type = btf.type(btf.resolve(id));
  if (type.kind !== 'struct' && type.kind !== 'union') return [];
  return type.members.flatMap((one) => (one.name === '' ? namesOf(btf, one.type) : [one.name]));
}

function wrong(value: PlainValue, wanted: string): RangeError {
  return new RangeError(`${typeof value === 'object' ? 'an object' : String(value)} is not ${wanted}`);
}
