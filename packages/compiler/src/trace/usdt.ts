import { parseUsdtArguments as parse, type UsdtArgument } from '@skep/object';

export type { UsdtArgument };

/** The arguments of one place of a probe on x86-64; undefined for what is not known. */
export function parseUsdtArguments(text: string): (UsdtArgument | undefined)[] {
  return parse(text, 'x86_64');
}
