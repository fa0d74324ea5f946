/**
 * Which warnings are wanted, by clang's names for them: `on` without being asked, `all` with `-Wall`, `extra` with
 * `-Wextra`, `asked` by name only.
 */
type Level = 'on' | 'all' | 'extra' | 'asked';

const WARNINGS: Readonly<Record<string, readonly [name: string, level: Level]>> = {
  W1380: ['context-access', 'on'],
  W1381: ['context-access', 'on'],
  W1382: ['call-stack', 'on'],
  W1383: ['call-depth', 'on'],
  W1201: ['unknown-attributes', 'on'],
  W1202: ['incompatible-pointer-types', 'on'],
  W1203: ['incompatible-pointer-types-discards-qualifiers', 'on'],
  W1204: ['int-conversion', 'on'],
  W1205: ['return-type', 'on'],
  W1206: ['compare-distinct-pointer-types', 'on'],
  W1207: ['constant-conversion', 'on'],
  W1208: ['missing-declarations', 'on'],
  W1209: ['shift-count-overflow', 'on'],
  W1210: ['division-by-zero', 'on'],
  W1211: ['ignored-attributes', 'on'],
  W1212: ['implicitly-unsigned-literal', 'on'],
  W1213: ['excess-initializers', 'on'],
  W1214: ['excess-initializers', 'on'],
  W1220: ['unused-variable', 'all'],
  W1221: ['unused-but-set-variable', 'all'],
  W1222: ['unused-function', 'all'],
  W1223: ['unused-parameter', 'extra'],
  W1224: ['unused-label', 'all'],
  W1225: ['unused-value', 'on'],
  W1226: ['uninitialized', 'all'],
  W1227: ['sign-compare', 'extra'],
  W1228: ['tautological-compare', 'on'],
  W1229: ['type-limits', 'extra'],
  W1230: ['parentheses', 'on'],
  W1231: ['empty-body', 'on'],
  W1232: ['format', 'on'],
  W1233: ['sizeof-pointer-memaccess', 'on'],
  W1234: ['array-bounds', 'on'],
  W1235: ['string-compare', 'on'],
  W1236: ['self-assign', 'all'],
  W1237: ['shadow', 'asked'],
  W1238: ['logical-op-parentheses', 'all'],
};

/** Names that stand for several others, as in clang. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  unused: [
    'unused-variable',
    'unused-but-set-variable',
    'unused-function',
    'unused-label',
    'unused-value',
    'unused-parameter',
  ],
  'incompatible-pointer-types': ['incompatible-pointer-types', 'incompatible-pointer-types-discards-qualifiers'],
  'discarded-qualifiers': ['incompatible-pointer-types-discards-qualifiers'],
  conversion: ['constant-conversion', 'int-conversion'],
  parentheses: ['parentheses', 'logical-op-parentheses'],
  attributes: ['unknown-attributes', 'ignored-attributes'],
  'tautological-constant-out-of-range-compare': ['tautological-compare'],
  'tautological-unsigned-zero-compare': ['type-limits'],
  'bitwise-op-parentheses': ['parentheses'],
  'div-by-zero': ['division-by-zero'],
  'maybe-uninitialized': ['uninitialized'],
  'unused-const-variable': [],
};

/** What `-W…` asked for, in its order; without the `-W`: `all`, `no-format`, `error`, `error=shadow`. */
export class WarningChoice {
  private readonly wanted = new Map<string, boolean>();
  private readonly errors = new Map<string, boolean>();
  private allErrors = false;
  private none = false;

  constructor(flags: readonly string[]) {
    for (const [name, level] of Object.values(WARNINGS)) this.wanted.set(name, level === 'on');
    for (const flag of flags) this.take(flag);
  }

  /** What becomes of a warning; those that belong to no group are always shown. */
  of(code: string): 'off' | 'warning' | 'error' {
    const name = WARNINGS[code]?.[0];
    if (name === undefined) return this.none ? 'off' : this.allErrors ? 'error' : 'warning';
    if (!this.wanted.get(name)) return 'off';
    return (this.errors.get(name) ?? this.allErrors) ? 'error' : 'warning';
  }

  private take(flag: string): void {
    const off = flag.startsWith('no-');
    const name = off ? flag.slice(3) : flag;
    if (name === 'everything') this.none = off;
    if (name === 'error') this.allErrors = !off;
    else if (name.startsWith('error=')) {
      for (const one of members(name.slice(6))) {
        this.errors.set(one, !off);
        // Asking for the error asks for the warning.
        if (!off) this.wanted.set(one, true);
      }
    } else for (const one of members(name)) this.wanted.set(one, !off);
  }
}

/** The name that switches a warning, for messages; undefined for those that are always shown. */
export function warningName(code: string): string | undefined {
  return WARNINGS[code]?.[0];
}

function members(name: string): readonly string[] {
  const upTo = LEVELS[name];
  if (upTo !== undefined) return Object.values(WARNINGS).flatMap(([one, level]) => (upTo.includes(level) ? [one] : []));
  return GROUPS[name] ?? [name];
}

const LEVELS: Readonly<Record<string, readonly Level[] | undefined>> = {
  default: ['on'],
  all: ['on', 'all'],
  most: ['on', 'all'],
  extra: ['extra'],
  everything: ['on', 'all', 'extra', 'asked'],
};
