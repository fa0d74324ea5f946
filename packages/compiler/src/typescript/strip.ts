import { SkepError, type SourceFile } from '@skep/base';
import { reexport, unsupported } from './diagnostics.ts';
import { childrenOf, type Node, type Program, spanOf } from './syntax.ts';

/** A change of the text; line breaks of what is taken away stay. */
interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * A module as a script that an engine without modules and without TypeScript runs: an expression, a function of `skep`
 * with `import(specifier)`, `exports` and `meta`. Types become blanks, so that lines and nearly all columns stay. Throws
 * E1605 for what is more than types.
 */
export function scriptOf(program: Program, file: SourceFile): string {
  const edits: Edit[] = [];
  const exported: (readonly [outside: string, inside: string])[] = [];
  const blank = (start: number, end: number, text = ''): void => void edits.push({ start, end, text });
  for (const node of program.body) {
    const [start, end] = rangeOf(node);
    switch (node.type) {
      case 'ImportDeclaration': {
        if (node.importKind === 'type') {
          blank(start, end);
          break;
        }
        const from = `await skep.import(${JSON.stringify(node.source.value)});`;
        const names = node.specifiers.flatMap((one) => {
          if (one.type === 'ImportNamespaceSpecifier') return [];
          if (one.type === 'ImportDefaultSpecifier') return [`default: ${one.local.name}`];
          if (one.importKind === 'type') return [];
          return [
            `${one.imported.type === 'Identifier' ? one.imported.name : JSON.stringify(one.imported.value)}: ${one.local.name}`,
          ];
        });
        const namespace = node.specifiers.find((one) => one.type === 'ImportNamespaceSpecifier');
        blank(
          start,
          end,
          namespace
            ? `const ${namespace.local.name} = ${from}`
            : names.length > 0
              ? `const { ${names.join(', ')} } = ${from}`
              : from,
        );
        break;
      }
      case 'ExportNamedDeclaration': {
        if (node.source) throw new SkepError(reexport(spanOf(file, node)));
        if (node.exportKind === 'type') {
          blank(start, end);
          break;
        }
        if (node.declaration) {
          blank(start, rangeOf(node.declaration)[0]);
          for (const name of declaredBy(node.declaration)) exported.push([name, name]);
          erase(node.declaration, edits, file);
        } else {
          for (const one of node.specifiers)
            if (one.type === 'ExportSpecifier' && one.exportKind !== 'type')
              exported.push([
                one.exported.type === 'Identifier' ? one.exported.name : one.exported.value,
                one.local.name,
              ]);
          blank(start, end);
        }
        break;
      }
      case 'ExportAllDeclaration':
        throw new SkepError(reexport(spanOf(file, node)));
      case 'ExportDefaultDeclaration':
        blank(start, rangeOf(node.declaration)[0], 'skep.exports.default = ');
        erase(node.declaration, edits, file);
        break;
      default:
        erase(node, edits, file);
    }
  }
  const names = exported.map(
    ([outside, inside]) => `${JSON.stringify(outside)}: { enumerable: true, get: () => ${inside} }`,
  );
  return `(async (skep) => {${apply(file.text, edits)}\nObject.defineProperties(skep.exports, { ${names.join(', ')} });\n})`;
}

/** Only the types: the module as JavaScript with its imports and exports as they are. */
export function stripTypes(program: Program, file: SourceFile): string {
  const edits: Edit[] = [];
  erase(program, edits, file);
  return apply(file.text, edits);
}

function rangeOf(node: Node): [number, number] {
  return [node.start ?? 0, node.end ?? 0];
}

function declaredBy(node: Node): string[] {
  const { declarations, id } = node as Node & { declarations?: readonly { id: Node }[]; id?: Node };
  return [...(declarations ?? []).map((one) => one.id), id].flatMap((one) =>
    one?.type === 'Identifier' ? [(one as Node & { name: string }).name] : [],
  );
}

/** Statements that say something to the type checker only. */
const DECLARATIONS: ReadonlySet<string> = new Set([
  'TSTypeAliasDeclaration',
  'TSInterfaceDeclaration',
  'TSDeclareFunction',
  'TSTypeAnnotation',
  'TSTypeParameterDeclaration',
  'TSTypeParameterInstantiation',
  'TSIndexSignature',
  'TSDeclareMethod',
]);
const RUNS: ReadonlySet<string> = new Set([
  'TSEnumDeclaration',
  'TSModuleDeclaration',
  'TSParameterProperty',
  'TSImportEqualsDeclaration',
  'TSExportAssignment',
]);

function erase(node: Node, edits: Edit[], file: SourceFile): void {
  const { declare, accessibility, readonly, override, optional, definite, importKind, exportKind, abstract } =
    node as Node & { [flag: string]: unknown };
  const [start, end] = rangeOf(node);
  if (
    DECLARATIONS.has(node.type) ||
    declare === true ||
    ((node.type === 'ImportDeclaration' || node.type === 'ImportSpecifier') && importKind === 'type') ||
    (node.type === 'ExportNamedDeclaration' && exportKind === 'type')
  ) {
    edits.push({ start, end: node.type === 'ImportSpecifier' ? commaBehind(file.text, end) : end, text: '' });
    return;
  }
  if (RUNS.has(node.type)) throw new SkepError(unsupported('namespace', spanOf(file, node)));
  const { expression } = node as Node & { expression?: Node };
  if (
    expression &&
    (node.type === 'TSAsExpression' ||
      node.type === 'TSSatisfiesExpression' ||
      node.type === 'TSNonNullExpression' ||
      node.type === 'TSInstantiationExpression')
  ) {
    erase(expression, edits, file);
    edits.push({ start: rangeOf(expression)[1], end, text: '' });
    // A parenthesis behind the expression is not of the type.
    return;
  }
  if (expression && node.type === 'TSTypeAssertion') {
    edits.push({ start, end: rangeOf(expression)[0], text: '' });
    erase(expression, edits, file);
    return;
  }
  if (accessibility || abstract || override === true || (readonly === true && node.type.startsWith('Class'))) {
    const words =
      /^(?:(?:public|private|protected|static|abstract|override|readonly)\s+)+/.exec(
        file.text.slice(start, end),
      )?.[0] ?? '';
    edits.push({ start, end: start + words.length, text: /\bstatic\b/.test(words) ? 'static ' : '' });
  }
  if (node.type === 'Identifier' && (node as Node & { name?: string }).name === 'this') {
    // A parameter of this name only says its type.
    edits.push({ start, end: commaBehind(file.text, end), text: '' });
    return;
  }
  if (node.type === 'Identifier' || node.type === 'ClassProperty' || node.type === 'VariableDeclarator') {
    const at = markAt(node, file.text);
    if ((optional === true || definite === true) && at !== undefined) edits.push({ start: at, end: at + 1, text: '' });
  }
  const { implements: implemented } = node as Node & { implements?: readonly Node[] };
  if (implemented && implemented.length > 0) {
    const first = rangeOf(implemented[0]!)[0];
    edits.push({ start: file.text.lastIndexOf('implements', first), end: rangeOf(implemented.at(-1)!)[1], text: '' });
  }
  for (const child of childrenOf(node)) if (!implemented?.includes(child)) erase(child, edits, file);
}

/** The `?` or `!` behind a name. */
function markAt(node: Node, text: string): number | undefined {
  const { key, id, name } = node as Node & { key?: Node; id?: Node & { name?: string }; name?: string };
  const from = key ? rangeOf(key)[1] : rangeOf(id ?? node)[0] + ((id ? id.name : name)?.length ?? 0);
  const found = /^\s*[?!]/.exec(text.slice(from));
  return found ? from + found[0].length - 1 : undefined;
}

function commaBehind(text: string, end: number): number {
  const comma = /^\s*,/.exec(text.slice(end));
  return comma ? end + comma[0].length : end;
}

function apply(text: string, edits: readonly Edit[]): string {
  let out = '';
  let at = 0;
  for (const { start, end, text: put } of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (start < at) continue;
    const gone = text.slice(start, end);
    // Blanks keep columns; line breaks keep lines.
    out += text.slice(at, start) + (put === '' ? gone.replace(/[^\r\n]/g, ' ') : put + gone.replace(/[^\r\n]/g, ''));
    at = end;
  }
  return out + text.slice(at);
}
