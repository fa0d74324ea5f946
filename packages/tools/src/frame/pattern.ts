import { EXIT, SkepError } from '@skep/base';
import { badPattern } from '../diagnostics.ts';

/** Whether a text has what a regular expression describes; everything has what nobody asked for. Throws E9032. */
export function matching(expression: string | undefined): (text: string) => boolean {
  if (expression === undefined) return () => true;
  try {
    const pattern = new RegExp(expression);
    return (text) => pattern.test(text);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^.*: /, '') : String(error);
    throw new SkepError(badPattern(expression, why), EXIT.usage);
  }
}
