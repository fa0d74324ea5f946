import { executeTool, optionsOf, refusedOptions, TOOLS, type Tool, traceTool } from '@skep/tools';
import type { Command } from '../command.ts';

/** The tools as commands. Probes of `trace` stand beside scripts, in a command that takes both. */
export const TOOL_COMMANDS: readonly Command[] = TOOLS.filter((one) => one !== traceTool).map(commandOf);

function commandOf(tool: Tool): Command {
  const { name, summary, description, examples } = tool;
  const argument = tool.intervals
    ? { name: 'interval', summary: 'seconds between outputs, and how many of them', required: false, many: true }
    : // A recording has the argument that it was made with.
      tool.argument && { ...tool.argument, unless: 'replay' };
  return {
    name,
    summary,
    ...(description !== undefined && { description }),
    ...(argument && { argument }),
    trailing: { name: 'command', summary: 'run this, show only what it does, and end with it' },
    get options() {
      return [...optionsOf(tool), ...refusedOptions(tool)];
    },
    examples,
    heedsLate: true,
    load: async () => ({ execute: (call) => executeTool(tool, { ...call, attached: () => call.io.heed() }) }),
  };
}
