import type { CFunction, Expression, Program, Statement } from './program.ts';

/**
 * The smallest program found that `fails` still says yes to: statements go, blocks are opened, expressions become one of
 * their operands or a number, functions and declarations that nobody needs go. Greedy, in rounds, until nothing helps or
 * the number of tries is used up.
 */
export function reduce(program: Program, fails: (candidate: Program) => boolean, tries = 1500): Program {
  let best = program;
  let left = tries;
  const attempt = (candidate: Program): boolean => {
    if (left-- <= 0) return false;
    if (!fails(candidate)) return false;
    best = candidate;
    return true;
  };
  for (let before = -1; before !== size(best) && left > 0; ) {
    before = size(best);
    removeStatements(() => best, attempt);
    removeFunctions(() => best, attempt);
    removeDeclarations(() => best, attempt);
    simplifyExpressions(
      () => best,
      attempt,
      () => left > 0,
    );
  }
  return best;
}

type Attempt = (candidate: Program) => boolean;

function removeStatements(best: () => Program, attempt: Attempt): void {
  for (let f = best().functions.length - 1; f >= 0; f--) {
    // Lists of statements by their way from the function's body, the outermost first.
    for (const path of listsOf(best().functions[f]!)) {
      for (let chunk = 8; chunk >= 1; chunk >>= 1) {
        for (let at = (listAt(best(), f, path)?.length ?? 0) - 1; at >= 0; at -= chunk) {
          const list = listAt(best(), f, path);
          if (list === undefined || at >= list.length) continue;
          const from = Math.max(0, at - chunk + 1);
          const returns = list.slice(from, at + 1).filter((one) => String(one.pieces[0]).startsWith('return'));
          const kept = [...list.slice(0, from), ...returns, ...list.slice(at + 1)];
          if (kept.length < list.length) attempt(withList(best(), f, path, kept));
        }
      }
      const list = listAt(best(), f, path);
      for (let at = (list?.length ?? 0) - 1; at >= 0; at--) {
        const now = listAt(best(), f, path);
        const statement = now?.[at];
        const inner = statement?.pieces.find((one): one is Statement[] => Array.isArray(one));
        if (now === undefined || inner === undefined) continue;
        attempt(withList(best(), f, path, [...now.slice(0, at), ...inner, ...now.slice(at + 1)]));
      }
    }
  }
}

function removeFunctions(best: () => Program, attempt: Attempt): void {
  for (let f = best().functions.length - 2; f >= 0; f--) {
    const program = best();
    attempt({ ...program, functions: program.functions.filter((_, i) => i !== f) });
  }
}

function removeDeclarations(best: () => Program, attempt: Attempt): void {
  for (let d = best().declarations.length - 1; d >= 0; d--) {
    const program = best();
    attempt({ ...program, declarations: program.declarations.filter((_, i) => i !== d) });
  }
}

function simplifyExpressions(best: () => Program, attempt: Attempt, more: () => boolean): void {
  for (let at = 0; more(); ) {
    const target = expressionsOf(best())[at];
    if (target === undefined) return;
    const operands = target.parts.filter((one): one is Expression => typeof one !== 'string');
    const cast = `((${target.type.name})`;
    const choices: (string | Expression)[][] = [['1'], ['0'], ...operands.map((one) => [cast, one, ')'])];
    const text = target.parts.join('');
    const isSimple = operands.length === 0 && text.length < 4;
    const done = !isSimple && choices.some((parts) => attempt(withExpression(best(), target, { ...target, parts })));
    // What it became is looked at again, if it is not a number yet.
    if (!done || operands.length === 0) at += 1;
  }
}

function expressionsOf(program: Program): Expression[] {
  const out: Expression[] = [];
  const expression = (one: Expression) => {
    out.push(one);
    for (const part of one.parts) if (typeof part !== 'string') expression(part);
  };
  const statement = (one: Statement) => {
    for (const piece of one.pieces) {
      if (typeof piece === 'string') continue;
      if (Array.isArray(piece)) piece.forEach(statement);
      else expression(piece);
    }
  };
  for (const one of program.functions) one.body.forEach(statement);
  return out;
}

function withExpression(program: Program, from: Expression, to: Expression): Program {
  const expression = (one: Expression): Expression =>
    one === from
      ? to
      : { ...one, parts: one.parts.map((part) => (typeof part === 'string' ? part : expression(part))) };
  const statement = (one: Statement): Statement => ({
    ...one,
    pieces: one.pieces.map((piece) =>
      typeof piece === 'string' ? piece : Array.isArray(piece) ? piece.map(statement) : expression(piece),
    ),
  });
  return {
    ...program,
    functions: program.functions.map((one) => ({ ...one, body: one.body.map(statement) })),
  };
}

/** Statement, piece, statement, piece … */
type Path = readonly number[];

function listsOf({ body }: CFunction): Path[] {
  const out: Path[] = [];
  const visit = (list: readonly Statement[], path: Path) => {
    out.push(path);
    for (const [i, one] of list.entries()) {
      for (const [j, piece] of one.pieces.entries()) if (Array.isArray(piece)) visit(piece, [...path, i, j]);
    }
  };
  visit(body, []);
  return out.sort((a, b) => a.length - b.length);
}

function listAt(program: Program, f: number, path: Path): Statement[] | undefined {
  let list: Statement[] | undefined = program.functions[f]?.body;
  for (let i = 0; i < path.length && list !== undefined; i += 2) {
    const piece: Statement['pieces'][number] | undefined = list[path[i]!]?.pieces[path[i + 1]!];
    list = Array.isArray(piece) ? piece : undefined;
  }
  return list;
}

function withList(program: Program, f: number, path: Path, list: Statement[]): Program {
  const replace = (from: Statement[], at: number): Statement[] => {
    if (at >= path.length) return list;
    const [s, p] = [path[at]!, path[at + 1]!];
    return from.map((one, i) =>
      i !== s
        ? one
        : { ...one, pieces: one.pieces.map((piece, j) => (j === p ? replace(piece as Statement[], at + 2) : piece)) },
    );
  };
  const functions = program.functions.map((one, i) => (i === f ? { ...one, body: replace(one.body, 0) } : one));
  return { ...program, functions };
}

function size(program: Program): number {
  return JSON.stringify(program).length;
}
