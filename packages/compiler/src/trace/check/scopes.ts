import { type Span, suggest } from '@skep/base';
import type { BlockNode, Expression, Statement, TypeName, VariableSymbol } from '../ast.ts';
import type { Checker, ProgramUnit } from '../check.ts';
import { outOfScope, redeclared, undefinedVariable } from '../diagnostics.ts';
import { shown } from '../macros.ts';

/** Finds the variable that each name means. */
export class Scopes {
  private readonly checker: Checker;
  private readonly nextId: () => number;
  private readonly scopes: Map<string, VariableSymbol>[] = [];
  /** Variables of blocks that are over. */
  private readonly ended = new Map<string, Span>();
  /** The innermost loop whose body is a function of its own. */
  private home: object | undefined;

  constructor(checker: Checker, nextId: () => number) {
    this.checker = checker;
    this.nextId = nextId;
  }

  program(unit: ProgramUnit): void {
    this.ended.clear();
    this.scopes.push(new Map());
    if (unit.predicate) this.expression(unit.predicate);
    this.block(unit.body);
    this.scopes.pop();
  }

  private block(block: BlockNode): void {
    this.scopes.push(new Map());
    for (const one of block.statements) this.statement(one);
    if (block.value) this.expression(block.value);
    this.leave();
  }

  private statement(one: Statement): void {
    switch (one.kind) {
      case 'expression':
        this.expression(one.value);
        return;
      case 'assign':
        this.expression(one.value);
        if (one.target.kind === 'variable') {
          const found = this.find(one.target.name);
          if (found) this.use(one.target, found);
          else if (one.op) this.unknown(one.target.name, one.target.span);
          else one.target.symbol = this.declare(one.target.name, one.target.span);
        } else if (one.target.kind !== 'name') this.expression(one.target);
        return;
      case 'let': {
        if (one.value) this.expression(one.value);
        if (one.declared) this.type(one.declared);
        const before = this.scopes.at(-1)!.get(one.variable.name);
        if (before) this.checker.diagnostics.add(redeclared(shown(one.variable.name), one.variable.span, before.span));
        one.variable.symbol = this.declare(one.variable.name, one.variable.span);
        return;
      }
      case 'unroll':
        this.expression(one.count);
        this.block(one.body);
        return;
      case 'while':
        this.expression(one.condition);
        this.block(one.body);
        return;
      case 'for': {
        if (one.over.kind === 'map') this.expression(one.over.map);
        else {
          this.expression(one.over.from);
          this.expression(one.over.to);
        }
        const before = this.home;
        if (isCallback(one)) this.home = one;
        this.scopes.push(new Map());
        one.variable.symbol = this.declare(one.variable.name, one.variable.span);
        this.block(one.body);
        this.leave();
        this.home = before;
        return;
      }
      case 'return':
        if (one.value) this.expression(one.value);
    }
  }

  private type(name: TypeName): void {
    if (name.typeofExpression) this.expression(name.typeofExpression);
  }

  private expression(node: Expression): void {
    switch (node.kind) {
      case 'variable': {
        const found = this.find(node.name);
        if (found) this.use(node, found);
        else this.unknown(node.name, node.span);
        return;
      }
      case 'element':
        this.expression(node.key);
        return;
      case 'call':
        for (const arg of node.args) this.expression(arg);
        return;
      case 'member':
        this.expression(node.base);
        return;
      case 'index':
        this.expression(node.base);
        this.expression(node.index);
        return;
      case 'unary':
      case 'step':
      case 'comptime':
        this.expression(node.operand);
        return;
      case 'binary':
        this.expression(node.left);
        this.expression(node.right);
        return;
      case 'conditional':
        this.expression(node.condition);
        if (node.consequent) this.expression(node.consequent);
        this.expression(node.otherwise);
        return;
      case 'cast':
        this.type(node.to);
        this.expression(node.operand);
        return;
      case 'tuple':
        for (const one of node.items) this.expression(one);
        return;
      case 'record':
        for (const one of node.fields) this.expression(one.value);
        return;
      case 'block':
        this.block(node);
        return;
      case 'ifElse':
        this.expression(node.condition);
        this.block(node.consequent);
        if (node.otherwise) this.expression(node.otherwise);
        return;
      case 'sizeof':
      case 'offsetof':
      case 'typeinfo':
        if (node.of.kind === 'type') this.type(node.of);
        else this.expression(node.of);
        return;
      case 'typeof':
        this.type(node.of);
    }
  }

  private leave(): void {
    for (const { name, span } of this.scopes.pop()!.values()) this.ended.set(name, span);
  }

  private unknown(name: string, span: Span): void {
    const inner = this.ended.get(name);
    if (inner !== undefined) this.checker.diagnostics.add(outOfScope(shown(name), span, inner));
    else {
      const near = suggest(
        name,
        this.scopes.flatMap((one) => [...one.keys()]),
      );
      this.checker.diagnostics.add(undefinedVariable(shown(name), span, near && shown(near)));
    }
  }

  private find(name: string): VariableSymbol | undefined {
    for (let i = this.scopes.length - 1; i >= 0; i--) {
      const found = this.scopes[i]!.get(name);
      if (found) return found;
    }
    return undefined;
  }

  private use(node: Expression & { kind: 'variable' }, symbol: VariableSymbol): void {
    node.symbol = symbol;
    if (symbol.home !== this.home) symbol.shared = true;
  }

  private declare(name: string, span: Span): VariableSymbol {
    const symbol: VariableSymbol = {
      name,
      span,
      declared: undefined,
      type: undefined,
      home: this.home,
      shared: false,
      id: this.nextId(),
      addressed: false,
    };
    this.scopes.at(-1)!.set(name, symbol);
    return symbol;
  }
}

/** Whether the body of a loop becomes a function that the kernel calls: loops over maps, and those without fixed ends. */
export function isCallback(loop: Statement & { kind: 'for' }): boolean {
  if (loop.over.kind === 'map') return true;
  const { from, to } = loop.over;
  return !(from.kind === 'int' && to.kind === 'int' && to.value - from.value <= 64n);
}
