/** The author's names, from the source and from where the compiler put its variables. */
import { lineText, positionOf } from '@skep/base';
import type { Compiled, Expr } from '@skep/compiler';
import { asArray, sizeOf } from '@skep/compiler';
import { decodeAt, type ProgramSpec } from '@skep/object';
import { type AccessName, type Naming, type Place, placeOf } from '@skep/verifier';
import { bare, isExpr, type SourceTree, type TreeNode } from './source-tree.ts';

export class SourceNaming implements Naming {
  private readonly tree: SourceTree;
  private readonly program: ProgramSpec;
  private readonly variables: Compiled['variables'];

  constructor(tree: SourceTree, program: ProgramSpec, variables: Compiled['variables']) {
    this.tree = tree;
    this.program = program;
    this.variables = variables;
  }

  access(slot: number): AccessName | undefined {
    const place = this.placeNode(slot);
    if (place === undefined) return undefined;
    const index = indexIn(place);
    return {
      text: short(this.tree.text(place)),
      pointer: this.pointerText(place),
      ...(index && {
        index: {
          text: short(this.tree.text(bare(index.subscript))),
          count: index.ofArray ? asArray(index.base.type)?.count : undefined,
          size: index.scale,
          start: startOf(index),
        },
      }),
    };
  }

  argument(slot: number, number: number): string | undefined {
    const call = this.callNode(slot);
    const found = call?.it.kind === 'call' ? call.it.args[number - 1] : undefined;
    return found && short(this.tree.text(bare(found)));
  }

  variable(slot: number, register: number): string | undefined {
    const start = this.program.functions.findLast((one) => one.slot <= slot);
    if (start === undefined) return undefined;
    const at = slot - start.slot;
    return this.variables.find(
      (one) =>
        one.function === start.name &&
        one.from <= at &&
        at < one.to &&
        one.place.kind === 'register' &&
        one.place.register === register,
    )?.name;
  }

  returnBehind(slot: number): Place | undefined {
    const offset = this.offsetOf(slot);
    const fn = offset === undefined ? undefined : this.tree.around(offset)[0]?.fn;
    if (offset === undefined || fn === undefined) return undefined;
    const found = this.tree.nodes.find(
      (one) => one.fn === fn && one.it.kind === 'return' && one.it.span.start > offset,
    );
    if (found === undefined) return undefined;
    const { line, column } = positionOf(this.tree.file, found.it.span.start);
    return { file: this.tree.file.name, line, column, text: lineText(this.tree.file, line) };
  }

  /** The place in memory that the instruction goes to, as a node. */
  placeNode(slot: number): (Expr & { kind: 'member' | 'deref' | 'index' }) | undefined {
    const offset = this.offsetOf(slot);
    if (offset === undefined) return undefined;
    const exact = this.tree.startingAt(offset).map((one) => one.it);
    const near = exact.length > 0 ? exact : this.tree.around(offset).map((one) => one.it);
    const places = near.filter(isExpr).flatMap(placesOf);
    const size = this.accessSize(slot);
    return places.find((one) => size === undefined || sizeOf(one.type) === size) ?? places[0];
  }

  callNode(slot: number): TreeNode | undefined {
    const offset = this.offsetOf(slot);
    if (offset === undefined) return undefined;
    const isCall = (one: TreeNode) => one.it.kind === 'call';
    return this.tree.startingAt(offset).findLast(isCall) ?? this.tree.around(offset).find(isCall);
  }

  offsetOf(slot: number): number | undefined {
    return this.tree.offsetOf(placeOf(this.program.lineInfo, slot));
  }

  private accessSize(slot: number): number | undefined {
    const insn = decodeAt(this.program.code, slot);
    return 'kind' in insn && (insn.kind === 'load' || insn.kind === 'store' || insn.kind === 'atomic')
      ? insn.size
      : undefined;
  }

  private pointerText(place: Expr): string | undefined {
    const pointer = pointerOf(place);
    return pointer && short(this.tree.text(bare(pointer)));
  }
}

/** The place itself, or that of an atomic operation. */
function placesOf(it: Expr): (Expr & { kind: 'member' | 'deref' | 'index' })[] {
  if (isPlace(it)) return [it];
  if (it.kind !== 'builtin' || !it.name.startsWith('atomic')) return [];
  const address = it.args[0] && bare(it.args[0]);
  return address?.kind === 'address' && isPlace(address.place) ? [address.place] : [];
}

export const isPlace = (it: Expr): it is Expr & { kind: 'member' | 'deref' | 'index' } =>
  it.kind === 'member' || it.kind === 'deref' || it.kind === 'index';

/** The pointer value that a place goes through; undefined for variables. */
export function pointerOf(place: Expr): Expr | undefined {
  for (let at = place; ; ) {
    switch (at.kind) {
      case 'member':
        at = at.place;
        break;
      case 'index':
        if (!at.ofArray) return at.base;
        at = at.base;
        break;
      case 'deref':
        return at.pointer;
      default:
        return undefined;
    }
  }
}

/** Bytes from where the pointer points (or the variable begins) to the first element. */
function startOf(index: Expr & { kind: 'index' }): number {
  let bits = 0;
  for (let at: Expr = index.base; at.kind === 'member' && index.ofArray; at = at.place) bits += at.field.bitOffset;
  return bits >> 3;
}

/** The outermost element of an array on the way. */
export function indexIn(place: Expr): (Expr & { kind: 'index' }) | undefined {
  for (let at = place; ; ) {
    if (at.kind === 'index') return at;
    if (at.kind !== 'member') return undefined;
    at = at.place;
  }
}

const short = (text: string): string => {
  const one = text.replace(/\s+/g, ' ');
  return one.length > 60 ? `${one.slice(0, 57)}…` : one;
};
