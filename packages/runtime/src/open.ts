import { type Diagnostic, SkepError, utf8Text } from '@skep/base';
import { type Compiled, type CompileOptions, compile } from '@skep/compiler';
import { openObject } from '@skep/object';
import { Spec } from './spec.ts';

/** A source or object that was read. */
export interface Opened {
  readonly spec: Spec;
  /** What the compiler made, when the input was source. */
  readonly compiled: Compiled | undefined;
  readonly warnings: readonly Diagnostic[];
  /** Milliseconds to compile and read it. */
  readonly time: number;
}

/**
 * A program from the bytes of a file: an ELF object of any compiler, or C source. Pure: nothing of the machine is
 * looked at. Throws SkepError with every diagnostic of the compiler or of the object reader.
 */
export function open(name: string, bytes: Uint8Array, options: CompileOptions = {}): Opened {
  const start = performance.now();
  if (isElf(bytes)) {
    const spec = new Spec(openObject(bytes, { name }));
    return { spec, compiled: undefined, warnings: [], time: performance.now() - start };
  }
  const result = compile({ name, text: utf8Text(bytes) }, options);
  if (!result.ok) throw new SkepError(result.diagnostics);
  const spec = new Spec(openObject(result.object, { name }));
  return { spec, compiled: result, warnings: result.warnings, time: performance.now() - start };
}

/** Whether bytes begin as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x7f && bytes[1] === 0x45 && bytes[2] === 0x4c && bytes[3] === 0x46;
}
