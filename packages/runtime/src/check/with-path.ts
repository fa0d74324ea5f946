import type { ObjectSpec } from '@skep/object';
import { type ObjectOptions, type ProgramVerdict, verifyObject } from '@skep/verifier';

/** Once more, with the path to the refusal; where the whole of it was too much, no path is to blame. */
export function withPath(object: ObjectSpec, verdict: ProgramVerdict, options: ObjectOptions): ProgramVerdict {
  if (!verdict.decided || verdict.code === TOO_COMPLEX) return verdict;
  return verifyObject(object, { ...options, path: true }, [verdict.program.name])[0] ?? verdict;
}

const TOO_COMPLEX = 'E2116';
