// @ts-check
export { boot } from './src/boot.mjs';
export { fetchKernel, fetchModules, KERNELS } from './src/kernels.mjs';
export { Missing, whyNotBoot } from './src/tools.mjs';
