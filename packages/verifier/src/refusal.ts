/** The verdict "no", with the kernel's own text; thrown inside the package, a value outside of it. */
export class Refusal extends Error {
  /** The slot that was being looked at; -1 for the program as a whole. */
  readonly insn: number;
  /** Something that skep's verifier cannot judge, as against something that a kernel refuses. */
  readonly unsupported: boolean;

  constructor(text: string, insn: number, unsupported = false) {
    super(text);
    this.insn = insn;
    this.unsupported = unsupported;
  }
}
