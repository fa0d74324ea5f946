import { Diagnostics, type SourceFile } from '@skep/base';
import { type Binding, type ProbeModule, readModule } from './declarations.ts';
import { type Program, parseTypeScript } from './syntax.ts';
import type { ProbeTarget } from './target.ts';

/** The module of the probes, and those whose constants and functions they use. */
export interface Modules {
  readonly main: ProbeModule;
  readonly program: Program;
  /** By {@link ProbeModule.index}. */
  readonly files: readonly SourceFile[];
}

/** Reads a file of probes and, where the target can read them, the files of TypeScript that it imports. */
export async function readModules(file: SourceFile, target: ProbeTarget, diagnostics: Diagnostics): Promise<Modules> {
  const files: SourceFile[] = [];
  const known = new Map<string, ProbeModule>();
  const read = async (one: SourceFile, isMain: boolean): Promise<{ module: ProbeModule; program: Program }> => {
    const program = await parseTypeScript(one);
    const index = files.push(one) - 1;
    const imported = new Map<string, ProbeModule>();
    for (const specifier of relativeImports(program)) {
      const found = target.readModule?.(specifier, one);
      if (found === undefined) continue;
      let module = known.get(found.name);
      // One that is being read imports itself: of it nothing is known yet.
      if (module === undefined && !files.some(({ name }) => name === found.name)) {
        ({ module } = await read(found, false));
        known.set(found.name, module);
      }
      if (module !== undefined) imported.set(specifier, module);
    }
    const importedBinding = (specifier: string, name: string): Binding | undefined => {
      const binding = imported.get(specifier)?.exported.get(name);
      return binding && SHARED.has(binding.kind) ? binding : undefined;
    };
    // What is wrong with another module's maps and probes is no matter of these.
    const reported = isMain ? diagnostics : new Diagnostics();
    return { module: readModule(program, one, reported, { index, isMain, importedBinding }), program };
  };
  const { module: main, program } = await read(file, true);
  return { main, program, files };
}

/** What probes can use of another module. */
const SHARED: ReadonlySet<Binding['kind']> = new Set(['constant', 'constants', 'list', 'function']);

function relativeImports(program: Program): ReadonlySet<string> {
  const found = program.body.flatMap((one) =>
    one.type === 'ImportDeclaration' && one.importKind !== 'type' && /^\.\.?\/.*\.m?ts$/.test(one.source.value)
      ? [one.source.value]
      : [],
  );
  return new Set(found);
}
