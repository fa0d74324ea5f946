/** A refusal as people and tools read it. */
export interface Explanation {
  readonly code: string;
  readonly message: string;
  readonly help: string;
  readonly kernelMessage: string;
  readonly insn: number;
  readonly source:
    | { readonly file: string; readonly line: number; readonly column: number; readonly text: string }
    | undefined;
}
