/** Sources of a public project, and how they are compiled. */
export interface Suite {
  readonly name: string;
  readonly root: string;
  /** Relative to {@link root}. */
  readonly files: readonly string[];
  readonly includes: readonly string[];
  readonly defines: readonly string[];
  readonly skepIncludes: readonly string[];
}

/** A suite that a run of the conformance script has fetched before; undefined otherwise. */
export function cachedSuite(name: string): Suite | undefined;

/** What is known to fail: the code of the first diagnostic by file; the verifier's reason by file and program. */
export function knownFailures(name: string): {
  readonly compile: Readonly<Record<string, string>>;
  readonly load: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

/** The program that loads objects through libbpf, where it has been built. */
export function cachedLoader(): string | undefined;

/** The programs of clang's object that this kernel takes, as a run of the script has seen it; undefined where none has. */
export function loadedOfClang(suite: string, file: string): readonly string[] | undefined;

/** Every program of an object with why the kernel refuses it, undefined where it takes it. */
export function loadFailures(loader: string, object: string): ReadonlyMap<string, string | undefined>;
