export { type OptimiseOptions, optimise } from './optimise.ts';
export { loopTailRecursion } from './tail-recursion.ts';
