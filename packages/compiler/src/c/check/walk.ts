import type { Expr, Initializer, Stmt } from '../ast.ts';

/** The operands of an expression, in an order in which they can be evaluated: values before what they are assigned to. */
export function forEachOperand(e: Expr, visit: (e: Expr) => void): void {
  switch (e.kind) {
    case 'unary':
    case 'cast':
    case 'step':
      visit(e.operand);
      return;
    case 'binary':
    case 'logical':
    case 'comma':
      visit(e.left);
      visit(e.right);
      return;
    case 'conditional':
      visit(e.condition);
      visit(e.then);
      visit(e.else);
      return;
    case 'assign':
      visit(e.value);
      visit(e.place);
      return;
    case 'deref':
      visit(e.pointer);
      return;
    case 'address':
    case 'member':
      visit(e.place);
      return;
    case 'index':
      visit(e.base);
      visit(e.subscript);
      return;
    case 'call':
      visit(e.callee);
      for (const one of e.args) visit(one);
      return;
    case 'builtin':
      for (const one of e.args) visit(one);
      return;
    case 'compound':
      if (e.variable.init !== undefined) forEachInitial(e.variable.init, visit);
      return;
    default:
  }
}

export function forEachInitial(init: Initializer, visit: (e: Expr) => void): void {
  for (const part of init.parts) visit(part.value);
}

/** The expressions of one statement itself, and the statements inside, in the order in which they run. */
export function forEachPart(s: Stmt, onExpr: (e: Expr) => void, onStmt: (s: Stmt) => void): void {
  switch (s.kind) {
    case 'compound-stmt':
      for (const one of s.body) onStmt(one);
      return;
    case 'expression':
      onExpr(s.expr);
      return;
    case 'declare':
      for (const one of s.variables) if (one.init !== undefined) forEachInitial(one.init, onExpr);
      return;
    case 'if':
      onExpr(s.condition);
      onStmt(s.then);
      if (s.else !== undefined) onStmt(s.else);
      return;
    case 'while':
      onExpr(s.condition);
      onStmt(s.body);
      return;
    case 'do':
      onStmt(s.body);
      onExpr(s.condition);
      return;
    case 'for':
      if (s.init !== undefined) onStmt(s.init);
      if (s.condition !== undefined) onExpr(s.condition);
      onStmt(s.body);
      if (s.step !== undefined) onExpr(s.step);
      return;
    case 'switch':
      onExpr(s.value);
      onStmt(s.body);
      return;
    case 'case':
    case 'default':
    case 'label':
      onStmt(s.body);
      return;
    case 'return':
      if (s.value !== undefined) onExpr(s.value);
      return;
    case 'barrier':
      for (const one of s.places) onExpr(one);
      return;
    case 'asm':
      for (const one of s.inputs) onExpr(one.expr);
      for (const one of s.outputs) onExpr(one.expr);
      return;
    default:
  }
}
