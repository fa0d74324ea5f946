import type { SourceFile, Span } from '@skep/base';
import type { MacroNode, MapDeclaration, ProbeNode, Script } from './ast.ts';
import { parseProbe } from './parse/attach-points.ts';
import { parseConfig, parseDefinition, parseMacro, parseMapDeclaration } from './parse/declarations.ts';
import { TokenReader } from './parse/token-reader.ts';

export interface ParseOptions {
  /** `$1`, `$2` … in attach points. */
  readonly positional: readonly string[];
}

/** Parses a script. Throws SkepError with E150x. */
export function parseScript(file: SourceFile, options: ParseOptions): Script {
  const p = new TokenReader(file, options.positional);
  const definitions: { text: string; span: Span }[] = [];
  const config: { name: string; value: string; span: Span }[] = [];
  const imports: { path: string; span: Span }[] = [];
  const macros: MacroNode[] = [];
  const maps: MapDeclaration[] = [];
  const probes: ProbeNode[] = [];
  for (;;) {
    p.lexer.skip();
    const { position } = p.lexer;
    const rest = file.text.slice(position, position + 32);
    if (rest === '') break;
    if (rest[0] === '#' || (/^(struct|union|enum|typedef)\b/.test(rest) && probes.length === 0))
      definitions.push(parseDefinition(p));
    else if (/^config\s*=/.test(rest)) {
      p.advance();
      config.push(...parseConfig(p));
    } else if (/^import\b/.test(rest)) {
      p.advance();
      const { start } = p.token;
      p.advance();
      const path = p.expect('string', 'a path in quotes');
      imports.push({ path: path.text, span: p.from(start) });
      p.semicolon(path.end);
    } else if (/^macro\b/.test(rest)) {
      p.advance();
      macros.push(parseMacro(p));
    } else if (/^let\b/.test(rest)) {
      p.advance();
      maps.push(parseMapDeclaration(p));
    } else probes.push(parseProbe(p));
  }
  return { definitions, config, imports, macros, maps, probes };
}
