import type { Command } from '../command.ts';
import { completionCommand } from './completion.ts';
import { COST_COMMAND } from './cost.ts';
import { CORE_COMMANDS } from './index.ts';
import { RECORD_COMMAND } from './record.ts';
import { REPLAY_COMMAND } from './replay.ts';
import { TOOL_COMMANDS } from './tools.ts';
import { TOP_COMMAND } from './top.ts';
import { TRACE_COMMAND } from './trace-table.ts';

/** All commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  ...CORE_COMMANDS,
  TRACE_COMMAND,
  ...TOOL_COMMANDS,
  RECORD_COMMAND,
  REPLAY_COMMAND,
  TOP_COMMAND,
  COST_COMMAND,
  completionCommand(() => COMMANDS),
];
