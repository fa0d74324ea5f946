import type { Tool } from '../frame/tool.ts';
import { biolatency } from './biolatency.ts';
import { execsnoop } from './execsnoop.ts';
import { opensnoop } from './opensnoop.ts';
import { profile } from './profile.ts';
import { runqlat } from './runqlat.ts';
import { syscount } from './syscount.ts';

/** Every tool, in the order of the help. */
export const TOOLS: readonly Tool[] = [biolatency, execsnoop, opensnoop, profile, runqlat, syscount];
