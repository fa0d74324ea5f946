import type { Expr, Stmt } from '../ast.ts';
import { truthOf } from '../constant.ts';

/**
 * Whether control can come out at the end of a statement: only for the warning about a missing `return`, so it says no
 * when in doubt (a label could be anywhere the `goto` leads).
 */
export function canFallThrough(stmt: Stmt): boolean {
  switch (stmt.kind) {
    case 'compound-stmt': {
      // What follows a dead end counts again from the first label on.
      let open = true;
      for (const one of stmt.body) {
        if (!open && !holdsLabel(one)) continue;
        open = canFallThrough(one);
      }
      return open;
    }
    case 'return':
    case 'goto':
    case 'break':
    case 'continue':
      return false;
    case 'expression':
      return !neverReturns(stmt.expr);
    case 'if': {
      const truth = truthOf(stmt.condition);
      if (truth === true) return canFallThrough(stmt.then);
      if (truth === false) return stmt.else === undefined || canFallThrough(stmt.else);
      return stmt.else === undefined || canFallThrough(stmt.then) || canFallThrough(stmt.else);
    }
    case 'while':
      return truthOf(stmt.condition) !== true || breaksOut(stmt.body);
    case 'do':
      return (
        (truthOf(stmt.condition) !== true && (canFallThrough(stmt.body) || continues(stmt.body))) ||
        breaksOut(stmt.body)
      );
    case 'for':
      return (stmt.condition !== undefined && truthOf(stmt.condition) !== true) || breaksOut(stmt.body);
    case 'switch':
      return !holdsDefault(stmt.body) || breaksOut(stmt.body) || canFallThrough(stmt.body);
    case 'case':
    case 'default':
    case 'label':
      return canFallThrough(stmt.body);
    default:
      return true;
  }
}

function neverReturns(expr: Expr): boolean {
  switch (expr.kind) {
    case 'builtin':
      return expr.name === 'unreachable' || expr.name === 'trap';
    case 'call':
      return expr.callee.kind === 'func' && expr.callee.function.attributes.noreturn;
    case 'cast':
      return expr.op === 'void' && neverReturns(expr.operand);
    case 'statement':
      return !expr.body.every(canFallThrough);
    default:
      return false;
  }
}

/** Walks the statements of one loop or switch; `stop` names what has a meaning of its own inside others. */
function some(stmt: Stmt, test: (stmt: Stmt) => boolean, stop: (stmt: Stmt) => boolean): boolean {
  if (test(stmt)) return true;
  if (stop(stmt)) return false;
  switch (stmt.kind) {
    case 'compound-stmt':
      return stmt.body.some((one) => some(one, test, stop));
    case 'if':
      return some(stmt.then, test, stop) || (stmt.else !== undefined && some(stmt.else, test, stop));
    case 'while':
    case 'do':
    case 'for':
    case 'switch':
    case 'case':
    case 'default':
    case 'label':
      return some(stmt.body, test, stop);
    default:
      return false;
  }
}

const isLoop = (stmt: Stmt): boolean => stmt.kind === 'while' || stmt.kind === 'do' || stmt.kind === 'for';
const breaksOut = (body: Stmt): boolean =>
  some(
    body,
    (one) => one.kind === 'break',
    (one) => isLoop(one) || one.kind === 'switch',
  );
const continues = (body: Stmt): boolean => some(body, (one) => one.kind === 'continue', isLoop);
const holdsDefault = (body: Stmt): boolean =>
  some(
    body,
    (one) => one.kind === 'default',
    (one) => one.kind === 'switch',
  );
const holdsLabel = (stmt: Stmt): boolean =>
  some(
    stmt,
    (one) => one.kind === 'label' || one.kind === 'case' || one.kind === 'default',
    () => false,
  );
