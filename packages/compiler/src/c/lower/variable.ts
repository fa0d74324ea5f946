import type { Span } from '@skep/base';
import type { Variable } from '../../ir/ir.ts';
import type { VariableDecl } from '../ast.ts';
import type { CType } from '../ctype.ts';
import { asArray, asRecord, complete, printType, sizeOf } from '../types.ts';

/** A local variable as the passes know it, who only want to say where it is. */
export function variableOf(decl: VariableDecl): Variable {
  return describe(decl.name, decl.type, decl.span);
}

function describe(name: string, type: CType, declaration: Span | undefined): Variable {
  const parts = new Map<string, Variable | undefined>();
  let text: string | undefined;
  return {
    name,
    declaration,
    get type() {
      text ??= printType(type);
      return text;
    },
    part(offset, size) {
      const key = `${offset} ${size}`;
      if (!parts.has(key)) {
        const found = partOf(type, offset, size);
        parts.set(key, found && describe(`${name}${found.path}`, found.type, declaration));
      }
      return parts.get(key);
    },
  };
}

/** The way to what lies at an offset, through members and elements; of a union, to the first that fits. */
function partOf(type: CType, offset: number, size: number): { path: string; type: CType } | undefined {
  const array = asArray(type);
  if (array !== undefined) {
    const step = sizeOf(array.of) ?? 0;
    if (step === 0) return undefined;
    const index = Math.floor(offset / step);
    return below(`[${index}]`, partOf(array.of, offset - index * step, size));
  }
  const record = asRecord(type);
  if (record === undefined) return offset === 0 && sizeOf(type) === size ? { path: '', type } : undefined;
  for (const field of complete(record)?.fields ?? []) {
    const start = field.bitOffset / 8;
    if (field.bitWidth !== undefined || offset < start || offset + size > start + (sizeOf(field.type) ?? 0)) continue;
    const found = partOf(field.type, offset - start, size);
    if (found !== undefined) return field.name === undefined ? found : below(`.${field.name}`, found);
  }
  return undefined;
}

function below(path: string, found: { path: string; type: CType } | undefined) {
  return found && { path: path + found.path, type: found.type };
}
