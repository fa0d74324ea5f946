import type { Span } from '@skep/base';
import type { CType, Field, FunctionType, RecordType } from './ctype.ts';

/**
 * The typed tree: what the parser makes, with every name resolved, every type known and every conversion written out
 * as a `cast`, so that lowering decides nothing about C. Built in one pass over the tokens.
 *
 * An expression is a value (rvalue) or a place (lvalue: `var`, `deref`, `member` of a place, `index` of an array place,
 * `string`, `compound`). A place becomes a value only under a cast of kind `load`, `decay` or `address`.
 */
export interface TranslationUnit {
  /** In order of first declaration; only those that are used or must be emitted have to be lowered. */
  readonly functions: readonly FunctionDecl[];
  readonly variables: readonly VariableDecl[];
}

export interface FunctionDecl {
  readonly kind: 'function';
  readonly name: string;
  /** Merged over redeclarations. */
  type: CType;
  params: readonly VariableDecl[];
  storage: 'extern' | 'static';
  attributes: DeclAttributes;
  /** Undefined when only declared. */
  body: CompoundStmt | undefined;
  /** Locals (and static locals), all scopes, for lowering to make room once. */
  locals: VariableDecl[];
  /** A BPF helper: its number in the UAPI header. */
  helper: number | undefined;
  /** Somebody refers to it. */
  /**
   * A definition that is there to be inlined and makes no symbol: `c`, as long as no declaration says otherwise, what C
   * makes of `inline`; `gnu`: `extern inline` with `gnu_inline`. {@link storage} is `static` then.
   */
  inlineOnly?: 'c' | 'gnu' | undefined;
  used: boolean;
  readonly span: Span;
}

export interface VariableDecl {
  readonly kind: 'variable';
  readonly name: string;
  type: CType;
  /** `extern` at file scope without initialiser stays extern; parameters are `param`. */
  storage: 'global' | 'extern' | 'static' | 'static-local' | 'local' | 'param';
  attributes: DeclAttributes;
  /** Undefined: zeros for globals, nothing for locals. */
  init: Initializer | undefined;
  used: boolean;
  /** In `sizeof` and its like, where it is not evaluated. */
  mentioned?: boolean;
  readonly span: Span;
}

export interface DeclAttributes {
  section: string | undefined;
  alwaysInline: boolean;
  noinline: boolean;
  /** No code before and behind the body, which is inline assembly alone. */
  naked: boolean;
  weak: boolean;
  hidden: boolean;
  /** `__attribute__((used))`: emitted though nobody refers to it. */
  used: boolean;
  unused: boolean;
  noreturn: boolean;
  align: number | undefined;
  declTags: string[];
  /** `cleanup(f)`: called with the variable's address when its scope is left. */
  cleanup: FunctionDecl | undefined;
  /** `asm("name")`: the symbol's name in the object. */
  symbol: string | undefined;
}

/**
 * Where an object is initialised: each part at its byte offset; what no part covers is zero. Parts are written in order:
 * where they overlap (`{ .a = x, .a.b = 1 }`) the later one wins.
 */
export interface Initializer {
  readonly type: CType;
  /** Bytes of the object: `sizeof(type)`, or more when its flexible array member is initialised. */
  readonly size: number;
  readonly parts: readonly InitPart[];
  readonly span: Span;
}
export interface InitPart {
  /** Bytes from the start of the object. */
  readonly offset: number;
  readonly type: CType;
  readonly bitField: { readonly bitOffset: number; readonly bitWidth: number } | undefined;
  /** A value; or, for character arrays, a `string` place; or a place of record type (`load` cast) to copy. */
  readonly value: Expr;
}

// ── statements ──────────────────────────────────────────────────────────────────────────────────────────────────────

export type Stmt =
  | CompoundStmt
  | { readonly kind: 'expression'; readonly expr: Expr; readonly span: Span }
  /** Local variables come alive, in order; initialised when they have an initialiser. */
  | { readonly kind: 'declare'; readonly variables: readonly VariableDecl[]; readonly span: Span }
  | {
      readonly kind: 'if';
      readonly condition: Expr;
      readonly then: Stmt;
      readonly else: Stmt | undefined;
      readonly span: Span;
    }
  | {
      readonly kind: 'while';
      readonly condition: Expr;
      readonly body: Stmt;
      readonly unroll: Unroll;
      readonly span: Span;
    }
  | { readonly kind: 'do'; readonly body: Stmt; readonly condition: Expr; readonly unroll: Unroll; readonly span: Span }
  | {
      readonly kind: 'for';
      readonly init: Stmt | undefined;
      readonly condition: Expr | undefined;
      readonly step: Expr | undefined;
      readonly body: Stmt;
      readonly unroll: Unroll;
      readonly span: Span;
    }
  | { readonly kind: 'switch'; readonly value: Expr; readonly body: Stmt; readonly span: Span }
  /** Inside the body of the nearest `switch`; `last` for the GNU range `case 1 ... 5:`. */
  | { readonly kind: 'case'; readonly value: bigint; readonly last: bigint; readonly body: Stmt; readonly span: Span }
  | { readonly kind: 'default'; readonly body: Stmt; readonly span: Span }
  | { readonly kind: 'break' | 'continue' | 'empty'; readonly span: Span }
  | { readonly kind: 'return'; readonly value: Expr | undefined; readonly span: Span }
  | { readonly kind: 'goto'; readonly label: string; readonly span: Span }
  | { readonly kind: 'label'; readonly label: string; readonly body: Stmt; readonly span: Span }
  /** `asm volatile("" ::: "memory")` and `asm volatile("" : "+r"(x))`: a template without instructions. */
  | { readonly kind: 'barrier'; readonly places: readonly Expr[]; readonly span: Span }
  | AsmStmt;

/** Inline assembly with instructions. */
export interface AsmStmt {
  readonly kind: 'asm';
  readonly template: string;
  /** Places. */
  readonly outputs: readonly AsmArgument[];
  readonly inputs: readonly AsmArgument[];
  /** `memory`, `r0` … `r10`, `w0` …, `cc`. */
  readonly clobbers: readonly string[];
  /** Of `asm goto`: the names in the template, and the labels of the function that they mean. */
  readonly labels: readonly { readonly name: string; readonly label: string }[];
  /** Functions and variables that the template names itself. */
  readonly symbols: readonly { readonly name: string; readonly entity: FunctionDecl | VariableDecl }[];
  readonly isGoto: boolean;
  readonly span: Span;
}
export interface AsmArgument {
  readonly name: string | undefined;
  readonly constraint: string;
  readonly expr: Expr;
}

export interface CompoundStmt {
  readonly kind: 'compound-stmt';
  readonly body: readonly Stmt[];
  readonly span: Span;
}

/** `#pragma unroll`, `#pragma unroll(4)`, `#pragma clang loop unroll(disable)`. */
export type Unroll = 'default' | 'full' | 'disable' | number;

// ── expressions ─────────────────────────────────────────────────────────────────────────────────────────────────────

interface ExprBase {
  /** With sugar; of a place, the type of the object. */
  readonly type: CType;
  readonly span: Span;
}

export type Expr =
  | IntExpr
  | FloatExpr
  | StringExpr
  | VarExpr
  | FunctionExpr
  | UnaryExpr
  | StepExpr
  | BinaryExpr
  | LogicalExpr
  | ConditionalExpr
  | CommaExpr
  | AssignExpr
  | DerefExpr
  | AddressExpr
  | MemberExpr
  | IndexExpr
  | CallExpr
  | BuiltinExpr
  | CastExpr
  | CompoundExpr
  | StatementExpr;

/** A number that is computed with while the program is compiled; what is not an integer in the end is refused. */
export interface FloatExpr extends ExprBase {
  readonly kind: 'float';
  readonly value: number;
}
/** Also characters, enumerators, `sizeof`, `offsetof`: whatever folded. Value normalised to the type. */
export interface IntExpr extends ExprBase {
  readonly kind: 'int';
  readonly value: bigint;
  /** The enumerator that was written, for `bpf_core_enum_value`. */
  readonly enumerator?: { readonly name: string; readonly type: CType } | undefined;
  /** Of `sizeof p`: the variable, when it is a pointer. */
  readonly sizeOfPointer?: VariableDecl | undefined;
}
/** A place: an array of char, with its terminating NUL. */
export interface StringExpr extends ExprBase {
  readonly kind: 'string';
  readonly bytes: Uint8Array;
}
/** A place. */
export interface VarExpr extends ExprBase {
  readonly kind: 'var';
  readonly variable: VariableDecl;
}
/** Designates a function; a value only under a `decay` cast or as a callee. */
export interface FunctionExpr extends ExprBase {
  readonly kind: 'func';
  readonly function: FunctionDecl;
}
/** Operand already promoted. `!` gives int. */
export interface UnaryExpr extends ExprBase {
  readonly kind: 'unary';
  readonly op: '-' | '~' | '!';
  readonly operand: Expr;
}
/** `++x`, `x--`: the operand is a place; `by` is 1 or the size of what a pointer points to. */
export interface StepExpr extends ExprBase {
  readonly kind: 'step';
  readonly op: '++' | '--';
  readonly prefix: boolean;
  readonly operand: Expr;
  readonly by: number;
}
/**
 * Operands have been converted to one type (shifts: each its own). Comparisons give int. Pointer arithmetic: `+` / `-`
 * of a pointer (left, always) and an i64, with `scale` the size of what is pointed to; pointer difference has `scale` too.
 */
export interface BinaryExpr extends ExprBase {
  readonly kind: 'binary';
  readonly op: '+' | '-' | '*' | '/' | '%' | '<<' | '>>' | '&' | '|' | '^' | '==' | '!=' | '<' | '>' | '<=' | '>=';
  readonly left: Expr;
  readonly right: Expr;
  readonly scale: number | undefined;
}
export interface LogicalExpr extends ExprBase {
  readonly kind: 'logical';
  readonly op: '&&' | '||';
  readonly left: Expr;
  readonly right: Expr;
}
/** `c ?: x` is written out: the condition goes to a temporary inside a `statement` expression. */
export interface ConditionalExpr extends ExprBase {
  readonly kind: 'conditional';
  readonly condition: Expr;
  readonly then: Expr;
  readonly else: Expr;
}
export interface CommaExpr extends ExprBase {
  readonly kind: 'comma';
  readonly left: Expr;
  readonly right: Expr;
}
/**
 * Simple (`op` undefined): `value` has the place's type; records are copied from a place under a `load` cast.
 * Compound: computed in `computeType`, to which the place's value is converted and `value` has been; then converted back.
 */
export interface AssignExpr extends ExprBase {
  readonly kind: 'assign';
  readonly op: BinaryExpr['op'] | undefined;
  readonly place: Expr;
  readonly value: Expr;
  readonly computeType: CType;
  /** Of `p += n`. */
  readonly scale: number | undefined;
}
/** `*p`: a place. */
export interface DerefExpr extends ExprBase {
  readonly kind: 'deref';
  readonly pointer: Expr;
}
/** `&place`: a value. */
export interface AddressExpr extends ExprBase {
  readonly kind: 'address';
  readonly place: Expr;
}
/**
 * `place.field`; `p->field` is a member of `deref`. Anonymous members on the way have a node each, so that CO-RE access
 * strings follow from the tree. `index` is the field's position in the record's fields.
 */
export interface MemberExpr extends ExprBase {
  readonly kind: 'member';
  readonly place: Expr;
  readonly record: RecordType;
  readonly field: Field;
  readonly index: number;
}
/** `a[i]`: a place. `base` is an array place, or a pointer value; `subscript` an i64 value. */
export interface IndexExpr extends ExprBase {
  readonly kind: 'index';
  readonly base: Expr;
  readonly ofArray: boolean;
  readonly subscript: Expr;
  /** Bytes of an element. */
  readonly scale: number;
}
export interface CallExpr extends ExprBase {
  readonly kind: 'call';
  /** A `func`, or a value of pointer-to-function type. */
  readonly callee: Expr;
  readonly signature: FunctionType;
  readonly args: readonly Expr[];
}
/**
 * `__builtin_…` that generate code. Those that the parser answers itself (`offsetof`,
 * `types_compatible_p`, `choose_expr` …) never appear.
 */
export interface BuiltinExpr extends ExprBase {
  readonly kind: 'builtin';
  readonly name: BuiltinName;
  readonly args: readonly Expr[];
  /** `preserve_type_info`, `btf_type_id`: the type that the argument named. */
  readonly ofType: CType | undefined;
}
export type BuiltinName =
  | 'memcpy'
  | 'memmove'
  | 'memset'
  | 'memcmp'
  /** Of a string that is not known where this is written. */
  | 'strlen'
  /** args: two strings, one of them a literal; the most bytes that are compared. */
  | 'strcmp'
  | 'bswap16'
  | 'bswap32'
  | 'bswap64'
  | 'popcount'
  | 'parity'
  | 'ctz'
  | 'clz'
  | 'ffs'
  | 'abs'
  | 'expect'
  /** Of a value that may become known by inlining. */
  | 'constant_p'
  | 'unreachable'
  | 'trap'
  /** args: two integers, each of its own type, and the address of the result; true where the result does not fit. */
  | 'add_overflow'
  | 'sub_overflow'
  | 'mul_overflow'
  /** `__builtin_preserve_access_index(expr)`: accesses inside are relocated. */
  | 'preserve_access_index'
  /** args: the field (a place), the kind (int 0–5: byte offset, byte size, exists, signed, lshift, rshift). */
  | 'preserve_field_info'
  /** ofType, args: kind (0 exists, 1 size, 2 matches). */
  | 'preserve_type_info'
  /** args: an `int` with `enumerator`, kind (0 exists, 1 value). */
  | 'preserve_enum_value'
  /** ofType, args: kind (0 local, 1 target). */
  | 'btf_type_id'
  /** `__sync_fetch_and_add` …, `__atomic_…`: args: address, value (expected and value for cmpxchg). */
  | 'atomic_fetch_add'
  | 'atomic_fetch_sub'
  | 'atomic_fetch_or'
  | 'atomic_fetch_and'
  | 'atomic_fetch_xor'
  | 'atomic_add_fetch'
  | 'atomic_sub_fetch'
  | 'atomic_exchange'
  | 'atomic_compare_exchange_value'
  | 'atomic_compare_exchange_bool';

export interface CastExpr extends ExprBase {
  readonly kind: 'cast';
  /**
   * - `load`: a place's value; for records, the thing to copy
   * - `decay`: array place or function to pointer
   * - `int`: integer (or enum) to integer: truncates, or extends by the operand's signedness
   * - `bool`: scalar to `_Bool`: `!= 0`
   * - `pointer-to-int`, `int-to-pointer`, `pointer`: bits as they are (int conversions around are separate casts to i64)
   * - `void`: the value is dropped
   */
  readonly op: 'load' | 'decay' | 'int' | 'bool' | 'pointer-to-int' | 'int-to-pointer' | 'pointer' | 'void';
  readonly operand: Expr;
  readonly implicit: boolean;
}
/** `(struct key){ .a = 1 }`: a place, a new variable each time it is evaluated. */
export interface CompoundExpr extends ExprBase {
  readonly kind: 'compound';
  readonly variable: VariableDecl;
}
/** `({ …; value; })`: `value` is the last expression statement, or undefined when void. */
export interface StatementExpr extends ExprBase {
  readonly kind: 'statement';
  readonly body: readonly Stmt[];
  readonly value: Expr | undefined;
}
