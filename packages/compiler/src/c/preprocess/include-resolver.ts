import { type SourceFile, suggest } from '@skep/base';
import { builtinHeader, builtinHeaderNames } from '../headers/index.ts';
import type { Features, PreprocessOptions } from './options.ts';

/** What an `#include` leads to. */
export interface Found {
  /** Undefined when the header has no text at all. */
  readonly file: SourceFile | undefined;
  /** Names that are found on demand from now on. */
  readonly virtual: keyof Features | undefined;
  readonly path: string;
  /** Its place in the search path, for `#include_next`; the built-in headers come after all directories. */
  readonly index: number;
}

/** Finds headers: beside the including file, in the directories given, at last among the built-in ones. */
export class IncludeResolver {
  private readonly paths: readonly string[];
  /** The index of the first of the system's directories. */
  private readonly system: number;
  private readonly later: readonly string[];
  private readonly read: (path: string) => string | SourceFile | undefined;
  private readonly builtin: boolean;
  private readonly files = new Map<string, SourceFile | undefined>();

  constructor(options: PreprocessOptions) {
    const own = options.includePaths ?? [];
    this.paths = [...own, ...(options.systemPaths ?? [])];
    this.system = own.length;
    this.later = options.includePathsAfter ?? [];
    this.read = options.readFile ?? (() => undefined);
    this.builtin = options.builtinHeaders ?? true;
  }

  /** `after`: only what comes later in the search path than this (`#include_next`). */
  find(name: string, angled: boolean, from: string, after: number | undefined): Found | undefined {
    if (name.startsWith('/')) return this.at(name, -1);
    if (!angled && after === undefined && !from.startsWith('<')) {
      const beside = this.at(join(directoryOf(from), name), -1);
      if (beside !== undefined) return beside;
    }
    for (let i = (after ?? -1) + 1; i < this.paths.length; i++) {
      const found = this.at(join(this.paths[i]!, name), i);
      if (found !== undefined) return found;
    }
    const builtinAt = this.paths.length;
    if (this.builtin && (after === undefined || after < builtinAt)) {
      const virtual = VIRTUAL[name];
      const file = builtinHeader(normalize(name));
      if (file !== undefined || virtual !== undefined)
        return { file, virtual, path: `<built-in>/${name}`, index: builtinAt };
    }
    for (let i = Math.max((after ?? -1) + 1, builtinAt + 1); i <= builtinAt + this.later.length; i++) {
      const found = this.at(join(this.later[i - builtinAt - 1]!, name), i);
      if (found !== undefined) return found;
    }
    // Projects generate it into folders of theirs: `vmlinux/vmlinux.h`, `headers/x86/vmlinux.h`.
    if (this.builtin && after === undefined && name.endsWith('/vmlinux.h'))
      return { file: undefined, virtual: 'vmlinux', path: `<built-in>/${name}`, index: builtinAt };
    return undefined;
  }

  /** Whether what was found at this index of the search path is a header of the system (`-isystem`). */
  isSystem(index: number): boolean {
    return index >= this.system && index < this.paths.length;
  }

  exists(name: string, angled: boolean, from: string, after: number | undefined): boolean {
    return this.find(name, angled, from, after) !== undefined;
  }

  /** For the error: where was looked, and which header that exists was probably meant. */
  advice(name: string, angled: boolean, from: string): { searched: string[]; meant: string | undefined } {
    const searched = [...this.paths];
    if (!angled && !from.startsWith('<')) searched.unshift(directoryOf(from) || '.');
    if (!this.builtin) return { searched, meant: undefined };
    searched.push('the built-in headers', ...this.later);
    const names = [...builtinHeaderNames(), ...Object.keys(VIRTUAL)];
    const base = name.slice(name.lastIndexOf('/') + 1);
    const meant = suggest(name, names) ?? names.find((known) => known.endsWith(`/${base}`));
    return { searched, meant };
  }

  private at(path: string, index: number): Found | undefined {
    const normal = normalize(path);
    let file: SourceFile | undefined;
    if (this.files.has(normal)) {
      file = this.files.get(normal);
    } else {
      const read = this.read(normal);
      file = typeof read === 'string' ? remembered(normal, read) : read;
      this.files.set(normal, file);
    }
    if (file === undefined) return undefined;
    return { file, virtual: undefined, path: normal, index };
  }
}

/** Headers that have no text: the kernel's BTF and the table of helpers answer for them. */
const VIRTUAL: Record<string, keyof Features | undefined> = {
  'vmlinux.h': 'vmlinux',
  'bpf/bpf_helper_defs.h': 'helpers',
  'bpf_helper_defs.h': 'helpers',
};

/** The same text at the same path is the same file, so that its tokens are lexed once a process. */
function remembered(path: string, text: string): SourceFile {
  const old = recent.get(path);
  if (old !== undefined && old.text === text) {
    recent.delete(path);
    recent.set(path, old);
    return old;
  }
  const file = { name: path, text };
  recent.set(path, file);
  if (recent.size > MAX_REMEMBERED) recent.delete(recent.keys().next().value!);
  return file;
}
const recent = new Map<string, SourceFile>();
const MAX_REMEMBERED = 128;

function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : slash === 0 ? '/' : path.slice(0, slash);
}

function join(directory: string, name: string): string {
  return directory === '' ? name : directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

/** Without `.` and with `..` taken back where that is possible. */
function normalize(path: string): string {
  if (!path.includes('.') && !path.includes('//')) return path;
  const out: string[] = [];
  const absolute = path.startsWith('/');
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && out.length > 0 && out[out.length - 1] !== '..') out.pop();
    else if (part !== '..' || !absolute) out.push(part);
  }
  return (absolute ? '/' : '') + out.join('/');
}
