import type { Expr, Initializer, Stmt, TranslationUnit, VariableDecl } from '../ast.ts';

/** The variables that something in the file assigns to, steps, or takes the address of. */
export function writtenVariables(tree: TranslationUnit): ReadonlySet<VariableDecl> {
  const written = new Set<VariableDecl>();
  const write = (place: Expr): void => {
    let at = place;
    while (at.kind === 'member' || (at.kind === 'index' && at.ofArray)) at = at.kind === 'member' ? at.place : at.base;
    if (at.kind === 'var' || at.kind === 'compound') written.add(at.variable);
  };
  const init = (initializer: Initializer | undefined): void => {
    for (const part of initializer?.parts ?? []) expr(part.value);
  };
  const expr = (e: Expr): void => {
    switch (e.kind) {
      case 'assign':
        write(e.place);
        expr(e.place);
        expr(e.value);
        return;
      case 'step':
        write(e.operand);
        expr(e.operand);
        return;
      case 'address':
        write(e.place);
        expr(e.place);
        return;
      case 'cast':
        if (e.op === 'decay') write(e.operand);
        expr(e.operand);
        return;
      case 'unary':
        expr(e.operand);
        return;
      case 'binary':
      case 'logical':
      case 'comma':
        expr(e.left);
        expr(e.right);
        return;
      case 'conditional':
        expr(e.condition);
        expr(e.then);
        expr(e.else);
        return;
      case 'deref':
        expr(e.pointer);
        return;
      case 'member':
        expr(e.place);
        return;
      case 'index':
        expr(e.base);
        expr(e.subscript);
        return;
      case 'call':
        expr(e.callee);
        e.args.forEach(expr);
        return;
      case 'builtin':
        e.args.forEach(expr);
        return;
      case 'compound':
        init(e.variable.init);
        return;
      case 'statement':
        e.body.forEach(stmt);
        if (e.value !== undefined) expr(e.value);
        return;
      case 'int':
      case 'string':
      case 'var':
      case 'func':
        return;
    }
  };
  const stmt = (s: Stmt): void => {
    switch (s.kind) {
      case 'compound-stmt':
        s.body.forEach(stmt);
        return;
      case 'expression':
        expr(s.expr);
        return;
      case 'declare':
        for (const variable of s.variables) init(variable.init);
        return;
      case 'if':
        expr(s.condition);
        stmt(s.then);
        if (s.else !== undefined) stmt(s.else);
        return;
      case 'while':
      case 'do':
        expr(s.condition);
        stmt(s.body);
        return;
      case 'for':
        if (s.init !== undefined) stmt(s.init);
        if (s.condition !== undefined) expr(s.condition);
        if (s.step !== undefined) expr(s.step);
        stmt(s.body);
        return;
      case 'switch':
        expr(s.value);
        stmt(s.body);
        return;
      case 'case':
      case 'default':
      case 'label':
        stmt(s.body);
        return;
      case 'return':
        if (s.value !== undefined) expr(s.value);
        return;
      case 'barrier':
        for (const place of s.places) {
          write(place);
          expr(place);
        }
        return;
      case 'break':
      case 'continue':
      case 'empty':
      case 'goto':
        return;
    }
  };
  for (const variable of tree.variables) init(variable.init);
  for (const decl of tree.functions) {
    for (const local of decl.locals) if (local.storage === 'static-local') init(local.init);
    if (decl.body !== undefined) stmt(decl.body);
  }
  return written;
}
