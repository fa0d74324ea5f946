export * from './btf/btf.ts';
export * from './btf/builder.ts';
export { retypeContexts } from './btf/context-arguments.ts';
export * from './btf/ext.ts';
export * from './btf/flavour.ts';
export type * from './btf/model.ts';
export { CORE_KINDS } from './btf/model.ts';
export * from './btf/print-c.ts';
export * from './btf/print-raw.ts';
export * from './btf/sanitize.ts';
export { typesCompatible } from './core/compatible.ts';
export { POISON_HELPER } from './core/patch.ts';
export * from './core/relocate.ts';
export * from './demangle.ts';
export { aboutFile } from './diagnostics.ts';
export * from './dwarf/debug-info.ts';
export {
  type DebugMember,
  type DebugRecord,
  type DebugType,
  plainDebugType,
  showDebugType,
  sizeOfDebugType,
} from './dwarf/types.ts';
export type { DebugSections } from './dwarf/unit.ts';
export * from './elf/constants.ts';
export type * from './elf/model.ts';
export * from './elf/read.ts';
export * from './elf/write.ts';
export * from './insn/assemble.ts';
export * from './insn/decode.ts';
export * from './insn/disassemble.ts';
export * from './insn/encode.ts';
export * from './insn/model.ts';
export * from './insn/slots.ts';
export * from './link/assembled.ts';
export * from './link/link.ts';
export * from './open/open.ts';
export { withSection } from './open/programs.ts';
export { PLAIN_MAP, PLAIN_PROGRAM } from './plain.ts';
export type * from './spec.ts';
export * from './usdt-arguments.ts';
export type * from './variables.ts';
