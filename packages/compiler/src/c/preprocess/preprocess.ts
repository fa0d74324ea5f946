import type { SourceFile } from '@skep/base';
import { defineOption } from './diagnostics.ts';
import type { PreprocessOptions, PreprocessResult } from './options.ts';
import { predefinedMacros } from './predefined.ts';
import { Preprocessor } from './preprocessor.ts';

export type { Features, PreprocessOptions, PreprocessResult } from './options.ts';
export { printTokens } from './print.ts';

/**
 * Translation phases 1 to 4 of C11 over `file` and all that it includes: what the parser reads. Problems go to
 * `options.diagnostics`; tokens are given in any case, ending where an error left nothing to go on with.
 */
export function preprocess(file: SourceFile, options: PreprocessOptions): PreprocessResult {
  const preludes = [predefinedMacros(options.cpu ?? 'v3')];
  const fromOptions = optionText(options);
  if (fromOptions !== '') preludes.push({ name: '<command line>', text: fromOptions });
  const preprocessor = new Preprocessor(options);
  preprocessor.run(preludes, file);
  const { reading, inclusion } = preprocessor;
  return {
    tokens: reading.out,
    features: inclusion.features,
    dependencies: reading.dependencies,
    includedAt: inclusion.includedAt,
    warnings: reading.warnings,
  };
}

/** The options `-D`, `-U` and `-include` as directives. */
function optionText(options: PreprocessOptions): string {
  let text = '';
  for (const define of options.defines ?? []) {
    const equals = define.indexOf('=');
    const left = equals < 0 ? define : define.slice(0, equals);
    const name = left.split('(', 1)[0]!;
    if (!isIdentifier(name) || define.includes('\n') || (left !== name && !left.endsWith(')'))) {
      options.diagnostics.add(defineOption(`-D${define}`));
      continue;
    }
    text += `#define ${left} ${equals < 0 ? '1' : define.slice(equals + 1)}\n`;
  }
  for (const name of options.undefines ?? []) {
    if (isIdentifier(name)) text += `#undef ${name}\n`;
    else options.diagnostics.add(defineOption(`-U${name}`));
  }
  for (const path of options.includes ?? []) text += `#include ${JSON.stringify(path)}\n`;
  return text;
}

function isIdentifier(text: string): boolean {
  return /^[A-Za-z_$][A-Za-z0-9_$]*$/.test(text);
}
