import { SkepError } from '@skep/base';
import { compileToTree } from '../compile.ts';
import type { CTypes } from './c-types.ts';
import { importFailed } from './diagnostics.ts';
import type { ImportedC } from './imports.ts';
import type { TraceTarget } from './target.ts';
import type { TraceType } from './type.ts';

/** A function in C that a script can call: it takes and gives what fits a register. */
export interface CFunctionType {
  readonly params: readonly TraceType[];
  readonly result: TraceType;
}

/** What stands in front of C that others wrote. */
export const C_HEADERS = '#include "vmlinux.h"\n#include <bpf/bpf_helpers.h>';

/** The functions that imported files define. Throws E1552 where one of them is no C. */
export function cFunctions(
  imported: readonly ImportedC[],
  types: CTypes,
  target: TraceTarget,
): ReadonlyMap<string, CFunctionType> {
  const found = new Map<string, CFunctionType>();
  const btf = target.btf?.();
  for (const { file, span } of imported) {
    const result = compileToTree(
      { name: file.name, text: `${C_HEADERS}\n#line 1\n${file.text}` },
      { ...(btf && { vmlinux: btf }), ...(target.readFile && { readFile: (path) => target.readFile!(path) }) },
    );
    if (!result.ok) {
      const { message, help } = result.diagnostics[0]!;
      throw new SkepError(importFailed(file.name, message, span, help ?? 'it is C, compiled by itself'));
    }
    for (const { name, type, body } of result.value.functions) {
      if (body === undefined || type.kind !== 'function' || type.variadic) continue;
      const params = type.params.map((one) => types.convert(one.type));
      found.set(name, { params, result: types.convert(type.result) });
    }
  }
  return found;
}
