/** Calls of functions of the kernel. */
import type { Explorer } from '../explore/explorer.ts';

export function checkKfuncCall(x: Explorer): 'on' | 'end' {
  const name = x.program.kfuncName(x.insn) ?? 'of a name that is not known';
  x.unsupported(`the kernel function ${name}`);
}
