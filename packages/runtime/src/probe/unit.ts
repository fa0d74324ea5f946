import type { Facts } from './facts.ts';

/** What the runtime holds of one file of probes: the calls that it made, in the order of its text. */
export interface Unit {
  /** Path or address of the file. */
  readonly file: string;
  readonly declared: Declared[];
  readonly probes: RegisteredProbe[];
  readonly intervals: { readonly every: number; readonly run: () => void }[];
}

export interface RegisteredProbe {
  readonly kind: string;
  readonly target: string;
  readonly run: (...args: never[]) => unknown;
}

/** A map, an event or parameters. Until something is attached to it, it lives in JavaScript. */
export interface Declared {
  readonly kind: string;
  /** Gives it what the kernel or the virtual machine has; undefined takes it away again. */
  connect(home: Home | undefined): void;
  /** As it was when the file had been run. */
  reset(): void;
}

/** A loaded object, seen from one declaration. */
export interface Home {
  map(): HomeMap;
  batches(signal: AbortSignal): AsyncIterable<readonly unknown[]>;
  readonly signal: AbortSignal;
}
export interface HomeMap extends Iterable<readonly [unknown, unknown]> {
  get(key: never): unknown;
  set(key: never, value: never): unknown;
  delete(key: never): boolean;
}

const units = new Map<string, Unit>();
let evaluated: Unit | undefined;
/** What `pid()` and the like answer while a probe runs in JavaScript. */
export const running: { facts: Facts | undefined } = { facts: undefined };

export function unitOf(file: string): Unit {
  let unit = units.get(file);
  if (unit === undefined) {
    unit = { file, declared: [], probes: [], intervals: [] };
    units.set(file, unit);
  }
  return unit;
}

/** Whose calls are being made: of the file that is being run for us, else of the file that calls. */
export function callingUnit(): Unit {
  return evaluated ?? unitOf(callingFile());
}

/** Runs a file's script; what it declares belongs to a new unit. */
export async function evaluate(file: string, run: () => Promise<void>): Promise<Unit> {
  const unit: Unit = { file, declared: [], probes: [], intervals: [] };
  const before = evaluated;
  evaluated = unit;
  try {
    await run();
  } finally {
    evaluated = before;
  }
  return unit;
}

const owners = new WeakMap<object, Unit>();

export function declare<T extends Declared & object>(unit: Unit, made: T): T {
  owners.set(made, unit);
  unit.declared.push(made);
  return made;
}

/** The unit of a module by what it exports; undefined when it exports nothing of skep. */
export function unitOfModule(module: { readonly [name: string]: unknown }): Unit | undefined {
  for (const one of Object.values(module)) {
    const unit = typeof one === 'object' && one !== null ? owners.get(one) : undefined;
    if (unit) return unit;
  }
  return undefined;
}

/** Parameters are objects of the user's own members: what they are is kept beside. */
export function own(made: object, unit: Unit): void {
  owners.set(made, unit);
}

/** The first file on the stack that is none of the library's. */
function callingFile(): string {
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  const files = lines.map((line) => /\(?((?:file:\/\/|\/|[A-Za-z]:\\|https?:\/\/)[^()]*?):\d+:\d+\)?$/.exec(line)?.[1]);
  const here = files[0];
  const folder = here?.slice(0, here.lastIndexOf('/') + 1);
  return files.find((one) => one !== undefined && !(folder !== undefined && one.startsWith(folder))) ?? 'unknown';
}
