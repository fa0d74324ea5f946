import { lineText, positionOf, type Span } from '@skep/base';

/** Where a script's output goes, as text or as JSON, a line each. */
export class Printer {
  readonly json: boolean;
  private readonly write: (text: string) => void;
  /** Messages that are no data. */
  private readonly say: (text: string) => void;
  private readonly warnings: boolean;

  constructor(options: {
    readonly json: boolean;
    readonly warnings: boolean;
    readonly write: (text: string) => void;
    readonly say: (text: string) => void;
  }) {
    this.json = options.json;
    this.write = options.write;
    this.say = options.say;
    this.warnings = options.warnings;
  }

  /** Text that a script prints: of `kind` in JSON. */
  text(kind: string, text: string): void {
    this.write(this.json ? `{"type": "${kind}", "data": ${JSON.stringify(text)}}\n` : text);
  }

  value(text: string, json: () => string): void {
    this.write(this.json ? `{"type": "value", "data": ${json()}}\n` : `${text}\n`);
  }

  /** What is formatted already. */
  raw(text: string): void {
    this.write(text);
  }

  attached(count: number): void {
    if (this.json) this.write(`{"type": "attached_probes", "count": ${count}, "data": {"probes": ${count}}}\n`);
    else this.say(`Attached ${count} probe${count === 1 ? '' : 's'}\n`);
  }

  lost(count: number): void {
    if (this.json) this.write(`{"type": "lost_events", "data": {"events": ${count}}}\n`);
    else this.say(`Lost ${count} events\n`);
  }

  /** An error or a warning at a place of the script, with the line and where the macros were called. */
  message(
    severity: 'ERROR' | 'WARNING',
    text: string,
    span: Span,
    expandedAt: readonly Span[] = [],
    more?: string,
  ): void {
    if (severity === 'WARNING' && !this.warnings) return;
    this.say(`${place(span)}: ${severity}: ${text}\n${more === undefined ? '' : `${more}\n`}${excerpt(span)}`);
    for (const one of expandedAt) this.say(`${place(one)}: ${severity}: expanded from\n${excerpt(one)}`);
  }

  /** What a helper of the kernel answered. */
  helperError(
    action: {
      readonly helper: string;
      readonly message: string;
      readonly span: Span;
      readonly expandedAt: readonly Span[];
    },
    code: bigint,
  ): void {
    const { helper, message, span } = action;
    if (this.json) {
      const { line, column } = positionOf(span.file, span.start);
      this.write(
        `{"type": "helper_error", "msg": ${JSON.stringify(message)}, "helper": "${helper}", "retcode": ${code}, "filename": ${JSON.stringify(span.file.name)}, "line": ${line}, "col": ${column}}\n`,
      );
      return;
    }
    const text = helper.startsWith('probe_read') ? `Failed to ${helper}: ${message} (${code})` : message;
    this.message('WARNING', text, span, action.expandedAt, `Additional Info - helper: ${helper}, retcode: ${code}`);
  }

  note(text: string): void {
    this.say(`${text}\n`);
  }
}

/** `script.bt:1:9-62`: one line, columns from 1; several lines are named by the first and the last. */
export function place(span: Span): string {
  const from = positionOf(span.file, span.start);
  const to = positionOf(span.file, span.end);
  return from.line === to.line
    ? `${span.file.name}:${from.line}:${from.column}-${to.column}`
    : `${span.file.name}:${from.line}-${to.line}`;
}

function excerpt(span: Span): string {
  const from = positionOf(span.file, span.start);
  const to = positionOf(span.file, span.end);
  const line = lineText(span.file, from.line);
  if (from.line !== to.line) return `${line}\n`;
  return `${line}\n${' '.repeat(from.column - 1)}${'~'.repeat(Math.max(1, to.column - from.column))}\n`;
}
