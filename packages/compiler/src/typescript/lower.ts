import { type Diagnostics, positionOf, SkepError, type Span, suggest } from '@skep/base';
import type { Btf } from '@skep/object';
import type { ProbeContext } from './contexts.ts';
import {
  type Binding,
  type Constant,
  foldNumbers,
  type MapDeclaration,
  type ProbeModule,
  plainMembers,
} from './declarations.ts';
import * as say from './diagnostics.ts';
import { memberNames, memberOf } from './kernel-types.ts';
import { LAYERS, type LayerName } from './packets.ts';
import {
  type ArrowFunction,
  bare,
  type Call,
  type Expression,
  type FunctionDeclaration,
  type Member,
  type Node,
  type ObjectLiteral,
  type OptionalCall,
  type OptionalMember,
  type Statement,
  spanOf,
} from './syntax.ts';
import {
  BOOLEAN,
  declareC,
  describe,
  NUMBER,
  numberOf,
  SAFE,
  type Storage,
  sizeOfStorage,
  type Type,
  U64,
  UNDEFINED,
  valueType,
} from './types.ts';
import { ENUMS, FACTS, type Fact } from './vocabulary.ts';

/** A value of a probe, as C. */
export interface Value {
  readonly type: Type;
  /** An expression without effects; of texts what is printed is made by `into`. */
  readonly c: string;
  readonly constant?: Constant | undefined;
  /** A condition: without it the value is `undefined`. */
  readonly ok?: string | undefined;
  /** Undefined only where an earlier `?.` of the same chain ended it. */
  readonly chain?: boolean;
  /** Of texts: statements that write it to `size` bytes at an address. */
  readonly into?: (address: string, size: number) => string;
}

/** What functions of a module share. */
export interface Shared {
  readonly module: ProbeModule;
  readonly diagnostics: Diagnostics;
  readonly btf: (() => Btf | undefined) | undefined;
  /** C names of maps, events and parameters. */
  readonly symbols: ReadonlyMap<string, string>;
  /** Static functions that were made so far, by name and types of arguments. */
  readonly functions: Map<string, Made>;
  /** Their texts, callees first. */
  readonly texts: string[];
  /** Maps that `take` and `add` are done on: one C function each. */
  readonly operations: Map<string, string>;
}
interface Made {
  readonly name: string;
  /** Undefined while it is being made. */
  readonly result: Type | undefined;
  readonly busy: boolean;
}

interface Local {
  /** `broken`: its declaration is wrong, and that was said. */
  readonly kind: 'const' | 'let' | 'counter' | 'broken';
  readonly value: Value;
}

const STACK = 256;
const MOST_ROUNDS = 1 << 16;

/** The C function of one probe. Problems are added to the diagnostics; what cannot be gone on from is thrown. */
export function lowerProbe(shared: Shared, body: ArrowFunction, context: ProbeContext, name: string): string {
  const lowering = new Lowering(shared, context, undefined);
  const { params } = body;
  const most = context.object ? 1 : context.args.length;
  if (params.length > most) {
    shared.diagnostics.add(
      say.wrongCount(
        'the probe',
        `at most ${most} ${most === 1 ? 'parameter' : 'parameters'} here`,
        spanOf(shared.module.file, params[most]!),
      ),
    );
    return '';
  }
  for (const [i, param] of params.entries()) {
    if (param.type !== 'Identifier') {
      shared.diagnostics.add(say.unsupported('destructuring', spanOf(shared.module.file, param)));
      return '';
    }
    lowering.bind(param.name, {
      kind: 'const',
      value: context.object ? { type: { kind: 'context' }, c: 'ctx' } : context.args[i]!,
    });
  }
  const ends = lowering.body(body);
  if (context.result !== 'nothing' && !ends)
    shared.diagnostics.add(
      say.noReturn(context.object?.what ?? 'this probe', context.resultText, {
        ...spanOf(shared.module.file, body),
        start: Math.max(body.start ?? 0, (body.end ?? 1) - 1),
      }),
    );
  return [
    `SEC("${context.section}")`,
    `int ${name}(${context.c}ctx)`,
    '{',
    ...lowering.lines,
    '  return 0;',
    '}',
    '',
  ].join('\n');
}

class Lowering {
  lines: string[] = [];
  private readonly shared: Shared;
  private readonly context: ProbeContext | undefined;
  /** Of static functions: what `return` was given so far. */
  private result: Type | undefined;
  private readonly isHelper: boolean;
  private scopes: Map<string, Local>[] = [new Map()];
  /** Constants that are known not to be undefined. */
  private known = new Set<Local>();
  private made = 0;
  private line = -1;

  constructor(shared: Shared, context: ProbeContext | undefined, helper: string | undefined) {
    this.shared = shared;
    this.context = context;
    this.isHelper = helper !== undefined;
  }

  bind(name: string, local: Local): void {
    this.scopes.at(-1)!.set(name, local);
  }

  body(node: ArrowFunction | FunctionDeclaration): boolean {
    if (node.async || node.generator) this.fail(say.unsupported('async', this.span(node)));
    if (node.body.type === 'BlockStatement') return this.block(node.body.body);
    this.at(node.body);
    const value = this.attempt(() => this.expression(node.body as Expression, true));
    if (value === undefined) return true;
    return this.give(value, node.body);
  }

  get resultType(): Type | undefined {
    return this.result;
  }

  // Statements

  private block(statements: readonly Statement[]): boolean {
    this.scopes.push(new Map());
    const known = new Set(this.known);
    let ends = false;
    for (const one of statements) {
      const result = this.attempt(() => this.statement(one));
      ends ||= result === true;
    }
    this.scopes.pop();
    this.known = known;
    return ends;
  }

  /** Goes on with the next statement after a problem, so that all are found. */
  private attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof SkepError)) throw error;
      for (const one of error.diagnostics) this.shared.diagnostics.add(one);
      return undefined;
    }
  }

  /** True when control does not come out at its end. */
  private statement(node: Statement): boolean {
    this.at(node);
    switch (node.type) {
      case 'EmptyStatement':
        return false;
      case 'BlockStatement': {
        this.emit('{');
        const ends = this.block(node.body);
        this.emit('}');
        return ends;
      }
      case 'VariableDeclaration':
        this.variables(node);
        return false;
      case 'ExpressionStatement':
        this.effect(bare(node.expression));
        return false;
      case 'IfStatement':
        return this.branch(node);
      case 'ForStatement':
        this.loop(node);
        return false;
      case 'BreakStatement':
      case 'ContinueStatement':
        if (node.label) this.fail(say.unsupported('statement', this.span(node), 'a label'));
        this.emit(node.type === 'BreakStatement' ? 'break;' : 'continue;');
        return true;
      case 'ReturnStatement':
        if (node.argument) return this.give(this.expression(node.argument, true), node.argument);
        if (this.context !== undefined && this.context.result !== 'nothing')
          this.fail(say.noReturn(this.context.object?.what ?? 'this probe', this.context.resultText, this.span(node)));
        this.emit(this.isHelper ? 'return;' : 'return 0;');
        if (this.isHelper) this.result ??= UNDEFINED;
        return true;
      case 'SwitchStatement':
        return this.choice(node);
      case 'WhileStatement':
      case 'DoWhileStatement':
      case 'ForInStatement':
      case 'ForOfStatement':
        return this.fail(say.unsupported('loop', this.span({ ...node, end: node.body.start ?? node.end ?? null })));
      case 'ThrowStatement':
      case 'TryStatement':
        return this.fail(say.unsupported('exception', this.span(node)));
      case 'FunctionDeclaration':
        return this.fail(say.unsupported('nested', this.span(node)));
      case 'ClassDeclaration':
        return this.fail(say.unsupported('allocation', this.span(node), 'a class'));
      case 'TSTypeAliasDeclaration':
      case 'TSInterfaceDeclaration':
        return false;
      default:
        return this.fail(say.unsupported('statement', this.span(node), node.type));
    }
  }

  /** `return` with a value: of the program, or of a static function. */
  private give(value: Value, node: Node): boolean {
    if (this.isHelper) {
      if (value.ok !== undefined) this.fail(say.maybeUndefined('what the function returns', this.span(node)));
      const { kind } = value.type;
      if (kind === 'undefined') {
        this.emit('return;');
        this.result ??= UNDEFINED;
        return true;
      }
      if (kind !== 'number' && kind !== 'bigint' && kind !== 'boolean' && kind !== 'pointer')
        this.fail(say.wrongType(describe(value.type), 'a number, bigint or boolean', this.span(node)));
      if (this.result && this.result.kind !== kind)
        this.fail(say.wrongType(describe(value.type), describe(this.result), this.span(node)));
      this.result ??= kind === 'number' ? NUMBER : value.type;
      this.emit(`return ${value.c};`);
      return true;
    }
    const { result } = this.context!;
    if (result === 'nothing') {
      // As in JavaScript: what an arrow function without braces gives is not looked at.
      if (value.type.kind !== 'undefined' && !value.c.startsWith('(void)')) this.emit(`(void)(${value.c || '0'});`);
      this.emit('return 0;');
      return true;
    }
    const whole = this.defined(value, 'what the probe returns', node);
    if (result === 'verdict') {
      if (whole.type.kind !== 'boolean') this.fail(say.wrongType(describe(whole.type), 'boolean', this.span(node)));
      this.emit(`return ${whole.c} ? 1 : 0;`);
    } else this.emit(`return (int)(${this.number(whole, node).c});`);
    return true;
  }

  private variables(node: Statement & { type: 'VariableDeclaration' }): void {
    if (node.kind !== 'const' && node.kind !== 'let')
      this.fail(say.unsupported('statement', this.span(node), `\`${node.kind}\``));
    for (const one of node.declarations) {
      if (one.id.type !== 'Identifier') this.fail(say.unsupported('destructuring', this.span(one.id)));
      const { name } = one.id as { name: string };
      if (!one.init) this.fail(say.unsupported('optionalVariable', this.span(one)));
      const init = bare(one.init as Expression);
      if (init.type === 'ArrowFunctionExpression' || init.type === 'FunctionExpression')
        this.fail(say.unsupported('nested', this.span(init)));
      // What it is called is not unknown later, whatever is wrong here.
      this.bind(name, { kind: 'broken', value: { type: UNDEFINED, c: '' } });
      const value = this.expression(init);
      const { type } = value;
      if (type.kind === 'undefined') this.fail(say.wrongType('undefined', 'a value', this.span(init)));
      if (node.kind === 'let') {
        if (value.ok !== undefined || (type.kind !== 'number' && type.kind !== 'bigint' && type.kind !== 'boolean'))
          this.fail(say.unsupported('optionalVariable', this.span(one)));
        const c = this.name(name);
        this.emit(`${cTypeOf(type)} ${c} = ${value.c};`);
        this.bind(name, { kind: 'let', value: { type: type.kind === 'number' ? NUMBER : type, c } });
        continue;
      }
      this.bind(name, { kind: 'const', value: this.keep(value, name) });
    }
  }

  /** A value that later statements find unchanged. */
  private keep(value: Value, name: string): Value {
    const { type } = value;
    if (value.constant !== undefined) return value;
    if (type.kind === 'number' || type.kind === 'bigint' || type.kind === 'boolean' || type.kind === 'pointer') {
      if (
        /^\w+$/.test(value.c) &&
        this.scopes.every((scope) =>
          [...scope.values()].every((one) => one.kind === 'const' || one.value.c !== value.c),
        )
      )
        return value;
      const c = this.name(name);
      if (value.ok === undefined) this.emit(`${cTypeOf(type)} ${c} = ${value.c};`);
      else {
        this.emit(`${cTypeOf(type)} ${c} = 0;`);
        this.emit(`if (${value.ok}) ${c} = ${value.c};`);
      }
      return { type, c, ok: value.ok };
    }
    if (type.kind === 'kernel' && !value.c.startsWith('@')) {
      const c = this.name(name);
      this.emit(`${type.tag} *${c} = ${value.ok === undefined ? value.c : `${value.ok} ? ${value.c} : 0`};`);
      return { ...value, c };
    }
    if (type.kind === 'string' && type.size !== undefined && type.size <= 64) {
      const c = this.name(name);
      this.emit(`char ${c}[${type.size}] = {};`);
      this.emit(guarded(value.ok, this.write(value, c, type.size)));
      return { ...this.textAt(c, type.size), ok: value.ok };
    }
    return value;
  }

  private branch(node: Statement & { type: 'IfStatement' }): boolean {
    const test = this.condition(node.test);
    const before = new Set(this.known);
    this.emit(`if (${test.c}) {`);
    for (const one of test.whenTrue) this.known.add(one);
    const thenEnds = this.block([node.consequent]);
    this.known = new Set(before);
    let elseEnds = false;
    if (node.alternate) {
      this.emit('} else {');
      for (const one of test.whenFalse) this.known.add(one);
      elseEnds = this.block([node.alternate]);
      this.known = new Set(before);
    }
    this.emit('}');
    if (thenEnds && !elseEnds) for (const one of test.whenFalse) this.known.add(one);
    if (elseEnds && !thenEnds) for (const one of test.whenTrue) this.known.add(one);
    return thenEnds && elseEnds;
  }

  /** `for (let i = a; i < b; i += c)`, where b - a has a bound. */
  private loop(node: Statement & { type: 'ForStatement' }): void {
    const bad = (detail?: string): never =>
      this.fail(say.unsupported('loop', this.span({ ...node, end: node.body.start ?? node.end ?? null }), detail));
    const { init, test, update } = node;
    if (init?.type !== 'VariableDeclaration' || init.declarations.length !== 1 || !test || !update) bad();
    const declared = (init as Statement & { type: 'VariableDeclaration' }).declarations[0]!;
    if (declared.id.type !== 'Identifier' || !declared.init) bad();
    const name = (declared.id as { name: string }).name;
    const start = this.number(this.expression(declared.init as Expression), declared);
    const compared = bare(test as Expression);
    if (
      compared.type !== 'BinaryExpression' ||
      !['<', '<=', '>', '>='].includes(compared.operator) ||
      compared.left.type === 'PrivateName'
    )
      bad();
    const { operator, left, right } = compared as Expression & { type: 'BinaryExpression' };
    const leftBare = bare(left as Expression);
    if (leftBare.type !== 'Identifier' || leftBare.name !== name)
      bad(`the condition compares \`${name}\` with its bound`);
    const bound = this.keep(this.number(this.expression(right), right), 'bound');
    const step = this.step(bare(update as Expression), name) ?? bad(`it counts with \`${name}++\`, \`${name} += 2\` …`);
    const up = operator === '<' || operator === '<=';
    if (up !== step > 0) bad('it does not come nearer to its bound');
    const [from, to] = [start.type, bound.type] as [Type & { kind: 'number' }, Type & { kind: 'number' }];
    const rounds = (up ? to.max - from.min : from.max - to.min) / Math.abs(step) + 1;
    if (!(rounds <= MOST_ROUNDS))
      bad(
        `it may go round ${rounds > 2 ** 40 ? 'without end' : `${Math.ceil(rounds)} times`}, ${MOST_ROUNDS} are allowed`,
      );
    const c = this.name(name);
    const known = new Set(this.known);
    this.scopes.push(new Map());
    const type: Type = { kind: 'number', min: Math.min(from.min, to.min), max: Math.max(from.max, to.max) };
    this.bind(name, { kind: 'counter', value: { type, c } });
    this.emit(`for (s64 ${c} = ${start.c}; ${c} ${operator} ${wide(bound.c)}; ${c} += ${step}) {`);
    this.block([node.body]);
    this.emit('}');
    this.scopes.pop();
    this.known = known;
  }

  private step(node: Expression, name: string): number | undefined {
    if (node.type === 'UpdateExpression' && node.argument.type === 'Identifier' && node.argument.name === name)
      return node.operator === '++' ? 1 : -1;
    if (node.type !== 'AssignmentExpression' || node.left.type !== 'Identifier' || node.left.name !== name)
      return undefined;
    const amount = this.expression(node.right).constant;
    if (typeof amount !== 'number' || !Number.isInteger(amount) || amount === 0) return undefined;
    return node.operator === '+=' ? amount : node.operator === '-=' ? -amount : undefined;
  }

  private choice(node: Statement & { type: 'SwitchStatement' }): boolean {
    const subject = this.defined(this.expression(node.discriminant), 'this', node.discriminant);
    if (subject.type.kind !== 'number' && subject.type.kind !== 'bigint')
      this.fail(say.wrongType(describe(subject.type), 'a number or bigint', this.span(node.discriminant)));
    this.emit(`switch ((s64)(${subject.c})) {`);
    let every = node.cases.some((one) => !one.test);
    for (const [i, one] of node.cases.entries()) {
      if (one.test) {
        const value = this.expression(one.test);
        if (typeof value.constant !== subject.type.kind)
          this.fail(say.wrongType(describe(value.type), `a constant ${subject.type.kind}`, this.span(one.test)));
        this.emit(`case ${value.constant}: {`);
      } else this.emit('default: {');
      const ends = this.block(one.consequent);
      if (one.consequent.length > 0 && (!ends || breaks(one.consequent))) every = false;
      if (i === node.cases.length - 1 && !ends) every = false;
      this.emit(one.consequent.length === 0 || ends ? '}' : '} /* falls through */');
    }
    this.emit('}');
    return every;
  }

  /** An expression whose value nobody asks for. */
  private effect(node: Expression): void {
    if (node.type === 'AssignmentExpression') {
      if (node.left.type === 'MemberExpression') this.assignMember(node.left, node.operator, node.right);
      else if (node.left.type !== 'Identifier') this.fail(say.unsupported('destructuring', this.span(node.left)));
      else {
        const local = this.variable(node.left.name, node.left);
        const right = this.expression(node.right);
        const value =
          node.operator === '='
            ? right
            : this.binary(node.operator.slice(0, -1), local.value, right, node, node.left as Expression, node.right);
        this.store(local, value, node.right);
      }
      return;
    }
    if (node.type === 'UpdateExpression') {
      if (node.argument.type !== 'Identifier') this.fail(say.unsupported('assignment', this.span(node)));
      const local = this.variable((node.argument as { name: string }).name, node.argument);
      const one: Value = local.value.type.kind === 'bigint' ? { type: U64, c: '1', constant: 1n } : constantValue(1);
      this.store(
        local,
        this.binary(
          node.operator[0]!,
          local.value,
          one,
          node,
          node.argument as Expression,
          node.argument as Expression,
        ),
        node,
      );
      return;
    }
    // `x && f()` and `x ? f() : g()` are statements that people write.
    if (node.type === 'LogicalExpression' && node.operator === '&&') {
      const test = this.condition(node.left);
      const before = new Set(this.known);
      for (const one of test.whenTrue) this.known.add(one);
      this.emit(`if (${test.c}) {`);
      this.effect(bare(node.right));
      this.emit('}');
      this.known = before;
      return;
    }
    const value = this.expression(node, true);
    if (value.c !== '' && value.type.kind !== 'undefined' && /\(/.test(value.c)) this.emit(`(void)(${value.c});`);
  }

  private variable(name: string, node: Node): Local {
    const local = this.local(name);
    if (local?.kind === 'let') return local;
    if (local === undefined && this.shared.module.bindings.has(name))
      this.fail(say.unsupported('closure', this.span(node), `\`${name}\``));
    if (local === undefined) this.fail(this.unknown(name, node));
    return this.fail(
      say.badDeclaration(
        name,
        local!.kind === 'counter' ? 'it counts a loop, and nothing else changes it' : 'it is a `const`',
        this.span(node),
      ),
    );
  }

  private store(local: Local, given: Value, node: Node): void {
    const value = this.defined(given, 'the value', node);
    const { type } = local.value;
    if (type.kind !== value.type.kind) this.fail(say.wrongType(describe(value.type), describe(type), this.span(node)));
    if (type.kind === 'bigint') this.sameSign(local.value, value, node);
    this.emit(`${local.value.c} = ${value.c};`);
  }

  private assignMember(node: Member, operator: string, right: Expression): void {
    const object = this.expression(node.object as Expression);
    const name = this.memberName(node);
    const field = object.type.kind === 'context' ? this.context?.object?.fields.get(name) : undefined;
    if (field?.kind !== 'value' || field.assign === undefined)
      this.fail(say.badDeclaration(name, 'it cannot be assigned to', this.span(node)));
    const given = this.expression(right);
    const value =
      operator === '='
        ? given
        : this.binary(operator.slice(0, -1), this.member(object, name, node), given, node, node, right);
    this.emit((field as { assign: (value: string) => string }).assign(this.number(value, right).c));
  }

  // Conditions

  private condition(given: Expression): { c: string; whenTrue: Set<Local>; whenFalse: Set<Local> } {
    const node = bare(given);
    if (node.type === 'UnaryExpression' && node.operator === '!') {
      const { c, whenTrue, whenFalse } = this.condition(node.argument);
      return { c: `!(${c})`, whenTrue: whenFalse, whenFalse: whenTrue };
    }
    if (node.type === 'LogicalExpression' && node.operator !== '??') {
      const and = node.operator === '&&';
      const left = this.condition(node.left);
      const before = new Set(this.known);
      for (const one of and ? left.whenTrue : left.whenFalse) this.known.add(one);
      const { value: right, lines } = this.aside(() => this.condition(node.right));
      this.known = before;
      const both = (a: Set<Local>, b: Set<Local>) => new Set([...a, ...b]);
      let c = `(${left.c} ${node.operator} ${right.c})`;
      if (lines.length > 0) {
        c = this.name('both');
        this.emit(`bool ${c} = ${left.c};`);
        this.emit(`if (${and ? '' : '!'}${c}) {`);
        this.lines.push(...lines);
        this.emit(`${c} = ${right.c};`);
        this.emit('}');
      }
      return and
        ? { c, whenTrue: both(left.whenTrue, right.whenTrue), whenFalse: new Set() }
        : { c, whenTrue: new Set(), whenFalse: both(left.whenFalse, right.whenFalse) };
    }
    const none = new Set<Local>();
    if (
      node.type === 'BinaryExpression' &&
      (node.operator === '===' || node.operator === '!==') &&
      node.left.type !== 'PrivateName'
    ) {
      const [a, b] = [bare(node.left), bare(node.right)];
      const subject = isUndefined(b) ? a : isUndefined(a) ? b : undefined;
      if (subject) {
        const value = this.expression(subject);
        const local = this.localOf(subject);
        const is = value.ok === undefined ? '1' : value.ok;
        const facts = local ? new Set([local]) : none;
        return node.operator === '!=='
          ? { c: `(${is})`, whenTrue: facts, whenFalse: none }
          : { c: `!(${is})`, whenTrue: none, whenFalse: facts };
      }
    }
    const value = this.expression(node);
    const local = this.localOf(node) ?? this.rootOf(node);
    const truth = this.truth(value, node);
    // A constant that is 0 is as false as one that is undefined.
    return { c: truth, whenTrue: local ? new Set([local]) : none, whenFalse: none };
  }

  /** What an expression says and what it needs said before, apart from what was said. */
  private aside<T>(work: () => T): { value: T; lines: string[] } {
    const outer = this.lines;
    this.lines = [];
    try {
      const value = work();
      return { value, lines: this.lines };
    } finally {
      this.lines = outer;
    }
  }

  private truth(value: Value, node: Node): string {
    const { type, ok, c } = value;
    const own = ((): string => {
      switch (type.kind) {
        case 'boolean':
          return c;
        case 'number':
        case 'bigint':
        case 'pointer':
        case 'kernel':
          return `(${c.startsWith('@') ? '1' : c} != 0)`;
        case 'record':
        case 'packet':
          return '1';
        case 'undefined':
          return '0';
        default:
          return this.fail(say.wrongType(describe(type), 'boolean', this.span(node)));
      }
    })();
    if (ok === undefined) return own;
    return own === '1' ? ok : `(${ok} && ${own})`;
  }

  // Expressions

  private expression(given: Expression, isStatement = false): Value {
    const node = bare(given);
    switch (node.type) {
      case 'NumericLiteral':
        if (!Number.isSafeInteger(node.value)) this.fail(say.unsupported('float', this.span(node)));
        return constantValue(node.value);
      case 'BigIntLiteral':
        return constantValue(BigInt(node.value));
      case 'BooleanLiteral':
      case 'StringLiteral':
        return constantValue(node.value);
      case 'NullLiteral':
        return { type: UNDEFINED, c: '' };
      case 'Identifier':
        return this.identifier(node);
      case 'UnaryExpression':
        return this.unary(node);
      case 'BinaryExpression': {
        if (node.left.type === 'PrivateName') this.fail(say.unsupported('operator', this.span(node)));
        if (node.operator === '==' || node.operator === '!=') this.fail(say.unsupported('loose', this.span(node)));
        if (node.operator === '===' || node.operator === '!==') {
          const [a, b] = [bare(node.left as Expression), bare(node.right)];
          if (isUndefined(a) || isUndefined(b)) return { type: BOOLEAN, c: this.condition(node).c };
        }
        const left = this.expression(node.left as Expression);
        const right = this.expression(node.right);
        return this.binary(node.operator, left, right, node, node.left as Expression, node.right);
      }
      case 'LogicalExpression':
        if (node.operator === '??') return this.orElse(node);
        return { type: BOOLEAN, c: this.condition(node).c };
      case 'ConditionalExpression':
        return this.conditional(node);
      case 'MemberExpression':
      case 'OptionalMemberExpression':
        return this.memberExpression(node);
      case 'CallExpression':
      case 'OptionalCallExpression':
        return this.call(node, isStatement);
      case 'AssignmentExpression':
      case 'UpdateExpression':
        if (!isStatement) this.fail(say.unsupported('assignment', this.span(node)));
        this.effect(node);
        return { type: UNDEFINED, c: '' };
      case 'TemplateLiteral':
      case 'TaggedTemplateExpression':
        return this.fail(say.unsupported('text', this.span(node)));
      case 'ArrowFunctionExpression':
      case 'FunctionExpression':
        return this.fail(say.unsupported('nested', this.span(node)));
      case 'ArrayExpression':
      case 'ObjectExpression':
      case 'ClassExpression':
      case 'RegExpLiteral':
        return this.fail(say.unsupported('allocation', this.span(node)));
      case 'NewExpression':
      case 'ThisExpression':
      case 'Super':
        return this.fail(say.unsupported('this', this.span(node)));
      case 'AwaitExpression':
      case 'YieldExpression':
        return this.fail(say.unsupported('async', this.span(node)));
      case 'SequenceExpression':
        return this.fail(say.unsupported('operator', this.span(node), 'a comma'));
      default:
        return this.fail(say.unsupported('operator', this.span(node), node.type));
    }
  }

  private identifier(node: Expression & { type: 'Identifier' }): Value {
    const local = this.local(node.name);
    if (local?.kind === 'broken') throw new SkepError([]);
    if (local)
      return local.value.ok !== undefined && this.known.has(local) ? { ...local.value, ok: undefined } : local.value;
    if (node.name === 'undefined') return { type: UNDEFINED, c: '' };
    const binding = this.shared.module.bindings.get(node.name);
    if (binding?.kind === 'constant') {
      if (typeof binding.value === 'number' && !Number.isSafeInteger(binding.value))
        this.fail(say.unsupported('float', this.span(node)));
      return constantValue(binding.value);
    }
    if (binding?.kind === 'variable') this.fail(say.unsupported('closure', this.span(node), `\`${node.name}\``));
    if (binding?.kind === 'foreign') this.fail(say.otherModule(node.name, this.span(node)));
    if (binding) this.fail(say.wrongType(`\`${node.name}\` itself`, 'a value', this.span(node)));
    if (GLOBALS.has(node.name)) this.fail(say.unsupported('library', this.span(node), `\`${node.name}\``));
    return this.fail(this.unknown(node.name, node));
  }

  private unknown(name: string, node: Node) {
    const names = [...this.scopes.flatMap((one) => [...one.keys()]), ...this.shared.module.bindings.keys()];
    return say.unknownName(name, suggest(name, names), this.span(node));
  }

  private unary(node: Expression & { type: 'UnaryExpression' }): Value {
    switch (node.operator) {
      case '!':
        return { type: BOOLEAN, c: this.condition(node).c };
      case '-': {
        const value = this.defined(this.expression(node.argument), 'this', node.argument);
        if (typeof value.constant === 'number' || typeof value.constant === 'bigint')
          return constantValue(-value.constant);
        if (value.type.kind === 'bigint') return { type: { kind: 'bigint', signed: true }, c: `(-(s64)(${value.c}))` };
        const number = this.number(value, node.argument);
        const { min, max } = number.type as Type & { kind: 'number' };
        return { type: { kind: 'number', min: -max, max: -min }, c: `(-${wide(number.c)})` };
      }
      case '+':
        return this.number(this.expression(node.argument), node.argument);
      case '~': {
        const value = this.defined(this.expression(node.argument), 'this', node.argument);
        if (value.type.kind === 'bigint') return { type: value.type, c: `(~(${value.c}))` };
        return { type: numberOf(32, true), c: `((s64)(s32)~(u32)(${this.number(value, node.argument).c}))` };
      }
      default:
        return this.fail(say.unsupported('this', this.span(node), `\`${node.operator}\``));
    }
  }

  private binary(operator: string, left: Value, right: Value, node: Node, leftNode: Node, rightNode: Node): Value {
    switch (operator) {
      case '===':
      case '!==':
        return this.equal(operator, left, right, node);
      case 'in':
      case 'instanceof':
        return this.fail(say.unsupported('this', this.span(node), `\`${operator}\``));
    }
    const a = this.defined(left, 'the left side', leftNode);
    const b = this.defined(right, 'the right side', rightNode);
    if (operator === '+' && (a.type.kind === 'string' || b.type.kind === 'string'))
      this.fail(say.unsupported('text', this.span(node)));
    if (a.type.kind === 'bigint' || b.type.kind === 'bigint')
      return this.bigints(operator, a, b, node, leftNode, rightNode);
    return this.numbers(operator, this.number(a, leftNode), this.number(b, rightNode), node);
  }

  private bigints(operator: string, a: Value, b: Value, node: Node, leftNode: Node, rightNode: Node): Value {
    for (const [one, at] of [
      [a, leftNode],
      [b, rightNode],
    ] as const)
      if (one.type.kind !== 'bigint') this.fail(say.wrongType(describe(one.type), 'bigint', this.span(at)));
    const shift = operator === '<<' || operator === '>>';
    const signed = shift ? (a.type as { signed: boolean }).signed : this.sameSign(a, b, node);
    const type: Type = { kind: 'bigint', signed };
    const [x, y] = [signed ? `(s64)(${a.c})` : `(u64)(${a.c})`, signed ? `(s64)(${b.c})` : `(u64)(${b.c})`];
    switch (operator) {
      case '+':
      case '-':
      case '*':
      case '&':
      case '|':
      case '^':
        return { type, c: `(${x} ${operator} ${y})` };
      case '<<':
      case '>>':
        return { type, c: `(${signed ? `(s64)(${a.c})` : `(u64)(${a.c})`} ${operator} ((u64)(${b.c}) & 63))` };
      case '/':
      case '%':
        if (signed) return { type, c: signedDivision(operator, a.c, b.c) };
        return { type, c: `(${x} ${operator} ${y})` };
      case '<':
      case '<=':
      case '>':
      case '>=':
        return { type: BOOLEAN, c: `(${x} ${operator} ${y})` };
      default:
        return this.fail(say.unsupported('operator', this.span(node), `\`${operator}\``));
    }
  }

  /** Which of u64 and i64 two bigints are; literals are what the other side is. */
  private sameSign(a: Value, b: Value, node: Node): boolean {
    const [x, y] = [a.type, b.type] as [Type & { kind: 'bigint' }, Type & { kind: 'bigint' }];
    if (typeof a.constant === 'bigint' && typeof b.constant !== 'bigint') return y.signed;
    if (typeof b.constant === 'bigint' && typeof a.constant !== 'bigint') return x.signed;
    if (x.signed !== y.signed && a.constant === undefined) this.fail(say.mixedSigns(this.span(node)));
    return x.signed || y.signed;
  }

  private numbers(operator: string, a: Value, b: Value, node: Node): Value {
    if (typeof a.constant === 'number' && typeof b.constant === 'number') {
      const folded = foldNumbers(operator, a.constant, b.constant);
      if (folded !== undefined) {
        if (!Number.isSafeInteger(folded)) this.fail(say.unsupported('float', this.span(node)));
        return constantValue(folded);
      }
    }
    const [x, y] = [a.type, b.type] as [Type & { kind: 'number' }, Type & { kind: 'number' }];
    const whole = (min: number, max: number): Type => ({
      kind: 'number',
      min: Math.max(-SAFE, min),
      max: Math.min(SAFE, max),
    });
    const [p, q] = [wide(a.c), wide(b.c)];
    switch (operator) {
      case '+':
        return { type: whole(x.min + y.min, x.max + y.max), c: `(${p} + ${q})` };
      case '-':
        return { type: whole(x.min - y.max, x.max - y.min), c: `(${p} - ${q})` };
      case '*': {
        const ends = [x.min * y.min, x.min * y.max, x.max * y.min, x.max * y.max];
        if (Math.max(...ends) > SAFE || Math.min(...ends) < -SAFE) this.fail(say.imprecise(this.span(node)));
        return { type: whole(Math.min(...ends), Math.max(...ends)), c: `(${p} * ${q})` };
      }
      case '/':
        return this.fail(say.unsupported('division', this.span(node)));
      case '%': {
        const safe = x.min >= 0 && y.min >= 0;
        const c = safe ? `(s64)((u64)${p} % (u64)${q})` : signedDivision('%', a.c, b.c);
        const most = Math.max(Math.abs(y.min), y.max) - 1;
        const type = whole(x.min >= 0 ? 0 : Math.max(x.min, -most), Math.min(x.max, Math.max(0, most)));
        // JavaScript has NaN there, which is stored as 0.
        return { type, c: typeof b.constant === 'number' && b.constant !== 0 ? `(${c})` : `(${q} ? ${c} : 0)` };
      }
      case '&':
      case '|':
      case '^': {
        const mask =
          operator === '&' &&
          [a, b].find((one) => typeof one.constant === 'number' && one.constant >= 0 && one.constant < 2 ** 31);
        const type: Type = mask ? { kind: 'number', min: 0, max: mask.constant as number } : numberOf(32, true);
        return { type, c: `((s64)(s32)((u32)(${a.c}) ${operator} (u32)(${b.c})))` };
      }
      case '<<':
        return { type: numberOf(32, true), c: `((s64)(s32)((u32)(${a.c}) << ((u32)(${b.c}) & 31)))` };
      case '>>':
        return { type: numberOf(32, true), c: `((s64)((s32)(${a.c}) >> ((u32)(${b.c}) & 31)))` };
      case '>>>':
        return { type: numberOf(32, false), c: `((s64)((u32)(${a.c}) >> ((u32)(${b.c}) & 31)))` };
      case '<':
      case '<=':
      case '>':
      case '>=':
        return { type: BOOLEAN, c: `(${p} ${operator} ${q})` };
      default:
        return this.fail(say.unsupported('operator', this.span(node), `\`${operator}\``));
    }
  }

  private equal(operator: string, left: Value, right: Value, node: Node): Value {
    const yes = this.same(left, right, node);
    const oks = [left.ok, right.ok].filter((one) => one !== undefined);
    // Two that are both undefined are the same; one of them is a plain value nearly always.
    const c =
      oks.length === 0
        ? yes
        : oks.length === 1
          ? `(${oks[0]} && ${yes})`
          : `(${oks[0]} ? ${oks[1]} && ${yes} : !${oks[1]})`;
    return { type: BOOLEAN, c: operator === '===' ? c : `!${c}` };
  }

  private same(a: Value, b: Value, node: Node): string {
    if (a.type.kind === 'string' && b.type.kind === 'string') {
      const [text, constant] = typeof b.constant === 'string' ? [a, b.constant] : [b, a.constant];
      if (typeof constant !== 'string') return this.sameTexts(a, b);
      return this.sameText(text, constant, node);
    }
    const kinds = `${a.type.kind} ${b.type.kind}`;
    if (kinds === 'number number') return `(${wide(a.c)} == ${wide(b.c)})`;
    if (kinds === 'boolean boolean') return `(${a.c} == ${b.c})`;
    if (kinds === 'bigint bigint') {
      this.sameSign(a, b, node);
      return `((u64)(${a.c}) == (u64)(${b.c}))`;
    }
    if (kinds === 'pointer pointer') return `(${a.c} == ${b.c})`;
    if (kinds === 'kernel kernel') return `((u64)${a.c} == (u64)${b.c})`;
    return this.fail(say.wrongType(describe(b.type, b.ok !== undefined), describe(a.type), this.span(node)));
  }

  /** Byte for byte up to the end of the text. */
  private sameText(text: Value, constant: string, node: Node): string {
    const bytes = [...new TextEncoder().encode(constant), 0];
    const { size = 64 } = text.type as { size?: number };
    if (bytes.length > Math.min(size, 64))
      return bytes.length > size
        ? '0'
        : this.fail(say.outOfRange('the text', 'a comparison (63 bytes)', this.span(node)));
    const buffer = this.name('text');
    const room = Math.min(size, 64);
    this.emit(`char ${buffer}[${room}] = {};`);
    this.emit(guarded(text.ok, this.write(text, buffer, room)));
    return `(${bytes.map((byte, i) => `${buffer}[${i}] == ${byte > 127 ? byte - 256 : byte}`).join(' && ')})`;
  }

  /** Two texts of which none is a constant, as far as they are compared: 64 bytes. */
  private sameTexts(a: Value, b: Value): string {
    const buffers = [a, b].map((text) => {
      const { size = COMPARED } = text.type as { size?: number };
      const buffer = this.name('text');
      this.emit(`char ${buffer}[${COMPARED}] = {};`);
      this.emit(guarded(text.ok, this.write(text, buffer, Math.min(size, COMPARED))));
      return buffer;
    });
    const [x, y] = buffers as [string, string];
    const same = this.declare('bool', 'same', '1');
    this.emit(`for (int i = 0; i < ${COMPARED}; i++) {`);
    this.emit(`if (${x}[i] != ${y}[i]) { ${same} = 0; break; }`);
    this.emit(`if (!${x}[i]) break;`);
    this.emit('}');
    return same;
  }

  private orElse(node: Expression & { type: 'LogicalExpression' }): Value {
    const left = this.expression(node.left);
    if (left.ok === undefined) return left;
    const { value: right, lines } = this.aside(() => this.expression(node.right));
    if (left.type.kind !== right.type.kind || !['number', 'bigint', 'boolean', 'pointer'].includes(left.type.kind))
      this.fail(say.wrongType(describe(right.type), describe(left.type), this.span(node.right)));
    const type = this.joined(left, right, node);
    const c = this.name('or');
    this.emit(`${cTypeOf(type)} ${c};`);
    this.emit(`if (${left.ok}) ${c} = ${left.c};`);
    this.emit('else {');
    this.lines.push(...lines);
    this.emit(`${c} = ${this.defined(right, 'the right side', node.right).c};`);
    this.emit('}');
    return { type, c };
  }

  private conditional(node: Expression & { type: 'ConditionalExpression' }): Value {
    const test = this.condition(node.test);
    const before = new Set(this.known);
    for (const one of test.whenTrue) this.known.add(one);
    const yes = this.aside(() => this.defined(this.expression(node.consequent), 'this', node.consequent));
    this.known = new Set(before);
    for (const one of test.whenFalse) this.known.add(one);
    const no = this.aside(() => this.defined(this.expression(node.alternate), 'this', node.alternate));
    this.known = before;
    const [a, b] = [yes.value, no.value];
    if (a.type.kind !== b.type.kind || !['number', 'bigint', 'boolean', 'pointer'].includes(a.type.kind))
      this.fail(say.wrongType(describe(b.type), describe(a.type), this.span(node.alternate)));
    const type = this.joined(a, b, node);
    if (yes.lines.length === 0 && no.lines.length === 0)
      return { type, c: `(${test.c} ? ${castC(type, a.c)} : ${castC(type, b.c)})` };
    const c = this.name('either');
    this.emit(`${cTypeOf(type)} ${c};`);
    this.emit(`if (${test.c}) {`);
    this.lines.push(...yes.lines, `${c} = ${a.c};`, '} else {', ...no.lines, `${c} = ${b.c};`, '}');
    return { type, c };
  }

  private joined(a: Value, b: Value, node: Node): Type {
    if (a.type.kind === 'number' && b.type.kind === 'number')
      return { kind: 'number', min: Math.min(a.type.min, b.type.min), max: Math.max(a.type.max, b.type.max) };
    if (a.type.kind === 'bigint') return { kind: 'bigint', signed: this.sameSign(a, b, node) };
    return a.type;
  }

  // Members

  private memberName(node: Member | OptionalMember): string {
    if (node.computed || node.property.type !== 'Identifier')
      return this.fail(say.unsupported('dynamic', this.span(node.property)));
    return node.property.name;
  }

  private memberExpression(node: Member | OptionalMember): Value {
    const name = this.memberName(node);
    const constants = this.constantsOf(node.object as Expression);
    if (constants) {
      const value = constants.get(name);
      if (value === undefined)
        this.fail(
          say.unknownMember(this.text(node.object), name, suggest(name, constants.keys()), this.span(node.property)),
        );
      return constantValue(value as Constant);
    }
    const declaration = this.declarationOf(node.object as Expression);
    if (declaration?.kind === 'params') return this.param(declaration.name, declaration.fields, name, node);
    if (declaration) this.fail(say.wrongType(`\`${name}\` of a map`, 'a call', this.span(node)));
    const object = this.reached(this.expression(node.object as Expression), node);
    if (object.ok === undefined) return this.member(object, name, node);
    const inside = this.member({ ...object, ok: undefined }, name, node);
    return {
      ...inside,
      ok: inside.ok === undefined ? object.ok : `(${object.ok} && ${inside.ok})`,
      chain: inside.ok === undefined,
    };
  }

  /** The object of a member or call: it may be undefined only behind `?.`. */
  private reached(object: Value, node: Member | OptionalMember): Value {
    if (object.ok === undefined) return object;
    const goesOn = node.type === 'OptionalMemberExpression' && (node.optional || object.chain === true);
    if (!goesOn) this.fail(say.maybeUndefined(`\`${this.text(node.object)}\``, this.span(node.object)));
    return object;
  }

  private constantsOf(given: Expression): ReadonlyMap<string, Constant> | undefined {
    const node = bare(given);
    if (node.type !== 'Identifier' || this.local(node.name)) return undefined;
    const binding = this.shared.module.bindings.get(node.name);
    if (binding?.kind === 'constants') return binding.values;
    if (binding?.kind === 'library' && binding.name in ENUMS)
      return new Map(Object.entries(ENUMS[binding.name as keyof typeof ENUMS]));
    return undefined;
  }

  private declarationOf(given: Expression) {
    const node = bare(given);
    if (node.type !== 'Identifier' || this.local(node.name)) return undefined;
    const binding: Binding | undefined = this.shared.module.bindings.get(node.name);
    return binding?.kind === 'declaration' ? binding.declaration : undefined;
  }

  private param(
    params: string,
    fields: ReadonlyMap<string, Constant>,
    name: string,
    node: Member | OptionalMember,
  ): Value {
    const value = fields.get(name);
    if (value === undefined)
      this.fail(say.unknownMember(`\`${params}\``, name, suggest(name, fields.keys()), this.span(node.property)));
    const c = `${this.shared.symbols.get(params)!}_${name}`;
    if (typeof value === 'number') return { type: NUMBER, c };
    if (typeof value === 'boolean') return { type: BOOLEAN, c };
    if (typeof value === 'bigint') return { type: { kind: 'bigint', signed: value < 0n }, c };
    return this.textAt(c, PARAM_TEXT);
  }

  private member(object: Value, name: string, node: Member | OptionalMember): Value {
    const { type } = object;
    const missing = (what: string, names: Iterable<string>): never =>
      this.fail(say.unknownMember(what, name, suggest(name, names), this.span(node.property)));
    switch (type.kind) {
      case 'record': {
        const field = type.storage.fields.get(name);
        if (field === undefined) return missing(`\`${this.text(node.object)}\``, type.storage.fields.keys());
        return this.read(field, `${object.c}.${safe(name)}`);
      }
      case 'context': {
        const context = this.context!.object!;
        const field = context.fields.get(name);
        if (field === undefined) return missing(context.what, context.fields.keys());
        if (field.kind === 'value') return { type: field.type, c: field.c };
        const { storage, offset } = field.field;
        if (storage.kind === 'located') {
          const address = `(void *)ctx + (*(u32 *)((void *)ctx + ${offset}) & 0xffff)`;
          return {
            type: { kind: 'string', size: undefined },
            c: '@text',
            into: (to, size) => readText('kernel', to, size, address),
          };
        }
        if (storage.kind === 'string') {
          const address = `(void *)ctx + ${offset}`;
          return {
            type: { kind: 'string', size: storage.size },
            c: '@text',
            into: (to, size) => readText('kernel', to, Math.min(size, storage.size), address),
          };
        }
        return this.read(storage, `*(${cNameOf(storage)} *)((void *)ctx + ${offset})`);
      }
      case 'packet': {
        const layer = LAYERS[type.layer as LayerName];
        const field = layer.fields[name];
        if (field === undefined) return missing(describe(type), Object.keys(layer.fields));
        return { type: numberOf(field.bits, false), c: field.c.replace(/\bh\b/g, object.c) };
      }
      case 'kernel':
        return this.kernelMember(object, type, name, node);
      case 'string':
        return this.fail(say.unsupported('text', this.span(node)));
      default:
        return missing(`${describe(type)}`, []);
    }
  }

  private kernelMember(
    object: Value,
    type: Type & { kind: 'kernel' },
    name: string,
    node: Member | OptionalMember,
  ): Value {
    const btf = this.shared.btf!()!;
    const found = memberOf(btf, type.struct, name, type.access);
    if (found === undefined) {
      const names = memberNames(btf, type.struct);
      if (names.includes(name))
        this.fail(
          say.wrongType(
            `\`${name}\`, a union, an array or a function,`,
            'a number, text, struct or pointer',
            this.span(node.property),
          ),
        );
      this.fail(say.unknownMember(`\`${type.tag}\``, name, suggest(name, names), this.span(node.property)));
    }
    const { embedded, bitField, type: member } = found!;
    // `@pointer|path`: a struct that lies inside of the one pointed to.
    const [pointer, path] = object.c.startsWith('@')
      ? (object.c.slice(1).split('|') as [string, string])
      : [object.c, ''];
    const whole = path === '' ? name : `${path}.${name}`;
    if (embedded) return { type: member, c: `@${pointer}|${whole}` };
    if (member.kind === 'string')
      return {
        type: member,
        c: '@text',
        into: (to, size) => readText('kernel', to, Math.min(size, member.size ?? size), `&(${pointer})->${whole}`),
      };
    const direct = type.access === 'direct';
    const read = bitField
      ? `${direct ? 'BPF_CORE_READ_BITFIELD' : 'BPF_CORE_READ_BITFIELD_PROBED'}(${pointer}, ${whole})`
      : direct
        ? `(${pointer})->${whole}`
        : `BPF_CORE_READ(${pointer}, ${whole})`;
    switch (member.kind) {
      case 'kernel':
        return { type: member, c: `((${member.tag} *)${read})` };
      case 'pointer':
        return { type: member, c: `((u64)${read})` };
      case 'number':
        return { type: member, c: `((s64)${read})` };
      default:
        return { type: member, c: `(${read})` };
    }
  }

  /** What lies in a map, an event or a record of the kernel. */
  private read(storage: Storage, lvalue: string): Value {
    switch (storage.kind) {
      case 'ipv4':
        return { type: valueType(storage), c: `bpf_ntohl(${lvalue})` };
      case 'string':
        return this.textAt(lvalue, storage.size);
      case 'record':
        return { type: { kind: 'record', storage }, c: lvalue };
      case 'int':
        return { type: valueType(storage), c: storage.bits === 64 ? `(${lvalue})` : `((s64)${lvalue})` };
      default:
        return { type: valueType(storage), c: `(${lvalue})` };
    }
  }

  private textAt(lvalue: string, size: number): Value {
    return {
      type: { kind: 'string', size },
      c: lvalue,
      into: (to, room) =>
        `${room > size ? `__builtin_memset(${to}, 0, ${room}); ` : ''}__builtin_memcpy(${to}, (void *)${lvalue}, ${Math.min(size, room)});`,
    };
  }

  // Calls

  private call(node: Call | OptionalCall, isStatement: boolean): Value {
    if (node.callee.type === 'V8IntrinsicIdentifier') return this.fail(say.unsupported('operator', this.span(node)));
    const callee = bare(node.callee as Expression);
    if (callee.type === 'MemberExpression' || callee.type === 'OptionalMemberExpression')
      return this.method(node, callee, isStatement);
    if (callee.type !== 'Identifier') return this.fail(say.unsupported('nested', this.span(node)));
    const binding = this.local(callee.name) ? undefined : this.shared.module.bindings.get(callee.name);
    if (binding?.kind === 'function') return this.ownFunction(binding, node);
    if (binding?.kind === 'library') return this.libraryFunction(binding.name, node);
    if (binding?.kind === 'foreign') return this.fail(say.otherModule(callee.name, this.span(callee)));
    if (callee.name === 'BigInt' || callee.name === 'Number') return this.convert(callee.name, node);
    if (GLOBALS.has(callee.name)) return this.fail(say.unsupported('library', this.span(callee), `\`${callee.name}\``));
    return this.fail(this.unknown(callee.name, callee));
  }

  private args(node: Call | OptionalCall): Expression[] {
    return node.arguments.map((one) => {
      if (one.type === 'SpreadElement' || one.type === 'ArgumentPlaceholder')
        return this.fail(say.unsupported('destructuring', this.span(one)));
      return one;
    });
  }

  private exactly(node: Call | OptionalCall, what: string, count: number): Expression[] {
    const args = this.args(node);
    if (args.length !== count)
      this.fail(
        say.wrongCount(
          what,
          count === 0 ? 'no argument' : `${count} argument${count === 1 ? '' : 's'}`,
          this.span(node),
        ),
      );
    return args;
  }

  private libraryFunction(name: string, node: Call | OptionalCall): Value {
    if ((FACTS as readonly string[]).includes(name)) {
      this.exactly(node, `\`${name}()\``, 0);
      return this.fact(name as Fact, node);
    }
    if (name === 'uptr' || name === 'kptr') {
      const [argument] = this.exactly(node, `\`${name}()\``, 1) as [Expression];
      const value = this.defined(this.expression(argument), 'this', argument);
      if (value.type.kind !== 'bigint' && value.type.kind !== 'pointer')
        this.fail(say.wrongType(describe(value.type), 'bigint', this.span(argument)));
      return { type: { kind: 'pointer', space: name === 'uptr' ? 'user' : 'kernel' }, c: `(u64)(${value.c})` };
    }
    if (name === 'ipv4') {
      const [argument] = this.exactly(node, '`ipv4()`', 1) as [Expression];
      const text = this.expression(argument).constant;
      const parts = typeof text === 'string' ? text.split('.').map(Number) : [];
      if (parts.length !== 4 || parts.some((one) => !(Number.isInteger(one) && one >= 0 && one <= 255)))
        this.fail(say.wrongType('no address', "a constant such as '10.0.0.1'", this.span(argument)));
      return constantValue(parts.reduce((sum, one) => sum * 256 + one, 0));
    }
    if (name in ENUMS || name === 'params' || name === 'events')
      return this.fail(say.notTopLevel(name, this.span(node)));
    if (name === 'interval' || name === 'simulate' || name === 'formatIpv4')
      return this.fail(say.notForUser(name, this.span(node)));
    return this.fail(say.notTopLevel(name, this.span(node)));
  }

  private fact(name: Fact, node: Node): Value {
    // Packets belong to nobody; newer kernels allow some of it.
    if (/^(xdp|tcx|cgroup_skb)\b/.test(this.context?.section ?? '') && NEEDS_TASK.has(name))
      this.fail(say.noTask(name, this.span(node)));
    const now = (type: Type, c: string): Value => {
      const kept = this.name(name);
      this.emit(`${cTypeOf(type)} ${kept} = ${c};`);
      return { type, c: kept };
    };
    switch (name) {
      case 'pid':
        return now(numberOf(32, false), 'bpf_get_current_pid_tgid() >> 32');
      case 'tid':
        return now(numberOf(32, false), '(u32)bpf_get_current_pid_tgid()');
      case 'uid':
        return now(numberOf(32, false), '(u32)bpf_get_current_uid_gid()');
      case 'gid':
        return now(numberOf(32, false), 'bpf_get_current_uid_gid() >> 32');
      case 'cpu':
        return now(numberOf(32, false), '(u32)bpf_get_smp_processor_id()');
      case 'now':
        return now(U64, 'bpf_ktime_get_ns()');
      case 'cgroupId':
        return now(U64, 'bpf_get_current_cgroup_id()');
      case 'random':
        return now(numberOf(32, false), '(u32)bpf_get_prandom_u32()');
      case 'comm':
        return {
          type: { kind: 'string', size: 16 },
          c: '@text',
          into: (to, size) =>
            size >= 16 ? `bpf_get_current_comm(${to}, 16);` : `bpf_get_current_comm(${to}, ${size});`,
        };
      case 'task': {
        const btf = this.shared.btf?.();
        const struct = btf?.find('task_struct', 'struct');
        if (struct === undefined) return this.fail(say.needsTypes('`task()`', this.span(node)));
        const kept = this.name('task');
        this.emit(`struct task_struct *${kept} = (struct task_struct *)bpf_get_current_task();`);
        return { type: { kind: 'kernel', struct, tag: 'struct task_struct', access: 'probe' }, c: kept };
      }
    }
  }

  private convert(name: 'BigInt' | 'Number', node: Call | OptionalCall): Value {
    const [argument] = this.exactly(node, `\`${name}()\``, 1) as [Expression];
    const value = this.defined(this.expression(argument), 'this', argument);
    const { type } = value;
    if (name === 'BigInt') {
      if (typeof value.constant === 'number') return constantValue(BigInt(value.constant));
      if (type.kind === 'number') return { type: { kind: 'bigint', signed: type.min < 0 }, c: wide(value.c) };
      if (type.kind === 'boolean') return { type: U64, c: `(u64)(${value.c})` };
      if (type.kind === 'bigint') return value;
      if (type.kind === 'pointer') return { type: U64, c: value.c };
      return this.fail(say.wrongType(describe(type), 'number', this.span(argument)));
    }
    if (typeof value.constant === 'bigint') return constantValue(Number(value.constant));
    if (type.kind === 'bigint')
      return { type: type.signed ? NUMBER : { kind: 'number', min: 0, max: SAFE }, c: wide(value.c) };
    if (type.kind === 'boolean') return { type: { kind: 'number', min: 0, max: 1 }, c: `(s64)(${value.c})` };
    return this.number(value, argument);
  }

  private method(node: Call | OptionalCall, callee: Member | OptionalMember, isStatement: boolean): Value {
    const name = this.memberName(callee);
    const on = bare(callee.object as Expression);
    if (on.type === 'Identifier' && !this.local(on.name) && (on.name === 'Math' || on.name === 'BigInt'))
      return on.name === 'Math' ? this.math(name, node) : this.asInt(name, node);
    if (
      on.type === 'Identifier' &&
      !this.local(on.name) &&
      GLOBALS.has(on.name) &&
      !this.shared.module.bindings.has(on.name)
    )
      return this.fail(say.unsupported('library', this.span(node), `\`${on.name}.${name}\``));
    const declaration = this.declarationOf(on);
    if (declaration?.kind === 'events') return this.emitEvent(declaration.name, declaration.storage, name, node);
    if (declaration?.kind === 'params')
      return this.fail(say.unknownMember('`params`', name, undefined, this.span(callee.property)));
    if (declaration) return this.mapMethod(declaration, name, node, isStatement);
    const object = this.reached(this.expression(callee.object as Expression), callee);
    return this.valueMethod(object, name, node, callee);
  }

  private valueMethod(object: Value, name: string, node: Call | OptionalCall, callee: Member | OptionalMember): Value {
    const { type } = object;
    const missing = (names: Iterable<string>): never =>
      this.fail(say.unknownMember(describe(type), name, suggest(name, names), this.span(callee.property)));
    if (type.kind === 'pointer') {
      if (name !== 'str') return missing(['str']);
      const [argument] = this.exactly(node, '`str()`', 1) as [Expression];
      const size = this.expression(argument).constant;
      if (typeof size !== 'number' || size < 1 || size > 65536)
        return this.fail(say.wrongType('no constant size', 'how many bytes at most: `str(64)`', this.span(argument)));
      const from = `(void *)(${object.c})`;
      return {
        type: { kind: 'string', size },
        c: '@text',
        ok: object.ok,
        chain: object.ok !== undefined,
        into: (to, room) => readText(type.space, to, Math.min(room, size), from),
      };
    }
    if (type.kind === 'context') {
      const context = this.context!.object!;
      if (context.arg && name === 'arg') {
        const [argument] = this.exactly(node, '`arg()`', 1) as [Expression];
        const index = this.expression(argument).constant;
        if (typeof index !== 'number' || index < 0 || index > 4 || !Number.isInteger(index))
          return this.fail(say.wrongType('no such argument', 'a constant from 0 to 4', this.span(argument)));
        return { type: U64, c: context.arg(index) };
      }
      const layer = context.first[name];
      if (layer === undefined)
        return this.fail(
          say.unknownMember(
            context.what,
            name,
            suggest(name, [...Object.keys(context.first), ...(context.arg ? ['arg'] : [])]),
            this.span(callee.property),
          ),
        );
      this.exactly(node, `\`${name}()\``, 0);
      const when =
        name === 'ipv4'
          ? '(ctx->protocol == bpf_htons(0x0800))'
          : name === 'ipv6'
            ? '(ctx->protocol == bpf_htons(0x86dd))'
            : undefined;
      return this.header(layer, '(void *)(long)ctx->data', when);
    }
    if (type.kind === 'packet') {
      const layer = LAYERS[type.layer as LayerName];
      const next = layer.next[name];
      if (next === undefined) return missing(Object.keys(layer.next));
      this.exactly(node, `\`${name}()\``, 0);
      const here = (text: string): string => text.replace(/\bh\b/g, object.c);
      const when = here(next.when);
      return this.header(
        next.layer,
        here(next.at),
        object.ok === undefined ? `(${when})` : `(${object.ok} && ${when})`,
      );
    }
    if (type.kind === 'string') return this.fail(say.unsupported('text', this.span(node), `\`${name}()\``));
    return missing([]);
  }

  /** A header at an address, if the packet goes on that far. */
  private header(layer: LayerName, at: string, when: string | undefined): Value {
    const { struct, valid } = LAYERS[layer];
    const c = this.name(layer);
    const ok = `${c}_ok`;
    this.emit(`${struct} *${c} = 0;`);
    this.emit(`bool ${ok} = 0;`);
    if (when !== undefined) this.emit(`if (${when}) {`);
    this.emit(`${c} = ${at};`);
    this.emit(
      `${ok} = (void *)(${c} + 1) <= (void *)(long)ctx->data_end${valid ? ` && ${valid.replace(/\bh\b/g, c)}` : ''};`,
    );
    if (when !== undefined) this.emit('}');
    return { type: { kind: 'packet', layer }, c, ok };
  }

  private math(name: string, node: Call | OptionalCall): Value {
    const args = this.args(node);
    if (name === 'min' || name === 'max') {
      if (args.length < 1) this.fail(say.wrongCount(`\`Math.${name}\``, 'at least one argument', this.span(node)));
      return args
        .map((one) => this.number(this.expression(one), one))
        .reduce((a, b) => {
          const [x, y] = [a.type, b.type] as [Type & { kind: 'number' }, Type & { kind: 'number' }];
          const pick = name === 'min' ? Math.min : Math.max;
          const c = this.name(name);
          this.emit(`s64 ${c} = ${a.c};`);
          this.emit(`if (${wide(b.c)} ${name === 'min' ? '<' : '>'} ${c}) ${c} = ${b.c};`);
          return { type: { kind: 'number', min: pick(x.min, y.min), max: pick(x.max, y.max) }, c };
        });
    }
    if (name === 'trunc') {
      const [argument] = this.exactly(node, '`Math.trunc`', 1) as [Expression];
      const quotient = bare(argument);
      if (quotient.type !== 'BinaryExpression' || quotient.operator !== '/' || quotient.left.type === 'PrivateName')
        return this.number(this.expression(argument), argument);
      const a = this.number(this.expression(quotient.left as Expression), quotient.left);
      const b = this.number(this.expression(quotient.right), quotient.right);
      const [x, y] = [a.type, b.type] as [Type & { kind: 'number' }, Type & { kind: 'number' }];
      const safe = x.min >= 0 && y.min >= 0;
      const c = safe ? `(s64)((u64)${wide(a.c)} / (u64)${wide(b.c)})` : signedDivision('/', a.c, b.c);
      const most = Math.max(Math.abs(x.min), x.max);
      return {
        type: { kind: 'number', min: safe ? 0 : -most, max: safe && y.min > 0 ? Math.trunc(x.max / y.min) : most },
        c: `(${c})`,
      };
    }
    return this.fail(say.unsupported('library', this.span(node), `\`Math.${name}\``));
  }

  private asInt(name: string, node: Call | OptionalCall): Value {
    if (name !== 'asUintN' && name !== 'asIntN')
      return this.fail(say.unsupported('library', this.span(node), `\`BigInt.${name}\``));
    const [bits, argument] = this.exactly(node, `\`BigInt.${name}\``, 2) as [Expression, Expression];
    const width = this.expression(bits).constant;
    if (width !== 8 && width !== 16 && width !== 32 && width !== 64)
      return this.fail(say.wrongType('no such width', '8, 16, 32 or 64', this.span(bits)));
    const value = this.defined(this.expression(argument), 'this', argument);
    if (value.type.kind !== 'bigint') this.fail(say.wrongType(describe(value.type), 'bigint', this.span(argument)));
    const signed = name === 'asIntN';
    return {
      type: { kind: 'bigint', signed },
      c: `((${signed ? 's' : 'u'}64)(${signed ? 's' : 'u'}${width})(${value.c}))`,
    };
  }

  /** A function of the module, as a static one for the types that it is called with here. */
  private ownFunction(binding: Binding & { kind: 'function' }, node: Call | OptionalCall): Value {
    const { name, node: definition } = binding;
    const given = this.args(node).map((one) => ({
      node: one,
      value: this.defined(this.expression(one), 'the argument', one),
    }));
    const required = definition.params.filter((one) => one.type === 'Identifier' && !one.optional);
    if (given.length !== definition.params.length || required.length !== definition.params.length)
      this.fail(say.wrongCount(`\`${name}\``, `${definition.params.length} arguments, each always`, this.span(node)));
    const types = given.map(({ value, node: at }) => {
      const { kind } = value.type;
      if (kind === 'number') return NUMBER;
      if (kind === 'bigint' || kind === 'boolean' || kind === 'pointer') return value.type;
      if (kind === 'kernel' && !value.c.startsWith('@')) return value.type;
      return this.fail(
        say.wrongType(
          describe(value.type),
          'a number, bigint, boolean, address or kernel struct as an argument',
          this.span(at),
        ),
      );
    });
    const key = `${name}(${types.map((one) => JSON.stringify(one)).join()})`;
    let made = this.shared.functions.get(key);
    if (made?.busy) this.fail(say.unsupported('recursion', this.span(node), `\`${name}\``));
    if (made === undefined) {
      const c = `${safe(name)}__${this.shared.functions.size}`;
      this.shared.functions.set(key, { name: c, result: undefined, busy: true });
      const lowering = new Lowering(this.shared, undefined, name);
      const params = definition.params.map((one, i) => {
        if (one.type !== 'Identifier') return this.fail(say.unsupported('destructuring', this.span(one)));
        const type = types[i]!;
        lowering.bind(one.name, { kind: 'const', value: { type, c: safe(one.name) } });
        return `${type.kind === 'kernel' ? `${type.tag} *` : `${cTypeOf(type)} `}${safe(one.name)}`;
      });
      const ends = lowering.body(definition);
      const result = lowering.resultType ?? UNDEFINED;
      if (result.kind !== 'undefined' && !ends)
        this.shared.diagnostics.add(say.noReturn(`\`${name}\``, `a ${describe(result)}`, this.span(definition)));
      this.shared.texts.push(
        `static ${result.kind === 'undefined' ? 'void' : cTypeOf(result)} ${c}(${params.join(', ') || 'void'})\n{\n${lowering.lines.join('\n')}\n}\n`,
      );
      made = { name: c, result, busy: false };
      this.shared.functions.set(key, made);
      this.line = -1;
      this.at(node);
    }
    const call = `${made.name}(${given.map(({ value }) => value.c).join(', ')})`;
    const { result } = made;
    if (result === undefined || result.kind === 'undefined') {
      this.emit(`${call};`);
      return { type: UNDEFINED, c: '' };
    }
    const kept = this.name(name);
    this.emit(`${cTypeOf(result)} ${kept} = ${call};`);
    return { type: result, c: kept };
  }

  // Maps and events

  private mapMethod(map: MapDeclaration, name: string, node: Call | OptionalCall, isStatement: boolean): Value {
    const symbol = this.shared.symbols.get(map.name)!;
    const what = `\`${map.name}.${name}()\``;
    const has = METHODS[map.kind];
    if (!has.includes(name))
      return this.fail(
        USER_METHODS.has(name)
          ? say.notForUser(`${map.name}.${name}()`, this.span(node))
          : say.unknownMember(`a ${map.kind}`, name, suggest(name, has), this.span(node)),
      );
    const keyed = map.keyed || map.kind === 'lpm';
    const count = { get: 1, has: 1, take: 1, delete: 1, set: 2, add: keyed ? [1, 2] : [0, 1], log2: keyed ? 2 : 1 }[
      name
    ] as number | number[];
    const args = this.args(node);
    if (Array.isArray(count) ? !count.includes(args.length) : args.length !== count)
      this.fail(say.wrongCount(what, `${[count].flat().join(' or ')} arguments`, this.span(node)));
    const rest = [...args];
    if (map.kind === 'histogram') {
      const key = this.name('key');
      const last = args.at(-1)!;
      this.emit(`struct ${symbol}_key ${key} = {};`);
      if (map.keyed) this.fillWhole(map.key, `${key}.key`, args[0]!);
      const value = this.defined(this.expression(last), 'the value', last);
      if (value.type.kind !== 'bigint' && value.type.kind !== 'number')
        this.fail(say.wrongType(describe(value.type), 'a number or bigint', this.span(last)));
      this.emit(`${key}.slot = skep_log2((u64)${wide(value.c)});`);
      this.emit(`${this.operation('add', map, symbol)}(&${key}, 1);`);
      return { type: UNDEFINED, c: '' };
    }
    const key = this.name('key');
    if (map.kind === 'lpm') {
      this.emit(`struct ${symbol}_key ${key} = { .prefix = 32 };`);
      this.fill(map.key, `${key}.addr`, '', this.expression(rest[0]!), rest.shift()!);
    } else if (keyed) {
      const argument = rest.shift()!;
      this.emit(
        `${declareC(map.key, key, `${symbol}_key`)}${map.key.kind === 'string' || map.key.kind === 'record' ? ' = {}' : ' = 0'};`,
      );
      this.fillWhole(map.key, key, argument);
    } else this.emit(`u32 ${key} = 0;`);
    const address = `&${key}`;
    switch (name) {
      case 'delete':
        this.emit(`${isStatement ? '' : `bool ${key}_gone = !`}bpf_map_delete_elem(&${symbol}, ${address});`);
        return isStatement ? { type: UNDEFINED, c: '' } : { type: BOOLEAN, c: `${key}_gone` };
      case 'has':
        return { type: BOOLEAN, c: this.declare('bool', 'has', `bpf_map_lookup_elem(&${symbol}, ${address}) != 0`) };
      case 'add': {
        let amount = '1';
        if (rest[0]) {
          const value = this.defined(this.expression(rest[0]), 'the amount', rest[0]);
          if (value.type.kind !== 'bigint' && value.type.kind !== 'number')
            this.fail(say.wrongType(describe(value.type), 'a number or bigint', this.span(rest[0])));
          amount = value.c;
        }
        this.emit(`${this.operation('add', map, symbol)}(${address}, ${amount});`);
        return { type: UNDEFINED, c: '' };
      }
      case 'set': {
        const value = this.name('value');
        this.room(map.value, `the value of ${map.name}`, rest[0]!);
        this.emit(
          `${declareC(map.value, value, `${symbol}_value`)}${map.value.kind === 'string' || map.value.kind === 'record' ? ' = {}' : ' = 0'};`,
        );
        this.fillWhole(map.value, value, rest[0]!);
        this.emit(`bpf_map_update_elem(&${symbol}, ${address}, &${value}, BPF_ANY);`);
        return { type: UNDEFINED, c: '' };
      }
      default:
        return this.lookup(map, symbol, address, name === 'take', node);
    }
  }

  /** `get` and `take` give what is there now: later changes of the map do not change it. */
  private lookup(map: MapDeclaration, symbol: string, key: string, take: boolean, node: Node): Value {
    this.room(map.value, `the value of ${map.name}`, node);
    const value = this.name(map.name);
    const found = `${value}_at`;
    const c =
      map.value.kind === 'record'
        ? `struct ${symbol}_value `
        : map.value.kind === 'string'
          ? 'char '
          : `${cNameOf(map.value)} `;
    this.emit(`${c}*${found} = bpf_map_lookup_elem(&${symbol}, ${key});`);
    this.emit(
      `${declareC(map.value, value, `${symbol}_value`)}${map.value.kind === 'string' || map.value.kind === 'record' ? '' : ' = 0'};`,
    );
    this.emit(`if (${found}) {`);
    this.emit(
      map.value.kind === 'string'
        ? `__builtin_memcpy(${value}, ${found}, ${map.value.size});`
        : `${value} = *${found};`,
    );
    if (take) this.emit(`bpf_map_delete_elem(&${symbol}, ${key});`);
    this.emit('}');
    return { ...this.read(map.value, value), ok: `(${found} != 0)` };
  }

  private room(storage: Storage, what: string, node: Node): void {
    const size = sizeOfStorage(storage);
    if (size > STACK) this.fail(say.tooLarge(what, size, STACK, this.span(node)));
  }

  /** A counter goes up: there already, or from now on. */
  private operation(kind: 'add', map: MapDeclaration, symbol: string): string {
    const name = `${symbol}_${kind}`;
    if (!this.shared.operations.has(name)) {
      const key =
        map.kind === 'histogram'
          ? `struct ${symbol}_key *key`
          : `${declareC(map.key, '*key', `${symbol}_key`).replace(/\[\d+\]$/, '')}`;
      // Nobody else counts on this CPU, and an interrupt that does is a count more or less.
      this.shared.operations.set(
        name,
        `static void ${name}(${key}, u64 amount)\n{\n  u64 *count = bpf_map_lookup_elem(&${symbol}, key);\n  if (count) *count += amount;\n${map.keyed || map.kind === 'histogram' ? `  else bpf_map_update_elem(&${symbol}, key, &amount, BPF_ANY);\n` : ''}}\n`,
      );
    }
    return name;
  }

  private emitEvent(
    event: string,
    storage: Storage & { kind: 'record' },
    method: string,
    node: Call | OptionalCall,
  ): Value {
    if (method !== 'emit')
      return this.fail(say.unknownMember('an event', method, suggest(method, ['emit']), this.span(node)));
    const [argument] = this.exactly(node, '`emit()`', 1) as [Expression];
    const literal = bare(argument);
    if (literal.type !== 'ObjectExpression')
      return this.fail(
        say.wrongType('something else', `an object with ${[...storage.fields.keys()].join(', ')}`, this.span(argument)),
      );
    const symbol = this.shared.symbols.get(event)!;
    const record = this.name('event');
    const values = this.members(storage, literal);
    this.emit(
      `struct ${symbol}_event *${record} = bpf_ringbuf_reserve(&${symbol}, sizeof(struct ${symbol}_event), 0);`,
    );
    this.emit(`if (${record}) {`);
    for (const { name, field, value, node: at } of values) this.fill(field, `${record}->${safe(name)}`, '', value, at);
    this.emit(`bpf_ringbuf_submit(${record}, 0);`);
    this.emit('}');
    return { type: UNDEFINED, c: '' };
  }

  /** The members of an object that is stored, in the order in which they are written. */
  private members(storage: Storage & { kind: 'record' }, literal: ObjectLiteral) {
    const members = plainMembers(literal);
    if (members.length !== literal.properties.length) this.fail(say.unsupported('destructuring', this.span(literal)));
    const missing = [...storage.fields.keys()].filter((name) => !members.some(([one]) => one === name));
    if (missing.length > 0) this.fail(say.missingFields(missing, this.span(literal)));
    return members.map(([name, node]) => {
      const field = storage.fields.get(name);
      if (field === undefined)
        return this.fail(
          say.unknownMember('the declared object', name, suggest(name, storage.fields.keys()), this.span(node)),
        );
      return { name, field, value: this.expression(node), node };
    });
  }

  private fillWhole(storage: Storage, to: string, node: Expression): void {
    const literal = bare(node);
    if (storage.kind === 'record' && literal.type === 'ObjectExpression') {
      for (const { name, field, value, node: at } of this.members(storage, literal))
        this.fill(field, `${to}.${safe(name)}`, '', value, at);
      return;
    }
    this.fill(storage, to, '', this.expression(node), node);
  }

  /** Stores a value; numbers are cut to the width, as typed arrays do it. */
  private fill(storage: Storage, to: string, _record: string, given: Value, node: Node): void {
    const value = this.defined(given, 'the value', node);
    const { type, constant } = value;
    const wrong = (wanted: string): never => this.fail(say.wrongType(describe(type), wanted, this.span(node)));
    switch (storage.kind) {
      case 'int': {
        const name = `${storage.signed ? 'i' : 'u'}${storage.bits}`;
        if (type.kind !== (storage.bits === 64 ? 'bigint' : 'number')) wrong(storage.bits === 64 ? 'bigint' : 'number');
        if (typeof constant === 'number' || typeof constant === 'bigint') {
          const wide = BigInt(constant);
          const [low, high] = storage.signed
            ? [-(1n << BigInt(storage.bits - 1)), (1n << BigInt(storage.bits - 1)) - 1n]
            : [0n, (1n << BigInt(storage.bits)) - 1n];
          if (wide < low || wide > high) this.fail(say.outOfRange(String(constant), name, this.span(node)));
        }
        this.emit(`${to} = (${cNameOf(storage)})(${value.c});`);
        return;
      }
      case 'bool':
        if (type.kind !== 'boolean') wrong('boolean');
        this.emit(`${to} = ${value.c};`);
        return;
      case 'ipv4':
        if (type.kind !== 'number') wrong('number');
        this.emit(`${to} = bpf_htonl((u32)(${value.c}));`);
        return;
      case 'pointer':
        if (type.kind === 'kernel') {
          this.emit(`${to} = (u64)${value.c};`);
          return;
        }
        if (type.kind !== 'pointer' || type.space !== storage.space)
          wrong(storage.space === 'user' ? 'UserPointer' : 'KernelPointer');
        this.emit(`${to} = ${value.c};`);
        return;
      case 'string':
        if (type.kind !== 'string') wrong('text');
        this.emit(this.write(value, to, storage.size));
        return;
      case 'record':
        if (type.kind !== 'record' || JSON.stringify([...type.storage.fields]) !== JSON.stringify([...storage.fields]))
          wrong('an object with the declared fields');
        for (const [name, field] of storage.fields)
          this.fill(field, `${to}.${safe(name)}`, '', this.read(field, `${value.c}.${safe(name)}`), node);
    }
  }

  /** A text into `size` bytes. */
  private write(value: Value, to: string, size: number): string {
    if (typeof value.constant === 'string') {
      const bytes = [...new TextEncoder().encode(value.constant)].slice(0, size - 1);
      return `${[...bytes, 0].map((byte, i) => `${to}[${i}] = ${byte > 127 ? byte - 256 : byte};`).join(' ')}`;
    }
    return value.into!(to, size);
  }

  // Small things

  private declare(type: string, name: string, c: string): string {
    const kept = this.name(name);
    this.emit(`${type} ${kept} = ${c};`);
    return kept;
  }

  private defined(value: Value, what: string, node: Node): Value {
    if (value.ok !== undefined)
      this.fail(
        say.maybeUndefined(
          what === 'this' || what.startsWith('the ') ? `\`${this.text(node)}\`` : what,
          this.span(node),
        ),
      );
    if (value.type.kind === 'undefined') this.fail(say.wrongType('undefined', 'a value', this.span(node)));
    return value;
  }

  private number(given: Value, node: Node): Value {
    const value = this.defined(given, 'this', node);
    if (value.type.kind !== 'number') this.fail(say.wrongType(describe(value.type), 'number', this.span(node)));
    return value;
  }

  private local(name: string): Local | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]!.get(name);
      if (found) return found;
    }
    return undefined;
  }

  private localOf(given: Expression): Local | undefined {
    const node = bare(given);
    return node.type === 'Identifier' ? this.local(node.name) : undefined;
  }

  /** Of `x?.y`, and of `x?.y === 1`: what is there when that holds. */
  private rootOf(given: Expression): Local | undefined {
    const node = bare(given);
    if (node.type === 'OptionalMemberExpression' || node.type === 'OptionalCallExpression') {
      const inner = (node.type === 'OptionalMemberExpression' ? node.object : node.callee) as Expression;
      return this.rootOf(inner) ?? this.localOf(inner);
    }
    if (node.type !== 'BinaryExpression' || node.operator !== '===' || node.left.type === 'PrivateName')
      return undefined;
    const [left, right] = [this.rootOf(node.left), this.rootOf(node.right)];
    // Two that are both undefined are the same, too.
    return left && right ? undefined : (left ?? right);
  }

  private name(of: string): string {
    return `${safe(of)}_${++this.made}`;
  }

  private emit(line: string): void {
    this.lines.push(`  ${line}`);
  }

  /** What follows stands for this place in the file. */
  private at(node: Node): void {
    const { line } = positionOf(this.shared.module.file, node.start ?? 0);
    if (line === this.line) return;
    this.line = line;
    this.lines.push(`#line ${line} ${JSON.stringify(this.shared.module.file.name)}`);
  }

  private span(node: Node): Span {
    return spanOf(this.shared.module.file, node);
  }

  private text(node: Node): string {
    const text = this.shared.module.file.text.slice(node.start ?? 0, node.end ?? 0).replace(/\s+/g, ' ');
    return text.length > 40 ? `${text.slice(0, 39)}…` : text;
  }

  private fail(diagnostic: ReturnType<typeof say.noProbes>): never {
    throw new SkepError(diagnostic);
  }
}

const PARAM_TEXT = 64;
/** What is asked of the process that a program runs for. */
const NEEDS_TASK: ReadonlySet<Fact> = new Set<Fact>(['pid', 'tid', 'uid', 'gid', 'comm', 'cgroupId', 'task']);
/** Bytes of texts that are compared with each other. */
const COMPARED = 64;

/** What probes can do with each kind of map. */
const METHODS: { readonly [kind in MapDeclaration['kind']]: readonly string[] } = {
  hash: ['get', 'has', 'set', 'take', 'delete'],
  lruHash: ['get', 'has', 'set', 'take', 'delete'],
  perCpuHash: ['get', 'has', 'set', 'take', 'delete'],
  array: ['get', 'set'],
  perCpuArray: ['get', 'set'],
  lpm: ['get', 'has'],
  counter: ['add'],
  histogram: ['log2'],
};
const USER_METHODS: ReadonlySet<string> = new Set(['entries', 'set', 'delete', 'get', 'clear', 'keys', 'values']);

const GLOBALS: ReadonlySet<string> = new Set([
  'Math',
  'BigInt',
  'Number',
  'String',
  'Boolean',
  'Object',
  'Array',
  'JSON',
  'Date',
  'Map',
  'Set',
  'Promise',
  'console',
  'process',
  'globalThis',
  'Symbol',
  'RegExp',
  'Error',
  'setTimeout',
  'setInterval',
  'parseInt',
  'parseFloat',
  'isNaN',
  'fetch',
  'performance',
  'NaN',
  'Infinity',
  'structuredClone',
  'Buffer',
  'require',
]);

function constantValue(value: Constant): Value {
  switch (typeof value) {
    case 'number':
      return {
        type: { kind: 'number', min: value, max: value },
        c: value < 0 ? `(${value}LL)` : Math.abs(value) > 2 ** 31 - 1 ? `${value}LL` : String(value),
        constant: value,
      };
    case 'bigint':
      return {
        type: { kind: 'bigint', signed: value < 0n },
        c:
          value < 0n
            ? value === -(1n << 63n)
              ? '((s64)0x8000000000000000ULL)'
              : `((s64)${value}LL)`
            : `${BigInt.asUintN(64, value)}ULL`,
        constant: value,
      };
    case 'boolean':
      return { type: BOOLEAN, c: value ? '1' : '0', constant: value };
    default:
      return { type: { kind: 'string', size: value.length + 1 }, c: '@text', constant: value };
  }
}

function cTypeOf(type: Type): string {
  switch (type.kind) {
    case 'number':
      return 's64';
    case 'bigint':
      return type.signed ? 's64' : 'u64';
    case 'boolean':
      return 'bool';
    default:
      return 'u64';
  }
}

function castC(type: Type, c: string): string {
  return `(${cTypeOf(type)})(${c})`;
}

function wide(c: string): string {
  return `(s64)(${c})`;
}

/** Older instruction sets divide numbers without a sign only. */
function signedDivision(operator: string, a: string, b: string): string {
  return `skep_signed_${operator === '/' ? 'divide' : 'remainder'}(${wide(a)}, ${wide(b)})`;
}

/** Text from memory that may not be there: then it is empty. */
function readText(space: 'user' | 'kernel', to: string, size: number, from: string): string {
  return `if (bpf_probe_read_${space}_str(${to}, ${size}, ${from}) < 0) (${to})[0] = 0;`;
}

function guarded(ok: string | undefined, text: string): string {
  return ok === undefined ? text : `if (${ok}) { ${text} }`;
}

function isUndefined(node: Expression): boolean {
  return (node.type === 'Identifier' && node.name === 'undefined') || node.type === 'NullLiteral';
}

/** Whether statements of a `switch` leave it by `break`. */
function breaks(statements: readonly Statement[]): boolean {
  return statements.some(
    (one) =>
      one.type === 'BreakStatement' ||
      (one.type === 'BlockStatement' && breaks(one.body)) ||
      (one.type === 'IfStatement' && breaks([one.consequent, ...(one.alternate ? [one.alternate] : [])])),
  );
}

export function cNameOf(storage: Storage): string {
  return declareC(storage, '').trim();
}

/** A name that C can have. */
export function safe(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]/g, '_');
  return RESERVED.has(plain) || /^(__)?[us](8|16|32|64)$|^skep_|^bpf_/.test(plain) ? `${plain}_` : plain;
}
const RESERVED: ReadonlySet<string> = new Set(
  'auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while bool true false asm typeof ctx current NULL SEC'.split(
    ' ',
  ),
);
