import type { Span } from '@skep/base';
import type { Expr, FunctionDecl, Stmt, VariableDecl } from '../ast.ts';
import { setButUnused, uninitialised, unusedParameter, unusedVariable } from '../parse/diagnostics.ts';
import type { Parser } from '../parse/parser.ts';
import { isScalar, isVolatile } from '../types.ts';
import { forEachInitial, forEachOperand, forEachPart } from './walk.ts';

/** Variables that nobody reads, and those that are read before they can have a value. */
export function checkVariables(p: Parser, decl: FunctionDecl): void {
  const uses = new Uses();
  uses.statement(decl.body!);
  for (const variable of decl.locals) {
    if (variable.name.startsWith('.') || variable.attributes.unused || variable.attributes.cleanup) continue;
    const seen = uses.variables.get(variable);
    if (!variable.used && !variable.mentioned) p.reportLate(unusedVariable(variable.span, variable.name));
    else if (variable.storage !== 'local') continue;
    else if (seen !== undefined && !seen.escapes && seen.reads.length === 0 && seen.writes.length > 0) {
      if (!variable.mentioned && isScalar(variable.type) && !isVolatile(variable.type))
        p.reportLate(setButUnused(variable.span, variable.name));
    } else if (seen !== undefined) {
      const span = readTooEarly(variable, seen, uses.jumps);
      if (span !== undefined) p.reportLate(uninitialised(span, variable.name, variable.span));
    }
  }
  // The kernel says which parameters a program has.
  if (decl.attributes.section !== undefined) return;
  for (const param of decl.params)
    if (param.name !== '' && !param.used && !param.mentioned && !param.attributes.unused)
      p.reportLate(unusedParameter(param.span, param.name));
}

/** Where a scalar is read though nothing that could have run before has written it. */
function readTooEarly(variable: VariableDecl, seen: Seen, jumps: boolean): Span | undefined {
  if (variable.init !== undefined || seen.escapes || !isScalar(variable.type) || isVolatile(variable.type)) return;
  if (jumps && seen.writes.length > 0) return;
  return seen.reads.find(
    (read) =>
      !seen.writes.some((write) => write.order < read.order || write.loops.some((one) => read.loops.includes(one))),
  )?.span;
}

interface Use {
  readonly order: number;
  readonly span: Span;
  /** The loops around it: what one round writes the next one reads. */
  readonly loops: readonly Stmt[];
}
interface Seen {
  readonly reads: Use[];
  readonly writes: Use[];
  /** Its address is taken, or it is used in a way that is not followed. */
  escapes: boolean;
}

class Uses {
  readonly variables = new Map<VariableDecl, Seen>();
  /** The order of the text says nothing about the order in which things happen. */
  jumps = false;
  private order = 0;
  private loops: readonly Stmt[] = [];

  statement(s: Stmt): void {
    const outer = this.loops;
    if (s.kind === 'label') this.jumps = true;
    if (s.kind === 'while' || s.kind === 'do' || s.kind === 'for') this.loops = [...outer, s];
    if (s.kind === 'barrier') {
      for (const place of s.places) this.written(place, true);
    } else if (s.kind === 'asm') {
      for (const { expr, constraint } of s.inputs) {
        this.expression(expr);
        if (/[+m]/.test(constraint)) this.written(expr, true);
      }
      for (const { expr, constraint } of s.outputs) this.written(expr, /[+m]/.test(constraint));
    } else if (s.kind === 'declare') {
      for (const { init } of s.variables) if (init !== undefined) forEachInitial(init, (e) => this.expression(e));
    } else
      forEachPart(
        s,
        (e) => this.expression(e),
        (inner) => this.statement(inner),
      );
    this.loops = outer;
  }

  private expression(e: Expr): void {
    switch (e.kind) {
      case 'var':
        this.of(e.variable).escapes = true;
        return;
      case 'cast':
        if (e.op === 'load' && e.operand.kind === 'var') {
          this.of(e.operand.variable).reads.push(this.use(e.span));
          return;
        }
        // `(void)x` says that x is meant to be there.
        break;
      case 'assign':
        this.expression(e.value);
        // What is added up is read only where the sum is.
        this.written(e.place, e.op !== undefined && e.place.kind !== 'var');
        return;
      case 'step':
        this.written(e.operand, e.operand.kind !== 'var');
        if (e.operand.kind === 'var') this.of(e.operand.variable).reads.push(this.use(e.span));
        return;
      case 'statement':
        for (const one of e.body) this.statement(one);
        if (e.value !== undefined) this.expression(e.value);
        return;
      default:
    }
    forEachOperand(e, (one) => this.expression(one));
  }

  private written(place: Expr, read: boolean): void {
    if (place.kind !== 'var') {
      this.expression(place);
      return;
    }
    const seen = this.of(place.variable);
    if (read) seen.escapes = true;
    seen.writes.push(this.use(place.span));
  }

  private of(variable: VariableDecl): Seen {
    const known = this.variables.get(variable);
    if (known !== undefined) return known;
    const seen: Seen = { reads: [], writes: [], escapes: false };
    this.variables.set(variable, seen);
    return seen;
  }
  private use(span: Span): Use {
    return { order: this.order++, span, loops: this.loops };
  }
}
