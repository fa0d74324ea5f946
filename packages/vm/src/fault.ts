/** Why a program was stopped. */
export type FaultKind = 'memory' | 'fuel' | 'call' | 'stack' | 'instruction' | 'map';

/** `bpf_throw`: the run goes on in the program's exception callback, or ends with the cookie. */
export class Thrown extends Error {
  readonly low: number;
  readonly high: number;

  constructor(low: number, high: number) {
    super('bpf_throw');
    this.low = low;
    this.high = high;
  }
}

/**
 * Thrown inside a run when the program does what the kernel's verifier would have refused. The machine turns it into
 * a diagnostic with the program's name and source line (E4010).
 */
export class Fault extends Error {
  readonly kind: FaultKind;
  /** The slot of the instruction; -1 until the interpreter fills it in. */
  slot = -1;

  constructor(kind: FaultKind, message: string) {
    super(message);
    this.name = 'Fault';
    this.kind = kind;
  }
}
