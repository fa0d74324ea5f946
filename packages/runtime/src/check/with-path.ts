import type { Btf, ObjectSpec } from '@skep/object';
import { type KernelProfile, type ProgramVerdict, verifyObject } from '@skep/verifier';

/** Once more, with the path to the refusal; where the whole of it was too much, no path is to blame. */
export function withPath(
  object: ObjectSpec,
  verdict: ProgramVerdict,
  kernel: KernelProfile['version'],
  types: Btf,
): ProgramVerdict {
  if (!verdict.decided || verdict.code === TOO_COMPLEX) return verdict;
  return verifyObject(object, { kernel, kernelBtf: types, path: true }, [verdict.program.name])[0] ?? verdict;
}

const TOO_COMPLEX = 'E2116';
