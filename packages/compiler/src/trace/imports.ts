import { SkepError, type SourceFile, type Span } from '@skep/base';
import type { Script } from './ast.ts';
import { importFailed } from './diagnostics.ts';
import { parseScript } from './parser.ts';
import type { TraceTarget } from './target.ts';

/** A file of C whose functions the script can call. */
export interface ImportedC {
  readonly file: SourceFile;
  /** The import that brought it. */
  readonly span: Span;
}

export interface Imports {
  /** The script, then what it imports, and what that imports; each file once. */
  readonly scripts: readonly Script[];
  readonly c: readonly ImportedC[];
}

/** Follows `import`. Throws E1552. */
export function withImports(root: Script, positional: readonly string[], target: TraceTarget): Imports {
  const scripts: Script[] = [root];
  const c: ImportedC[] = [];
  const seen = new Set<string>();
  const load = (path: string, span: Span, base: string): void => {
    const whole = path.startsWith('/') ? path : `${base}${path}`;
    if (seen.has(whole) || path.startsWith('stdlib/')) return;
    seen.add(whole);
    const text = target.readFile?.(whole);
    if (text === undefined) {
      const files = target.listDirectory?.(whole);
      if (files === undefined) throw new SkepError(importFailed(path, 'there is no such file', span));
      for (const file of files) if (/\.(bt|h|bpf\.c)$/.test(file)) load(`${whole}/${file}`, span, '');
      return;
    }
    if (target.openToAll?.(whole))
      throw new SkepError(
        importFailed(path, 'everybody can write to the directory that it lies in', span, 'move it to one of yours'),
      );
    const file: SourceFile = typeof text === 'string' ? { name: whole, text } : text;
    if (whole.endsWith('.bpf.c')) c.push({ file, span });
    else if (whole.endsWith('.h')) scripts.push({ ...EMPTY, definitions: [{ text: `${file.text}\n`, span }] });
    else if (whole.endsWith('.bt')) {
      const imported = parseScript(file, { positional });
      if (imported.config.length > 0)
        throw new SkepError(importFailed(path, 'a config block belongs to the main script', span));
      scripts.push(imported);
      for (const one of imported.imports) load(one.path, one.span, directoryOf(whole));
    } else throw new SkepError(importFailed(path, 'it is no .bt, .h or .bpf.c', span));
  };
  for (const one of root.imports) load(one.path, one.span, directoryOf(one.span.file.name));
  return { scripts, c };
}

const EMPTY: Script = { definitions: [], config: [], imports: [], macros: [], maps: [], probes: [] };

function directoryOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : '';
}
