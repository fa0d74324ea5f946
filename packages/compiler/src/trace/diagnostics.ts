import type { Diagnostic, DiagnosticNote, Span } from '@skep/base';

// What is wrong with a script: E150x its text, E151x names, E152x types, E153x calls, E154x probes, E155x what is not there.

function error(
  code: string,
  message: string,
  span: Span | undefined,
  help?: string,
  notes?: DiagnosticNote[],
): Diagnostic {
  return { code, severity: 'error', message, span, help, ...(notes && notes.length > 0 && { notes }) };
}

export function unexpected(found: string, wanted: string, span: Span): Diagnostic {
  return error('E1500', `syntax error, unexpected ${found}, expected ${wanted}`, span, remedyFor(found, wanted));
}

/** For the mistakes that are made most. */
function remedyFor(found: string, wanted: string): string {
  if (wanted === "';'") return 'put `;` between statements';
  if (found === "'='") return 'to compare, write `==`; what is assigned stands in a statement of its own';
  if (wanted === "')'" || wanted === "']'" || wanted === "'}'") return `close it with ${wanted.replaceAll("'", '`')}`;
  if (wanted === "'{'") return 'what a probe does stands between braces: `PROBE { … }`';
  if (wanted === 'an expression') return 'a value is missing here, or there is a bracket too many';
  return 'see docs/trace-language.md for the grammar';
}

export function badCharacter(text: string, span: Span): Diagnostic {
  return error('E1501', `\`${text}\` means nothing here`, span, 'remove it, or put text between double quotes');
}

export function characterLiteral(text: string, span: Span): Diagnostic {
  const code = text.length === 1 ? text.charCodeAt(0) : { n: 10, t: 9, r: 13, 0: 0 }[text[1]!];
  return error(
    'E1501',
    'Character literals are not supported',
    span,
    code === undefined ? 'write its number' : `write its number, ${code}, or text between double quotes`,
  );
}

export function singleQuote(span: Span): Diagnostic {
  return error('E1501', "`'` means nothing here", span, 'text stands between double quotes: "text"');
}

/** There are no floating-point numbers in programs of the kernel. */
export function fraction(text: string, span: Span): Diagnostic {
  return error(
    'E1503',
    `\`${text}\` is no integer: programs in the kernel have no floating-point numbers`,
    span,
    'scale it: count in a smaller unit, such as 1500ms for 1.5 seconds',
  );
}

export function unterminated(what: string, span: Span): Diagnostic {
  return error('E1502', `${what} has no end`, span, 'close it');
}

export function badNumber(text: string, why: string, span: Span): Diagnostic {
  return error(
    'E1503',
    `\`${text}\` is no number: ${why}`,
    span,
    'write a decimal, octal (0…) or hexadecimal (0x…) integer, 1e6, or 10ms',
  );
}

export function tooDeep(span: Span): Diagnostic {
  return error('E1504', 'this is nested too deeply', span, 'split it with variables');
}

export function badConfig(name: string, span: Span, near: string | undefined): Diagnostic {
  return error(
    'E1505',
    `${name}: not a known configuration option`,
    span,
    near ? `did you mean \`${near}\`?` : 'see the list in docs/trace-language.md',
  );
}

export function badConfigValue(name: string, value: string, valid: string, span: Span): Diagnostic {
  return error(
    'E1506',
    `Invalid value for ${name}. Found: ${value}. Valid values: ${valid}.`,
    span,
    'choose one of them',
  );
}

export function noProbes(span: Span): Diagnostic {
  return error('E1507', 'the script has no probes', span, 'add one: `BEGIN { printf("hello\\n"); }`');
}

export function tooManyExpansions(name: string, span: Span): Diagnostic {
  return error('E1508', `macro \`${name}\` calls itself`, span, 'macros are text that is put in place; write a loop');
}

export function unknownName(name: string, span: Span, near: string | undefined): Diagnostic {
  return error(
    'E1510',
    `Unknown identifier: '${name}'`,
    span,
    near ? `did you mean \`${near}\`?` : 'builtins have no `$`, variables do, maps begin with `@`',
  );
}

export function undefinedVariable(name: string, span: Span, near?: string): Diagnostic {
  return error(
    'E1511',
    `Undefined or undeclared variable: ${name}`,
    span,
    near ? `did you mean \`${near}\`?` : `assign it first: \`${name} = …;\``,
  );
}

export function undefinedMap(name: string, span: Span): Diagnostic {
  return error('E1512', `Undefined map: ${name}`, span, 'assign to it somewhere, so that its type is known');
}

/** It is assigned in a block that is over where it is used. */
export function outOfScope(name: string, span: Span, inner: Span): Diagnostic {
  return error(
    'E1511',
    `Undefined or undeclared variable: ${name}`,
    span,
    `a variable is known in its own block only: declare it in front of that, \`let ${name};\``,
    [{ message: 'it is assigned here, in a block of its own', span: inner }],
  );
}

export function redeclared(name: string, span: Span, first: Span): Diagnostic {
  return error('E1513', `Variable ${name} was already declared`, span, 'use another name, or assign without `let`', [
    { message: 'this is the first declaration', span: first },
  ]);
}

export function unknownFunction(name: string, span: Span, near: string | undefined): Diagnostic {
  return error(
    'E1514',
    `Unknown function: '${name}'`,
    span,
    near ? `did you mean \`${near}\`?` : 'docs/trace-language.md lists all functions',
  );
}

export function unknownField(type: string, name: string, span: Span, near: string | undefined): Diagnostic {
  return error(
    'E1515',
    `${type} has no field named '${name}'`,
    span,
    near ? `did you mean \`${near}\`?` : 'list its fields with `skep trace -lv`',
  );
}

export function unknownType(name: string, span: Span, near?: string): Diagnostic {
  return error(
    'E1516',
    `Cannot resolve unknown type "${name}"`,
    span,
    near ? `did you mean \`${near}\`?` : 'define it in front of the probes, or #include the header that does',
  );
}

export function cDefinitions(message: string, span: Span | undefined, help: string | undefined): Diagnostic {
  return error('E1517', message, span, help ?? 'definitions in front of the probes are C');
}

export function unhygienic(name: string, span: Span): Diagnostic {
  return error(
    'E1518',
    `Undefined variable or map in macro: ${name}`,
    span,
    'macros see only what they are given: pass it as an argument',
  );
}

export function mismatch(message: string, span: Span, help = 'cast one of them'): Diagnostic {
  return error('E1520', message, span, help);
}

export function badOperand(op: string, types: string, span: Span, help = 'cast to an integer first'): Diagnostic {
  return error(
    'E1521',
    `The ${op} operator can not be used on expressions of type${types.includes(',') ? 's' : ''} ${types}`,
    span,
    help,
  );
}

export function badIndex(message: string, span: Span): Diagnostic {
  return error('E1522', message, span, 'index with a number that lies within');
}

export function keyMismatch(map: string, used: string, wanted: string, span: Span): Diagnostic {
  return error(
    'E1523',
    `Argument mismatch for ${map}: trying to access with arguments: '${used}' when map expects arguments: '${wanted}'`,
    span,
    'every access of a map has the same number and types of keys',
  );
}

export function wrongMapKind(declared: string, wanted: string, span: Span): Diagnostic {
  return error(
    'E1524',
    `Incompatible map types. Type from declaration: ${declared}. Type from value/key type: ${wanted}`,
    span,
    wanted.startsWith('percpu')
      ? `what counts on each CPU is kept in ${wanted} or percpulruhash`
      : 'values that are assigned are kept in hash or lruhash',
  );
}

export function mapScalar(message: string, span: Span): Diagnostic {
  return error('E1524', message, span, 'a map is used either with keys or without, everywhere in the script');
}

export function badAssignment(message: string, span: Span): Diagnostic {
  return error('E1525', message, span, 'assign to a variable or a map');
}

export function unresolved(what: string, span: Span): Diagnostic {
  return error(
    'E1526',
    `the type of ${what} cannot be known`,
    span,
    'assign it a value of a known type, or declare it: `let $x: uint64;`',
  );
}

export function notConstant(what: string, span: Span): Diagnostic {
  return error('E1527', `${what} must be a literal`, span, 'write the value itself, or a parameter such as $1');
}

export function badCall(
  message: string,
  span: Span,
  help = 'docs/trace-language.md shows how it is called',
): Diagnostic {
  return error('E1530', message, span, help);
}

export function unsafe(name: string, span: Span): Diagnostic {
  return error(
    'E1531',
    `${name}() is unsafe. To use you need the --unsafe flag`,
    span,
    'run `skep trace --unsafe …` if you mean it',
  );
}

export function badFormat(message: string, span: Span): Diagnostic {
  return error('E1532', message, span, 'give each % of the format one argument of its kind');
}

export function userFailure(message: string, span: Span, notes: DiagnosticNote[]): Diagnostic {
  return error('E1533', message, span, 'the script asks for something else', notes);
}

export function notHere(what: string, probe: string, span: Span, help = 'use it in another kind of probe'): Diagnostic {
  return error('E1534', `${what} can not be used with "${probe}" probes`, span, help);
}

export function badProbe(
  message: string,
  span: Span,
  help = 'docs/trace-language.md lists the kinds of probes; `skep trace -l` lists what there is',
): Diagnostic {
  return error('E1540', message, span, help);
}

export function noMatch(text: string, span: Span, near?: string): Diagnostic {
  return error(
    'E1541',
    `No matches for ${text}.`,
    span,
    near ? `did you mean \`${near}\`?` : 'list what there is with `skep trace -l PATTERN`',
  );
}

export function refusedProbe(message: string, span: Span, help: string): Diagnostic {
  return error('E1542', message, span, help);
}

export function notSupported(what: string, span: Span, help: string): Diagnostic {
  return error('E1550', `${what} is not supported`, span, help);
}

/** The script switched it off: `config = { unstable_tseries = error }`. */
export function switchedOff(what: string, setting: string, span: Span): Diagnostic {
  return error('E1550', `${what} is switched off by ${setting}=error`, span, `remove ${setting} from the config block`);
}

export function notFound(message: string, span: Span, help: string): Diagnostic {
  return error('E1551', message, span, help);
}

export function importFailed(
  path: string,
  why: string,
  span: Span,
  help = 'paths are relative to the script',
): Diagnostic {
  return error('E1552', `import of ${path} failed: ${why}`, span, help);
}

export function warning(message: string, span: Span, help?: string): Diagnostic {
  return { code: 'W1590', severity: 'warning', message, span, help };
}

/** A value on the command line; the script is not to blame. */
export function badOption(name: string, wanted: string, value: string): Diagnostic {
  return error(
    'E1553',
    `program command line option --${name} invalid ${wanted} (value: ${value})`,
    undefined,
    'give it a value of the kind that its default in the script has',
  );
}

export function nothingToAttach(span: Span): Diagnostic {
  return error('E1543', 'No probes to attach', span, '`test` and `bench` probes want --mode; a filter must leave some');
}

export function noAttachPoints(span: Span): Diagnostic {
  return error(
    'E1544',
    'Probe has no valid attach points.',
    span,
    'set `missing_probes` to \'warn\' if this is expected: `config = { missing_probes = "warn" }`',
  );
}

/** A place that is none, or that nothing is known of. */
export function badBoundary(message: string, span: Span, help: string): Diagnostic {
  return error('E1545', message, span, help);
}

export function noBinary(message: string, span: Span, help: string): Diagnostic {
  return error('E1546', message, span, help);
}
