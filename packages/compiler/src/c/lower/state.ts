import type { Block, Func, Value } from '../../ir/ir.ts';
import type { FunctionDecl, VariableDecl } from '../ast.ts';
import type { Emitter } from './emitter.ts';
import type { Unit } from './unit.ts';

/** What lowering knows while it is inside one function. */
export interface FunctionState {
  readonly unit: Unit;
  readonly decl: FunctionDecl;
  readonly func: Func;
  readonly b: Emitter;
  /** The addresses of parameters and locals. */
  readonly slots: Map<VariableDecl, Value>;
  readonly labels: Map<string, Block>;
  /** Where `break` and `continue` go, innermost last. */
  readonly breaks: Exit[];
  readonly continues: Exit[];
  /** Variables in scope whose `cleanup` is due when they go out of it, innermost last. */
  readonly cleanups: VariableDecl[];
  /** How many of them are in scope at each label, once a `goto` has asked. */
  labelDepths: ReadonlyMap<string, number> | undefined;
  readonly switches: SwitchState[];
  /** Where a struct result is written. */
  result: Value | undefined;
  /** How many `__builtin_preserve_access_index` are around. */
  preserving: number;
}

/** `depth`: how many cleanups are in scope there. */
export interface Exit {
  readonly block: Block;
  readonly depth: number;
}

export interface SwitchState {
  readonly cases: { readonly value: bigint; readonly last: bigint; readonly block: Block }[];
  otherwise: Block | undefined;
}
