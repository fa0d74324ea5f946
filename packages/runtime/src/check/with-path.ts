import type { Btf, ObjectSpec } from '@skep/object';
import { type KernelProfile, type ProgramVerdict, verifyObject } from '@skep/verifier';

/** Once more, with the path to the refusal; where that has a million steps, nobody wants to walk it. */
export function withPath(
  object: ObjectSpec,
  verdict: ProgramVerdict,
  kernel: KernelProfile['version'],
  types: Btf,
): ProgramVerdict {
  if (!verdict.decided || verdict.processed > MOST_WALKED) return verdict;
  return verifyObject(object, { kernel, kernelBtf: types, path: true }, [verdict.program.name])[0] ?? verdict;
}

const MOST_WALKED = 200_000;
