import { suggest } from '@skep/base';
import type { DeclAttributes, FunctionDecl, VariableDecl } from '../ast.ts';
import { checkValues } from '../check/values.ts';
import { checkVariables } from '../check/variables.ts';
import type { CType, FunctionType } from '../ctype.ts';
import { T } from '../token.ts';
import {
  asArray,
  asFunction,
  compatible,
  composite,
  INT,
  isComplete,
  isConst,
  isVoid,
  qualifiersOf,
  qualify,
  sizeOf,
  strip,
  unqualified,
} from '../types.ts';
import {
  type Attributes,
  asmLabel,
  attributes,
  declAttributes,
  mergeAttributes,
  mergeSpecifiers,
  newAttributes,
} from './attributes.ts';
import { takesRecords } from './calls.ts';
import { assignTo, isError, rvalue } from './conversions.ts';
import { type Declarator, declarator, MAX_OBJECT, parametersOfType } from './declarators.ts';
import {
  badArray,
  badDeclaration,
  conflictingTypes,
  declaresNothing,
  incompleteType,
  labelProblem,
  misplacedAttribute,
  missingReturn,
  recordByValue,
  redefinition,
  shadows,
  tooManyParameters,
  unsupported,
  unusedFunction,
  unusedLabel,
  unusedVariable,
  variadicDefinition,
} from './diagnostics.ts';
import { assignment } from './expressions.ts';
import { canFallThrough } from './flow.ts';
import { initializer } from './initializers.ts';
import { completeMapDefinition } from './legacy-map.ts';
import { type Entity, type FunctionState, type Parser, Recover } from './parser.ts';
import { staticAssert } from './records.ts';
import { type Specifiers, specifiers, startsType } from './specifiers.ts';
import { block, fillComputedGotos } from './statements.ts';

/** Everything up to the end of the file; goes on after errors. */
export function translationUnit(p: Parser): void {
  while (p.kind !== T.Eof) {
    const { level, at } = p;
    try {
      externalDeclaration(p);
    } catch (error) {
      if (!(error instanceof Recover)) throw error;
      p.restore(level);
      p.scope = p.fileScope;
      p.fn = undefined;
      p.unevaluated = 0;
      p.syncStatement();
      if (p.at === at || p.kind === T.RBrace) p.next();
    }
  }
}

function externalDeclaration(p: Parser): void {
  switch (p.kind) {
    case T.Semicolon:
      p.next();
      return;
    case T.StaticAssert:
      staticAssert(p);
      return;
    case T.Asm:
      p.report(unsupported(p.span(), "'asm' outside of functions"));
      p.next();
      if (p.is(T.LParen)) p.skipBalanced();
      p.expect(T.Semicolon, "';'");
      return;
    default:
      declaration(p, undefined);
  }
}

/**
 * One declaration up to its `;`, or a function with its body. Inside functions (`locals` given) the variables that come
 * alive here are added to `locals`.
 */
export function declaration(p: Parser, locals: VariableDecl[] | undefined): void {
  const start = p.at;
  const specs = specifiers(p, 'declaration');
  if (p.accept(T.Semicolon)) {
    if (!specs.tagged) p.report(declaresNothing(p.from(start)));
    return;
  }
  for (let first = true; ; first = false) {
    const own = newAttributes();
    const found = declarator(p, specs.type, 'required', own);
    asmLabel(p, own);
    attributes(p, own);
    mergeSpecifiers(own, specs.attributes);
    if (specs.storage === 'typedef') typedef(p, found, own);
    else if (strip(found.type).kind === 'function' && (p.kind !== T.Assign || locals === undefined)) {
      const decl = declareFunction(p, found, specs, own, locals !== undefined);
      if (p.kind === T.LBrace && first && asFunction(found.type) !== undefined) {
        if (locals !== undefined) {
          p.report(unsupported(found.span, 'a function inside a function'));
          p.skipBalanced();
          return;
        }
        defineFunction(p, decl, found, specs);
        return;
      }
      if (p.kind !== T.Semicolon && p.kind !== T.Comma && p.kind !== T.Assign && first && startsType(p))
        refuseOldStyle(p, found);
    } else variable(p, found, specs, own, locals);
    if (!p.accept(T.Comma)) break;
  }
  p.expect(T.Semicolon, "';'");
}

/** `int f(a) int a; { … }` */
function refuseOldStyle(p: Parser, found: Declarator): never {
  p.report(
    unsupported(
      found.span,
      'a function definition in the old style',
      'write the types of the parameters between the parentheses',
    ),
  );
  while (p.kind !== T.LBrace && p.kind !== T.Eof) p.next();
  if (p.kind === T.LBrace) p.skipBalanced();
  throw new Recover();
}

function typedef(p: Parser, found: Declarator, own: Attributes): void {
  const name = found.name!;
  let { type } = found;
  for (const tag of own.typeTags) type = { kind: 'tagged', tag, type };
  const before = p.scope.names.get(found.id);
  const made: CType = { kind: 'typedef', name, type, declTags: own.declTags, align: own.align };
  if (before !== undefined) {
    if (before.kind !== 'typedef') p.report(redefinition(found.span, name, before.span));
    else if (!compatible(before.type, made)) {
      if (before.span === undefined) p.report(badDeclaration(found.span, `'${name}' is another type in vmlinux.h`));
      else
        p.report(
          conflictingTypes(
            found.span,
            name,
            type,
            before.type.kind === 'typedef' ? before.type.type : before.type,
            before.span,
          ),
        );
    }
    return;
  }
  p.scope.names.set(found.id, { kind: 'typedef', name, type: made, span: found.span });
}

// ── functions ───────────────────────────────────────────────────────────────────────────────────────────────────────

function declareFunction(
  p: Parser,
  found: Declarator,
  specs: Specifiers,
  own: Attributes,
  local: boolean,
): FunctionDecl {
  const name = found.name!;
  const own2 = declAttributes(own);
  if (p.pushedHidden) own2.hidden = true;
  const inlineOnly = inlineOnlyAs(specs, own);
  const scoped = p.scope.names.get(found.id);
  const before = (scoped?.kind === 'function' ? scoped : undefined) ?? p.linked.get(name);
  if (scoped !== undefined && scoped.kind !== 'function') {
    if (scoped.span !== undefined) p.report(redefinition(found.span, name, scoped.span));
  } else if (before !== undefined && before.kind === 'function') {
    const known = before.helper !== undefined || before.span.file.name.startsWith('<');
    if (!compatible(before.type, found.type)) {
      // A program that brings its own prototype of a helper or kfunc knows it better than the table does.
      if (known) before.type = found.type;
      else p.report(conflictingTypes(found.span, name, found.type, before.type, before.span));
    } else before.type = composite(before.type, found.type);
    if (specs.storage === 'static' && before.storage !== 'static') {
      if (before.body === undefined && !known)
        p.report(badDeclaration(found.span, `'${name}' was declared without 'static' before`, undefined, before.span));
      before.storage = 'static';
    }
    if (inlineOnly === 'gnu') {
      before.inlineOnly = inlineOnly;
      before.storage = 'static';
    } else if (before.inlineOnly === 'c' && inlineOnly === undefined && !local) {
      before.inlineOnly = undefined;
      before.storage = 'extern';
    }
    mergeAttributes(before.attributes, own2);
    if (before.body === undefined && before.params.length === 0)
      before.params = parametersOfType(asFunction(found.type)!);
    p.scope.names.set(found.id, before);
    return before;
  }
  const decl: FunctionDecl = {
    kind: 'function',
    name,
    type: found.type,
    params: asFunction(found.type) ? parametersOfType(asFunction(found.type)!) : [],
    storage: specs.storage === 'static' || inlineOnly !== undefined ? 'static' : 'extern',
    inlineOnly,
    attributes: own2,
    body: undefined,
    locals: [],
    helper: undefined,
    used: false,
    span: found.span,
  };
  // vmlinux.h declares every kfunc of the kernel as weak, and declarations add up.
  if (own2.section === '.ksyms' && p.types?.find(name)?.kind === 'function') own2.weak = true;
  p.scope.names.set(found.id, decl);
  if (!p.linked.has(name)) p.linked.set(name, decl);
  p.functions.push(decl);
  return decl;
}

/** What is to be loaded or linked by its name is there anyway. */
function inlineOnlyAs({ inline, storage }: Specifiers, own: Attributes): FunctionDecl['inlineOnly'] {
  if (!inline || own.weak || own.used || own.section !== undefined) return undefined;
  if (own.gnuInline) return storage === 'extern' ? 'gnu' : undefined;
  return storage === undefined ? 'c' : undefined;
}

function defineFunction(p: Parser, decl: FunctionDecl, found: Declarator, specs: Specifiers): void {
  const type = asFunction(found.type)!;
  if (specs.storage !== undefined && specs.storage !== 'static' && specs.storage !== 'extern')
    p.report(badDeclaration(found.span, `a function cannot be '${specs.storage}'`));
  if (decl.body !== undefined) p.report(redefinition(found.span, decl.name, decl.span));
  // The definition's own words (parameter names, typedefs) are what BTF shows.
  const target = decl as { span: FunctionDecl['span'] } & FunctionDecl;
  target.type = found.type;
  target.span = found.span;
  decl.params = parametersOfType(type);
  decl.helper = undefined;
  const state: FunctionState = {
    decl,
    type,
    labels: new Map(),
    gotos: [],
    loops: 0,
    switches: [],
    labelNumbers: new Map(),
    computedGotos: [],
  };
  decl.locals = [];
  p.fn = state;
  checkSignature(p, decl, type);
  p.push();
  const { level } = p;
  const { errors } = p.diagnostics;
  try {
    for (const param of decl.params) declareParameter(p, param);
    // Set before the body, so that a recursive call sees a defined function.
    decl.body = { kind: 'compound-stmt', body: [], span: found.span };
    decl.body = block(p);
  } finally {
    p.pop();
    p.fn = undefined;
    p.restore(level);
  }
  checkLabels(p, state);
  fillComputedGotos(state);
  if (p.diagnostics.errors > errors) return;
  if (p.warns && !decl.span.file.name.startsWith('<')) {
    checkVariables(p, decl);
    checkValues(p, decl.body);
  }
  const { noreturn, naked } = decl.attributes;
  if (!isVoid(type.result) && decl.name !== 'main' && !noreturn && !naked && canFallThrough(decl.body)) {
    const end = decl.body.span;
    p.report(missingReturn({ file: end.file, start: Math.max(end.start, end.end - 1), end: end.end }, decl.name));
  }
}

function declareParameter(p: Parser, param: VariableDecl): void {
  if (isVoid(param.type)) p.report(badDeclaration(param.span, "'void' means no parameters, and stands alone"));
  else if (!isComplete(param.type))
    p.report(incompleteType(param.span, param.type, param.name === '' ? 'a parameter' : `parameter '${param.name}'`));
  if (param.name === '') return;
  p.scope.names.set(p.idOf(param.name), param);
}

function checkSignature(p: Parser, decl: FunctionDecl, type: FunctionType): void {
  const { name, span } = decl;
  if (type.variadic && (decl.storage !== 'static' || type.params.length === 0))
    p.report(variadicDefinition(span, name));
  if (type.params.length > 5 && decl.storage !== 'static' && !decl.attributes.alwaysInline)
    p.report(tooManyParameters(span, name, type.params.length));
  const result = strip(type.result);
  // A parameter is a pointer to the caller's copy, which works for everyone whom the same compiler compiles.
  const records = takesRecords(decl) || decl.storage === 'static';
  if (result.kind === 'record' && !records) p.report(recordByValue(span, `'${name}' returns`));
  else if (!isVoid(type.result) && !isComplete(type.result))
    p.report(incompleteType(span, type.result, `the result of '${name}'`));
}

function checkLabels(p: Parser, state: FunctionState): void {
  for (const { label, span } of state.gotos)
    if (!state.labels.has(label))
      p.report(labelProblem(span, `label '${label}' is used but not defined`, suggest(label, state.labels.keys())));
  if (state.gotos.length >= state.labels.size && state.labels.size === 0) return;
  const reached = new Set(state.gotos.map((one) => one.label));
  for (const [label, span] of state.labels)
    if (!reached.has(label)) p.reportLate(unusedLabel(span, label.replace(/\.\d+$/, '')));
}

// ── variables ───────────────────────────────────────────────────────────────────────────────────────────────────────

function variable(
  p: Parser,
  found: Declarator,
  specs: Specifiers,
  own: Attributes,
  locals: VariableDecl[] | undefined,
): void {
  const name = found.name!;
  let { type } = found;
  for (const tag of own.typeTags)
    if (type.kind === 'pointer') type = { kind: 'pointer', to: { kind: 'tagged', tag, type: type.to } };
  if (own.packed) p.report(misplacedAttribute(found.span, 'packed', 'it belongs to a struct, union, enum or member'));
  // `extern const void symbol __ksym`: only its address means something.
  if (isVoid(type) && specs.storage !== 'extern') {
    p.report(badDeclaration(found.span, `'${name}' cannot have the type 'void'`));
    type = INT;
  }
  if (own.section === 'maps') completeMapDefinition(type);
  const decl = declareVariable(p, found, type, specs, own, locals !== undefined);
  const isLocal = decl.storage === 'local';
  if (isLocal || decl.storage === 'static-local') p.fn!.decl.locals.push(decl);
  const checkedAt = p.diagnostics.errors;
  if (p.kind === T.Assign) {
    p.next();
    if (decl.init !== undefined) p.report(redefinition(found.span, name, decl.init.span));
    if (specs.auto) autoInitialise(p, decl, specs);
    else {
      const known = asArray(decl.type)?.of ?? decl.type;
      if (!isComplete(known)) {
        p.report(incompleteType(found.span, decl.type, `'${name}'`, incompleteSpan(decl.type)));
        if (p.is(T.LBrace)) p.skipBalanced();
        else assignment(p);
        decl.type = INT;
      } else {
        const { level } = p;
        try {
          decl.init = initializer(p, decl.type, `'${name}'`, !isLocal);
          decl.type = decl.init.type;
        } finally {
          p.restore(level);
        }
      }
    }
    if (decl.storage === 'extern' && locals === undefined)
      decl.storage = specs.storage === 'static' ? 'static' : 'global';
  } else if (specs.auto) p.report(badDeclaration(found.span, `'__auto_type' of '${name}' needs an initialiser`));
  if (checkedAt === p.diagnostics.errors) checkComplete(p, decl, locals !== undefined);
  if (isLocal || decl.storage === 'static-local') locals?.push(decl);
}

function incompleteSpan(type: CType) {
  const bare = strip(asArray(type)?.of ?? type);
  return bare.kind === 'record' || bare.kind === 'enum' ? bare.span : undefined;
}

function checkComplete(p: Parser, decl: VariableDecl, local: boolean): void {
  if ((sizeOf(decl.type) ?? 0) > MAX_OBJECT)
    p.report(badArray(decl.span, `'${decl.name}' is too large: eBPF has no more than 4294967295 bytes for it`));
  if (decl.storage === 'extern' || isComplete(decl.type)) return;
  // At file scope it can be completed by what follows.
  if (!local) return;
  p.report(incompleteType(decl.span, decl.type, `'${decl.name}'`, incompleteSpan(decl.type)));
  decl.type = INT;
}

/** Static functions and variables of the file itself that nobody has asked for. */
export function reportUnused(p: Parser): void {
  if (!p.warns) return;
  const { mainFile } = p;
  for (const { used, storage, inlineOnly, body, attributes, name, span } of p.functions)
    if (
      storage === 'static' &&
      inlineOnly === undefined &&
      body !== undefined &&
      !used &&
      !isKept(attributes) &&
      span.file === mainFile
    )
      p.reportLate(unusedFunction(span, name));
  for (const { used, mentioned, storage, attributes, type, name, span } of p.variables)
    if (storage === 'static' && !used && !mentioned && !isKept(attributes) && !isConst(type) && span.file === mainFile)
      p.reportLate(unusedVariable(span, name));
}

function isKept({ used, unused, section }: DeclAttributes): boolean {
  return used || unused || section !== undefined;
}

/** At the end of the file (C11 6.9.2p2): `int a[];` has one element then, and everything else must be complete. */
export function finishVariables(p: Parser): void {
  for (const decl of p.variables) {
    const bare = strip(decl.type);
    if (bare.kind === 'array' && bare.count === undefined && decl.storage !== 'extern' && isComplete(bare.of))
      decl.type = qualify({ kind: 'array', of: bare.of, count: 1 }, qualifiersOf(decl.type));
    else checkComplete(p, decl, true);
  }
}

function autoInitialise(p: Parser, decl: VariableDecl, specs: Specifiers): void {
  const start = p.at;
  const value = rvalue(p, assignment(p));
  const bare = unqualified(value.type);
  decl.type = qualify(bare, qualifiersOf(specs.type));
  if (isError(value)) return;
  if (!isComplete(bare)) {
    p.report(incompleteType(p.from(start), bare, `'${decl.name}'`));
    return;
  }
  decl.init = {
    type: decl.type,
    size: sizeOf(bare)!,
    parts: [
      {
        offset: 0,
        type: decl.type,
        bitField: undefined,
        value: assignTo(p, value, bare, `initialising '${decl.name}'`),
      },
    ],
    span: p.from(start),
  };
}

function declareVariable(
  p: Parser,
  found: Declarator,
  type: CType,
  specs: Specifiers,
  own: Attributes,
  local: boolean,
): VariableDecl {
  const name = found.name!;
  const { storage } = specs;
  const linked = !local || storage === 'extern';
  const attributes = declAttributes(own);
  if (!local && p.pushedHidden) attributes.hidden = true;
  const scoped: Entity | undefined = p.scope.names.get(found.id);
  const before = linked ? (scoped ?? p.linked.get(name)) : scoped;
  if (
    before !== undefined &&
    before.kind === 'variable' &&
    linked &&
    before.storage !== 'local' &&
    before.storage !== 'param'
  ) {
    if (!compatible(before.type, type)) p.report(conflictingTypes(found.span, name, type, before.type, before.span));
    else before.type = composite(before.type, type);
    mergeAttributes(before.attributes, attributes);
    if (!local && before.storage === 'extern' && storage !== 'extern')
      before.storage = storage === 'static' ? 'static' : 'global';
    p.scope.names.set(found.id, before);
    return before;
  }
  if (before !== undefined && before.span !== undefined) p.report(redefinition(found.span, name, before.span));
  if (local && before === undefined) {
    const outer = p.declared(found.id);
    if (outer?.kind === 'variable') p.report(shadows(found.span, name, outer.span));
  }
  const decl: VariableDecl = {
    kind: 'variable',
    name,
    type,
    storage:
      storage === 'extern'
        ? 'extern'
        : local
          ? storage === 'static'
            ? 'static-local'
            : 'local'
          : storage === 'static'
            ? 'static'
            : 'global',
    attributes,
    init: undefined,
    used: false,
    span: found.span,
  };
  p.scope.names.set(found.id, decl);
  if (linked) {
    p.linked.set(name, decl);
    p.variables.push(decl);
  }
  return decl;
}
