/** A rule for make and ninja: the target is made of the files. `phony` adds an empty rule for each file but the first. */
export function depfile(target: string, files: readonly string[], phony: boolean): string {
  const names = files.map(escaped);
  const rule = `${escaped(target)}: ${names.join(' \\\n  ')}\n`;
  return phony
    ? `${rule}${names
        .slice(1)
        .map((name) => `\n${name}:\n`)
        .join('')}`
    : rule;
}

/** The files of a compilation that lie on disk; `system` keeps those of the system's folders. */
export function diskFiles(files: readonly string[], system: boolean): string[] {
  return files.filter((name) => !name.startsWith('<') && (system || !/^\/usr\/(local\/)?include\//.test(name)));
}

function escaped(name: string): string {
  return name.replaceAll('$', '$$$$').replace(/[ #\\]/g, (one) => `\\${one}`);
}
