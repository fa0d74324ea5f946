import { type Diagnostic, type Diagnostics, type Span, suggest } from '@skep/base';
import type { VariableDecl } from '../ast.ts';
import type { CType } from '../ctype.ts';
import { asArray, asFunction, asRecord, complete, isComplete, isVoid, pointee, printType } from '../types.ts';

/**
 * What is wrong with the definition of a map, where it is written: loaders would say it much later, and without a place.
 * Members that loaders may yet learn are only warned of.
 */
export function checkMapDefinition(diagnostics: Diagnostics, variable: VariableDecl): void {
  const record = asRecord(variable.type);
  if (record === undefined) return;
  const names = new Set<string>();
  for (const { name, type, span } of complete(record)?.fields ?? []) {
    if (name === undefined) continue;
    names.add(name);
    const at = span ?? variable.span;
    if (!MEMBERS.includes(name)) diagnostics.add(unknownMember(variable.name, name, at));
    else if (name === 'key' || name === 'value') checkPointee(diagnostics, variable, name, type, at);
  }
  if (names.size > 0 && !names.has('type')) diagnostics.add(noType(variable.name, variable.span));
}

/** As libbpf knows them (`parse_btf_map_def`). */
const MEMBERS = [
  'type',
  'max_entries',
  'map_flags',
  'numa_node',
  'key_size',
  'value_size',
  'key',
  'value',
  'values',
  'pinning',
  'map_extra',
];

/** `__type(key, …)` is a pointer to the type. */
function checkPointee(diagnostics: Diagnostics, variable: VariableDecl, name: string, type: CType, span: Span): void {
  const target = pointee(type);
  if (target === undefined) return;
  const isWhole = isComplete(target) && !isVoid(target) && asFunction(target) === undefined;
  if (!isWhole && asArray(target)?.count !== 0) diagnostics.add(noSize(variable.name, name, target, span));
}

function unknownMember(map: string, name: string, span: Span): Diagnostic {
  const near = suggest(name, MEMBERS);
  return {
    code: 'W1450',
    severity: 'warning',
    message: `map '${map}' has a member '${name}', which libbpf does not know`,
    span,
    help: near === undefined ? `it knows ${MEMBERS.join(', ')}` : `did you mean '${near}'?`,
  };
}

function noType(map: string, span: Span): Diagnostic {
  return {
    code: 'W1451',
    severity: 'warning',
    message: `map '${map}' has no type: it cannot be loaded`,
    span,
    help: 'add `__uint(type, BPF_MAP_TYPE_HASH);`, or another type',
  };
}

function noSize(map: string, name: string, type: CType, span: Span): Diagnostic {
  return {
    code: 'E1375',
    severity: 'error',
    message: `the ${name}s of map '${map}' have the incomplete type '${printType(type)}', so that their size is not known`,
    span,
    help: 'define the type before the map, or correct its name',
  };
}
