import type { Comparison } from './comparison.ts';
import { FILES } from './comparisons/files.ts';
import { FUNCTIONS } from './comparisons/functions.ts';
import { NETWORK } from './comparisons/network.ts';
import { PROCESSES } from './comparisons/processes.ts';
import { PROCESSORS } from './comparisons/processors.ts';

export const COMPARISONS: readonly Comparison[] = [...PROCESSES, ...FILES, ...NETWORK, ...PROCESSORS, ...FUNCTIONS];
