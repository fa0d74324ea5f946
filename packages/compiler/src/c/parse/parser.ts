import { type Diagnostic, type Diagnostics, type SourceFile, type Span, suggest } from '@skep/base';
import type { Expr, FunctionDecl, Stmt, Unroll, VariableDecl } from '../ast.ts';
import type { CType, EnumType, FunctionType, IntType, RecordType } from '../ctype.ts';
import type { KnownHelpers } from '../known/helpers.ts';
import type { KnownTypes } from '../known/types.ts';
import { nameId, nameText } from '../names.ts';
import { LINE_START, type Pragma, T, type TokenKind } from '../token.ts';
import type { TokenList } from '../token-list.ts';
import { expected, tooDeep, unbalancedPragma, unsupported } from './diagnostics.ts';

/** What an ordinary identifier means. */
export type Entity =
  | VariableDecl
  | FunctionDecl
  | { readonly kind: 'typedef'; readonly name: string; readonly type: CType; readonly span: Span | undefined }
  | {
      readonly kind: 'enumerator';
      readonly name: string;
      readonly value: bigint;
      readonly type: IntType;
      readonly of: EnumType;
      readonly span: Span | undefined;
    };
export type Tag = RecordType | EnumType;

/** One block's names, by their number in `names.ts`. */
export interface Scope {
  readonly names: Map<number, Entity>;
  readonly tags: Map<number, Tag>;
  readonly parent: Scope | undefined;
  /** `__label__` of this block: the name that is unique in the function. */
  labels: Map<string, string> | undefined;
}

export interface SwitchState {
  readonly type: IntType;
  readonly cases: { readonly value: bigint; readonly last: bigint; readonly span: Span }[];
  default: Span | undefined;
}

/** What is known while the body of a function is parsed. */
export interface FunctionState {
  readonly decl: FunctionDecl;
  readonly type: FunctionType;
  readonly labels: Map<string, Span>;
  readonly gotos: { readonly label: string; readonly span: Span }[];
  loops: number;
  readonly switches: SwitchState[];
  /** `&&label`: the numbers that stand for labels, from 1 on. */
  readonly labelNumbers: Map<string, number>;
  /** The bodies of the switches that `goto *address` becomes, to be filled in when all labels are known. */
  readonly computedGotos: Stmt[][];
}

/** Thrown after a syntax error has been reported; caught where parsing can go on. */
export class Recover extends Error {
  constructor() {
    super('syntax error, already reported');
    this.name = 'Recover';
  }
}

/** Deeper nesting than people write, shallow enough for the smallest stacks of browsers. */
const MAX_DEPTH = 256;

/**
 * Where the parser stands: the current token, the names in scope, the pragmas in force, the function being parsed.
 * The grammar itself is in the functions of the neighbouring files, which all take one of these first.
 */
export class Parser {
  tokens: TokenList;
  /** Index and kind of the current token; pragmas are never current. */
  at = -1;
  kind: TokenKind = T.Eof;

  readonly diagnostics: Diagnostics;
  readonly types: KnownTypes | undefined;
  readonly helpers: KnownHelpers | undefined;

  readonly fileScope: Scope = newScope(undefined);
  scope: Scope = this.fileScope;
  readonly functions: FunctionDecl[] = [];
  readonly variables: VariableDecl[] = [];
  /** Extern and static functions and variables by name, also those declared inside blocks. */
  readonly linked = new Map<string, FunctionDecl | VariableDecl>();

  fn: FunctionState | undefined;
  /** Names for texts of our own tables, where the program does not declare them. */
  fallback: ReadonlyMap<number, Entity> | undefined;
  /** Records whose members are being read, outermost first. */
  readonly openRecords: RecordType[] = [];
  /** Whether functions are looked over for what is only suspicious. */
  warns = true;
  /** Above 0 inside `sizeof`, `typeof` …: nothing that is named there is used. */
  unevaluated = 0;
  /** Inside the type that `sizeof` measures: the sizes of its arrays that are known only when the program runs. */
  variableSizes: Expr[] | undefined;
  counter = 0;

  pack: number | undefined;
  private readonly packs: (number | undefined)[] = [];
  private readonly pushedAttributes: (readonly string[])[] = [];
  private readonly pushedVisibility: string[] = [];
  private unroll: { readonly at: number; readonly unroll: Unroll } | undefined;
  private pragmasDone = -1;
  /** Names in inline assembly, which may mean what is declared later; and where that is noted. */
  readonly asmNames: {
    readonly name: string;
    readonly symbols: { name: string; entity: FunctionDecl | VariableDecl }[];
  }[] = [];
  /** Which functions each one names; `undefined` is what stands outside of them. */
  private readonly uses = new Map<FunctionDecl | undefined, Set<FunctionDecl>>();
  private readonly deferred: { readonly decl: FunctionDecl; readonly diagnostic: Diagnostic }[] = [];
  /** Names that neither BTF nor the helpers know. */
  private readonly unknown = new Set<number>();
  private depth = 0;

  constructor(
    tokens: TokenList,
    diagnostics: Diagnostics,
    types: KnownTypes | undefined,
    helpers: KnownHelpers | undefined,
  ) {
    this.tokens = tokens;
    this.diagnostics = diagnostics;
    this.types = types;
    this.helpers = helpers;
    this.next();
  }

  // ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────

  next(): void {
    const { kinds } = this.tokens;
    let at = this.at + 1;
    while (kinds[at] === T.Pragma) {
      // Nested declarators are gone over twice.
      if (at > this.pragmasDone) {
        this.pragmasDone = at;
        this.pragma(this.tokens.pragma(at), at);
      }
      at += 1;
    }
    if (at >= this.tokens.length) at = this.tokens.length - 1;
    this.at = at;
    this.kind = kinds[at]!;
  }

  /** The kind of the token after the current one. */
  peek(): TokenKind {
    return this.tokens.kinds[this.peekAt()]!;
  }

  /** The index of the token after the current one. */
  peekAt(): number {
    const { kinds, length } = this.tokens;
    let at = this.at + 1;
    while (kinds[at] === T.Pragma) at += 1;
    return at < length ? at : length - 1;
  }

  /** Back (or forward) to a token that was current before. */
  reset(at: number): void {
    this.at = at;
    this.kind = this.tokens.kinds[at]!;
  }

  /** The same as comparing `kind`, where the compiler believes to know it from before. */
  is(kind: TokenKind): boolean {
    return this.kind === kind;
  }

  accept(kind: TokenKind): boolean {
    if (this.kind !== kind) return false;
    this.next();
    return true;
  }

  expect(kind: TokenKind, what: string, opened?: number): void {
    if (this.kind !== kind) this.fail(what, opened);
    this.next();
  }

  /** Reports that something else should stand here, and gives up on the construct. */
  fail(what: string, opened?: number): never {
    // A missing `;` or `)` is best shown right behind what came before.
    const behind = what.startsWith("'") && this.at > 0 ? this.behind() : undefined;
    const open = opened === undefined ? undefined : { text: this.tokens.text(opened), span: this.tokens.span(opened) };
    this.report(expected(behind ?? this.span(), what, this.describe(), open));
    throw new Recover();
  }

  /** The current token as messages name it. */
  describe(): string {
    if (this.kind === T.Eof) return 'the end of the file';
    const text = this.text();
    return `'${text.length > 40 ? `${text.slice(0, 40)}…` : text}'`;
  }

  text(): string {
    return this.tokens.text(this.at);
  }

  /** The number of the current name. */
  nameId(): number {
    return this.tokens.values[this.at]!;
  }

  span(): Span {
    return this.tokens.span(this.at);
  }

  /** From the token at `start` to the last one that was taken. */
  from(start: number): Span {
    return this.tokens.spanBetween(start, Math.max(start, this.lastTaken()));
  }

  /** From `(` behind its `)`, or the same for `[` and `{`; the tokens between are not looked at. */
  skipBalanced(): void {
    let depth = 0;
    const opened = this.at;
    do {
      switch (this.kind) {
        case T.LParen:
        case T.LBracket:
        case T.LBrace:
          depth += 1;
          break;
        case T.RParen:
        case T.RBracket:
        case T.RBrace:
          depth -= 1;
          break;
        case T.Eof:
          this.fail("')'", opened);
      }
      this.next();
    } while (depth > 0);
  }

  /** After an error: behind the next `;` of this block, or before its `}`. */
  syncStatement(): void {
    let depth = 0;
    while (this.kind !== T.Eof) {
      if (this.kind === T.LBrace || this.kind === T.LParen || this.kind === T.LBracket) depth += 1;
      else if (this.kind === T.RBrace) {
        if (depth <= 0) return;
        depth -= 1;
        if (depth === 0) {
          this.next();
          this.accept(T.Semicolon);
          return;
        }
      } else if (this.kind === T.RParen || this.kind === T.RBracket) depth = Math.max(0, depth - 1);
      else if (this.kind === T.Semicolon && depth <= 0) {
        this.next();
        return;
      }
      this.next();
    }
  }

  /** After an error inside parentheses opened before: onto the `)` that closes them; false when a `;` or `}` comes first. */
  syncParen(): boolean {
    let depth = 0;
    while (this.kind !== T.Eof) {
      if (this.kind === T.LParen || this.kind === T.LBracket || this.kind === T.LBrace) depth += 1;
      else if (this.kind === T.RParen || this.kind === T.RBracket || this.kind === T.RBrace) {
        if (depth === 0) return this.kind === T.RParen;
        depth -= 1;
      } else if (this.kind === T.Semicolon && depth === 0) return false;
      this.next();
    }
    return false;
  }

  /** After an error between braces: onto the `}` that closes them. */
  syncBrace(): void {
    while (this.kind !== T.RBrace && this.kind !== T.Eof) {
      if (this.kind === T.LBrace || this.kind === T.LParen || this.kind === T.LBracket) this.skipBalanced();
      else this.next();
    }
  }

  /** Runs `parse` one level deeper; hostile nesting ends with a diagnostic instead of the stack's end. */
  nested<R>(parse: () => R): R {
    this.enter();
    try {
      return parse();
    } finally {
      this.depth -= 1;
    }
  }
  enter(): void {
    this.depth += 1;
    if (this.depth > MAX_DEPTH) {
      this.report(tooDeep(this.span()));
      throw new TooDeep();
    }
  }
  leave(): void {
    this.depth -= 1;
  }
  get level(): number {
    return this.depth;
  }
  /** After a {@link Recover} was caught at a place that was at this level. */
  restore(level: number): void {
    this.depth = level;
  }

  // ── diagnostics ───────────────────────────────────────────────────────────────────────────────────────────────────

  report(diagnostic: Diagnostic): void {
    const at = this.tokenOf(diagnostic.span);
    if (diagnostic.severity === 'warning' && this.fromHeader(diagnostic, at)) return;
    const macros = at === undefined ? [] : this.tokens.notes(at);
    const whole = macros.length === 0 ? diagnostic : { ...diagnostic, notes: [...(diagnostic.notes ?? []), ...macros] };
    const decl = this.fn?.decl;
    if (decl?.storage === 'static' && diagnostic.code.startsWith('E14'))
      this.deferred.push({ decl, diagnostic: whole });
    else this.diagnostics.add(whole);
  }

  /** What is found about a function when its end has been read. */
  reportLate(diagnostic: Diagnostic): void {
    const at = this.tokenAnywhere(diagnostic.span!);
    if (at === undefined || this.fromHeader(diagnostic, at)) return;
    const notes = [...(diagnostic.notes ?? []), ...this.tokens.notes(at)];
    this.diagnostics.add(notes.length === 0 ? diagnostic : { ...diagnostic, notes });
  }

  /** Whether the current token stands on the line of the one before, both as written in a file. */
  onSameLine(): boolean {
    const { flags, origins } = this.tokens;
    return (flags[this.at]! & LINE_START) === 0 && origins[this.at] === 0;
  }

  /** The last token at which the span begins: seldom asked. */
  private tokenAnywhere(span: Span): number | undefined {
    for (let at = Math.min(this.at, this.tokens.length - 1); at >= 0; at--) {
      if (this.tokens.kinds[at] === T.Pragma) continue;
      const own = this.tokens.span(at);
      if (own.start === span.start && own.file === span.file) return at;
    }
    return undefined;
  }

  /** The file that is compiled, which ends last. */
  get mainFile(): SourceFile {
    return this.tokens.span(this.tokens.length - 1).file;
  }

  /** The token near the current one that the span is about. */
  private tokenOf(span: Span | undefined): number | undefined {
    if (span === undefined) return undefined;
    for (let at = this.at, tries = 0; at >= 0 && tries < 4; at--, tries++) {
      if (this.tokens.kinds[at] === T.Pragma) continue;
      const own = this.tokens.span(at);
      if (own.file === span.file && own.start >= span.start && own.end <= span.end) return at;
    }
    return undefined;
  }

  /** Nobody can do anything about warnings inside built-in headers, nor about those in the bodies of a header's macros. */
  private fromHeader({ code, span }: Diagnostic, at: number | undefined): boolean {
    if (span?.file.name.startsWith('<built-in>')) return true;
    if (at === undefined) return false;
    if (this.tokens.spelling(at).file !== span?.file) return true;
    // `bpf_printk` and BPF_PROG put pointers and numbers alike into arrays of 64-bit values.
    const origin = this.tokens.origins[at]!;
    const macro = origin < 0 ? this.tokens.expansions[-origin]?.definition : undefined;
    return code === 'W1204' && macro !== undefined && macro.file !== span?.file;
  }

  /** At the end of the file: what inline assembly names is used by that. */
  resolveAsmNames(): void {
    for (const { name, symbols } of this.asmNames) {
      const entity = this.lookup(this.idOf(name));
      if (entity === undefined || entity.kind === 'typedef' || entity.kind === 'enumerator') continue;
      if (entity.kind === 'function' && entity.helper !== undefined) continue;
      if (entity.kind === 'function') this.useFunction(entity);
      else entity.used = true;
      symbols.push({ name, entity });
    }
  }

  /** The function is named where it may be called. */
  useFunction(decl: FunctionDecl): void {
    decl.used = true;
    const by = this.fn?.decl;
    const named = this.uses.get(by);
    if (named === undefined) this.uses.set(by, new Set([decl]));
    else named.add(decl);
  }

  /** What static functions do that is not supported counts only when a program gets to them: headers are full of them. */
  reportDeferred(): void {
    if (this.deferred.length === 0) return;
    const open = this.functions.filter((decl) => decl.storage !== 'static' || decl.attributes.used);
    open.push(...(this.uses.get(undefined) ?? []));
    const reached = new Set<FunctionDecl>();
    for (let decl = open.pop(); decl !== undefined; decl = open.pop()) {
      if (reached.has(decl)) continue;
      reached.add(decl);
      open.push(...(this.uses.get(decl) ?? []));
    }
    for (const { decl, diagnostic } of this.deferred) if (reached.has(decl)) this.diagnostics.add(diagnostic);
  }

  /** Whether the token before ends a body, and the current one stands on another line. */
  endsRecord(): boolean {
    const last = this.lastTaken();
    return this.tokens.kinds[last] === T.RBrace && (this.tokens.flags[this.at]! & LINE_START) !== 0;
  }

  private behind(): Span {
    const last = this.tokens.span(this.lastTaken());
    return { file: last.file, start: last.end, end: last.end };
  }

  private lastTaken(): number {
    let at = this.at - 1;
    while (at > 0 && this.tokens.kinds[at] === T.Pragma) at -= 1;
    return Math.max(at, 0);
  }

  // ── names ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  push(): Scope {
    this.scope = newScope(this.scope);
    return this.scope;
  }
  pop(): void {
    this.scope = this.scope.parent!;
  }

  /** The entity in scope, without asking BTF or the helpers. */
  declared(id: number): Entity | undefined {
    for (let scope: Scope | undefined = this.scope; scope !== undefined; scope = scope.parent) {
      const found = scope.names.get(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** What a name means; names from BTF and helpers enter the file's scope when they are first asked for. */
  lookup(id: number): Entity | undefined {
    const found = this.declared(id);
    if (found !== undefined) return found;
    const spare = this.fallback?.get(id);
    if (spare !== undefined) return spare;
    if (this.unknown.has(id)) return undefined;
    const name = nameText(id);
    const known = this.helpers?.find(name, this) ?? this.types?.find(name);
    if (known === undefined) this.unknown.add(id);
    else {
      this.fileScope.names.set(id, known);
      if (known.kind === 'function' && known.helper === undefined) {
        this.functions.push(known);
        this.linked.set(name, known);
      }
    }
    return known;
  }

  /** The number of a name given as a string. */
  idOf(name: string): number {
    return nameId(name);
  }

  /** Whether the name at a token is a type. */
  isTypeName(id: number): boolean {
    return this.lookup(id)?.kind === 'typedef';
  }

  tag(id: number): Tag | undefined {
    for (let at: Scope | undefined = this.scope; at !== undefined; at = at.parent) {
      const found = at.tags.get(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The nearest name in scope, or of a helper, for "did you mean". */
  near(name: string, wanted: (entity: Entity) => boolean = () => true): string | undefined {
    const names: string[] = [];
    for (let scope: Scope | undefined = this.scope; scope !== undefined; scope = scope.parent)
      for (const [id, entity] of scope.names) if (wanted(entity)) names.push(nameText(id));
    if (this.helpers !== undefined && name.startsWith('bpf_')) names.push(...this.helpers.names());
    return suggest(name, names);
  }

  /** The nearest tag of a record in scope or of the kernel. */
  nearTag(name: string): string | undefined {
    const names: string[] = [];
    for (let scope: Scope | undefined = this.scope; scope !== undefined; scope = scope.parent)
      for (const id of scope.tags.keys()) names.push(nameText(id));
    return suggest(name, names) ?? (this.types && suggest(name, this.types.tagNames()));
  }

  // ── pragmas ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The `#pragma unroll` that stands before the current token. */
  takeUnroll(): Unroll {
    const pending = this.unroll;
    if (pending === undefined || pending.at !== this.at) return 'default';
    this.unroll = undefined;
    return pending.unroll;
  }
  /** Records are defined under `#pragma clang attribute push (__attribute__((preserve_access_index)) …)`. */
  get preservesAccess(): boolean {
    return this.pushedAttributes.some((list) => list.includes('preserve_access_index'));
  }
  get pushedHidden(): boolean {
    return this.pushedVisibility.at(-1) === 'hidden';
  }

  private pragma(pragma: Pragma, at: number): void {
    switch (pragma.kind) {
      case 'unroll': {
        let target = at + 1;
        while (this.tokens.kinds[target] === T.Pragma) target += 1;
        this.unroll = { at: target, unroll: pragma.unroll };
        return;
      }
      case 'pack':
        if (pragma.action === 'push') this.packs.push(this.pack);
        if (pragma.action === 'pop') {
          if (this.packs.length === 0) this.report(unbalancedPragma(this.tokens.span(at), 'pack(pop)'));
          else this.pack = this.packs.pop();
        } else if (pragma.action === 'set' || pragma.align !== undefined) this.pack = pragma.align;
        return;
      case 'attribute-push':
        for (const name of pragma.attributes)
          if (name !== 'preserve_access_index')
            this.report(unsupported(this.tokens.span(at), `'#pragma clang attribute push' with '${name}'`));
        this.pushedAttributes.push(pragma.attributes);
        return;
      case 'attribute-pop':
        if (this.pushedAttributes.pop() === undefined)
          this.report(unbalancedPragma(this.tokens.span(at), 'clang attribute pop'));
        return;
      case 'visibility-push':
        this.pushedVisibility.push(pragma.visibility);
        return;
      case 'visibility-pop':
        if (this.pushedVisibility.pop() === undefined)
          this.report(unbalancedPragma(this.tokens.span(at), 'GCC visibility pop'));
    }
  }
}

/** Nesting beyond the limit: nothing after it can be trusted, so the whole parse ends. */
export class TooDeep extends Error {}

function newScope(parent: Scope | undefined): Scope {
  return { names: new Map(), tags: new Map(), parent, labels: undefined };
}
