import type { Span } from '@skep/base';
import type { TraceType } from './type.ts';

// The tree of a script. Nodes are made by the parser, copied by macro expansion and for each probe, and get their types
// (`type`) from the analysis.

interface Node {
  readonly span: Span;
  /** Where macros were called whose bodies this comes from, innermost first. */
  expandedAt?: readonly Span[] | undefined;
}

export type Expression = (
  | { readonly kind: 'int'; readonly value: bigint /** `3m`, `1e6`. */; readonly text: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'positional'; readonly index: number }
  | { readonly kind: 'positionalCount' }
  | { readonly kind: 'name'; readonly name: string }
  | VariableNode
  | { readonly kind: 'map'; name: string }
  | { readonly kind: 'element'; readonly map: Expression & { kind: 'map' }; readonly key: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  | { readonly kind: 'member'; readonly base: Expression; readonly name: string; readonly nameSpan: Span }
  | { readonly kind: 'index'; readonly base: Expression; readonly index: Expression }
  | { readonly kind: 'unary'; readonly op: UnaryOperator; readonly operand: Expression }
  | { readonly kind: 'step'; readonly op: '++' | '--'; readonly prefix: boolean; readonly operand: Expression }
  | { readonly kind: 'binary'; readonly op: BinaryOperator; readonly left: Expression; readonly right: Expression }
  | {
      readonly kind: 'conditional';
      readonly condition: Expression;
      /** Undefined in `a ?: b`. */
      readonly consequent: Expression | undefined;
      readonly otherwise: Expression;
    }
  | { readonly kind: 'cast'; readonly to: TypeName; readonly operand: Expression }
  | { readonly kind: 'tuple'; readonly items: readonly Expression[] }
  | { readonly kind: 'record'; readonly fields: readonly { readonly name: string; readonly value: Expression }[] }
  | BlockNode
  | {
      readonly kind: 'ifElse';
      readonly condition: Expression;
      readonly consequent: BlockNode & Node;
      readonly otherwise: Expression | undefined;
    }
  | { readonly kind: 'sizeof'; readonly of: TypeName | Expression }
  | { readonly kind: 'offsetof'; readonly of: TypeName | Expression; readonly path: readonly string[] }
  | { readonly kind: 'typeinfo'; readonly of: TypeName | Expression }
  /** Only as the argument of a macro that takes a type. */
  | { readonly kind: 'typeof'; readonly of: TypeName }
  | { readonly kind: 'comptime'; readonly operand: Expression }
) &
  Node & { type?: TraceType | undefined };

export type VariableNode = { readonly kind: 'variable'; name: string; symbol?: VariableSymbol | undefined };
/** `value` is the last expression, when it has no semicolon behind it. */
export type BlockNode = {
  readonly kind: 'block';
  readonly statements: readonly Statement[];
  readonly value: Expression | undefined;
};

export type UnaryOperator = '-' | '+' | '!' | '~' | '*' | '&';
export type BinaryOperator =
  | ('+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '&' | '|' | '^')
  | ('&&' | '||' | '==' | '!=' | '<' | '>' | '<=' | '>=');

/** A scratch variable, once a scope. */
export interface VariableSymbol {
  readonly name: string;
  readonly span: Span;
  /** What the script says; then assignments do not change the type. */
  declared: TraceType | undefined;
  type: TraceType | undefined;
  /** The C function (a loop body that is a callback) in which it lives, and whether others use it. */
  readonly home: object | undefined;
  shared: boolean;
  id: number;
  /** Its address is taken. */
  addressed: boolean;
}

export type Statement = (
  | { readonly kind: 'expression'; readonly value: Expression }
  | {
      readonly kind: 'assign';
      readonly target: Expression;
      readonly op: BinaryOperator | undefined;
      readonly value: Expression;
    }
  | {
      readonly kind: 'let';
      readonly variable: Expression & VariableNode;
      readonly declared: TypeName | undefined;
      readonly value: Expression | undefined;
    }
  | { readonly kind: 'unroll'; readonly count: Expression; readonly body: BlockNode & Node }
  | { readonly kind: 'while'; readonly condition: Expression; readonly body: BlockNode & Node }
  | {
      readonly kind: 'for';
      readonly variable: Expression & VariableNode;
      readonly over:
        | { readonly kind: 'map'; readonly map: Expression }
        | { readonly kind: 'range'; readonly from: Expression; readonly to: Expression };
      readonly body: BlockNode & Node;
    }
  | { readonly kind: 'break' }
  | { readonly kind: 'continue' }
  | { readonly kind: 'return'; readonly value: Expression | undefined }
  | { readonly kind: 'import'; readonly path: string }
) &
  Node;

/** A type as written: a base name and what stands behind it, from the left. */
export interface TypeName extends Node {
  readonly kind: 'type';
  /** `int32`, `struct task_struct`; undefined with `typeof`. */
  readonly base: string | undefined;
  readonly typeofExpression: Expression | undefined;
  /** `*`, or a count of elements, or `undefined` for `[]`. */
  readonly modifiers: readonly ('*' | number | undefined)[];
}

export interface MacroNode extends Node {
  readonly name: string;
  readonly params: readonly { readonly kind: 'variable' | 'map' | 'expression'; readonly name: string }[];
  readonly body: BlockNode & Node;
}

export interface MapDeclaration extends Node {
  readonly name: string;
  readonly mapType: string;
  readonly entries: Expression;
}

export interface ProbeNode extends Node {
  /** As written, `$1` filled in. */
  readonly attachPoints: readonly { readonly text: string; readonly span: Span }[];
  readonly predicate: Expression | undefined;
  readonly body: BlockNode & Node;
}

export interface Script {
  /** C text in front: `#include`, `#define`, types. */
  readonly definitions: readonly { readonly text: string; readonly span: Span }[];
  readonly config: readonly { readonly name: string; readonly value: string; readonly span: Span }[];
  readonly imports: readonly { readonly path: string; readonly span: Span }[];
  readonly macros: readonly MacroNode[];
  readonly maps: readonly MapDeclaration[];
  readonly probes: readonly ProbeNode[];
}

/** Operators whose result is a truth. */
export const COMPARES: ReadonlySet<string> = new Set(['==', '!=', '<', '>', '<=', '>=']);
