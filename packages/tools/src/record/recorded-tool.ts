import type { RecordedHook, RecordedTool, Recording, RecordingBlock } from '@skep/capture';
import { optionName, optionsOf } from '../frame/options.ts';
import type { Given, Tool } from '../frame/tool.ts';

/** Names of the tools that a recording can show again, in the order they were started. */
export function recordedTools(recording: Recording): string[] {
  return recording.blocks.flatMap((one) => (one.kind === 'tool' ? [one.tool.name] : []));
}

/** What of a recording belongs to one tool, as a recording of its own: `section` says where its programs go. */
export function partOf(
  recording: Recording,
  name: string,
  section: (tool: RecordedTool, program: string) => string | undefined,
): { readonly tool: RecordedTool; readonly recording: Recording } | undefined {
  let tool: RecordedTool | undefined;
  let mine = false;
  const hooks = new Set<number>();
  const blocks: RecordingBlock[] = [];
  for (const block of recording.blocks) {
    if (block.kind === 'tool') {
      // Of a tool that was recorded twice, the first.
      mine = block.tool.name === name && tool === undefined;
      if (mine) tool = block.tool;
    } else if (block.kind === 'hook') {
      if (!mine) continue;
      const program = tool!.programs[hooks.size];
      hooks.add(block.hook.id);
      const place = program === undefined ? undefined : section(tool!, program);
      const hook: RecordedHook = place === undefined ? block.hook : { ...block.hook, section: place };
      blocks.push({ kind: 'hook', hook });
    } else if (block.kind === 'btf') {
      if (mine) blocks.push(block);
    } else if (block.kind !== 'run' || hooks.has(block.run.hook)) blocks.push(block);
  }
  if (tool === undefined) return undefined;
  return { tool, recording: { ...recording, header: { ...recording.header, globals: tool.globals }, blocks } };
}

type Options = Pick<Given, 'text' | 'number' | 'flag' | 'list'>;

/** What a command line says of a tool's own options, for its recording. */
export function spoken(tool: Tool, options: Options): RecordedTool['options'] {
  const found: { [name: string]: string | number | boolean | readonly string[] } = {};
  for (const { flags, value, fallback } of tool.options) {
    const name = optionName(flags);
    if (value === undefined) {
      if (options.flag(name)) found[name] = true;
      continue;
    }
    const list = options.list(name);
    const said = options.text(name) ?? options.number(name) ?? (list.length > 0 ? list : undefined);
    if (said !== undefined && said !== fallback) found[name] = said;
  }
  return found;
}

/** Options of the command line over those of the recording. */
export function over(options: Options, recorded: RecordedTool['options'], tool: Tool): Options {
  const fallbacks = new Map(optionsOf(tool).map((one) => [optionName(one.flags), one.fallback]));
  const of = (name: string) => recorded[name];
  return {
    text: (name) => {
      const said = options.text(name);
      const before = of(name);
      if (typeof before === 'string' && (said === undefined || said === fallbacks.get(name))) return before;
      return said;
    },
    number: (name) => {
      const before = of(name);
      return options.number(name) ?? (typeof before === 'number' ? before : undefined);
    },
    flag: (name) => options.flag(name) || of(name) === true,
    list: (name) => {
      const said = options.list(name);
      const before = of(name);
      return said.length > 0 || !Array.isArray(before) ? said : before;
    },
  };
}
