export { printTree } from './c/print-tree.ts';
export * from './compile.ts';
export { parseModule } from './ir/parse.ts';
export { printModule } from './ir/print.ts';
