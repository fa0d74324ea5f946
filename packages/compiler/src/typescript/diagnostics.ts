import { type Diagnostic, type DiagnosticNote, type Span, suggest } from '@skep/base';

// Probes in TypeScript: E160x the file, E161x constructs that programs in the kernel cannot have, E163x types and names,
// E164x declarations and probes.

function error(
  code: string,
  message: string,
  span: Span | undefined,
  help?: string,
  notes?: DiagnosticNote[],
): Diagnostic {
  return { code, severity: 'error', message, span, help, ...(notes && { notes }) };
}

/** A construct of TypeScript that probes cannot have, and what to write instead. */
export interface Construct {
  readonly code: string;
  readonly what: string;
  readonly remedy: string;
}

/** By the kind of construct; the table in the documentation is made from this. */
export const CONSTRUCTS = {
  float: {
    code: 'E1610',
    what: 'numbers with a fraction',
    remedy: 'use whole numbers: milliseconds instead of seconds, per mille instead of per cent',
  },
  division: {
    code: 'E1611',
    what: 'division of numbers, which gives fractions',
    remedy: 'write `Math.trunc(a / b)`, `Math.floor(a / b)`, or divide bigints',
  },
  closure: {
    code: 'E1612',
    what: 'a variable of the module that changes',
    remedy: 'keep it in a map (`array`, `counter`) or give it as one of `params`',
  },
  allocation: {
    code: 'E1613',
    what: 'arrays, objects and classes made at run time',
    remedy: 'pass an object straight to `set()` or `emit()`; keep other state in a map',
  },
  recursion: {
    code: 'E1614',
    what: 'a function that calls itself',
    remedy: 'write a `for` loop with a constant bound',
  },
  exception: {
    code: 'E1615',
    what: '`throw`, `try` and `catch`',
    remedy: 'return early, or emit an event that says what went wrong',
  },
  loop: {
    code: 'E1616',
    what: 'a loop whose bound is not known',
    remedy:
      'write `for (let i = 0; i < 16; i++)`, with `Math.min(n, 16)` for a bound that changes, and leave early with `break`; `for … of` goes through lists of constants',
  },
  async: {
    code: 'E1617',
    what: '`async`, `await` and generators',
    remedy: 'send what is to be waited for as an event, and wait on the user side',
  },
  nested: {
    code: 'E1618',
    what: 'functions inside of functions',
    remedy: 'write it at module level: `const f = (x: number) => …`',
  },
  text: {
    code: 'E1619',
    what: 'text that is put together or cut',
    remedy:
      "compare it with `===` or `startsWith('…')`; else send the parts as fields of an event, and join or cut them on the user side",
  },
  destructuring: {
    code: 'E1620',
    what: 'destructuring with defaults, rests or nesting, and most spreading',
    remedy: 'name the members one by one: `const { a, b } = c`',
  },
  assignment: {
    code: 'E1621',
    what: 'an assignment inside of an expression',
    remedy: 'make it a statement of its own',
  },
  dynamic: { code: 'E1622', what: 'a member whose name is computed', remedy: 'write the name: `x.name`' },
  library: {
    code: 'E1623',
    what: "JavaScript's library",
    remedy:
      'only `Math.min`, `max`, `abs`, `trunc`, `floor`, `ceil`, `clz32`, `BigInt`, `Number`, `BigInt.asUintN(64, …)` and `BigInt.asIntN(64, …)` are there',
  },
  this: {
    code: 'E1624',
    what: '`this`, `new`, `delete`, `typeof`, `in` and `instanceof`',
    remedy: 'values have one type here, known when it is compiled; maps have `delete()`',
  },
  operator: {
    code: 'E1625',
    what: 'an operator that programs do not have',
    remedy: 'use arithmetic, bits, comparisons, `&&`, `||`, `??`, `?:`',
  },
  loose: { code: 'E1626', what: '`==` and `!=`, which convert', remedy: 'write `===` or `!==`' },
  statement: {
    code: 'E1627',
    what: 'a statement that programs do not have',
    remedy: 'use `const`, `let`, `if`, `for` with a bound, `switch`, `return`, calls',
  },
  optionalVariable: {
    code: 'E1628',
    what: '`let` for something that may be undefined, or is no number, bigint or boolean',
    remedy: 'use `const`, or say what it is when there is nothing: `?? 0n`',
  },
  namespace: {
    code: 'E1605',
    what: '`enum`, `namespace`, parameter properties and `import =`',
    remedy: 'write a `const` object: `const Kind = { A: 1, B: 2 } as const`',
  },
} as const satisfies { readonly [name: string]: Construct };
export type ConstructName = keyof typeof CONSTRUCTS;

export function syntaxError(message: string, span: Span): Diagnostic {
  return error('E1600', `this is no TypeScript: ${message}`, span, 'correct it as the editor says');
}

export function noProbes(span: Span): Diagnostic {
  return error(
    'E1601',
    'the file has no probes',
    span,
    "add one: `tracepoint('syscalls:sys_enter_openat', (c) => { … });`",
  );
}

export function namespaceImport(span: Span): Diagnostic {
  return error(
    'E1602',
    'probes name what they use of skep/probe one by one',
    span,
    "write `import { hash, tracepoint } from 'skep/probe'`",
  );
}

export function unknownImport(name: string, near: string | undefined, span: Span): Diagnostic {
  return error(
    'E1603',
    `skep/probe has no \`${name}\``,
    span,
    near ? `did you mean \`${near}\`?` : 'see docs/typescript-probes.md for what there is',
  );
}

export function otherModule(name: string, span: Span): Diagnostic {
  return error(
    'E1604',
    `probes cannot use \`${name}\`, which is of another module`,
    span,
    "of other files of TypeScript they use exported constants, lists and functions: `import { LIMIT } from './shared.ts'`; maps, events and params stand in the file of the probes",
  );
}

export function reexport(span: Span): Diagnostic {
  return error(
    'E1606',
    '`export * from` and `export … from` are not done in files of probes',
    span,
    'import it, and export it by name',
  );
}

/** `instead`: a better remedy than the construct's own, where it is known. */
export function unsupported(construct: ConstructName, span: Span, detail?: string, instead?: string): Diagnostic {
  const { code, what, remedy } = CONSTRUCTS[construct];
  return error(code, `probes cannot have ${what}${detail ? ` (${detail})` : ''}`, span, instead ?? remedy);
}

/** A name of JavaScript's library, with what probes have in its place. */
export function noLibrary(name: string, span: Span): Diagnostic {
  return unsupported('library', span, `\`${name}\``, insteadOf(name));
}

/** What probes have in the place of a name of JavaScript's library. */
export function insteadOf(name: string): string | undefined {
  return INSTEAD.find(([pattern]) => pattern.test(name))?.[1];
}

const INSTEAD: readonly (readonly [RegExp, string])[] = [
  [/^console\b/, 'send what is to be shown as an event, and print it on the user side'],
  [/^(Date|performance)\b/, '`now()` gives the time since the machine started, in nanoseconds'],
  [/^process\b/, '`pid()`, `tid()`, `uid()` and `comm()` tell of the process that a probe runs for'],
  [
    /^(Weak)?(Map|Set)\b|^(Object|Array|Reflect|\w+Array)\b/,
    '`hash()` and `array()` at module level are what programs keep things in',
  ],
  [
    /^(setTimeout|setInterval|setImmediate|queueMicrotask|Promise|fetch)\b/,
    'do it on the user side, where events are read; or with `interval()`',
  ],
  [/^(Number\.)?(parseInt|parseFloat)$/, 'texts are read as numbers on the user side, where events come'],
  [/^(Error|TypeError|RangeError)\b/, 'return early, or emit an event that says what went wrong'],
  [/^Math\.random$/, '`random()` gives a number of 32 bits'],
];

export function maybeUndefined(what: string, span: Span): Diagnostic {
  return error(
    'E1630',
    `${what} may be undefined here`,
    span,
    'test it first: `if (!x) return;`, or go on with `?.` or `??`',
  );
}

export function unknownName(name: string, near: string | undefined, span: Span): Diagnostic {
  return error(
    'E1631',
    `there is no \`${name}\` here`,
    span,
    near ? `did you mean \`${near}\`?` : 'declare it, or import it from skep/probe',
  );
}

export function unknownMember(what: string, name: string, names: Iterable<string>, span: Span): Diagnostic {
  const all = [...names];
  const near = suggest(name, all);
  const help =
    near !== undefined
      ? `did you mean \`${near}\`?`
      : all.length > 0 && all.length <= 16
        ? `it has ${all.map((one) => `\`${one}\``).join(', ')}`
        : "the editor's completion shows what there is";
  return error('E1632', `${what} has no \`${name}\``, span, help);
}

export function wrongType(found: string, wanted: string, span: Span): Diagnostic {
  const help =
    wanted === 'bigint' && found === 'number'
      ? 'write `BigInt(x)`, or a literal with `n`'
      : wanted === 'number' && found === 'bigint'
        ? 'write `Number(x)`'
        : wanted === 'text' && found.endsWith('Pointer')
          ? 'write `x.str(64)`, which reads the text that is there, 64 bytes at most'
          : wanted.endsWith('Pointer') && found === 'number'
            ? 'an address is there or not: `if (x)`'
            : wanted === 'a number or bigint' && found === 'string'
              ? "compare it: `if (x === 'a') … else if (x === 'b') …`"
              : `give ${wanted}`;
  return error('E1633', `this is ${found}, ${wanted} is wanted`, span, help);
}

export function mixedSigns(span: Span): Diagnostic {
  return error(
    'E1634',
    'one side is a u64, the other an i64: which is meant is not clear',
    span,
    'write `BigInt.asIntN(64, x)` or `BigInt.asUintN(64, x)`',
  );
}

export function imprecise(span: Span): Diagnostic {
  return error(
    'E1635',
    'the result may be beyond what a number holds exactly (2^53)',
    span,
    'multiply bigints, `BigInt(a) * BigInt(b)`, or cut what is multiplied: `(a >>> 0) * 2`',
  );
}

export function wrongCount(what: string, wanted: string, span: Span): Diagnostic {
  return error('E1636', `${what} takes ${wanted}`, span, 'give exactly these');
}

export function missingFields(names: readonly string[], span: Span): Diagnostic {
  return error(
    'E1637',
    `${names.map((one) => `\`${one}\``).join(', ')} ${names.length === 1 ? 'is' : 'are'} missing`,
    span,
    'give every field a value',
  );
}

export function outOfRange(value: string, type: string, span: Span): Diagnostic {
  return error('E1638', `${value} does not fit ${type}`, span, 'choose a wider type, or another value');
}

export function tooLarge(what: string, bytes: number, limit: number, span: Span): Diagnostic {
  return error(
    'E1639',
    `${what} has ${bytes} bytes, and the stack of a program has room for ${limit} of it`,
    span,
    'make its texts shorter; events have room for large ones',
  );
}

export function tooLong(limit: number, span: Span): Diagnostic {
  return error(
    'E1639',
    `both texts may be longer than ${limit} bytes, and the stack of a program has no room to compare these`,
    span,
    `cut one of them where it is read, \`x.str(${limit + 1})\`, or compare with a constant`,
  );
}

export function noRoomForText(limit: number, span: Span): Diagnostic {
  return error(
    'E1639',
    `one of these texts may be longer than ${limit} bytes, and the stack of a program has no room to keep it`,
    span,
    `cut it where it is read, \`x.str(${limit + 1})\`, or send it in an \`if\` of its own`,
  );
}

export function notTopLevel(name: string, span: Span): Diagnostic {
  return error(
    'E1640',
    `\`${name}\` belongs at module level`,
    span,
    'maps, events, params are `const`s of the module, probes statements of it',
  );
}

export function badDeclaration(
  name: string,
  why: string,
  span: Span,
  help = 'see docs/typescript-probes.md for the declarations',
): Diagnostic {
  return error('E1641', `\`${name}\`: ${why}`, span, help);
}

/** Something that programs read only; `instead` where it can be changed another way. */
export function notAssigned(name: string, span: Span, instead?: string): Diagnostic {
  return badDeclaration(
    name,
    'it cannot be assigned to',
    span,
    instead ?? 'programs change maps, variables of their own, and of contexts `mark`, `addr` and `port`',
  );
}

export function badStorage(name: string, span: Span): Diagnostic {
  return error(
    'E1642',
    `\`${name}\` is no type of a stored value`,
    span,
    'u8 … u64, i8 … i64, bool, ipv4, uptr, kptr, char[N], or an object of these',
  );
}

export function unknownTarget(kind: string, name: string, near: string | undefined, span: Span): Diagnostic {
  return error(
    'E1643',
    `${kind}: there is no \`${name}\``,
    span,
    near ? `did you mean \`${near}\`?` : 'see `skep trace -l` for what this kernel has',
  );
}

export function badTarget(kind: string, form: string, span: Span): Diagnostic {
  return error('E1644', `${kind} is told where to attach as ${form}`, span, 'give it as a text between quotes');
}

export function noReturn(kind: string, values: string, span: Span): Diagnostic {
  return error('E1645', `${kind} has to return ${values} on every path`, span, 'add a `return` at the end');
}

export function notForUser(name: string, span: Span): Diagnostic {
  return error(
    'E1646',
    `\`${name}\` is for the user side, not for probes`,
    span,
    'send an event, and do it where events are read',
  );
}

export function needsTypes(what: string, span: Span): Diagnostic {
  return error('E1647', `${what} needs the types of a kernel, and none are at hand`, span, 'give its BTF');
}

export function noTask(name: string, span: Span): Diagnostic {
  return error(
    'E1648',
    `\`${name}()\` asks for a process, and a packet has none`,
    span,
    'note it where the process is seen (`cgroup`, a tracepoint), in a map that the packet can be looked up in',
  );
}
