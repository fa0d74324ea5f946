/**
 * The table of commands: parsing, help, completion and documentation are made from it. A command's work is loaded when it
 * is called, so that `skep build` does not pay for what `skep run` needs.
 */
export interface Command {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** More of it, in sentences. */
  readonly description?: string;
  /** `<file>`, `[file]`, `<files...>`. */
  readonly argument?: {
    readonly name: string;
    readonly summary: string;
    readonly required: boolean;
    readonly many?: boolean;
    /** The option with which it is not required: `replay`. */
    readonly unless?: string;
  };
  /** What stands behind ` -- `. */
  readonly trailing?: { readonly name: string; readonly summary: string };
  readonly options: readonly Option[];
  /** Whole command lines that work as they stand in a clone of the repository. */
  readonly examples: readonly { readonly line: string; readonly does: string }[];
  /** It calls {@link Io.heed} itself, when there is something to end politely; starting may take seconds. */
  readonly heedsLate?: boolean;
  load(): Promise<{ readonly execute: (call: Call) => Promise<number> }>;
}

export interface Option {
  /** `-o, --output`: as commander takes it, without the value. */
  readonly flags: string;
  /** The name of its value; without one it is a switch. */
  readonly value?: string;
  readonly summary: string;
  /** Has to be given. */
  readonly required?: boolean;
  /** May be given several times. */
  readonly many?: boolean;
  readonly choices?: readonly string[];
  readonly fallback?: string;
  readonly kind?: 'integer' | 'duration';
  /** Parsed, but not shown: to say what is to be written instead. */
  readonly hidden?: boolean;
}

/** A command line, checked against the table. */
export interface Call {
  readonly args: readonly string[];
  /** Behind ` -- `. */
  readonly trailing: readonly string[];
  readonly options: Options;
  readonly io: Io;
}

/** By the long name in camel case, as commander names them. */
export class Options {
  private readonly values: { readonly [name: string]: unknown };

  constructor(values: { readonly [name: string]: unknown }) {
    this.values = values;
  }

  text(name: string): string | undefined {
    const value = this.values[name];
    return typeof value === 'string' ? value : undefined;
  }
  number(name: string): number | undefined {
    const value = this.values[name];
    return typeof value === 'number' ? value : undefined;
  }
  list(name: string): readonly string[] {
    const value = this.values[name];
    return Array.isArray(value) ? value : [];
  }
  flag(name: string): boolean {
    return this.values[name] === true;
  }
}

/** Where output goes: data to `out`, everything else to `err`. */
export interface Io {
  out(text: string): void;
  outBytes(bytes: Uint8Array): void;
  err(text: string): void;
  /** Whether stdout is a terminal. */
  readonly terminal: boolean;
  /** Whether stderr takes colours. */
  readonly color: boolean;
  /** Given on Ctrl-C and SIGTERM, once they are heeded: end politely. */
  readonly signal: AbortSignal;
  /** From now on. Before, they end the process where it stands, and the kernel takes away what it has attached. */
  heed(): void;
}
