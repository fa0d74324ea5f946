import type { Diagnostic, Severity } from './diagnostic.ts';
import { lineText, positionOf, type Span } from './source.ts';

/** How diagnostics are shown. */
export interface RenderOptions {
  readonly color?: boolean;
  /** Lines of source shown before the one that is pointed at. */
  readonly context?: number;
}

/** A diagnostic as people read it: one headline, the code frame, the notes, the advice. No trailing line break. */
export function renderDiagnostic(diagnostic: Diagnostic, options: RenderOptions = {}): string {
  const paint = options.color ? paintAnsi : paintNothing;
  const out = [
    `${paint(`${diagnostic.severity}[${diagnostic.code}]`, SEVERITY_STYLE[diagnostic.severity])}${paint(`: ${diagnostic.message}`, 'bold')}`,
  ];
  if (diagnostic.span) out.push(...frame(diagnostic.span, paint, options.context ?? 1));
  for (const note of diagnostic.notes ?? []) {
    out.push(`  ${paint('note', 'cyan')}: ${note.message}`);
    if (note.span) out.push(...frame(note.span, paint, 0));
  }
  if (diagnostic.help) out.push(`  ${paint('help', 'green')}: ${diagnostic.help}`);
  return out.join('\n');
}

/** {@link renderDiagnostic} of each, with an empty line between. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[], options: RenderOptions = {}): string {
  return diagnostics.map((one) => renderDiagnostic(one, options)).join('\n\n');
}

type Style = 'red' | 'yellow' | 'cyan' | 'green' | 'bold' | 'dim';
type Paint = (text: string, style: Style) => string;

const SEVERITY_STYLE: Record<Severity, Style> = { error: 'red', warning: 'yellow', note: 'cyan' };
const ANSI: Record<Style, string> = { red: '31;1', yellow: '33;1', cyan: '36', green: '32', bold: '1', dim: '2' };
const paintAnsi: Paint = (text, style) => `\x1b[${ANSI[style]}m${text}\x1b[0m`;
const paintNothing: Paint = (text) => text;

const TAB = '    ';
const MAX_LINE = 200;

function frame(span: Span, paint: Paint, context: number): string[] {
  const start = positionOf(span.file, span.start);
  const end = positionOf(span.file, Math.max(span.start, span.end));
  const width = String(start.line).length;
  const bar = paint('|', 'dim');
  const out = [`${' '.repeat(width)}${paint('-->', 'dim')} ${span.file.name}:${start.line}:${start.column}`];
  for (let line = Math.max(1, start.line - context); line <= start.line; line++) {
    const text = lineText(span.file, line).slice(0, MAX_LINE).replaceAll('\t', TAB);
    out.push(`${paint(String(line).padStart(width), 'dim')} ${bar} ${text}`.trimEnd());
  }
  const raw = lineText(span.file, start.line).slice(0, MAX_LINE);
  const lead = raw.slice(0, start.column - 1).replaceAll('\t', TAB).length;
  const stop = end.line === start.line ? end.column - 1 : raw.length;
  const marked = raw.slice(start.column - 1, stop).replaceAll('\t', TAB).length;
  out.push(`${' '.repeat(width)} ${bar} ${' '.repeat(lead)}${paint('^'.repeat(Math.max(1, marked)), 'red')}`);
  return out;
}
