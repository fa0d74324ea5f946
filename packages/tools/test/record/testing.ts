import { executeTool, optionName, optionsOf, TOOLS, type Tool, type ToolCall } from '../../src/index.ts';

export function tool(name: string): Tool {
  return TOOLS.find((one) => one.name === name)!;
}

type Given = { readonly [option: string]: string | number | boolean | readonly string[] };

/** A tool's command line without a command line: what it writes. */
export async function outputOf(
  one: Tool,
  given: Given,
  more: Partial<ToolCall> = {},
): Promise<{ readonly out: string; readonly err: string }> {
  const written = { out: '', err: '' };
  await executeTool(one, {
    args: [],
    trailing: [],
    ...more,
    options: optionValues(one, given),
    io: {
      out: (text) => {
        written.out += text;
      },
      err: (text) => {
        written.err += text;
      },
      color: false,
      signal: new AbortController().signal,
    },
  });
  return written;
}

function optionValues(one: Tool, given: Given): ToolCall['options'] {
  const fallbacks = optionsOf(one).filter((it) => it.fallback !== undefined);
  const values: Given = {
    ...Object.fromEntries(fallbacks.map((it) => [optionName(it.flags), it.fallback!])),
    ...given,
  };
  return {
    text: (name) => (typeof values[name] === 'string' ? (values[name] as string) : undefined),
    number: (name) => (typeof values[name] === 'number' ? (values[name] as number) : undefined),
    flag: (name) => values[name] === true,
    list: (name) => (Array.isArray(values[name]) ? values[name] : []),
  };
}
