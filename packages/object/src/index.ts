export * from './btf/btf.ts';
export * from './btf/builder.ts';
export type * from './btf/model.ts';
export { CORE_KINDS } from './btf/model.ts';
export type * from './elf/model.ts';
export * from './insn/model.ts';
export type * from './spec.ts';
