export { type OptimiseOptions, optimise } from './optimise.ts';
