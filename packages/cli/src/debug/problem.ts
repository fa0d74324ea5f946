import { SkepError } from '@skep/base';
import { badDebugCommand } from '../diagnostics.ts';

/** E7020, to be thrown: the session prints it and goes on. */
export function problem(message: string, help?: string): SkepError {
  return new SkepError(badDebugCommand(message, help));
}
