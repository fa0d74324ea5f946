import { execFileSync } from 'node:child_process';
import { Diagnostics } from '@skep/base';
import { lexText } from '../src/c/lexer.ts';
import { textAt } from '../src/c/preprocess/macro.ts';
import type { PreprocessOptions } from '../src/c/preprocess/options.ts';
import { preprocess } from '../src/c/preprocess/preprocess.ts';

/** Preprocesses a text, with other files beside it. */
export function run(text: string, files: Record<string, string> = {}, options: Partial<PreprocessOptions> = {}) {
  const diagnostics = new Diagnostics(1000);
  const result = preprocess({ name: 'main.c', text }, { diagnostics, readFile: (path) => files[path], ...options });
  const texts: string[] = [];
  for (let i = 0; i < result.tokens.length - 1; i++) texts.push(result.tokens.text(i));
  return { ...result, texts, text: texts.join(' '), diagnostics: diagnostics.list };
}

/** The spellings of all tokens of a text. */
export function spellings(text: string): string[] {
  const lexed = lexText(text);
  return Array.from({ length: lexed.count - 1 }, (_, i) => textAt(lexed, i));
}

export const clang = (() => {
  try {
    execFileSync('clang-19', ['--version'], { stdio: 'ignore' });
    return 'clang-19';
  } catch {
    return undefined;
  }
})();
