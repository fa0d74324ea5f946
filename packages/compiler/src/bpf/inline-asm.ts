import { type Diagnostic, type Diagnostics, SkepError } from '@skep/base';
import { decode, type Insn, parseStatements, type Statement } from '@skep/object';
import type { AsmInst, AsmOperand, Func, Global, Value } from '../ir/ir.ts';
import { asmNeedsConstant, asmNeedsRegisters, badAsm } from './diagnostics.ts';
import { type AsmLine, MachineInst, type VReg } from './machine.ts';
import type { Selector } from './select.ts';

/**
 * Gives the operands real registers, which neither clobbers nor the template name, puts them into the template's text
 * and assembles it. Values are moved there and back; the allocator makes most of those moves vanish. Returns the
 * registers of the results.
 */
export function selectAsm(s: Selector, inst: AsmInst, func: Func, diagnostics: Diagnostics): VReg[] {
  const report = (diagnostic: Diagnostic) => {
    diagnostics.add(diagnostic);
    // Selection goes on, so that everything that is wrong is said.
    s.emit(new MachineInst('asm', s.position)).asm = { code: [], reads: [], writes: [] };
    return inst.operands.map(() => {
      const result = s.fresh();
      s.set(result, 'i64', 0n);
      return result;
    });
  };
  const registers = chooseRegisters(inst);
  if (registers === undefined) return report(asmNeedsRegisters(inst.span));
  const symbols = new Map<string, Func | Global>();
  const texts: string[] = [];
  const reads: number[] = [];
  const writes = new Set(inst.clobbers);
  for (const [i, operand] of inst.operands.entries()) {
    const reg = registers[i];
    if (reg === undefined) {
      const text = immediateText(asNumber(inst.inputs[operand.input!]!, operand), symbols);
      if (text === undefined) return report(asmNeedsConstant(operand.name ?? String(i), inst.span));
      texts.push(text);
      continue;
    }
    if (operand.input !== undefined && !reads.includes(reg)) reads.push(reg);
    if (operand.result !== undefined) writes.add(reg);
    texts.push(operand.place === 'memory' ? `(r${reg} + 0)` : `r${reg}`);
  }
  const given = inst.inputs.slice(inst.inputs.length - inst.names.length);
  for (const [i, name] of inst.names.entries()) {
    const symbol = given[i]!;
    if (symbol.kind === 'global' || symbol.kind === 'func') symbols.set(name, symbol);
  }
  const code = assembleTemplate(computed(fill(inst, texts)), symbols, (message, help) =>
    badAsm(message, help, inst.span),
  );
  if (!Array.isArray(code)) return report(code);
  for (const [i, operand] of inst.operands.entries()) {
    const reg = registers[i];
    const value = operand.input === undefined ? undefined : inst.inputs[operand.input]!;
    if (reg === undefined || value === undefined) continue;
    // Without code before the assembly there is nothing that could hold a value.
    if (func.naked && value.kind !== 'const' && value.kind !== 'global' && value.kind !== 'func')
      return report(asmNeedsConstant(operand.name ?? String(i), inst.span));
    s.into(reg, value);
  }
  const machine = s.emit(new MachineInst('asm', s.position));
  machine.asm = { code, reads, writes: [...writes] };
  const results: VReg[] = [];
  for (const [i, operand] of inst.operands.entries()) {
    if (operand.result === undefined) continue;
    const result = s.fresh();
    s.mov(result, registers[i]!);
    results[operand.result] = result;
  }
  return results;
}

/** Values that arguments pass and results come in are best served by the low ones, others by high ones. */
const CANDIDATES = [1, 2, 3, 4, 5, 0, 6, 7, 8, 9];

/** By operand; undefined for those that are numbers or symbols. Undefined when there are too few. */
function chooseRegisters(inst: AsmInst): (number | undefined)[] | undefined {
  const named = new Set([...inst.template.matchAll(/\b[rw](\d|10)\b/g)].map((found) => Number(found[1])));
  const free = CANDIDATES.filter((reg) => !inst.clobbers.includes(reg));
  const pool = [...free.filter((reg) => !named.has(reg)), ...free.filter((reg) => named.has(reg))];
  const chosen: (number | undefined)[] = [];
  /** An output that an input is tied to (`"0"`, `"+r"`) shares its register. */
  const shared = new Map<number, number>();
  for (const operand of inst.operands) {
    if (!wantsRegister(inst, operand)) {
      chosen.push(undefined);
      continue;
    }
    const { input, place } = operand;
    if (/^r\d$/.test(place)) {
      chosen.push(Number(place[1]));
      continue;
    }
    const known = input === undefined ? undefined : shared.get(input);
    const reg = known ?? pool.shift();
    if (reg === undefined) return undefined;
    if (input !== undefined) shared.set(input, reg);
    chosen.push(reg);
  }
  return chosen;
}

function wantsRegister(inst: AsmInst, operand: AsmOperand): boolean {
  const { place, input } = operand;
  if (place === 'immediate') return false;
  const value = input === undefined ? undefined : asNumber(inst.inputs[input]!, operand);
  return (
    place !== 'any' || value === undefined || value.kind !== 'const' || value.value !== BigInt.asIntN(32, value.value)
  );
}

/** `"ri"(-1)`: in a register its upper half is zero, as a number it is -1. */
function asNumber(value: Value, { narrow }: AsmOperand): Value {
  return narrow && value.kind === 'const' ? { ...value, value: BigInt.asIntN(32, value.value) } : value;
}

/** A number, or the name of a symbol, which it is entered under. */
function immediateText(value: Value, symbols: Map<string, Func | Global>): string | undefined {
  if (value.kind === 'const') return String(value.value);
  if (value.kind === 'undef') return '0';
  if (value.kind !== 'global' && value.kind !== 'func') return undefined;
  // Names of our own: the program's may look like those of helpers or registers.
  const name = `$${symbols.size}`;
  symbols.set(name, value);
  return name;
}

/** Numbers as C has them: `0xffLL`. */
const SUFFIXED = /\b(0[xX][0-9a-fA-F]+|\d+)(?:[uU][lL]{0,2}|[lL]{1,2}[uU]?)\b/g;
let instances = 0;

/** The template with its operands in it. */
function fill(inst: AsmInst, texts: readonly string[]): string {
  const unique = String(++instances);
  const indexOf = (name: string) => {
    const operand = inst.operands.findIndex((one) => one.name === name);
    if (operand >= 0) return operand;
    const label = inst.labels.indexOf(name);
    return label >= 0 ? inst.operands.length + label : -1;
  };
  const text = inst.template.replace(SUFFIXED, '$1');
  return text.replace(/%(?:(=)|(%)|([a-zA-Z])?(?:\[(\w+)\]|(\d+)))/g, (whole, same, percent, letter, name, number) => {
    if (same) return unique;
    if (percent) return '%';
    const index = name === undefined ? Number(number) : indexOf(name);
    if (index >= inst.operands.length && index < inst.operands.length + inst.labels.length)
      return `$goto${index - inst.operands.length}`;
    const text = texts[index];
    if (text === undefined) return whole;
    return letter === 'w' && /^r\d+$/.test(text) ? `w${text.slice(1)}` : text;
  });
}

type Complain = (message: string, help: string | undefined) => Diagnostic;

function assembleTemplate(
  text: string,
  symbols: ReadonlyMap<string, Func | Global>,
  complain: Complain,
): AsmLine[] | Diagnostic {
  const statements: Statement[] = [];
  for (const piece of piecesOf(text)) {
    if (typeof piece !== 'string') {
      if (piece.length % 8 !== 0)
        return complain('the data in an inline assembly are no whole instructions', undefined);
      const insns = decoded(piece);
      if (typeof insns === 'string') return complain(insns, undefined);
      for (const insn of insns) statements.push({ kind: 'insn', insn, span: NOWHERE });
      continue;
    }
    const problems: Diagnostic[] = [];
    // Only names that are known may be called or loaded: the assembler takes them for labels until then.
    statements.push(...parseStatements({ name: '<inline assembly>', text: piece }, { cutImmediates: true }, problems));
    const [problem] = problems;
    if (problem !== undefined) return complain(problem.message, problem.help);
  }
  const labels = new Map<string, number[]>();
  const insns: Extract<Statement, { kind: 'insn' }>[] = [];
  for (const statement of statements) {
    if (statement.kind === 'insn') insns.push(statement);
    else labels.set(statement.name, [...(labels.get(statement.name) ?? []), insns.length]);
  }
  const code: AsmLine[] = [];
  for (const [at, { insn, target }] of insns.entries()) {
    if (target === undefined) {
      code.push({ insn });
      continue;
    }
    const to = resolve(target.name, at, insn, labels, symbols);
    if (to === undefined) return complain(`the inline assembly names '${target.name}', which is not known`, undefined);
    code.push({ insn, to });
  }
  return code;
}

/** The instructions, or what is wrong with them. */
function decoded(bytes: Uint8Array): Insn[] | string {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    return error.diagnostics[0]!.message;
  }
}

const NOWHERE = { file: { name: '<inline assembly>', text: '' }, start: 0, end: 0 };

function resolve(
  name: string,
  at: number,
  insn: Insn,
  labels: ReadonlyMap<string, readonly number[]>,
  symbols: ReadonlyMap<string, Func | Global>,
): AsmLine['to'] {
  const numeric = /^(\d+)([bf])$/.exec(name);
  if (numeric !== null) {
    const places = labels.get(numeric[1]!) ?? [];
    const line = numeric[2] === 'b' ? places.findLast((one) => one <= at) : places.find((one) => one > at);
    return line === undefined ? undefined : { kind: 'line', line };
  }
  const line = labels.get(name)?.[0];
  if (line !== undefined) return { kind: 'line', line };
  const label = /^\$goto(\d+)$/.exec(name);
  if (label !== null) return { kind: 'label', label: Number(label[1]) };
  const symbol = symbols.get(name);
  const takes = insn.kind === 'ld_imm64' || (insn.kind === 'call' && symbol?.kind === 'func');
  return symbol !== undefined && takes ? { kind: 'symbol', symbol } : undefined;
}

const DIRECTIVE = /^\s*\.(byte|short|2byte|hword|long|4byte|word|8byte|quad)\s+(.*)$/;
const BYTES: Readonly<Record<string, number>> = {
  byte: 1,
  short: 2,
  '2byte': 2,
  hword: 2,
  long: 4,
  '4byte': 4,
  word: 4,
  '8byte': 8,
  quad: 8,
};

/** Sums of numbers, `4 - 1`, as their result. */
function computed(text: string): string {
  let at = text;
  for (;;) {
    const next = at.replace(SUM, (_, a: string, sign: string, b: string) =>
      String(sign === '+' ? BigInt(a) + BigInt(b) : BigInt(a) - BigInt(b)),
    );
    if (next === at) return at;
    at = next;
  }
}
const SUM = /(?<![\w.)])(-?\d+)[ \t]*([+-])[ \t]*(\d+)(?![\w.])/;

const COMMENT = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|(?<=^|\s)#[^\n]*/g;

/** What stands between `.rept n` and `.endr` n times, and `.ifc a, b` with its `.else` decided. */
function expanded(statements: readonly string[]): string[] {
  const out: string[] = [];
  for (let at = 0; at < statements.length; at++) {
    const [, word, rest] = /^\s*(\.rept|\.ifc|\.ifnc)\s+(.*?)\s*$/.exec(statements[at]!) ?? [];
    if (word === undefined) {
      out.push(statements[at]!);
      continue;
    }
    const end = matching(statements, at);
    const body = statements.slice(at + 1, end);
    at = end;
    if (word === '.rept') {
      const inner = expanded(body);
      const count = Math.min(Number(rest) || 0, MAX_REPEATS);
      for (let i = 0; i < count; i++) for (const one of inner) out.push(one);
      continue;
    }
    const [a, b] = rest!.split(',').map((part) => part.trim());
    const same = (a === b) === (word === '.ifc');
    const middle = body.findIndex((one) => /^\s*\.else\b/.test(one));
    const chosen = middle < 0 ? (same ? body : []) : same ? body.slice(0, middle) : body.slice(middle + 1);
    out.push(...expanded(chosen));
  }
  return out;
}
/** More instructions no kernel takes. */
const MAX_REPEATS = 1_000_000;

function matching(statements: readonly string[], from: number): number {
  let depth = 0;
  for (let at = from; at < statements.length; at++) {
    if (/^\s*\.(rept|ifc|ifnc)\b/.test(statements[at]!)) depth += 1;
    if (/^\s*\.(endr|endif)\b/.test(statements[at]!)) depth -= 1;
    if (depth === 0) return at;
  }
  return statements.length;
}

/** Stretches of assembly, and between them the bytes that directives write. */
function piecesOf(text: string): (string | Uint8Array)[] {
  if (!text.includes('.')) return [text];
  const pieces: (string | Uint8Array)[] = [];
  let lines: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (lines.length > 0) pieces.push(lines.join('\n'));
    if (bytes.length > 0) pieces.push(new Uint8Array(bytes));
    lines = [];
    bytes = [];
  };
  for (const statement of expanded(text.replace(COMMENT, ' ').split(/[;\n]/))) {
    if (statement.trim() === '') continue;
    const [, label, directive] = /^\s*([\w.$]+:)?\s*(\..*)$/.exec(statement) ?? [];
    const found = directive === undefined ? null : DIRECTIVE.exec(directive);
    const numbers = found?.[2]?.split(',').map((word) => numberOf(word.trim()));
    if (found === null || numbers === undefined || numbers.includes(undefined)) {
      if (bytes.length > 0) flush();
      lines.push(statement);
      continue;
    }
    if (label !== undefined) {
      if (bytes.length > 0) flush();
      lines.push(label);
    }
    if (lines.length > 0) flush();
    for (const number of numbers) {
      const size = BYTES[found[1]!]!;
      for (let i = 0; i < size; i++) bytes.push(Number((BigInt.asUintN(64, number!) >> BigInt(8 * i)) & 0xffn));
    }
  }
  flush();
  return pieces;
}

function numberOf(word: string): bigint | undefined {
  if (!/^-?(0x[0-9a-fA-F]+|\d+)$/.test(word)) return undefined;
  return word.startsWith('-') ? -BigInt(word.slice(1)) : BigInt(word);
}
