/** Less on the stack. */
import type { FunctionDecl, VariableDecl } from '@skep/compiler';
import { asArray, printType, sizeOf } from '@skep/compiler';
import type { Edit, Editing, Proposal } from './editing.ts';

/** E2125: the largest variable of a function goes to a map with an entry for each CPU. */
export function* scratchMap(site: Editing): Generator<Proposal> {
  const candidates: { fn: FunctionDecl; variable: VariableDecl; bytes: number }[] = [];
  for (const fn of site.tree.functions) {
    for (const variable of site.tree.localsOf(fn)) {
      const bytes = sizeOf(variable.type) ?? 0;
      if (variable.storage === 'local' && bytes >= 64) candidates.push({ fn, variable, bytes });
    }
  }
  candidates.sort((a, b) => b.bytes - a.bytes);
  for (const { fn, variable } of candidates.slice(0, 4)) {
    const edits = intoMap(site, fn, variable);
    if (edits !== undefined)
      yield { title: `keep \`${variable.name}\` in a per-CPU array instead of on the stack`, edits };
  }
}

function intoMap(site: Editing, fn: FunctionDecl, variable: VariableDecl): Edit[] | undefined {
  const declared = site.declaration(variable);
  const body = fn.body;
  if (declared?.it.kind !== 'declare' || declared.it.variables.length !== 1 || body === undefined) return undefined;
  const { name } = variable;
  const array = asArray(variable.type);
  const edits: Edit[] = [];
  const map = `${name}_scratch`;
  const head = lineStartAbove(site, fn);
  const value = array ? printType(variable.type, name).replace(/;$/, '') : printType(variable.type);
  const typed = array ? `typedef ${printType(variable.type, `${map}_t`)};\n` : '';
  edits.push({
    start: head,
    end: head,
    text: `${typed}struct {\n${site.unit}__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);\n${site.unit}__uint(max_entries, 1);\n${site.unit}__type(key, __u32);\n${site.unit}__type(value, ${array ? `${map}_t` : value});\n} ${map} SEC(".maps");\n\n`,
  });
  const indent = site.indentAt(declared.it.span.start);
  const element = array ? printType(array.of, `*${name}`) : `${printType(variable.type)} *${name}`;
  const zero = variable.init === undefined ? [] : [`__builtin_memset(${name}, 0, ${sizeOf(variable.type)});`];
  const end =
    declared.it.span.end +
    (site.text[declared.it.span.end - 1] === ';'
      ? 0
      : (/^\s*;/.exec(site.text.slice(declared.it.span.end))?.[0].length ?? 0));
  edits.push({
    start: declared.it.span.start,
    end,
    text: [
      '__u32 zero = 0;',
      `${element} = (void *)bpf_map_lookup_elem(&${map}, &zero);`,
      ...site.leaveIf(`!${name}`, fn),
      ...zero,
    ].join(`\n${indent}`),
  });
  const rest = site.text.slice(end, body.span.end);
  const uses = new RegExp(
    `sizeof\\s*\\(\\s*${name}\\s*\\)|&\\s*${name}\\b(?!\\s*[.[])|\\b${name}\\s*\\.(?=\\s*\\w)|(?<![\\w.>])${name}\\b`,
    'g',
  );
  for (const found of rest.matchAll(uses)) {
    const [text] = found;
    const start = end + found.index;
    let now: string | undefined;
    if (text.startsWith('sizeof')) now = String(sizeOf(variable.type));
    else if (text.startsWith('&')) now = name;
    else if (!array && text.endsWith('.')) now = `${name}->`;
    if (now !== undefined) edits.push({ start, end: start + text.length, text: now });
  }
  return edits;
}

/** The line on which the function's definition begins, with what stands right above it. */
function lineStartAbove(site: Editing, fn: FunctionDecl): number {
  const before = site.text.slice(0, fn.span.start);
  const blank = before.lastIndexOf('\n\n');
  const semicolon = Math.max(before.lastIndexOf(';\n'), before.lastIndexOf('}\n'));
  if (blank > semicolon) return blank + 2;
  return semicolon < 0 ? 0 : semicolon + 2;
}
