import { type Diagnostic, Diagnostics, positionOf, SkepError } from '@skep/base';
import type { Btf } from '@skep/object';
import type { TranslationUnit } from '../../src/c/ast.ts';
import { parseC } from '../../src/c/parse/parse.ts';
import { preprocess } from '../../src/c/preprocess/preprocess.ts';

export interface Parsed {
  readonly tree: TranslationUnit | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** `E1201:3`: code and line, in order. */
  readonly codes: readonly string[];
}

/** Preprocesses and parses a text; never throws for what is wrong with it. */
export function parseText(text: string, options: { vmlinux?: Btf; helpers?: boolean; limit?: number } = {}): Parsed {
  const diagnostics = new Diagnostics(options.limit ?? 100);
  let tree: TranslationUnit | undefined;
  try {
    const { tokens } = preprocess({ name: 'test.c', text }, { diagnostics });
    tree = parseC(tokens, {
      warns: false,
      diagnostics,
      vmlinux: options.vmlinux,
      features: { vmlinux: options.vmlinux !== undefined, helpers: options.helpers ?? false },
    });
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
  }
  const codes = diagnostics.list.map(
    ({ code, span }) => `${code}:${span ? positionOf(span.file, span.start).line : '?'}`,
  );
  return { tree, diagnostics: diagnostics.list, codes };
}
