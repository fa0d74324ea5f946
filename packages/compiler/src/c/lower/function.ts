import { removeUnreachable } from '../../ir/graph.ts';
import type { Func } from '../../ir/ir.ts';
import type { FunctionDecl } from '../ast.ts';
import { asFunction, sizeOf } from '../types.ts';
import { Emitter } from './emitter.ts';
import { slotOf } from './place.ts';
import type { FunctionState } from './state.ts';
import { defaultResult, lowerStatement } from './statement.ts';
import { isAggregate } from './types.ts';
import type { Unit } from './unit.ts';

/** Writes the body of a function: every parameter and local gets stack memory, which a pass turns into values. */
export function lowerFunction(unit: Unit, decl: FunctionDecl, func: Func): void {
  const b = new Emitter(func);
  const fn: FunctionState = {
    unit,
    decl,
    func,
    b,
    slots: new Map(),
    labels: new Map(),
    breaks: [],
    continues: [],
    cleanups: [],
    labelDepths: undefined,
    switches: [],
    result: undefined,
    preserving: 0,
  };
  const params = [...func.params];
  if (isAggregate(asFunction(decl.type)!.result)) fn.result = params.shift();
  for (const [i, variable] of decl.params.entries()) {
    const param = params[i];
    if (param === undefined) break;
    b.span = variable.span;
    // A struct parameter is a pointer to the caller's copy.
    if (isAggregate(variable.type)) fn.slots.set(variable, param);
    else b.store(param, slotOf(fn, variable), { align: sizeOf(variable.type) ?? 8 });
  }
  b.span = decl.body!.span;
  lowerStatement(fn, decl.body!);
  if (!b.terminated) b.return(defaultResult(fn));
  // The verifier refuses code that cannot run.
  removeUnreachable(func);
}
