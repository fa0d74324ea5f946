import { renderDiagnostics, SkepError, suggest } from '@skep/base';
import { HeldCommand } from 'skep';
import { noSuchTool } from '../diagnostics.ts';
import { executeTool, type ToolCall } from '../frame/execute.ts';
import { optionName, optionsOf } from '../frame/options.ts';
import type { Tool } from '../frame/tool.ts';
import { TOOLS } from '../tools/index.ts';
import { RecordSession } from './session.ts';

export interface RecordCall {
  /** The recording. */
  readonly path: string;
  /** Names of tools, and of {@link GROUPS}. */
  readonly tools: readonly string[];
  /** They see only what this does, and end with it. */
  readonly command: readonly string[];
  /** Milliseconds. */
  readonly duration: number | undefined;
  readonly io: { err(text: string): void; readonly color: boolean; readonly signal: AbortSignal };
}

/** Short names for what belongs together. */
export const GROUPS: { readonly [name: string]: readonly string[] } = {
  exec: ['execsnoop', 'exitsnoop'],
  open: ['opensnoop'],
  tcp: ['tcplife', 'tcpconnlat', 'tcpretrans'],
  sched: ['runqlat', 'offcputime'],
  disk: ['biosnoop', 'biolatency'],
};

/**
 * Records several tools into one file, until the command, the duration or Ctrl-C ends it. A tool that finds no hooks here is
 * left out, and said to be. Throws E9021, E8019, and what the tools throw when none of them can start.
 */
export async function executeRecord(call: RecordCall): Promise<number> {
  const tools = toolsOf(call.tools);
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, call.io.signal]);
  const command = call.command.length > 0 ? await HeldCommand.start(call.command) : undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const session = new RecordSession(call.path, call.command);
    try {
      const failures: unknown[] = [];
      const running: Promise<void>[] = [];
      for (const tool of tools) {
        // One after the other: what compiles keeps the others from reading their rings.
        await new Promise<void>((started) => {
          const together = { session, pid: command?.pid, started };
          const io = { ...call.io, out: () => {}, signal };
          const one = executeTool(tool, { args: [], trailing: [], options: silent(tool), io, together });
          running.push(
            one.then(
              () => started(),
              (error: unknown) => {
                failures.push(error);
                call.io.err(`${tool.name} is left out:\n${textOf(error, call.io.color)}\n`);
                started();
              },
            ),
          );
        });
      }
      if (failures.length === tools.length) throw failures[0];
      if (call.duration !== undefined) timer = setTimeout(() => stop.abort(), call.duration);
      command?.go();
      void command?.ended.then(() => stop.abort());
      await Promise.all(running);
    } finally {
      session.close();
    }
    return 0;
  } finally {
    clearTimeout(timer);
    command?.kill();
  }
}

/** Throws E9021. */
function toolsOf(names: readonly string[]): Tool[] {
  const wanted = names.flatMap((name) => GROUPS[name] ?? [name]);
  return [...new Set(wanted)].map(toolNamed);
}

/** Throws E9021. */
export function toolNamed(name: string): Tool {
  const found = TOOLS.find((one) => one.name === name);
  if (found) return found;
  const names = [...Object.keys(GROUPS), ...TOOLS.map((one) => one.name)];
  throw new SkepError(noSuchTool(name, suggest(name, names), names), 2);
}

/** A tool's options as they are when nothing is said, with nothing shown. */
function silent(tool: Tool): ToolCall['options'] {
  const fallbacks = new Map(optionsOf(tool).map((one) => [optionName(one.flags), one.fallback]));
  return {
    text: (name) => (name === 'output' ? 'none' : fallbacks.get(name)),
    number: () => undefined,
    flag: () => false,
    list: () => [],
  };
}

function textOf(error: unknown, color: boolean): string {
  if (error instanceof SkepError) return renderDiagnostics(error.diagnostics, { color });
  return error instanceof Error ? error.message : String(error);
}
