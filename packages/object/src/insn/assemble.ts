import { type Diagnostic, SkepError, type SourceFile, type Span, suggest } from '@skep/base';
import { StatementParser } from './asm-statement.ts';
import { statementsOf } from './asm-tokens.ts';
import { outOfRange, repeatedLabel, unknownLabel } from './diagnostics.ts';
import { type Imm64, type Insn, type Operand, slotsOf } from './model.ts';

/** What names in the text mean beside helpers. */
export interface AssembleOptions {
  /** The name of the text in diagnostics. */
  readonly name?: string;
  /** What `r1 = name ll` loads; labels of the text come first, as functions. */
  readonly symbol?: (name: string) => Imm64 | undefined;
}

/** What one statement says; jumps and calls to a label have offset 0 until the label is known. */
export type Statement =
  | { readonly kind: 'label'; readonly name: string; readonly span: Span }
  | { readonly kind: 'insn'; readonly insn: Insn; readonly target?: LabelUse; readonly span: Span };

export interface LabelUse {
  readonly name: string;
  readonly span: Span;
}

/** What an operand `%0` or `%[name]` of an inline assembly is put in for. */
export type AsmOperand = Operand | { readonly kind: 'label'; readonly name: string };

export interface StatementOptions extends Pick<AssembleOptions, 'symbol'> {
  /** The meaning of `%[name]` (`name`) or `%0` (`0`); `modifier` is the letter after the percent sign, if any. */
  readonly operand?: (name: string, modifier: string) => AsmOperand | undefined;
  /** Immediates that do not fit lose their upper half, as in clang's assembler; otherwise they are refused. */
  readonly cutImmediates?: boolean;
}

/**
 * Instructions from text: the syntax of the kernel's log and of clang, as {@link disassemble} writes it, with labels
 * (`out:`; numeric ones are reached by `1b` and `1f`), several statements a line after `;`, and comments (`#`, `//`,
 * `/* *\/`, lines that begin with `;`). Throws SkepError with a diagnostic for each bad statement (E3320–E3328).
 */
export function assemble(text: string, options: AssembleOptions = {}): Insn[] {
  const file: SourceFile = { name: options.name ?? '<assembly>', text };
  const problems: Diagnostic[] = [];
  const statements = parseStatements(file, options, problems);
  const insns = problems.length === 0 ? link(statements, problems) : [];
  if (problems.length > 0) throw new SkepError(problems);
  return insns;
}

/**
 * The statements of a piece of assembly, for one who places them himself (inline assembly). What is wrong with a
 * statement is added to `problems`, and the statement left out.
 */
export function parseStatements(file: SourceFile, options: StatementOptions, problems: Diagnostic[]): Statement[] {
  const { text, ranges } = statementsOf(file.text);
  const statements: Statement[] = [];
  for (const range of ranges) {
    if (problems.length >= MAX_PROBLEMS) break;
    try {
      statements.push(...new StatementParser(file, text, range, options).parse());
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      problems.push(...error.diagnostics);
    }
  }
  return statements;
}

const MAX_PROBLEMS = 50;

/** Puts offsets in for labels. */
function link(statements: readonly Statement[], problems: Diagnostic[]): Insn[] {
  const slots: number[] = [];
  const labels = new Map<string, number[]>();
  let slot = 0;
  for (const statement of statements) {
    slots.push(slot);
    if (statement.kind === 'insn') slot += slotsOf(statement.insn);
    else {
      const places = labels.get(statement.name);
      if (places === undefined) labels.set(statement.name, [slot]);
      else if (/^\d/.test(statement.name)) places.push(slot);
      else problems.push(repeatedLabel(statement.span, statement.name));
    }
  }
  const insns: Insn[] = [];
  for (let index = 0; index < statements.length; index++) {
    const statement = statements[index]!;
    if (statement.kind === 'label') continue;
    const { target, insn } = statement;
    if (target === undefined) insns.push(insn);
    else {
      const place = placeOf(target.name, slots[index]!, labels);
      if (place === undefined)
        problems.push(unknownLabel(target.span, target.name, suggest(target.name, labels.keys())));
      else {
        const linked = withOffset(insn, place - slots[index]! - 1, target.span, problems);
        if (linked !== undefined) insns.push(linked);
      }
    }
  }
  return insns;
}

/** `1b` is the last label 1 before, `1f` the next one after. */
function placeOf(name: string, slot: number, labels: ReadonlyMap<string, readonly number[]>): number | undefined {
  const numeric = /^(\d+)([bf])$/.exec(name);
  if (numeric === null) return labels.get(name)?.[0];
  const places = labels.get(numeric[1]!) ?? [];
  return numeric[2] === 'b' ? places.findLast((place) => place <= slot) : places.find((place) => place > slot);
}

/** The instruction with its jump, call or function load going `off` slots from the next. */
export function withOffset(insn: Insn, off: number, span: Span, problems: Diagnostic[]): Insn | undefined {
  switch (insn.kind) {
    case 'call':
      return { kind: 'call', target: { kind: 'local', off } };
    case 'ld_imm64':
      return { ...insn, imm: { kind: 'func', offset: off } };
    case 'goto':
    case 'jump':
    case 'may_goto':
      if ((off << 16) >> 16 !== off && !(insn.kind === 'goto' && insn.long)) {
        problems.push(
          outOfRange(span, 'the distance of the jump,', `${off} slots,`, '-32768 to 32767; gotol goes further'),
        );
        return undefined;
      }
      return { ...insn, off };
    default:
      throw new Error(`${insn.kind} has no target`);
  }
}
