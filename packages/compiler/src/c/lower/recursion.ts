import type { DiagnosticNote, Diagnostics, Span } from '@skep/base';
import type { Func, Module } from '../../ir/ir.ts';
import { recursion } from './diagnostics.ts';

/** Refuses functions that reach themselves through calls, once a cycle, with the chain of calls. */
export function refuseRecursion(module: Module, diagnostics: Diagnostics): void {
  const state = new Map<Func, 'open' | 'done'>();
  const path: { readonly func: Func; readonly call: Span | undefined }[] = [];
  const visit = (func: Func, call: Span | undefined): void => {
    const seen = state.get(func);
    if (seen === 'done') return;
    if (seen === 'open') {
      const cycle = path.slice(path.findIndex((step) => step.func === func));
      const names = [...cycle.map((step) => step.func.name), func.name];
      const notes = cycle.slice(1).map(
        (step, i): DiagnosticNote => ({
          message: `'${cycle[i]!.func.name}' calls '${step.func.name}'`,
          span: step.call,
        }),
      );
      diagnostics.add(recursion(names, call ?? func.span, notes));
      return;
    }
    state.set(func, 'open');
    path.push({ func, call });
    for (const block of func.blocks) {
      for (const inst of block.insts) {
        if (inst.kind === 'call' && inst.callee.kind === 'func') visit(inst.callee.func, inst.span);
      }
    }
    path.pop();
    state.set(func, 'done');
  };
  for (const func of module.functions) visit(func, undefined);
}
