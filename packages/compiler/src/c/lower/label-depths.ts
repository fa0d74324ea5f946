import type { Stmt } from '../ast.ts';
import type { FunctionState } from './state.ts';

/** How many of the cleanups that are in scope now are also in scope at a label: those beyond are due on a jump there. */
export function cleanupsAt(fn: FunctionState, label: string): number {
  if (fn.cleanups.length === 0) return 0;
  fn.labelDepths ??= labelDepths(fn.decl.body!);
  return fn.labelDepths.get(label) ?? fn.cleanups.length;
}

/** How many cleanups are in scope at each label of a function. */
function labelDepths(body: Stmt): Map<string, number> {
  const found = new Map<string, number>();
  const walk = (s: Stmt, depth: number): number => {
    switch (s.kind) {
      case 'declare':
        return depth + s.variables.filter((one) => one.attributes.cleanup !== undefined).length;
      case 'label':
        found.set(s.label, depth);
        return walk(s.body, depth);
      case 'compound-stmt': {
        let inner = depth;
        for (const one of s.body) inner = walk(one, inner);
        return depth;
      }
      case 'if':
        walk(s.then, depth);
        if (s.else !== undefined) walk(s.else, depth);
        return depth;
      case 'for':
        walk(s.body, s.init === undefined ? depth : walk(s.init, depth));
        return depth;
      case 'while':
      case 'do':
      case 'switch':
      case 'case':
      case 'default':
        walk(s.body, depth);
        return depth;
      default:
        return depth;
    }
  };
  walk(body, 0);
  return found;
}
