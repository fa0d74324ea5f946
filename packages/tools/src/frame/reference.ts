import { optionsOf } from './options.ts';
import type { Tool } from './tool.ts';

/** `docs/tools.md`: every tool with its routes, its options and three examples, from the table. */
export function toolReference(tools: readonly Tool[]): string {
  const common = optionsOf({ ...tools[0]!, options: [] });
  const head = `# The tools

Their names, columns and options are those that users of bcc know. Every tool takes the options at the end of this page, and
\`-- COMMAND\`: then it shows only what that command does, and ends with it. Which of its routes a tool takes, the kernel
decides; what is approximate says so when it starts.

${table(
  ['tool', 'shows', 'routes'],
  tools.map((one) => [`[\`${one.name}\`](#${one.name})`, one.summary, one.routes.map(routeText).join('; ')]),
)}
`;
  const options = `## Options of every tool

${table(
  ['option', 'meaning'],
  common.map((one) => [flags(one), one.summary]),
)}`;
  return `${head}\n${tools.map(section).join('\n')}\n${options}`;
}

function section(tool: Tool): string {
  const argument = tool.intervals ? ' [interval] [times]' : tool.argument ? ` ${argumentText(tool.argument)}` : '';
  const every =
    tool.every === undefined
      ? ''
      : ` It prints every ${tool.every === 1 ? 'second' : `${tool.every} seconds`} unless it is told otherwise.`;
  const parts = [
    `## ${tool.name}\n`,
    `${tool.summary}.${tool.description ? ` ${tool.description}` : ''}${every}\n`,
    `\`\`\`\nskep ${tool.name} [options]${argument} [-- COMMAND]\n\`\`\`\n`,
    `${tool.routes.map((one) => `- route \`${one.name}\`: ${one.kind}${one.misses ? `, misses ${one.misses}` : ''}`).join('\n')}\n`,
  ];
  if (tool.options.length > 0) {
    parts.push(
      table(
        ['option', 'meaning'],
        tool.options.map((one) => [flags(one), one.summary]),
      ),
    );
  }
  for (const { flags, instead } of tool.refused ?? []) parts.push(`- \`${flags}\` is not here: ${instead}`);
  if (tool.everybody) parts.push(`- \`-p\` and \`--cgroup\` are refused: ${tool.everybody}`);
  if (tool.refused || tool.everybody) parts.push('');
  parts.push(`\`\`\`sh\n${tool.examples.map((one) => `${one.line.padEnd(60)} # ${one.does}`).join('\n')}\n\`\`\`\n`);
  parts.push(`[What they print, and how it is read](tools/${tool.name}.md)\n`);
  return parts.join('\n');
}

function argumentText(argument: NonNullable<Tool['argument']>): string {
  return argument.required ? `<${argument.name}>` : `[${argument.name}]`;
}

function routeText(route: Tool['routes'][number]): string {
  return `${route.name} (${route.kind})`;
}

function flags(option: { readonly flags: string; readonly value?: string }): string {
  return `\`${option.flags}${option.value ? ` ${option.value.toUpperCase()}` : ''}\``;
}

function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((one) => one.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return `${line(titles)}${line(titles.map(() => '---'))}${rows.map(line).join('')}`;
}
