/** A refusal in its source. */
import type { Expr, Stmt } from '@skep/compiler';
import type { ObjectSpec, ProgramSpec } from '@skep/object';
import { type Explanation, placeOf } from '@skep/verifier';
import type { SourceNaming } from '../naming.ts';
import { bare, isExpr, type SourceTree, type TreeNode } from '../source-tree.ts';
import { Editing } from './editing.ts';

export class Site extends Editing {
  readonly naming: SourceNaming;
  readonly program: ProgramSpec;
  readonly object: ObjectSpec;
  readonly explanation: Explanation;

  constructor(
    tree: SourceTree,
    naming: SourceNaming,
    program: ProgramSpec,
    object: ObjectSpec,
    explanation: Explanation,
  ) {
    super(tree);
    this.naming = naming;
    this.program = program;
    this.object = object;
    this.explanation = explanation;
  }

  /** Where it was refused. */
  get offset(): number | undefined {
    return this.tree.offsetOf(this.explanation.source);
  }

  get statement(): TreeNode | undefined {
    const { offset } = this;
    return offset === undefined ? undefined : this.tree.statementAt(offset);
  }

  /** The inline assembly around the refused place, or the only one of a naked program. */
  get statementOfAssembly(): (Stmt & { kind: 'asm' }) | undefined {
    const { offset } = this;
    const around = offset === undefined ? [] : this.tree.around(offset);
    const found =
      around.find(({ it }) => it.kind === 'asm') ??
      this.tree.nodes.find(({ it, fn }) => it.kind === 'asm' && fn.name === this.program.name);
    return found?.it.kind === 'asm' ? found.it : undefined;
  }

  get place(): Expr | undefined {
    return this.naming.placeNode(this.explanation.insn);
  }

  get call(): (Expr & { kind: 'call' }) | undefined {
    const found = this.naming.callNode(this.explanation.insn)?.it;
    return found?.kind === 'call' ? found : undefined;
  }

  /** The argument that the refusal is about. */
  get argument(): Expr | undefined {
    const { argument } = this.explanation.subject;
    const found = argument === undefined ? undefined : this.call?.args[argument - 1];
    return found && bare(found);
  }

  offsetOfSlot(slot: number | undefined): number | undefined {
    return slot === undefined ? undefined : this.tree.offsetOf(placeOf(this.program.lineInfo, slot));
  }

  /** Where `SEC("…")` of the program stands. */
  section(): { readonly start: number; readonly end: number; readonly text: string } | undefined {
    const quoted = this.program.section.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const fn = this.tree.functions.find((one) => one.name === this.program.name);
    if (fn === undefined) return undefined;
    const found = [...this.text.slice(0, fn.span.start).matchAll(new RegExp(`SEC\\(\\s*"(${quoted})"\\s*\\)`, 'g'))].at(
      -1,
    );
    if (found === undefined) return undefined;
    const start = found.index + found[0].indexOf('"') + 1;
    return { start, end: start + found[1]!.length, text: found[1]! };
  }

  /** The statement that made the value that came from an instruction, and the variable it went to. */
  assignment(slot: number | undefined): { readonly statement: TreeNode; readonly variable: string } | undefined {
    const offset = this.offsetOfSlot(slot);
    if (offset === undefined) return undefined;
    const statement = this.tree.statementAt(offset);
    if (statement === undefined || isExpr(statement.it)) return undefined;
    const variable = assigned(statement.it, offset, (it) => this.source(it));
    return variable === undefined ? undefined : { statement, variable };
  }
}

function assigned(statement: Stmt, offset: number, source: (it: Expr) => string): string | undefined {
  if (statement.kind === 'declare') {
    const holder = statement.variables.find(
      ({ init }) => init !== undefined && init.span.start <= offset && offset < init.span.end,
    );
    return (holder ?? statement.variables.find(({ init }) => init !== undefined))?.name;
  }
  if (statement.kind !== 'expression') {
    // `if (!(v = lookup()))` and the like.
    if (statement.kind !== 'if') return undefined;
    return assignmentIn(statement.condition, source);
  }
  return assignmentIn(statement.expr, source);
}

function assignmentIn(expr: Expr, source: (it: Expr) => string): string | undefined {
  switch (expr.kind) {
    case 'assign':
      return source(expr.place);
    case 'cast':
    case 'unary':
      return assignmentIn(expr.operand, source);
    case 'binary':
    case 'logical':
      return assignmentIn(expr.left, source) ?? assignmentIn(expr.right, source);
    default:
      return undefined;
  }
}
