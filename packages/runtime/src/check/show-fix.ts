import { positionOf } from '@skep/base';
import type { Built, Fix } from './try-fixes.ts';

/** A fix as people read it: what it does, where it was tried, and the lines that change. No trailing line break. */
export function renderFix(
  built: Pick<Built, 'name' | 'text'>,
  fix: Fix,
  options: { readonly color?: boolean } = {},
): string {
  const paint = (text: string, code: string) => (options.color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const where = fix.verifiedOn.length > 0 ? ` (tried: accepted by ${fix.verifiedOn.join(', ')})` : '';
  const out = [`  ${paint('fix', '32')}: ${fix.title}${where}`];
  for (const title of fix.also) out.push(`       and ${title}`);
  const width = String(built.text.split('\n').length).length;
  let shift = 0;
  for (const { start, end, text } of fix.edits) {
    const line = positionOf(built, start).line;
    const removed = built.text
      .slice(start, end)
      .split('\n')
      .slice(0, end > start ? undefined : 0);
    if (removed.at(-1) === '') removed.pop();
    const added = text.split('\n');
    if (added.at(-1) === '') added.pop();
    for (const [i, one] of removed.entries())
      out.push(paint(`${String(line + i).padStart(width)} - ${shown(one)}`.trimEnd(), '31'));
    for (const [i, one] of added.entries())
      out.push(paint(`${String(line + shift + i).padStart(width)} + ${shown(one)}`.trimEnd(), '32'));
    shift += added.length - removed.length;
  }
  return out.join('\n');
}

const shown = (line: string): string => line.replaceAll('\t', '    ');
