import { CONFIG_NAMES, DEFAULTS } from './config.ts';
import { FUNCTION_GROUPS } from './functions/index.ts';
import { PROBE_KINDS, SAMPLE_COUNTS } from './probe.ts';

/** The tables of docs/trace-language.md, made from those that the compiler reads. */
export function traceReference(): string {
  return [
    '## Probes',
    table(
      ['probe', 'short', 'fires'],
      PROBE_KINDS.map(({ kind, short, form, summary }) => [code(form || kind), short.map(code).join(' '), summary]),
    ),
    `Events of \`software\`: ${Object.keys(SAMPLE_COUNTS.software).join(', ')}. Of \`hardware\`: ${Object.keys(SAMPLE_COUNTS.hardware).join(', ')}.`,
    '## Functions and builtins',
    'What takes no argument can be written without parentheses.',
    ...FUNCTION_GROUPS.flatMap(({ title, functions }) => [
      `### ${title}`,
      table(
        ['call', 'does'],
        functions.map(({ signature, summary }) => [code(signature), summary]),
      ),
    ]),
    '## Settings',
    'In a `config = { name = value; … }` block at the top, or in the environment as `BPFTRACE_NAME`, which goes first.',
    table(
      ['setting', 'default'],
      CONFIG_NAMES.map((name) => [code(name), code(String(DEFAULTS[name]))]),
    ),
  ].join('\n\n');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((one) => one.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}
