import type { Span } from './source.ts';

/** Whether something went wrong, may be wrong, or is worth knowing. */
export type Severity = 'error' | 'warning' | 'note';

/** A remark that belongs to a diagnostic: where a macro was expanded, where a name was first declared. */
export interface DiagnosticNote {
  readonly message: string;
  readonly span?: Span | undefined;
}

/**
 * What is wrong with what the user gave us: what, where, and what to do. Data, so that it can be collected,
 * compared in tests, sent to an editor and rendered in one place ({@link renderDiagnostic}).
 *
 * Codes: E10xx preprocessor, E11xx parser, E12xx types and declarations, E13xx code generation, E14xx C that skep or
 * eBPF does not have; E15xx the language of one-liners; E16xx probes in TypeScript; E2xxx verifier; E30xx ELF, E31xx BTF,
 * E32xx CO-RE, E33xx assembler, E34xx programs and maps of an object, E35xx linking; E4xxx virtual machine; E5xxx kernel;
 * E6xxx files of captures; E7xxx command line; E8xxx runtime.
 */
export interface Diagnostic {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly span?: Span | undefined;
  readonly notes?: readonly DiagnosticNote[];
  /** What to do about it, in the imperative. */
  readonly help?: string | undefined;
}

/** Exit codes of the command, fixed by the documentation. */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  refusedByVerifier: 3,
  notPermitted: 4,
  kernelLacksFeature: 5,
  policyMatched: 6,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Thrown where a user's problem ends the work: it carries diagnostics, never a bare string. */
export class SkepError extends Error {
  readonly diagnostics: readonly Diagnostic[];
  readonly exitCode: ExitCode;

  constructor(diagnostics: Diagnostic | readonly Diagnostic[], exitCode: ExitCode = EXIT.error) {
    const list = Array.isArray(diagnostics) ? (diagnostics as readonly Diagnostic[]) : [diagnostics as Diagnostic];
    super(list.map((one) => `${one.code}: ${one.message}`).join('\n'));
    this.name = 'SkepError';
    this.diagnostics = list;
    this.exitCode = exitCode;
  }

  get code(): string {
    return this.diagnostics[0]?.code ?? 'E0000';
  }
}

function isSame(a: Diagnostic, b: Diagnostic): boolean {
  return (
    a.code === b.code &&
    a.message === b.message &&
    a.span !== undefined &&
    a.span.file === b.span?.file &&
    a.span.start === b.span.start &&
    a.span.end === b.span.end
  );
}

/** Collects diagnostics of one piece of work and stops it when there are too many. */
export class Diagnostics {
  readonly list: Diagnostic[] = [];
  readonly limit: number;
  errors = 0;

  constructor(limit = 50) {
    this.limit = limit;
  }

  add(diagnostic: Diagnostic): void {
    // A macro that expands its argument several times makes one mistake several.
    if (this.list.some((one) => isSame(one, diagnostic))) return;
    this.list.push(diagnostic);
    if (diagnostic.severity === 'error') {
      this.errors += 1;
      if (this.errors >= this.limit) throw new SkepError(this.list);
    }
  }

  /** Throws everything collected if any of it is an error. */
  check(): void {
    if (this.errors > 0) throw new SkepError(this.list);
  }
}
