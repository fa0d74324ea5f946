import { type Diagnostic, Diagnostics, SkepError, type Span } from '@skep/base';
import type { BlockNode, Expression, MapDeclaration, VariableSymbol } from './ast.ts';
import type { CFunctionType } from './c-functions.ts';
import type { CTypes } from './c-types.ts';
import { constantOf, textOf } from './check/constants.ts';
import { aggregateCall, typeOf } from './check/expression.ts';
import { Scopes } from './check/scopes.ts';
import { block } from './check/statements.ts';
import type { TraceConfig } from './config.ts';
import type { ProbeContext } from './context.ts';
import {
  badCall,
  keyMismatch,
  mapScalar,
  mismatch,
  switchedOff,
  undefinedMap,
  unresolved,
  warning,
  wrongMapKind,
} from './diagnostics.ts';
import { shown } from './macros.ts';
import type { Probe } from './probe.ts';
import type { TraceTarget } from './target.ts';
import { asNumber, promote, sameType, showType, type TraceType } from './type.ts';

/** One program: an action with its probe. Its tree is its own. */
export interface ProgramUnit {
  readonly probe: Probe;
  readonly context: ProbeContext;
  readonly predicate: Expression | undefined;
  readonly body: BlockNode & { readonly span: Span };
  readonly name: string;
  /** Something asks how long stacks are. */
  readonly measuresStacks: boolean;
}

export interface MapInfo {
  readonly name: string;
  key: TraceType | undefined;
  scalar: boolean | undefined;
  value: TraceType | undefined;
  readonly span: Span;
  readonly declaration: MapDeclaration | undefined;
  used: boolean;
  /** The script gives it values somewhere; where it has no type all the same, something is wrong with those. */
  assigned?: boolean;
}

export interface CheckOptions {
  readonly target: TraceTarget;
  readonly types: CTypes;
  /** Of imported C. */
  readonly functions: ReadonlyMap<string, CFunctionType>;
  readonly config: TraceConfig;
  readonly positional: readonly string[];
  /** `--name=value` behind `--`. */
  readonly named: ReadonlyMap<string, string>;
  readonly unsafe: boolean;
  readonly childPid: number;
}

/**
 * Gives every expression its type. Types of variables and maps follow from all their uses: the trees are walked until
 * nothing changes, then once more to say what is wrong.
 */
export class Checker {
  readonly options: CheckOptions;
  readonly maps = new Map<string, MapInfo>();
  readonly diagnostics = new Diagnostics();
  readonly namedOptions = new Map<string, { summary: string | undefined }>();
  unit!: ProgramUnit;
  /** Errors count only in the last walk. */
  final = false;
  private changed = false;
  private readonly consequences: Diagnostic[] = [];
  private symbols = 0;

  constructor(options: CheckOptions, declarations: readonly MapDeclaration[]) {
    this.options = options;
    for (const declaration of declarations) {
      this.unstable('unstable_map_decl', 'the declaration of a map', declaration.span);
      if (!MAP_TYPES.includes(declaration.mapType))
        throw new SkepError(
          badCall(
            `Invalid bpf map type: ${declaration.mapType}`,
            declaration.span,
            `choose one of ${MAP_TYPES.join(', ')}`,
          ),
        );
      this.maps.set(declaration.name, {
        name: declaration.name,
        key: undefined,
        scalar: undefined,
        value: undefined,
        span: declaration.span,
        declaration,
        used: false,
      });
    }
  }

  /** Throws SkepError with everything that is wrong. */
  check(units: readonly ProgramUnit[]): void {
    for (const unit of units) {
      this.unit = unit;
      new Scopes(this, () => ++this.symbols).program(unit);
    }
    this.diagnostics.check();
    for (let round = 0; round < 60; round++) {
      this.changed = false;
      this.walk(units);
      if (!this.changed) break;
    }
    this.final = true;
    this.walk(units);
    for (const map of this.maps.values()) {
      if (!map.used) this.warn(`Unused map: ${map.name}`, map.span);
      else if (map.value === undefined) this.noValue(map, map.span);
      else if (map.declaration) {
        const { mapType } = map.declaration;
        const wanted = map.value.kind === 'aggregate' ? 'percpuhash' : 'hash';
        if (mapType.startsWith('percpu') !== wanted.startsWith('percpu'))
          this.diagnostics.add(wrongMapKind(mapType, wanted, map.span));
      }
    }
    if (this.diagnostics.errors === 0) for (const one of this.consequences) this.diagnostics.add(one);
    this.diagnostics.check();
  }

  /** Refuses what the config block switches off. Throws E1550. */
  unstable(setting: 'unstable_map_decl' | 'unstable_tseries' | 'unstable_typeinfo', what: string, span: Span): void {
    if (this.options.config[setting] === 'error') throw new SkepError(switchedOff(what, setting, span));
  }

  /** A map whose values nobody knows. */
  noValue(map: MapInfo, span: Span): void {
    if (map.assigned) this.follows(undefinedMap(map.name, span));
    else this.report(undefinedMap(map.name, span));
  }

  /** Reports what need not be said when something else is wrong. */
  follows(diagnostic: Diagnostic): undefined {
    if (this.final) this.consequences.push(diagnostic);
    return undefined;
  }

  private walk(units: readonly ProgramUnit[]): void {
    for (const unit of units) {
      this.unit = unit;
      if (unit.predicate) this.condition(unit.predicate);
      block(this, unit.body, true);
    }
  }

  report(diagnostic: Diagnostic): undefined {
    if (this.final) this.diagnostics.add(diagnostic);
    return undefined;
  }

  warn(message: string, span: Span, help?: string): void {
    if (this.final) this.diagnostics.add(warning(message, span, help));
  }

  setVariable(symbol: VariableSymbol, type: TraceType, span: Span): void {
    const before = symbol.type;
    const next = before === undefined ? type : promote(before, type);
    if (next === undefined) {
      this.report(
        mismatch(
          `Type mismatch for ${shown(symbol.name)}: trying to assign value of type '${showType(type)}' when variable already has a type '${showType(before!)}'`,
          span,
          'use another variable',
        ),
      );
      return;
    }
    if (before === undefined || !sameType(before, next)) {
      symbol.type = next;
      this.changed = true;
    }
  }

  setMapValue(map: MapInfo, type: TraceType, span: Span): void {
    const before = map.value;
    const next = before === undefined ? type : promote(before, type);
    if (next === undefined) {
      this.report(
        mismatch(
          `Type mismatch for ${map.name}: trying to assign value of type '${showType(type)}' when map already has a type '${showType(before!)}'`,
          span,
          'a map holds one kind of values',
        ),
      );
      return;
    }
    if (before === undefined || !sameType(before, next)) {
      map.value = next;
      this.changed = true;
    }
  }

  // Maps

  mapOf(node: Expression & { kind: 'map' }): MapInfo {
    let map = this.maps.get(node.name);
    if (map === undefined) {
      map = {
        name: node.name,
        key: undefined,
        scalar: undefined,
        value: undefined,
        span: node.span,
        declaration: undefined,
        used: true,
      };
      this.maps.set(node.name, map);
    }
    map.used = true;
    return map;
  }

  /** The map of `@x` or `@x[key]`, with its key noted. */
  access(node: Expression & { kind: 'map' | 'element' }): MapInfo | undefined {
    const map = this.mapOf(node.kind === 'map' ? node : node.map);
    if (node.kind === 'map') {
      if (map.scalar === false) {
        this.report(
          mapScalar(
            `${map.name} used as a map without an explicit key (scalar map), previously used with an explicit key (non-scalar map)`,
            node.span,
          ),
        );
        return undefined;
      }
      if (map.scalar === undefined) {
        map.scalar = true;
        this.changed = true;
      }
      return map;
    }
    if (map.scalar === true) {
      this.report(
        mapScalar(
          `${map.name} used as a map with an explicit key (non-scalar map), previously used without an explicit key (scalar map)`,
          node.span,
        ),
      );
      return undefined;
    }
    if (map.scalar === undefined) {
      map.scalar = false;
      this.changed = true;
    }
    const key = this.rvalue(node.key);
    if (key) this.noteKey(map, key, node.span);
    return map;
  }

  noteKey(map: MapInfo, key: TraceType, span: Span): void {
    if (
      key.kind === 'none' ||
      (key.kind === 'special' && (key.name === 'timestamp_mode' || key.name === 'stack_mode'))
    ) {
      this.report(mismatch(`${showType(key)} cannot be used as a map key`, span));
      return;
    }
    const before = map.key;
    const next = before === undefined ? key : promote(before, key);
    if (next === undefined) {
      this.report(keyMismatch(map.name, showType(key), showType(before!), span));
      return;
    }
    if (before === undefined || !sameType(before, next)) {
      map.key = next;
      this.changed = true;
    }
  }

  // Expressions

  condition(value: Expression): void {
    const type = this.rvalue(value);
    if (!type) return;
    if (type.kind !== 'int' && type.kind !== 'bool' && type.kind !== 'pointer')
      this.report(mismatch(`Invalid condition: ${showType(type)}`, value.span, 'compare it with something'));
  }

  /** The type of a value: an element of `count()` and its kind is a number. */
  rvalue(value: Expression): TraceType | undefined {
    if (value.kind === 'typeof')
      return this.report(mismatch('A type is not a value', value.span, 'write sizeof(type), or cast something to it'));
    const type = this.visit(value);
    return type && (aggregateCall(value) ? type : asNumber(type));
  }

  visit(node: Expression, statement = false): TraceType | undefined {
    const type = typeOf(this, node, statement);
    if (this.final && type === undefined && this.diagnostics.errors === 0) this.report(unresolved('this', node.span));
    if (type) node.type = type;
    return type;
  }

  /** The value of an integer expression that is known before the program runs. */
  constant(node: Expression): bigint | undefined {
    return constantOf(this, node);
  }

  /** The text of a string expression that is known before the program runs. */
  textOf(node: Expression): string | undefined {
    return textOf(this, node);
  }
}

const MAP_TYPES = ['hash', 'lruhash', 'percpuhash', 'percpulruhash'];
