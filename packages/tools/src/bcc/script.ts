import { type Diagnostic, SkepError, type SourceFile, type Span } from '@skep/base';
import type { Piece } from './piece.ts';

/**
 * A script that is made from what the user wrote, and knows of each part where it comes from: so what is wrong with it is
 * shown in the user's text.
 */
export class Script {
  text = '';
  private readonly origins: { readonly at: number; readonly end: number; readonly from: Span }[] = [];
  /** What text without an origin of its own stands for. */
  whole: Span;

  constructor(source: SourceFile) {
    this.whole = { file: source, start: 0, end: source.text.length };
  }

  /** What is added from now on is made from this text, and stands for this piece of it unless another is named. */
  within(source: SourceFile, { at, text }: Piece): void {
    this.whole = { file: source, start: at, end: at + text.length };
  }

  add(text: string): void {
    this.made(text, this.whole);
  }

  /** `text` stands for `piece`. */
  from(text: string, piece: Piece): void {
    this.made(text, { file: this.whole.file, start: piece.at, end: piece.at + piece.text.length });
  }

  private made(text: string, from: Span): void {
    this.origins.push({ at: this.text.length, end: this.text.length + text.length, from });
    this.text += text;
  }

  /** What is wrong with the script as what is wrong with the user's text. */
  blame(error: SkepError): SkepError {
    return new SkepError(
      error.diagnostics.map(
        (one): Diagnostic => ({
          ...one,
          span: one.span && this.original(one.span),
          ...(one.notes && { notes: one.notes.map((note) => ({ message: note.message })) }),
        }),
      ),
      error.exitCode,
    );
  }

  private original(span: Span): Span {
    const touched = this.origins.filter((one) => one.at < Math.max(span.end, span.start + 1) && one.end > span.start);
    const first = touched[0]?.from ?? this.whole;
    const own = touched.map((one) => one.from).filter((one) => one.file === first.file);
    const start = Math.min(...own.map((one) => one.start), first.start);
    return { file: first.file, start, end: Math.max(...own.map((one) => one.end), first.end) };
  }
}
