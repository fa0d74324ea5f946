/** What a loader made of one program, or of a whole object when there is no program. */
export interface Verdict {
  /** Path. */
  readonly object: string;
  readonly program?: string;
  readonly section?: string;
  /** 0 when it was loaded, else `-errno`. */
  readonly error: number;
  /** The end of the verifier's; empty when the kernel was not asked. */
  readonly log?: string;
  /** The instructions that the kernel was given, in hexadecimal. */
  readonly code?: string;
  /** What the loader said. */
  readonly said?: string;
  /** Of a program that took too long, in place of its name. */
  readonly index?: number;
  /** The object was not even opened. */
  readonly open?: boolean;
  /** skep failed without a code. */
  readonly crash?: boolean;
}

/** The command of libbpf's side; makes it when it is not there. */
export function libbpfSide(): string[];
/** The same where a run of the script has made it. */
export function cachedHarness(): string[] | undefined;
/** The command of skep's side, from its sources as they are now, or with the bundle of a run before. */
export function skepSide(bundle?: string): Promise<string[]>;
/** What a side says of objects, on this kernel or in a guest, whose answers are kept. */
export function ask(command: readonly string[], objects: readonly string[], guest?: string): Promise<Verdict[]>;
