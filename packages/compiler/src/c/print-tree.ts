import { positionOf, type Span } from '@skep/base';
import type { Expr, FunctionDecl, Initializer, Stmt, TranslationUnit, VariableDecl } from './ast.ts';
import { printType } from './types.ts';

/** The typed tree as indented text, one node a line with its type and place: what `--emit=ast` shows. */
export function printTree(tree: TranslationUnit): string {
  const out = new Lines();
  for (const variable of tree.variables) printVariable(out, variable, 0);
  for (const decl of tree.functions) {
    if (decl.body !== undefined || decl.used) printFunction(out, decl);
  }
  return out.text();
}

class Lines {
  private readonly lines: string[] = [];

  add(depth: number, text: string, span?: Span): void {
    const at = span === undefined ? '' : `  @${positionOf(span.file, span.start).line}`;
    this.lines.push(`${'  '.repeat(depth)}${text}${at}`);
  }

  text(): string {
    return this.lines.length === 0 ? '' : `${this.lines.join('\n')}\n`;
  }
}

function printFunction(out: Lines, decl: FunctionDecl): void {
  const words = ['function', decl.storage, printType(decl.type, decl.name)];
  if (decl.helper !== undefined) words.push(`helper ${decl.helper}`);
  if (decl.attributes.section !== undefined) words.push(`section ${JSON.stringify(decl.attributes.section)}`);
  if (decl.attributes.alwaysInline) words.push('always_inline');
  if (decl.attributes.noinline) words.push('noinline');
  out.add(0, words.join(' '), decl.span);
  if (decl.body !== undefined) printStmt(out, decl.body, 1);
}

function printVariable(out: Lines, variable: VariableDecl, depth: number): void {
  const words = ['variable', variable.storage, printType(variable.type, variable.name)];
  if (variable.attributes.section !== undefined) words.push(`section ${JSON.stringify(variable.attributes.section)}`);
  out.add(depth, words.join(' '), variable.span);
  printInit(out, variable.init, depth + 1);
}

function printInit(out: Lines, init: Initializer | undefined, depth: number): void {
  for (const part of init?.parts ?? []) {
    const bits = part.bitField && ` bits ${part.bitField.bitOffset}+${part.bitField.bitWidth}`;
    out.add(depth, `at ${part.offset}${bits ?? ''}: ${printType(part.type)}`);
    printExpr(out, part.value, depth + 1);
  }
}

function printStmt(out: Lines, s: Stmt, depth: number): void {
  const inner = depth + 1;
  switch (s.kind) {
    case 'compound-stmt':
      out.add(depth, '{}', s.span);
      for (const one of s.body) printStmt(out, one, inner);
      return;
    case 'expression':
      printExpr(out, s.expr, depth);
      return;
    case 'declare':
      for (const variable of s.variables) printVariable(out, variable, depth);
      return;
    case 'if':
      out.add(depth, 'if', s.span);
      printExpr(out, s.condition, inner);
      printStmt(out, s.then, inner);
      if (s.else !== undefined) {
        out.add(depth, 'else');
        printStmt(out, s.else, inner);
      }
      return;
    case 'while':
    case 'do':
      out.add(depth, unrolled(s.kind, s.unroll), s.span);
      printExpr(out, s.condition, inner);
      printStmt(out, s.body, inner);
      return;
    case 'for':
      out.add(depth, unrolled('for', s.unroll), s.span);
      if (s.init !== undefined) printStmt(out, s.init, inner);
      if (s.condition !== undefined) printExpr(out, s.condition, inner);
      if (s.step !== undefined) printExpr(out, s.step, inner);
      printStmt(out, s.body, inner);
      return;
    case 'switch':
      out.add(depth, 'switch', s.span);
      printExpr(out, s.value, inner);
      printStmt(out, s.body, inner);
      return;
    case 'case':
      out.add(depth, s.value === s.last ? `case ${s.value}` : `case ${s.value} ... ${s.last}`, s.span);
      printStmt(out, s.body, inner);
      return;
    case 'default':
      out.add(depth, 'default', s.span);
      printStmt(out, s.body, inner);
      return;
    case 'return':
      out.add(depth, 'return', s.span);
      if (s.value !== undefined) printExpr(out, s.value, inner);
      return;
    case 'goto':
      out.add(depth, `goto ${s.label}`, s.span);
      return;
    case 'label':
      out.add(depth, `label ${s.label}`, s.span);
      printStmt(out, s.body, inner);
      return;
    case 'barrier':
      out.add(depth, 'barrier', s.span);
      for (const place of s.places) printExpr(out, place, inner);
      return;
    case 'asm':
      out.add(depth, `asm ${JSON.stringify(s.template)}`, s.span);
      for (const { expr } of [...s.outputs, ...s.inputs]) printExpr(out, expr, inner);
      return;
    default:
      out.add(depth, s.kind, s.span);
  }
}

function unrolled(word: string, unroll: string | number): string {
  return unroll === 'default' ? word : `${word} unroll ${unroll}`;
}

function printExpr(out: Lines, e: Expr, depth: number): void {
  out.add(depth, `${headOf(e)}: ${printType(e.type)}`, e.span);
  const inner = depth + 1;
  switch (e.kind) {
    case 'int':
    case 'float':
    case 'string':
    case 'var':
    case 'func':
      return;
    case 'unary':
    case 'step':
    case 'cast':
      printExpr(out, e.operand, inner);
      return;
    case 'binary':
    case 'logical':
    case 'comma':
      printExpr(out, e.left, inner);
      printExpr(out, e.right, inner);
      return;
    case 'conditional':
      printExpr(out, e.condition, inner);
      printExpr(out, e.then, inner);
      printExpr(out, e.else, inner);
      return;
    case 'assign':
      printExpr(out, e.place, inner);
      printExpr(out, e.value, inner);
      return;
    case 'deref':
      printExpr(out, e.pointer, inner);
      return;
    case 'address':
    case 'member':
      printExpr(out, e.place, inner);
      return;
    case 'index':
      printExpr(out, e.base, inner);
      printExpr(out, e.subscript, inner);
      return;
    case 'call':
      printExpr(out, e.callee, inner);
      for (const arg of e.args) printExpr(out, arg, inner);
      return;
    case 'builtin':
      for (const arg of e.args) printExpr(out, arg, inner);
      return;
    case 'compound':
      printInit(out, e.variable.init, inner);
      return;
    case 'statement':
      for (const one of e.body) printStmt(out, one, inner);
      if (e.value !== undefined) printExpr(out, e.value, inner);
      return;
  }
}

function headOf(e: Expr): string {
  switch (e.kind) {
    case 'int':
      return e.enumerator === undefined ? `int ${e.value}` : `int ${e.value} (${e.enumerator.name})`;
    case 'float':
      return `float ${e.value}`;
    case 'string':
      return `string ${JSON.stringify(String.fromCharCode(...e.bytes.subarray(0, 80)))}`;
    case 'var':
      return `var ${e.variable.name}`;
    case 'func':
      return `func ${e.function.name}`;
    case 'unary':
    case 'binary':
    case 'logical':
      return `${e.kind} ${e.op}`;
    case 'step':
      return e.prefix ? `step ${e.op}x` : `step x${e.op}`;
    case 'assign':
      return `assign ${e.op ?? ''}=`;
    case 'member':
      return `member .${e.field.name ?? '(unnamed)'} #${e.index}${e.record.preserveAccessIndex ? ' relocated' : ''}`;
    case 'builtin':
      return `builtin ${e.name}${e.ofType === undefined ? '' : ` (${printType(e.ofType)})`}`;
    case 'cast':
      return `cast ${e.op}${e.implicit ? ' implicit' : ''}`;
    default:
      return e.kind;
  }
}
