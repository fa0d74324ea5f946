import { type Diagnostics, SkepError, type SourceFile, type Span, suggest } from '@skep/base';
import { fold, listOf, plainMembers } from './constants.ts';
import {
  badDeclaration,
  badStorage,
  badTarget,
  namespaceImport,
  noProbes,
  notTopLevel,
  unknownImport,
  unsupported,
} from './diagnostics.ts';
import {
  type AnyFunction,
  bare,
  type Call,
  type Expression,
  type ObjectLiteral,
  type Program,
  type Statement,
  spanOf,
} from './syntax.ts';
import { type Storage, storageByName } from './types.ts';
import { EXPORTS, MAP_KINDS, type MapKind, PROBE_KINDS, type ProbeKind } from './vocabulary.ts';

/** A map, an event or parameters, as the module declares them; `index` counts these calls in the order of the text. */
export type Declaration = { readonly name: string; readonly index: number; readonly span: Span } & (
  | { readonly kind: 'params'; readonly fields: ReadonlyMap<string, Constant> }
  | { readonly kind: 'events'; readonly storage: Storage & { readonly kind: 'record' }; readonly size: number }
  | {
      readonly kind: MapKind;
      readonly key: Storage;
      readonly value: Storage;
      readonly max: number;
      readonly keyed: boolean;
    }
);
export type MapDeclaration = Extract<Declaration, { kind: MapKind }>;
export type Constant = number | bigint | boolean | string;

export interface ProbeDeclaration {
  readonly kind: ProbeKind;
  readonly index: number;
  /** Where it attaches; of `perf` nothing. */
  readonly target: string;
  /** Samples per second. */
  readonly frequency: number | undefined;
  readonly body: AnyFunction;
  readonly home: ModuleHome;
  readonly span: Span;
  readonly targetSpan: Span;
}

/** What a name of the module is to the probes. */
export type Binding =
  | { readonly kind: 'declaration'; readonly declaration: Declaration }
  | { readonly kind: 'constant'; readonly value: Constant }
  | { readonly kind: 'constants'; readonly values: ReadonlyMap<string, Constant> }
  | { readonly kind: 'list'; readonly values: readonly Constant[] }
  | { readonly kind: 'function'; readonly name: string; readonly node: AnyFunction; readonly home: ModuleHome }
  | { readonly kind: 'library'; readonly name: string }
  | { readonly kind: 'foreign'; readonly span: Span }
  | { readonly kind: 'class' }
  /** Its declaration is wrong, and that was said. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'variable'; readonly span: Span };

/** Where a function stands: the names that it sees. */
export interface ModuleHome {
  readonly file: SourceFile;
  /** Of all modules that make one object. */
  readonly index: number;
  readonly bindings: ReadonlyMap<string, Binding>;
}

export interface ProbeModule extends ModuleHome {
  /** What others can import, by the names that they see. */
  readonly exported: ReadonlyMap<string, Binding>;
  readonly declarations: readonly Declaration[];
  readonly probes: readonly ProbeDeclaration[];
  /** Whether there is an `export default`, which runs the user side. */
  readonly hasMain: boolean;
}

/** What else is there when a module is read. */
export interface Surroundings {
  readonly index: number;
  /** It has the probes; of others constants and functions are used. */
  readonly isMain: boolean;
  readonly importedBinding: (specifier: string, name: string) => Binding | undefined;
}

/** What probes can see of a file: everything else in it is of the user side and not looked at. */
export function readModule(
  program: Program,
  file: SourceFile,
  diagnostics: Diagnostics,
  around: Surroundings,
): ProbeModule {
  const reader = new Reader(file, diagnostics, around);
  for (const statement of program.body) reader.hoisted(statement);
  for (const statement of program.body) reader.statement(statement);
  const exported = new Map<string, Binding>();
  for (const statement of program.body)
    for (const [name, local] of exportsOf(statement)) {
      const binding = reader.bindings.get(local);
      if (binding) exported.set(name, binding);
    }
  if (around.isMain && reader.probes.length === 0 && diagnostics.errors === 0)
    throw new SkepError([...diagnostics.list, noProbes({ file, start: 0, end: Math.min(1, file.text.length) })]);
  return {
    ...reader.home,
    exported,
    declarations: reader.declarations,
    probes: reader.probes,
    hasMain: reader.hasMain,
  };
}

/** The names that a statement exports, with what they are called inside. */
function exportsOf(node: Statement): [string, string][] {
  if (node.type !== 'ExportNamedDeclaration' || node.source) return [];
  const { declaration } = node;
  if (declaration?.type === 'FunctionDeclaration' && declaration.id)
    return [[declaration.id.name, declaration.id.name]];
  if (declaration?.type === 'VariableDeclaration')
    return declaration.declarations.flatMap(({ id }) =>
      id.type === 'Identifier' ? [[id.name, id.name] as [string, string]] : [],
    );
  return node.specifiers.flatMap((one) => {
    if (one.type !== 'ExportSpecifier') return [];
    const { exported } = one;
    return [[exported.type === 'Identifier' ? exported.name : exported.value, one.local.name] as [string, string]];
  });
}

class Reader {
  readonly bindings = new Map<string, Binding>();
  readonly declarations: Declaration[] = [];
  readonly probes: ProbeDeclaration[] = [];
  hasMain = false;
  readonly home: ModuleHome;
  private readonly file: SourceFile;
  private readonly diagnostics: Diagnostics;
  private readonly around: Surroundings;

  constructor(file: SourceFile, diagnostics: Diagnostics, around: Surroundings) {
    this.file = file;
    this.diagnostics = diagnostics;
    this.around = around;
    this.home = { file, index: around.index, bindings: this.bindings };
  }

  /** What the whole file can use, wherever it stands. */
  hoisted(node: Statement): void {
    const inner = node.type === 'ExportNamedDeclaration' ? node.declaration : node;
    if (inner?.type === 'FunctionDeclaration' && inner.id)
      this.bindings.set(inner.id.name, { kind: 'function', name: inner.id.name, node: inner, home: this.home });
    if (node.type !== 'ImportDeclaration' || node.importKind === 'type') return;
    const ours = node.source.value === 'skep/probe';
    for (const one of node.specifiers) {
      const span = spanOf(this.file, one);
      if (ours && one.type !== 'ImportSpecifier') {
        this.diagnostics.add(namespaceImport(span));
        continue;
      }
      if (one.type === 'ImportSpecifier' && one.importKind === 'type') continue;
      if (one.type !== 'ImportSpecifier') {
        this.bindings.set(one.local.name, { kind: 'foreign', span });
        continue;
      }
      const name = one.imported.type === 'Identifier' ? one.imported.name : one.imported.value;
      if (!ours) {
        const binding = this.around.importedBinding(node.source.value, name);
        this.bindings.set(one.local.name, binding ?? { kind: 'foreign', span });
        continue;
      }
      // Names of types begin with a capital and are nothing when it runs.
      if (EXPORTS.has(name)) this.bindings.set(one.local.name, { kind: 'library', name });
      else if (!/^[A-Z]/.test(name)) this.diagnostics.add(unknownImport(name, suggest(name, EXPORTS), span));
    }
  }

  statement(node: Statement): void {
    switch (node.type) {
      case 'ExportNamedDeclaration':
        if (node.declaration) this.statement(node.declaration as Statement);
        return;
      case 'ExportDefaultDeclaration':
        this.hasMain = true;
        return;
      case 'VariableDeclaration':
        for (const one of node.declarations) {
          if (one.id.type !== 'Identifier') continue;
          const span = spanOf(this.file, one);
          if (node.kind === 'const' && one.init) this.constant(one.id.name, bare(one.init), span);
          else this.bindings.set(one.id.name, { kind: 'variable', span });
        }
        return;
      case 'ClassDeclaration':
        if (node.id) this.bindings.set(node.id.name, { kind: 'class' });
        return;
      case 'TSEnumDeclaration':
      case 'TSModuleDeclaration':
        if (!node.declare) this.diagnostics.add(unsupported('namespace', spanOf(this.file, node)));
        if (node.id.type === 'Identifier') this.bindings.set(node.id.name, { kind: 'refused' });
        return;
      case 'ExpressionStatement': {
        const call = bare(node.expression);
        const name = call.type === 'CallExpression' ? this.libraryName(call) : undefined;
        if (call.type !== 'CallExpression' || name === undefined) return;
        if ((PROBE_KINDS as readonly string[]).includes(name)) this.probe(name as ProbeKind, call);
        else if (name === 'params' || name === 'events' || (MAP_KINDS as readonly string[]).includes(name))
          this.diagnostics.add(
            badDeclaration(name, 'nobody can use it without a name; write `const x = …`', spanOf(this.file, call)),
          );
        return;
      }
      default:
        return;
    }
  }

  private libraryName(call: Call): string | undefined {
    const callee = call.callee.type === 'V8IntrinsicIdentifier' ? undefined : bare(call.callee as Expression);
    const binding = callee?.type === 'Identifier' ? this.bindings.get(callee.name) : undefined;
    return binding?.kind === 'library' ? binding.name : undefined;
  }

  private constant(name: string, init: Expression, span: Span): void {
    if (init.type === 'ArrowFunctionExpression' || init.type === 'FunctionExpression') {
      this.bindings.set(name, { kind: 'function', name, node: init, home: this.home });
      return;
    }
    if (init.type === 'CallExpression') {
      const called = this.libraryName(init);
      if (called === 'params' || called === 'events' || (MAP_KINDS as readonly string[]).includes(called ?? '')) {
        const declaration = this.declaration(name, called as MapKind | 'params' | 'events', init, span);
        // A map of another module is none of this object.
        if (declaration && this.around.isMain) {
          this.declarations.push(declaration);
          this.bindings.set(name, { kind: 'declaration', declaration });
        } else this.bindings.set(name, { kind: 'foreign', span });
        return;
      }
      if (called !== undefined && (PROBE_KINDS as readonly string[]).includes(called)) {
        this.diagnostics.add(notTopLevel(called, span));
        return;
      }
    }
    if (init.type === 'ObjectExpression') {
      const values = new Map<string, Constant>();
      for (const [key, value] of plainMembers(init)) {
        const constant = fold(value, this.bindings);
        if (constant !== undefined) values.set(key, constant);
      }
      this.bindings.set(name, { kind: 'constants', values });
      return;
    }
    if (init.type === 'ArrayExpression') {
      const values = listOf(init, (one) => fold(one, this.bindings));
      if (values !== undefined) {
        this.bindings.set(name, { kind: 'list', values });
        return;
      }
    }
    const value = fold(init, this.bindings);
    this.bindings.set(name, value === undefined ? { kind: 'variable', span } : { kind: 'constant', value });
  }

  private declaration(
    name: string,
    kind: MapKind | 'params' | 'events',
    call: Call,
    span: Span,
  ): Declaration | undefined {
    const index = this.declarations.length;
    const bad = (why: string, at: Span = span): undefined => {
      this.diagnostics.add(badDeclaration(name, why, at));
      return undefined;
    };
    const [first] = call.arguments;
    const options =
      first === undefined || first.type === 'SpreadElement' || first.type === 'ArgumentPlaceholder'
        ? undefined
        : bare(first);
    if (options !== undefined && options.type !== 'ObjectExpression')
      return bad('it is declared with an object', spanOf(this.file, options));
    const members = new Map<string, Expression>(options ? plainMembers(options) : []);
    if (options && members.size !== options.properties.length)
      return bad('only plain `name: value` can stand here', spanOf(this.file, options));
    if (kind === 'params') {
      const fields = new Map<string, Constant>();
      for (const [key, value] of members) {
        const constant = fold(value, this.bindings);
        if (constant === undefined)
          return bad(`\`${key}\` needs a first value that is a constant`, spanOf(this.file, value));
        if (typeof constant === 'number' && !Number.isSafeInteger(constant))
          return void this.diagnostics.add(unsupported('float', spanOf(this.file, value)));
        fields.set(key, constant);
      }
      return { name, index, span, kind, fields };
    }
    if (kind === 'events') {
      const second = call.arguments[1];
      const more =
        second !== undefined && second.type === 'ObjectExpression'
          ? new Map(plainMembers(second))
          : new Map<string, Expression>();
      const storage = options && this.record(options);
      if (storage === undefined || storage.fields.size === 0) return bad('events have at least one field');
      const size = more.has('size') ? fold(more.get('size')!, this.bindings) : 1 << 20;
      if (
        typeof size !== 'number' ||
        !Number.isInteger(size) ||
        size < 4096 ||
        size > 2 ** 30 ||
        (size & (size - 1)) !== 0
      )
        return bad('`size` is a power of two of at least 4096 bytes');
      return { name, index, span, kind, storage, size };
    }
    const allowed: { readonly [kind in MapKind]: readonly string[] } = {
      hash: ['key', 'value', 'max'],
      lruHash: ['key', 'value', 'max'],
      perCpuHash: ['key', 'value', 'max'],
      array: ['value', 'max'],
      perCpuArray: ['value', 'max'],
      lpm: ['addr', 'value', 'max'],
      counter: ['key', 'max'],
      histogram: ['key', 'unit', 'max'],
    };
    for (const [key, node] of members) {
      if (allowed[kind].includes(key)) continue;
      return bad(
        `${kind} has no option \`${key}\`; it has ${allowed[kind].map((one) => `\`${one}\``).join(', ')}`,
        spanOf(this.file, node),
      );
    }
    const max = members.has('max') ? fold(members.get('max')!, this.bindings) : 10240;
    if (typeof max !== 'number' || !Number.isInteger(max) || max < 1 || max > 2 ** 31)
      return bad('`max` is a whole number of entries');
    const u32: Storage = { kind: 'int', bits: 32, signed: false };
    const u64: Storage = { kind: 'int', bits: 64, signed: false };
    const stored = (option: string): Storage | undefined => {
      const node = members.get(option);
      if (node === undefined) return bad(`\`${option}\` is missing`);
      return this.storage(node);
    };
    switch (kind) {
      case 'hash':
      case 'lruHash':
      case 'perCpuHash': {
        const key = stored('key');
        const value = key && stored('value');
        return key && value && { name, index, span, kind, key, value, max, keyed: true };
      }
      case 'array':
      case 'perCpuArray': {
        const value = stored('value');
        return value && { name, index, span, kind, key: u32, value, max: members.has('max') ? max : 1, keyed: true };
      }
      case 'lpm': {
        const key = stored('addr');
        const value = key && stored('value');
        if (key && key.kind !== 'ipv4') return bad("`addr` is 'ipv4'");
        return key && value && { name, index, span, kind, key, value, max, keyed: true };
      }
      case 'counter':
      case 'histogram': {
        const keyed = members.has('key');
        const key = keyed ? stored('key') : u32;
        return key && { name, index, span, kind, key, value: u64, max, keyed };
      }
    }
  }

  private storage(given: Expression): Storage | undefined {
    const node = bare(given);
    if (node.type === 'ObjectExpression') return this.record(node);
    const found = node.type === 'StringLiteral' ? storageByName(node.value) : undefined;
    if (found === undefined)
      this.diagnostics.add(
        badStorage(
          node.type === 'StringLiteral' ? node.value : this.file.text.slice(node.start ?? 0, node.end ?? 0),
          spanOf(this.file, node),
        ),
      );
    return found;
  }

  private record(node: ObjectLiteral): (Storage & { kind: 'record' }) | undefined {
    const fields = new Map<string, Storage>();
    const members = plainMembers(node);
    if (members.length !== node.properties.length) {
      this.diagnostics.add(unsupported('destructuring', spanOf(this.file, node)));
      return undefined;
    }
    for (const [key, value] of members) {
      const storage = this.storage(value);
      if (storage === undefined) return undefined;
      if (storage.kind === 'record') {
        this.diagnostics.add(badStorage('an object in an object', spanOf(this.file, value)));
        return undefined;
      }
      fields.set(key, storage);
    }
    return { kind: 'record', fields };
  }

  private probe(kind: ProbeKind, call: Call): void {
    const span = spanOf(this.file, call);
    const args = call.arguments.map((one) =>
      one.type === 'SpreadElement' || one.type === 'ArgumentPlaceholder' ? undefined : bare(one),
    );
    const given = args.at(-1);
    const named = given?.type === 'Identifier' ? this.bindings.get(given.name) : undefined;
    const last = named?.kind === 'function' ? named.node : given;
    const home = named?.kind === 'function' ? named.home : this.home;
    if (
      last?.type !== 'ArrowFunctionExpression' &&
      last?.type !== 'FunctionExpression' &&
      last?.type !== 'FunctionDeclaration'
    ) {
      this.diagnostics.add(badDeclaration(kind, 'its last argument is the probe: `(c) => { … }`', span));
      return;
    }
    const first = args.length > 1 ? args[0] : undefined;
    const forms: { readonly [kind in ProbeKind]?: string } = { tc: "'ingress' or 'egress'", xdp: '', perf: '' };
    const wanted =
      forms[kind] ??
      {
        tracepoint: "'category:name'",
        uprobe: "'binary:function'",
        uretprobe: "'binary:function'",
        cgroup: "'connect4' …",
        cgroup_skb: "'ingress' or 'egress'",
      }[kind as string] ??
      "'name'";
    const index = this.probes.length;
    if (kind === 'perf') {
      const frequency =
        first?.type === 'ObjectExpression'
          ? fold(new Map(plainMembers(first)).get('frequency') ?? first, this.bindings)
          : undefined;
      if (typeof frequency !== 'number' || !Number.isInteger(frequency) || frequency < 1)
        this.diagnostics.add(badTarget('perf', '`{ frequency: 99 }`', span));
      else this.probes.push({ kind, index, target: '', frequency, body: last, home, span, targetSpan: span });
      return;
    }
    const target = first === undefined ? undefined : fold(first, this.bindings);
    if (wanted !== '' && (typeof target !== 'string' || args.length !== 2)) {
      this.diagnostics.add(badTarget(kind, wanted, first ? spanOf(this.file, first) : span));
      return;
    }
    if (wanted === '' && first !== undefined) {
      this.diagnostics.add(badDeclaration(kind, 'it takes nothing but the probe', spanOf(this.file, first)));
      return;
    }
    this.probes.push({
      kind,
      index,
      target: (target as string | undefined) ?? '',
      frequency: undefined,
      body: last,
      home,
      span,
      targetSpan: first ? spanOf(this.file, first) : span,
    });
  }
}
