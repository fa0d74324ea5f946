export type * from './c/ast.ts';
export type { CType } from './c/ctype.ts';
export { printTree } from './c/print-tree.ts';
export { asArray, asRecord, integerOf, pointee, printType, sizeOf, strip } from './c/types.ts';
export * from './compile.ts';
export { parseModule } from './ir/parse.ts';
export { printModule } from './ir/print.ts';
export * from './trace/index.ts';
