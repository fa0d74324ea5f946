/** The typed tree of a source, asked by place: what stands at a line and column, and around it. */
import { lineStartsOf, type SourceFile } from '@skep/base';
import type { Compiled, Expr, FunctionDecl, Stmt, VariableDecl } from '@skep/compiler';
import type { Place } from '@skep/verifier';

export interface TreeNode {
  readonly it: Expr | Stmt;
  readonly parent: TreeNode | undefined;
  readonly fn: FunctionDecl;
}

/** What a node refers to stands elsewhere in the tree, or is no node. */
const ELSEWHERE = new Set([
  'type',
  'variable',
  'function',
  'signature',
  'record',
  'field',
  'entity',
  'computeType',
  'ofType',
  'span',
  'enumerator',
]);

export class SourceTree {
  readonly file: SourceFile;
  /** Of the source itself, not of what it includes, in the order of the tree. */
  readonly nodes: readonly TreeNode[];
  readonly functions: readonly FunctionDecl[];

  constructor(file: SourceFile, tree: Compiled['tree']) {
    this.file = file;
    this.functions = tree.functions.filter((one) => one.body !== undefined && this.isHere(one.body.span.file));
    const nodes: TreeNode[] = [];
    for (const fn of this.functions) {
      const pending: { value: unknown; parent: TreeNode | undefined }[] = [{ value: fn.body, parent: undefined }];
      while (pending.length > 0) {
        const { value, parent } = pending.pop()!;
        if (Array.isArray(value)) {
          for (let i = value.length - 1; i >= 0; i--) pending.push({ value: value[i], parent });
          continue;
        }
        if (typeof value !== 'object' || value === null || value instanceof Uint8Array) continue;
        let inside = parent;
        if (isNode(value)) {
          inside = { it: value, parent, fn };
          if (this.isHere(value.span.file)) nodes.push(inside);
        }
        const fields = Object.entries(value);
        for (let i = fields.length - 1; i >= 0; i--) {
          const [name, child] = fields[i]!;
          if (!ELSEWHERE.has(name)) pending.push({ value: child, parent: inside });
        }
      }
    }
    this.nodes = nodes;
  }

  private isHere(file: SourceFile): boolean {
    return file === this.file || (file.name === this.file.name && file.text === this.file.text);
  }

  offsetOf(place: Place | undefined): number | undefined {
    if (place === undefined || place.file !== this.file.name) return undefined;
    const start = lineStartsOf(this.file)[place.line - 1];
    return start === undefined ? undefined : start + Math.max(0, place.column - 1);
  }

  /** Nodes that hold the place, the innermost first. */
  around(offset: number): TreeNode[] {
    return this.nodes
      .filter(({ it }) => it.span.start <= offset && offset < Math.max(it.span.end, it.span.start + 1))
      .sort((a, b) => a.it.span.end - a.it.span.start - (b.it.span.end - b.it.span.start));
  }

  /** Expressions that start there, the outermost first. */
  startingAt(offset: number): TreeNode[] {
    return this.nodes
      .filter(({ it }) => it.span.start === offset && isExpr(it))
      .sort((a, b) => b.it.span.end - a.it.span.end);
  }

  text(it: { readonly span: Expr['span'] }): string {
    return it.span.file.text.slice(it.span.start, it.span.end);
  }

  /** The statement around a place that stands in a block by itself, or is the body of another without braces. */
  statementAt(offset: number): TreeNode | undefined {
    return this.statementOf(this.around(offset)[0]);
  }

  statementOf(node: TreeNode | undefined): TreeNode | undefined {
    for (let at = node; at !== undefined; at = at.parent) {
      if (isExpr(at.it) || at.it.kind === 'compound-stmt') continue;
      // `else if`: what is put before the inner one would come between.
      const { parent } = at;
      if (at.it.kind === 'if' && parent?.it.kind === 'if' && parent.it.else === at.it) continue;
      // The parts of `for (;;)` are no place for statements.
      if (parent?.it.kind === 'for' && parent.it.body !== at.it) continue;
      return at;
    }
    return undefined;
  }

  /** Where a local variable or a parameter is declared in this source. */
  localsOf(fn: FunctionDecl): readonly VariableDecl[] {
    return [...fn.params, ...fn.locals].filter((one) => this.isHere(one.span.file));
  }
}

export function isExpr(it: Expr | Stmt): it is Expr {
  return 'type' in it;
}

function isNode(value: object): value is Expr | Stmt {
  return (
    'kind' in value &&
    'span' in value &&
    typeof value.kind === 'string' &&
    value.kind !== 'variable' &&
    value.kind !== 'function'
  );
}

/** Without the conversions that the parser wrote out. */
export function bare(expr: Expr): Expr {
  let at = expr;
  while (at.kind === 'cast' && at.implicit) at = at.operand;
  return at;
}

/** The variable that a place is part of. */
export function rootVariable(expr: Expr): VariableDecl | undefined {
  for (let at: Expr = expr; ; ) {
    switch (at.kind) {
      case 'var':
        return at.variable;
      case 'cast':
        at = at.operand;
        break;
      case 'member':
      case 'address':
        at = at.place;
        break;
      case 'index':
        at = at.base;
        break;
      default:
        return undefined;
    }
  }
}
