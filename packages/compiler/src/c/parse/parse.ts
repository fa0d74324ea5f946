import type { Diagnostics } from '@skep/base';
import type { Btf } from '@skep/object';
import type { TranslationUnit } from '../ast.ts';
import { KnownHelpers } from '../known/helpers.ts';
import { knownTypes } from '../known/types.ts';
import type { Features } from '../preprocess/options.ts';
import type { TokenList } from '../token-list.ts';
import { finishVariables, reportUnused, translationUnit } from './declarations.ts';
import { Parser, TooDeep } from './parser.ts';

export interface ParseOptions {
  /** Errors and warnings go there; it throws `SkepError` when there are too many. */
  readonly diagnostics: Diagnostics;
  /** Answers for types, enumerators and kfuncs when `vmlinux.h` was included without being a file. */
  readonly vmlinux?: Btf | undefined;
  /** What the preprocessor found to be included. */
  readonly features?: Features | undefined;
  /** False: nobody wants to hear of what is only suspicious. */
  readonly warns?: boolean | undefined;
}

/**
 * Parses and checks a preprocessed program. Always gives a tree; ask `diagnostics` whether it may be used: after an
 * error it has holes.
 */
export function parseC(tokens: TokenList, options: ParseOptions): TranslationUnit {
  const { diagnostics, vmlinux, features } = options;
  const types = features?.vmlinux && vmlinux !== undefined ? knownTypes(vmlinux) : undefined;
  const helpers = features?.helpers ? new KnownHelpers() : undefined;
  const parser = new Parser(tokens, diagnostics, types, helpers);
  parser.warns = options.warns ?? true;
  try {
    translationUnit(parser);
    parser.resolveAsmNames();
    finishVariables(parser);
    parser.reportDeferred();
    reportUnused(parser);
  } catch (error) {
    if (!(error instanceof TooDeep)) throw error;
  }
  return { functions: parser.functions, variables: parser.variables };
}
