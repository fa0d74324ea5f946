import type { Global, Linkage } from '../../ir/ir.ts';
import type { InitPart, VariableDecl } from '../ast.ts';
import { alignOf, inArena, isConst, isVolatile, sizeOf, strip } from '../types.ts';
import { incompleteObject, notStatic, sectionMismatch, tooLarge } from './diagnostics.ts';
import { checkMapDefinition } from './map-definition.ts';
import { staticNumber, staticPlace, staticValue } from './static-value.ts';
import type { Unit } from './unit.ts';

/** The global of a variable with all but its contents, which may refer to the variable itself. */
export function openGlobal(unit: Unit, variable: VariableDecl, name: string): Global {
  const { attributes, type } = variable;
  const external = variable.storage === 'extern';
  // A flexible array at the end takes as much room as it is given (`values` of a map of maps).
  const size = Math.max(sizeOf(type) ?? 0, variable.init?.size ?? 0);
  if (!external && sizeOf(type) === undefined && size === 0)
    unit.diagnostics.add(incompleteObject(variable.name, variable.span));
  const section = attributes.section ?? defaultSection(variable);
  const map = section === '.maps';
  if (map) checkMapDefinition(unit.diagnostics, variable);
  return {
    kind: 'global',
    name,
    linkage: linkageOf(variable),
    hidden: attributes.hidden,
    ...(attributes.used && { used: true }),
    section,
    size,
    align: Math.max(alignOf(type), attributes.align ?? 1),
    init: undefined,
    relocations: [],
    type: map ? unit.types.mapDefinition(type) : unit.types.idOf(type),
    declTags: attributes.declTags.map((value) => ({ component: -1, value })),
    constant: !external && !attributes.weak && isConst(type) && !isVolatile(type) && !map && !inArena(type),
    span: variable.span,
  };
}

/** Computes the initial bytes, and decides between `.data` and `.bss`. */
export function fillGlobal(unit: Unit, variable: VariableDecl, global: Global): void {
  // Its contents are settled here, once, before anything reads them.
  const open = global as { -readonly [K in keyof Global]: Global[K] };
  if (variable.storage === 'extern') return;
  if (variable.init === undefined && isZeroed(variable, global)) {
    if (variable.attributes.section === undefined) open.section = '.bss';
  } else if (global.size > MAX_CONTENTS) {
    unit.diagnostics.add(tooLarge(variable.name, global.size, MAX_CONTENTS, variable.span));
  } else {
    const bytes = new Uint8Array(global.size);
    const relocations: Global['relocations'][number][] = [];
    for (const part of variable.init?.parts ?? []) fillPart(unit, variable, part, bytes, relocations);
    open.relocations = relocations;
    const empty = relocations.length === 0 && bytes.every((byte) => byte === 0);
    if (variable.attributes.section === undefined && global.section === '.data' && empty) open.section = '.bss';
    if (global.section !== '.bss' && !global.section.startsWith('.bss.')) open.init = bytes;
    else if (!empty) unit.diagnostics.add(sectionMismatch(variable.name, global.section, variable.span));
  }
}

/** Bytes that an object file may hold for one variable. */
const MAX_CONTENTS = 64 << 20;

/** Zeros that need no room in the file. */
function isZeroed(variable: VariableDecl, global: Global): boolean {
  if (variable.attributes.section === undefined) return global.section === '.data';
  return global.section === '.bss' || global.section.startsWith('.bss.');
}

export function openString(name: string, bytes: Uint8Array): Global {
  return {
    kind: 'global',
    name,
    linkage: 'static',
    hidden: false,
    section: '.rodata.str1.1',
    size: bytes.length,
    align: 1,
    init: bytes,
    relocations: [],
    type: 0,
    declTags: [],
    constant: true,
    span: undefined,
  };
}

/** The bytes of an object whose initialiser holds numbers only; undefined otherwise. */
export function constantBytes(unit: Unit, variable: VariableDecl): Uint8Array | undefined {
  const bytes = new Uint8Array(Math.max(sizeOf(variable.type) ?? 0, variable.init?.size ?? 0));
  for (const part of variable.init?.parts ?? []) {
    if (part.value.kind !== 'string' && staticNumber(unit, part.value) === undefined) return undefined;
    fillPart(unit, variable, part, bytes, []);
  }
  return bytes;
}

function fillPart(
  unit: Unit,
  variable: VariableDecl,
  part: InitPart,
  bytes: Uint8Array,
  relocations: Global['relocations'][number][],
): void {
  const { offset, value, bitField } = part;
  // A later part takes the place of an earlier one.
  const end = offset + (sizeOf(part.type) ?? 0);
  for (let i = relocations.length - 1; i >= 0; i--) {
    const at = relocations[i]!.offset;
    if (at >= offset && at < end) relocations.splice(i, 1);
  }
  if (value.kind === 'string') {
    bytes.set(value.bytes.subarray(0, Math.min(value.bytes.length, sizeOf(part.type) ?? value.bytes.length)), offset);
    return;
  }
  const size = sizeOf(part.type) ?? 0;
  const kind = strip(part.type).kind;
  if (kind === 'record' || kind === 'array') {
    const source = value.kind === 'cast' && value.op === 'load' ? staticPlace(unit, value.operand) : undefined;
    const from = source?.symbol;
    if (from?.kind === 'global' && from.init !== undefined && from.relocations.length === 0) {
      const at = Number(source!.addend);
      bytes.set(from.init.subarray(at, at + size), offset);
    } else if (!(from?.kind === 'global' && from.section === '.bss')) {
      unit.diagnostics.add(notStatic(`'${variable.name}'`, value.span));
    }
    return;
  }
  const known = staticValue(unit, value);
  if (known === undefined) {
    unit.diagnostics.add(notStatic(`'${variable.name}'`, value.span));
    return;
  }
  if (known.symbol !== undefined) {
    if (size === 8) relocations.push({ offset, target: known.symbol, addend: Number(known.addend) });
    else unit.diagnostics.add(notStatic(`'${variable.name}'`, value.span));
    return;
  }
  if (bitField === undefined) {
    writeInt(bytes, offset, size, known.addend);
    return;
  }
  for (let bit = 0; bit < bitField.bitWidth; bit++) {
    const at = bitField.bitOffset + bit;
    const byte = offset + (at >> 3);
    const mask = 1 << (at & 7);
    bytes[byte] = (known.addend >> BigInt(bit)) & 1n ? bytes[byte]! | mask : bytes[byte]! & ~mask;
  }
}

export function writeInt(bytes: Uint8Array, offset: number, size: number, value: bigint): void {
  let rest = value;
  for (let i = 0; i < size; i++) {
    bytes[offset + i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function defaultSection(variable: VariableDecl): string {
  if (inArena(variable.type)) return '.addr_space.1';
  return isConst(variable.type) && variable.storage !== 'extern' ? '.rodata' : '.data';
}

function linkageOf(variable: VariableDecl): Linkage {
  if (variable.attributes.weak) return 'weak';
  switch (variable.storage) {
    case 'extern':
      return 'extern';
    case 'global':
      return 'global';
    default:
      return 'static';
  }
}
