import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { type Diagnostic, SkepError, type SourceFile, utf8Text } from '@skep/base';
import {
  type CompiledProbes,
  type CompileOptions,
  compile,
  compileProbes,
  parseTypeScript,
  scriptOf,
} from '@skep/compiler';
import { tracefsRoot, tracepointFormat } from '@skep/kernel';
import { openObject } from '@skep/object';
import type { AttachOptions, Host } from '../host.ts';
import { kernel } from '../hosts/kernel.ts';
import type { Loaded } from '../loaded.ts';
import type { Opened } from '../open.ts';
import { ParamsDeclared } from '../probe/events.ts';
import * as library from '../probe/index.ts';
import { Counter, Histogram } from '../probe/maps.ts';
import { Simulation } from '../probe/simulate.ts';
import { evaluate, type HomeMap, type Unit, unitOfModule } from '../probe/unit.ts';
import { Spec } from '../spec.ts';
import { type FileOptions, fileCompileOptions, readBytes } from './files.ts';
import { compileTypes } from './kernel-types.ts';

/** What the probes of a TypeScript file became. */
export interface CompiledProbeFile extends Opened {
  readonly probes: CompiledProbes;
}

/** Compiles the probes of a TypeScript file; nothing of the file is run. Throws SkepError, E16xx. */
export async function compileProbeFile(path: string, options: FileOptions = {}): Promise<CompiledProbeFile> {
  const start = performance.now();
  const file: SourceFile = { name: path, text: utf8Text(readBytes(path)) };
  const btf = () => options.btf ?? compileTypes();
  const probes = await compileProbes(file, { btf, tracepointFormat: formatHere, readModule });
  const compiling: CompileOptions = fileCompileOptions(options);
  const result = compile({ name: path, text: probes.c }, { ...compiling, origin: probes.origin });
  // What is wrong with the probes was found above; what is too large for a program is found only now.
  if (!result.ok) throw new SkepError(result.diagnostics.map((one) => ofProbes(one, probes)));
  return {
    spec: new Spec(openObject(result.object, { name: path })),
    compiled: result,
    warnings: [],
    time: performance.now() - start,
    probes,
  };
}

/** A file that another one names; undefined when it cannot be read, which running the module will tell. */
function readModule(specifier: string, from: SourceFile): SourceFile | undefined {
  const name = resolve(dirname(from.name), specifier);
  try {
    return { name, text: readFileSync(name, 'utf8') };
  } catch {
    return undefined;
  }
}

/** What helps where a program is too large, in place of what would help in C. */
const REMEDIES: Readonly<Record<string, string>> = {
  E1300:
    'keep fewer texts at a time: give smaller sizes (`x.str(32)`, `char[32]`), send a text where it is read instead of ' +
    'naming it first, or leave part of the work to another probe',
};

/** What was found in the C, as found in what that was made of. */
function ofProbes({ span, notes, ...rest }: Diagnostic, { origin }: CompiledProbes): Diagnostic {
  const at = span && origin(span);
  const others = notes?.map((note) => {
    const place = note.span && origin(note.span);
    // Lines of the C, and the numbers that make its names unique, mean nothing to the reader.
    const message = note.message.replace(/, line \d+$/, '').replace(/^(\w+)_\d+ /, '`$1` ');
    return { message, ...(place && { span: place }) };
  });
  const help = REMEDIES[rest.code] ?? rest.help;
  return { ...rest, help, ...(at && { span: at }), ...(others && { notes: others }) };
}

/** The layout of tracepoints on this machine, where it shows them. */
function formatHere(category: string, name: string): string | undefined {
  const root = tracefsRoot();
  if (root === undefined) return undefined;
  try {
    return tracepointFormat(category, name);
  } catch {
    return undefined;
  }
}

/** What a module exports of which nothing more is known. */
interface Exports {
  readonly [name: string]: unknown;
}

/** A file of probes: compiled for the kernel, and run as the module that it is. */
export class ProbeFile<M extends object = Exports> {
  readonly file: CompiledProbeFile;
  /** What the module exports. */
  readonly exports: M;
  private readonly unit: Unit;

  constructor(file: CompiledProbeFile, unit: Unit, exports: M) {
    this.file = file;
    this.unit = unit;
    this.exports = exports;
  }

  /** `export default`: the user side. */
  get main(): (() => unknown) | undefined {
    const { default: main } = this.exports as Exports;
    return typeof main === 'function' ? (main as () => unknown) : undefined;
  }

  /** Sets a parameter by its name, of whichever `params` has it; false when none has. */
  setParam(name: string, value: number | bigint | boolean | string): boolean {
    for (const one of this.unit.declared) {
      if (!(one instanceof ParamsDeclared) || !(name in one.values)) continue;
      const first = one.values[name];
      one.values[name] =
        typeof first === 'boolean' ? Boolean(value) : typeof first === 'bigint' ? BigInt(value) : value;
      return true;
    }
    return false;
  }

  /** The names of all parameters. */
  get params(): string[] {
    return this.unit.declared.flatMap((one) => (one instanceof ParamsDeclared ? Object.keys(one.values) : []));
  }

  /** The variable of the programs that a parameter is. */
  symbolOf(name: string): string | undefined {
    for (const [i, { kind, symbol }] of this.file.probes.declarations.entries()) {
      const one = this.unit.declared[i];
      if (kind === 'params' && one instanceof ParamsDeclared && name in one.values) return `${symbol}_${name}`;
    }
    return undefined;
  }

  /** Histograms and counters by name, for showing them. */
  get counts(): (readonly [string, Counter<unknown> | Histogram<unknown>])[] {
    return this.file.probes.declarations.flatMap(({ name }, i) => {
      const one: unknown = this.unit.declared[i];
      return one instanceof Counter || one instanceof Histogram ? [[name, one] as const] : [];
    });
  }

  /** Begins its `interval`s, until they are closed. */
  tick(): { close(): void } {
    const timers = this.unit.intervals.map(({ every, run }) => setInterval(run, every));
    return { close: () => timers.forEach(clearInterval) };
  }

  /** Gives the module's maps and events what an object that was loaded from {@link spec} has. */
  connect(loaded: Loaded, signal: AbortSignal): void {
    for (const [i, { symbol }] of this.file.probes.declarations.entries())
      this.unit.declared[i]?.connect({
        map: () => loaded.maps.get(symbol)! as unknown as HomeMap,
        batches: (stop) => loaded.records.get(symbol)!.batches({ signal: stop }),
        signal,
      });
  }

  /** Maps and events live in JavaScript again. */
  disconnect(): void {
    for (const one of this.unit.declared) one.connect(undefined);
  }

  /** The object with what the parameters are now. */
  get spec(): Spec {
    const values: { [name: string]: never } = {};
    for (const [i, { kind, symbol }] of this.file.probes.declarations.entries()) {
      const declared = this.unit.declared[i];
      if (kind !== 'params' || !(declared instanceof ParamsDeclared)) continue;
      for (const [name, value] of Object.entries(declared.values)) values[`${symbol}_${name}`] = value as never;
    }
    return Object.keys(values).length > 0 ? this.file.spec.with(values) : this.file.spec;
  }

  /** Loads its programs and gives its maps and events what they do; {@link ProbeSession.attach} lets them run. */
  load(host: Host = kernel()): ProbeSession {
    return new ProbeSession(this, host);
  }

  /** In the kernel, attached. Close it when done. */
  attach(options: AttachOptions = {}, host?: Host): ProbeSession {
    const session = this.load(host);
    try {
      session.attach(options);
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  /** The same probes as plain JavaScript. */
  simulate(): Simulation {
    return new Simulation(this.unit);
  }
}

/** Probes of a TypeScript file that are attached, with their user side. */
export class ProbeSession {
  readonly loaded: Loaded;
  private readonly file: ProbeFile<object>;
  private readonly host: Host;
  /** What is of the user side, and ends with the session. */
  private readonly links: { close(): void }[] = [];
  private readonly attached: { close(): void }[] = [];
  private options: AttachOptions = {};
  private readonly over = new AbortController();

  constructor(file: ProbeFile<object>, host: Host) {
    this.file = file;
    this.host = host;
    this.loaded = file.spec.countingLost().load(host);
    file.connect(this.loaded, this.over.signal);
  }

  /** Where programs go whose text does not say it: an interface, a cgroup. */
  attach(options: AttachOptions = {}): void {
    this.options = options;
    this.resume();
    this.links.push(this.file.tick());
  }

  /** Detaches the probes until {@link resume}; loops over events wait. */
  pause(): void {
    for (const link of this.attached.splice(0)) link.close();
  }

  resume(): void {
    for (const { name, frequency } of this.file.file.probes.probes) {
      const link = this.loaded.programs
        .get(name)!
        .attach({ ...this.options, ...(frequency !== undefined && { frequency }) });
      this.attached.push(link);
      // Iterators run when their text is read.
      link.read?.();
    }
  }

  /** Nothing new comes; loops over events end after what is there. */
  detach(): void {
    this.pause();
    for (const link of this.links.splice(0)) link.close();
    this.over.abort();
  }

  close(): void {
    this.detach();
    this.file.disconnect();
    this.loaded.close();
    this.host.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Opens a file of probes by its path or file URL: compiles its probes, and runs the module. What it exports has types by
 * `openProbe<typeof import('./file.ts')>('file.ts')`.
 */
export async function openProbe<M extends object = Exports>(
  path: string | URL,
  options: FileOptions = {},
): Promise<ProbeFile<M>> {
  const name = path instanceof URL || path.startsWith('file:') ? fileURLToPath(path) : path;
  const compiled = await compileProbeFile(name, options);
  const exports: { [name: string]: unknown } = {};
  const script = scriptOf(compiled.probes.program, { name, text: utf8Text(readBytes(name)) });
  const unit = await evaluate(name, () => runScript(script, resolve(name), exports));
  return new ProbeFile(compiled, unit, exports as M);
}

/** The file behind a module that Node itself has imported (see `skep/probe/register`), with the same maps and events. */
export async function probeOf<M extends Exports>(module: M, options: FileOptions = {}): Promise<ProbeFile<M>> {
  const unit = unitOfModule(module);
  if (unit === undefined)
    throw new TypeError(
      'this module exports no map, event or params of skep/probe: export one of those that its probes use',
    );
  const path = unit.file.startsWith('file:') ? fileURLToPath(unit.file.replace(/\?.*$/, '')) : unit.file;
  return new ProbeFile(await compileProbeFile(path, options), unit, module);
}

type Loader = (skep: {
  readonly import: (specifier: string) => Promise<unknown>;
  readonly exports: { [name: string]: unknown };
}) => Promise<void>;

/** Each file that it imports is run once; of two that import each other, the second sees what the first has so far. */
async function runScript(
  script: string,
  path: string,
  exports: { [name: string]: unknown },
  known = new Map<string, { [name: string]: unknown }>(),
): Promise<void> {
  known.set(path, exports);
  const load = new Script(script, { filename: path }).runInThisContext() as Loader;
  const require = createRequire(pathToFileURL(path));
  await load({
    exports,
    import: async (specifier) => {
      if (specifier === 'skep/probe') return library;
      if (!specifier.startsWith('.') || !specifier.endsWith('.ts')) return require(specifier);
      const name = resolve(dirname(path), specifier);
      const before = known.get(name);
      if (before !== undefined) return before;
      const inner: { [name: string]: unknown } = {};
      const file: SourceFile = { name, text: readFileSync(name, 'utf8') };
      await runScript(scriptOf(await parseTypeScript(file), file), name, inner, known);
      return inner;
    },
  });
}
