import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { DebugInfo, type DebugSections } from '@skep/object';
import { Executable } from './executable.ts';

/**
 * Debug information of a program: its own, or that of the file that was split off it, which is looked for by build id and
 * debug link, in `directories` first. Units that were split off for themselves (`.dwo`, `.dwp`) are found beside it.
 * Undefined when there is none.
 */
export function openDebugInfo(path: string, directories: readonly string[] = []): DebugInfo | undefined {
  const found = fileWithInfo(path, directories);
  if (found === undefined) return undefined;
  const own = sectionsOf(found);
  return new DebugInfo({
    section: own.section,
    split: (name, directory) => {
      const places = isAbsolute(name)
        ? [name]
        : [join(directory, name), join(dirname(path), name), ...directories.map((one) => join(one, name))];
      const file = places.find((one) => existsSync(one));
      return file === undefined ? undefined : sectionsOf(file);
    },
    package: () => {
      const file = [`${found}.dwp`, `${path}.dwp`].find((one) => existsSync(one));
      return file === undefined ? undefined : sectionsOf(file);
    },
  });
}

function fileWithInfo(path: string, directories: readonly string[]): string | undefined {
  using file = new Executable(path);
  if (file.section('.debug_info')) return path;
  return file.debugFiles(directories).find((one) => {
    if (!existsSync(one)) return false;
    using debug = new Executable(one);
    return debug.section('.debug_info') !== undefined && sameBuild(file, debug);
  });
}

/** A file beside it may be of another build. */
function sameBuild(a: Executable, b: Executable): boolean {
  const [one, other] = [a.buildId(), b.buildId()];
  return one === undefined || other === undefined || one === other;
}

/** Sections as they are asked for; each is read once. */
function sectionsOf(path: string): DebugSections {
  const known = new Map<string, Uint8Array | undefined>();
  return {
    section(name) {
      if (!known.has(name)) {
        using file = new Executable(path);
        known.set(name, file.section(name));
      }
      return known.get(name);
    },
  };
}
