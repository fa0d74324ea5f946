import { SkepError, suggest } from '@skep/base';
import { noMatch } from '../diagnostics.ts';
import { kindOf } from '../probe.ts';
import type { AttachPoint } from './attach-point.ts';

/** Names that match, or the one that is meant. */
export function select(wanted: string, all: readonly string[], { text, span }: AttachPoint): readonly string[] {
  const found = isPattern(wanted) ? filter(wanted, all) : all.includes(wanted) ? [wanted] : [];
  if (found.length === 0) throw new SkepError(noMatch(readable(text), span, suggest(wanted, all)));
  return found;
}

/** `uprobe ./a.out:main`: the kind by its long name. */
export function readable(text: string): string {
  const colon = text.indexOf(':');
  return `${kindOf(text.slice(0, colon)) ?? text.slice(0, colon)} ${text.slice(colon + 1)}`;
}

export function filter(pattern: string, all: readonly string[]): readonly string[] {
  if (pattern === '*') return all;
  const test = globTest(pattern);
  return all.filter((one) => test.test(one));
}

/** A pattern as of file names: `*`, `?`, `[a-z]`. A bracket that opens no set of characters stands for itself. */
export function globTest(pattern: string): RegExp {
  return new RegExp(`^${pattern.replace(/\[[^[\]]+\]|[\s\S]/g, pieceTest)}$`);
}

function pieceTest(piece: string): string {
  if (piece === '*') return '.*';
  if (piece === '?') return '.';
  return setTest(piece) ?? piece.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function setTest(piece: string): string | undefined {
  if (!piece.startsWith('[') || piece.length < 3) return undefined;
  const set = piece.replace(/[\\^]/g, '\\$&');
  try {
    new RegExp(set);
    return set;
  } catch {
    // A range whose end is before its beginning.
    return undefined;
  }
}

export function isPattern(name: string): boolean {
  return /[*?[]/.test(name);
}
