/** A source, and how changes are written into it as its author would. */
import { lineStartsOf, positionOf } from '@skep/base';
import type { Expr, FunctionDecl, VariableDecl } from '@skep/compiler';
import { integerOf, pointee, strip } from '@skep/compiler';
import { bare, type SourceTree, type TreeNode } from '../source-tree.ts';

/** UTF-16 offsets of the source; `start === end` inserts. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A change that may mend the program; whether it does is tried. */
export interface Proposal {
  /** What it does, in the imperative. */
  readonly title: string;
  readonly edits: readonly Edit[];
}

export class Editing {
  readonly tree: SourceTree;
  readonly text: string;

  constructor(tree: SourceTree) {
    this.tree = tree;
    this.text = tree.file.text;
  }

  source(it: { readonly span: Expr['span'] }): string {
    return this.tree.text(it);
  }

  /** Whether the text of a node stands in the source as it is, not in a macro. */
  isWritten(it: { readonly span: Expr['span'] }): boolean {
    return it.span.file.text === this.text && it.span.file.name === this.tree.file.name;
  }

  /** Statements in front of another; with braces where it is the only one below an `if` or a loop. */
  before(statement: TreeNode, lines: readonly string[]): Edit[] {
    const { start, end } = statement.it.span;
    const { parent } = statement;
    const indent = this.indentAt(start);
    if (parent === undefined || parent.it.kind === 'compound-stmt' || !OPENERS.has(parent.it.kind)) {
      return [{ start, end: start, text: `${lines.join(`\n${indent}`)}\n${indent}` }];
    }
    const outer = this.indentAt(parent.it.span.start);
    const inner = `${outer}${this.unit}`;
    const gap = start - (/\s*$/.exec(this.text.slice(0, start))?.[0].length ?? 0);
    return [
      { start: gap, end: start, text: ` {\n${inner}${lines.join(`\n${inner}`)}\n${inner}` },
      { start: end, end, text: `\n${outer}}` },
    ];
  }

  /** Statements behind another that stands in a block. */
  after(statement: TreeNode, lines: readonly string[]): Edit[] {
    const { start, end } = statement.it.span;
    const indent = this.indentAt(start);
    const parent = statement.parent?.it.kind;
    if (parent !== undefined && parent !== 'compound-stmt') return [];
    // A declaration's span may end before its semicolon.
    const semicolon = /^\s*;/.exec(this.text.slice(end))?.[0].length ?? 0;
    const at = end + (this.text[end - 1] === ';' || this.text[end - 1] === '}' ? 0 : semicolon);
    return [{ start: at, end: at, text: `\n${indent}${lines.join(`\n${indent}`)}` }];
  }

  replace(it: { readonly span: Expr['span'] }, text: string): Edit {
    return { start: it.span.start, end: it.span.end, text };
  }

  /** `if (condition)` with what leaves the function below. */
  leaveIf(condition: string, fn: FunctionDecl): string[] {
    return [`if (${condition})`, `${this.unit}${this.leave(fn)}`];
  }

  /**
   * How this function is left where something is not as it should be: as the author leaves it early elsewhere, with what
   * turns away before what lets things go on, so that a change never lets through what was turned away; without any
   * such, by what lets things go on.
   */
  leave(fn: FunctionDecl): string {
    const type = strip(fn.type);
    if (type.kind === 'function' && strip(type.result).kind === 'void') return 'return;';
    const early: string[] = [];
    const all: string[] = [];
    for (const { it, fn: where, parent } of this.tree.nodes) {
      if (where !== fn || it.kind !== 'return' || it.value === undefined || !this.isWritten(it)) continue;
      const value = this.source(it.value);
      if (!/^(-?\d+|-?[A-Z][A-Z0-9_]+)$/.test(value)) continue;
      all.push(value);
      if (parent?.it.kind !== 'compound-stmt' || parent.parent !== undefined) early.push(value);
    }
    const turnsAway = all.find((value) => TURNS_AWAY.test(value)) ?? early[0];
    if (turnsAway !== undefined) return `return ${turnsAway};`;
    const section = fn.attributes.section ?? '';
    if (section.startsWith('xdp')) return 'return XDP_PASS;';
    if (/^(cgroup|sk_lookup|sk_skb|sk_msg|sk_reuseport|sockops)/.test(section)) return 'return 1;';
    return 'return 0;';
  }

  /** A tab, or as many blanks as the author uses. */
  get unit(): string {
    const found = /\n(\t| {2,8})\S/.exec(this.text)?.[1];
    return found ?? '\t';
  }

  indentAt(offset: number): string {
    const starts = lineStartsOf(this.tree.file);
    const start = starts[positionOf(this.tree.file, offset).line - 1]!;
    return /^[ \t]*/.exec(this.text.slice(start))![0];
  }

  /** In front of the first line that is no `#include`, behind the last that is. */
  include(header: string): Edit[] {
    if (this.text.includes(header)) return [];
    const last = [...this.text.matchAll(/^[ \t]*#[ \t]*include\b.*$/gm)].at(-1);
    const at = last === undefined ? 0 : last.index + last[0].length;
    return [{ start: at, end: at, text: last === undefined ? `#include <${header}>\n` : `\n#include <${header}>` }];
  }

  /** A pointer to the end of the packet that can be named in the function, as C. */
  packetEnd(fn: FunctionDecl): string | undefined {
    const named = this.tree.localsOf(fn).find((one) => /end/.test(one.name) && strip(one.type).kind === 'pointer');
    if (named !== undefined) return named.name;
    const context = fn.params[0];
    const record = context && pointee(context.type);
    const tag = record === undefined ? undefined : strip(record);
    if (context === undefined || tag?.kind !== 'record') return undefined;
    return tag.tag === 'xdp_md' || tag.tag === '__sk_buff' ? `(void *)(long)${context.name}->data_end` : undefined;
  }

  isSigned(expr: Expr): boolean {
    return integerOf(bare(expr).type)?.signed ?? false;
  }

  /** Reading it twice gives the same, and it can be written where its value is used: a variable, a member, no call. */
  isSimple(text: string): boolean {
    return /^[A-Za-z_]\w*((->|\.)[A-Za-z_]\w*)*$/.test(text);
  }

  isVariable(text: string): boolean {
    return /^[A-Za-z_]\w*$/.test(text);
  }

  /** Behind the name of a declaration and its brackets. */
  endOfDeclarator(variable: VariableDecl): number {
    const from = variable.span.start;
    const found = new RegExp(`^[^;,=]*?\\b${variable.name}\\b(\\s*\\[[^\\]]*\\])*`).exec(this.text.slice(from));
    return from + (found?.[0].length ?? 0);
  }

  /** A name like the wanted one that the source does not have yet. */
  fresh(wanted: string): string {
    let name = wanted;
    while (new RegExp(`\\b${name}\\b`).test(this.text.replace(new RegExp(`(->|\\.)\\s*${name}\\b`, 'g'), '')))
      name += '_';
    return name;
  }

  /** The declaration of a local variable, as a statement. */
  declaration(variable: VariableDecl): TreeNode | undefined {
    return this.tree.nodes.find(({ it }) => it.kind === 'declare' && it.variables.includes(variable));
  }
}

/** An expression's text where operators stand around it. */
export function parenthesised(text: string): string {
  return /^[\w>.-]+$|^\(.*\)$/.test(text) ? text : `(${text})`;
}

/** What drops a packet, or is an errno: the program's own word for no. */
const TURNS_AWAY = /^(XDP_(DROP|ABORTED)|TC_ACT_SHOT|TCX_DROP|SK_DROP|NF_DROP|LWT_DROP|BPF_DROP|-(\d+|E[A-Z]+))$/;

const OPENERS = new Set(['if', 'for', 'while', 'do', 'label']);
