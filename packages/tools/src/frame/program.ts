import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openObject } from '@skep/object';
import { bundledTypes, compileFile, open, readBytes, Spec } from 'skep';
import { isBuilt, room } from '../room.ts';

const programs = (): string => join(room(), 'programs');
const includes = (): string => join(programs(), 'include');

/**
 * A program of the tools: from the build, so that starting a tool is reading an object; sources that run as they are compile it
 * now.
 */
export function openProgram(name: string): Spec {
  const built = isBuilt() ? join(room(), 'dist/programs', `${name}.o`) : undefined;
  const object = built !== undefined && existsSync(built) ? readBytes(built) : compileProgram(name);
  return new Spec(openObject(object, { name }));
}

/** A program whose text was made for a command line. */
export function openText(name: string, text: string): Spec {
  const target = `__TARGET_ARCH_${process.arch === 'arm64' ? 'arm64' : 'x86'}`;
  return open(`${name}.bpf.c`, new TextEncoder().encode(text), {
    includePaths: [includes()],
    defines: [target],
    readFile: (path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined),
    vmlinux: bundledTypes,
  }).spec;
}

/**
 * Against the types that skep brings, whatever kernel runs: what a program asks of a kernel that differs, it says itself
 * (CO-RE). So the object is the same wherever it is built.
 */
export function compileProgram(name: string): Uint8Array {
  const path = join(programs(), `${name}.bpf.c`);
  return compileFile(path, { includePaths: [includes()], btf: bundledTypes() }).object;
}
