import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { bundledBtfUrl } from '@skep/abi';
import { type Diagnostic, positionOf } from '@skep/base';
import { compile } from '@skep/compiler';
import { Btf } from '@skep/object';

const FOLDER = new URL('../../../../conformance/compiler/errors/', import.meta.url);

/** One wrong program of a table file, and what the compiler is to say of it. */
export interface WrongProgram {
  readonly table: string;
  readonly name: string;
  /** The main file is `wrong.bpf.c`. */
  readonly files: ReadonlyMap<string, string>;
  /** As the table has them: {@link describe}. */
  readonly expected: readonly string[];
}

export const MAIN = 'wrong.bpf.c';

/**
 * The programs of the tables. `--- name` starts one; its source follows, then `@@ file` and the text of another file that
 * it includes, then what is expected, as {@link describe} writes it, behind `=> `.
 */
export function wrongPrograms(): WrongProgram[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .flatMap((table) => parseTable(table, readFileSync(new URL(table, FOLDER), 'utf8')));
}

export function parseTable(table: string, text: string): WrongProgram[] {
  return text
    .split(/^--- /m)
    .slice(1)
    .map((block) => {
      const lines = block.replace(/\n$/, '').split('\n');
      const files = new Map<string, string>();
      const expected: string[] = [];
      let file = MAIN;
      for (const line of lines.slice(1)) {
        if (line.startsWith('=> ')) expected.push(line.slice(3));
        else if (line.startsWith('@@ ')) file = line.slice(3);
        else files.set(file, `${files.get(file) ?? ''}${line}\n`);
      }
      return { table, name: lines[0]!, files, expected };
    });
}

/** What the compiler says of a program. */
export function diagnose(files: ReadonlyMap<string, string>): readonly Diagnostic[] {
  const result = compile(
    { name: MAIN, text: files.get(MAIN)! },
    { readFile: (path) => files.get(path), vmlinux: kernelTypes },
  );
  return result.ok ? result.warnings : result.diagnostics;
}

/**
 * Diagnostics as lines: `E1201 3:10 'cout' is not declared`, then those of its notes and its help, `note 1:7 …`,
 * `help …`. The file stands before the line when it is not the main one. The kernel's headers are not shown: their lines
 * change.
 */
export function describeDiagnostics(list: readonly Diagnostic[]): string[] {
  return list.flatMap((one) => {
    const severity = one.severity === 'error' ? '' : `${one.severity} `;
    const lines = [`${severity}${one.code} ${place(one.span)}${one.message}`];
    for (const note of one.notes ?? []) lines.push(`note ${place(note.span)}${note.message}`);
    if (one.help !== undefined) lines.push(`help ${one.help}`);
    return lines.map((line) => line.replaceAll('\n', ' '));
  });
}

function place(span: Diagnostic['span']): string {
  if (span === undefined) return '';
  if (span.file.name.startsWith('<built-in>')) return `${span.file.name} `;
  const { line, column } = positionOf(span.file, span.start);
  return `${span.file.name === MAIN ? '' : `${span.file.name}:`}${line}:${column} `;
}

let types: Btf | undefined;

/** The bundled kernel's, the same on every machine. */
function kernelTypes(): Btf {
  types ??= Btf.parse(new Uint8Array(gunzipSync(readFileSync(bundledBtfUrl()))));
  return types;
}

/** The tables with what the compiler says now: for the author of a diagnostic, who reads the difference before it is kept. */
export function rewriteTables(): void {
  const tables = new Map<string, string>();
  for (const { table, name, files } of wrongPrograms()) {
    let text = `--- ${name}\n`;
    for (const [file, source] of files) text += (file === MAIN ? '' : `@@ ${file}\n`) + source;
    for (const line of describeDiagnostics(diagnose(files))) text += `=> ${line}\n`;
    tables.set(table, (tables.get(table) ?? '') + text);
  }
  for (const [table, text] of tables) writeFileSync(new URL(table, FOLDER), text);
}
