import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openObject } from '@skep/object';
import { bundledTypes, compileFile, open, readBytes, Spec } from 'skep';
import { BUILT, ROOM } from '../room.ts';

const PROGRAMS = join(ROOM, 'programs');
const INCLUDE = join(PROGRAMS, 'include');
/** From the build, so that starting a tool is reading an object; sources that run as they are compile them. */
const OBJECTS = BUILT ? join(ROOM, 'dist/programs') : undefined;

/** A program of the tools: the built one, or compiled now. */
export function openProgram(name: string): Spec {
  const built = OBJECTS && join(OBJECTS, `${name}.o`);
  const object = built && existsSync(built) ? readBytes(built) : compileProgram(name);
  return new Spec(openObject(object, { name }));
}

/** A program whose text was made for a command line. */
export function openText(name: string, text: string): Spec {
  const target = `__TARGET_ARCH_${process.arch === 'arm64' ? 'arm64' : 'x86'}`;
  return open(`${name}.bpf.c`, new TextEncoder().encode(text), {
    includePaths: [INCLUDE],
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
  const path = join(PROGRAMS, `${name}.bpf.c`);
  return compileFile(path, { includePaths: [INCLUDE], btf: bundledTypes() }).object;
}
