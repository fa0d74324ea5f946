/** Text of the command line, and where in its file it begins. */
export interface Piece {
  readonly text: string;
  readonly at: number;
}

/** A part of a piece, without the blanks around it. */
export function part(piece: Piece, start: number, end: number): Piece {
  const text = piece.text.slice(start, end);
  const blank = text.length - text.trimStart().length;
  return { text: text.trim(), at: piece.at + start + blank };
}

/** The parts between separators that stand in no parentheses, strings or conditionals (`a ? b : c`). */
export function separated(piece: Piece, separator: ',' | ':'): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  let depth = 0;
  let conditionals = 0;
  for (const { 0: text, index } of piece.text.matchAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)+'|./gs)) {
    if (text === '(' || text === '[') depth += 1;
    else if (text === ')' || text === ']') depth -= 1;
    else if (text === '?') conditionals += 1;
    else if (text === ':' && conditionals > 0) conditionals -= 1;
    else if (text === separator && depth === 0) {
      found.push(part(piece, from, index));
      from = index + 1;
    }
  }
  return [...found, part(piece, from, piece.text.length)];
}
