import type { Tool } from '../frame/tool.ts';
import { opensnoop } from './opensnoop.ts';

/** Every tool, in the order of the help. */
export const TOOLS: readonly Tool[] = [opensnoop];
