import { EXIT, SkepError, suggest } from '@skep/base';
import { parseFormat, SCHEMA } from '@skep/view';
import { readRecording } from 'skep';
import { noSuchTool, nothingRecorded } from '../diagnostics.ts';
import { executeTool, type ToolCall } from '../frame/execute.ts';
import { toolNamed } from './record-tools.ts';
import { recordedTools } from './recorded-tool.ts';

export interface ReplayCall {
  readonly path: string;
  /** Only this tool; all in turn when not given. */
  readonly tool: string | undefined;
  readonly output: string;
  readonly filter: string | undefined;
  readonly io: ToolCall['io'];
}

/**
 * Shows what each tool of a recording has seen, as the tool does. JSON lines of several tools say which it is (`tool`), and
 * JSON has a member for each. Throws E9021, E9022.
 */
export async function executeReplay(call: ReplayCall): Promise<number> {
  const { io } = call;
  const recording = await readRecording(call.path);
  const recorded = recordedTools(recording);
  if (recorded.length === 0) throw new SkepError(nothingRecorded(call.path), EXIT.usage);
  if (call.tool !== undefined && !recorded.includes(call.tool))
    throw new SkepError(noSuchTool(call.tool, suggest(call.tool, recorded), recorded), EXIT.usage);
  const names = call.tool === undefined ? recorded : [call.tool];
  const { kind } = parseFormat(call.output);
  const several = call.tool === undefined;
  if (several && kind === 'json') io.out(`{"schema":"${SCHEMA}","tools":{`);
  for (const [i, name] of names.entries()) {
    if (several && kind === 'json') io.out(`${i === 0 ? '' : ','}\n${JSON.stringify(name)}:`);
    else if (several && kind !== 'jsonl' && kind !== 'none')
      io.out(kind === 'yaml' ? `# ${name}\n` : `${i === 0 ? '' : '\n'}── ${name} ──\n`);
    const marked = (text: string) => io.out(text.replace(/^\{/gm, `{"tool":${JSON.stringify(name)},`));
    await executeTool(toolNamed(name), {
      ...{ args: [], trailing: [], recording },
      options: {
        text: (option) => ({ output: call.output, filter: call.filter, home: 'auto' })[option],
        number: () => undefined,
        flag: () => false,
        list: () => [],
      },
      io: { ...io, terminal: false, ...(several && kind === 'jsonl' && { out: marked }) },
    });
  }
  if (several && kind === 'json') io.out('}}\n');
  return EXIT.ok;
}
