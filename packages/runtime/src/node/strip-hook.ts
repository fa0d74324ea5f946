import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { renderDiagnostics, SkepError } from '@skep/base';
import { parseTypeScript, stripTypes } from '@skep/compiler';

interface Loaded {
  readonly format: string;
  readonly source?: string;
  readonly shortCircuit?: boolean;
}

/** Node's hook for the text of a module (`module.register`). */
export async function load(
  url: string,
  context: object,
  next: (url: string, context: object) => Promise<Loaded>,
): Promise<Loaded> {
  if (!/^file:.*\.m?ts(\?|$)/.test(url)) return next(url, context);
  const name = fileURLToPath(url.replace(/\?.*$/, ''));
  const file = { name, text: await readFile(name, 'utf8') };
  try {
    return { format: 'module', source: stripTypes(await parseTypeScript(file), file), shortCircuit: true };
  } catch (error) {
    if (error instanceof SkepError) throw new SyntaxError(renderDiagnostics(error.diagnostics, { color: false }));
    throw error;
  }
}
