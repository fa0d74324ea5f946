/** How kernels differ, as data. Linux 6.12 is the reference. */
export interface KernelProfile {
  readonly version: '6.1' | '6.12' | '6.18';
  /** Sign-extending moves and loads, bswap, gotol (Linux 6.6). */
  readonly cpu4: boolean;
  /** Linux 6.9. */
  readonly mayGoto: boolean;
  /** Bytes of stack that were never written may be read with privilege (Linux 6.3, and 6.1 by now). */
  readonly uninitStack: boolean;
  /** `load_acquire` and `store_release` (Linux 6.15). */
  readonly acquireRelease: boolean;
  /** A lookup in an array with a constant key inside of it is never null (Linux 6.15). */
  readonly arrayLookupNotNull: boolean;
  /** What goes wrong only where a processor guesses is fenced off, not refused (Linux 6.17). */
  readonly barriers: boolean;
  /** Memory that a helper only reads stays as it was, and texts say which of both it is (Linux 6.14). */
  readonly helperReads: boolean;
  /** The negative of a number has the ranges of a subtraction from 0 (Linux 6.17). */
  readonly negation: boolean;
  /** Products of numbers that may be negative have ranges (Linux 6.14). */
  readonly signedProducts: boolean;
  /** Bits of products are known by other rules (Linux 6.18). */
  readonly unionProducts: boolean;
  /** Sums and differences have unsigned ranges also where all of them wrap around (Linux 6.17). */
  readonly wrappedSums: boolean;
  /** Links to numbers survive negative constants, subtractions and 32-bit arithmetic (Linux 7.0, and in 6.18 by now). */
  readonly linkedSteps: boolean;
  /** A range that shares one value with the known bits is that value (after Linux 6.18, and in 6.18 by now). */
  readonly singleValues: boolean;
  /** What an exit would leak is said of the instruction, and checked for tail calls and packet loads alike (Linux 6.13). */
  readonly leakTexts: boolean;
  /** Global functions may be called in every context but, where they sleep, only where that is allowed (Linux 6.17). */
  readonly sleepSummaries: boolean;
  /** Registers saved around calls that are put in line cost no stack (Linux 6.12). */
  readonly fastcall: boolean;
  /** Which registers pruning compares is known before any path is followed (Linux 6.16). */
  readonly staticLiveness: boolean;
  /**
   * The state of 2022: ranges tighten each other less, only comparisons with constants tell something, fewer numbers
   * are kept in spills, prototypes have no tags, results of LSM programs are free (Linux before 6.8; measured on 6.1).
   */
  readonly early: boolean;
  /** Functions of tracing programs have stacks of their own (Linux 6.13, x86-64 and arm64). */
  readonly privateStack: boolean;
}

/** The kernels whose verifier is known, by their releases. */
export const PROFILES: Readonly<Record<KernelProfile['version'], KernelProfile>> = {
  '6.1': {
    version: '6.1',
    cpu4: false,
    mayGoto: false,
    uninitStack: true,
    acquireRelease: false,
    arrayLookupNotNull: false,
    barriers: false,
    helperReads: false,
    negation: false,
    signedProducts: false,
    unionProducts: false,
    wrappedSums: false,
    linkedSteps: false,
    singleValues: false,
    leakTexts: false,
    sleepSummaries: false,
    fastcall: false,
    staticLiveness: false,
    early: true,
    privateStack: false,
  },
  '6.12': {
    version: '6.12',
    cpu4: true,
    mayGoto: true,
    uninitStack: true,
    acquireRelease: false,
    arrayLookupNotNull: false,
    barriers: false,
    helperReads: false,
    negation: false,
    signedProducts: false,
    unionProducts: false,
    wrappedSums: false,
    linkedSteps: false,
    singleValues: false,
    leakTexts: false,
    sleepSummaries: false,
    fastcall: true,
    staticLiveness: false,
    early: false,
    privateStack: false,
  },
  '6.18': {
    version: '6.18',
    cpu4: true,
    mayGoto: true,
    uninitStack: true,
    acquireRelease: true,
    arrayLookupNotNull: true,
    barriers: true,
    helperReads: true,
    negation: true,
    signedProducts: true,
    unionProducts: true,
    wrappedSums: true,
    linkedSteps: true,
    singleValues: true,
    leakTexts: true,
    sleepSummaries: true,
    fastcall: true,
    staticLiveness: true,
    early: false,
    privateStack: true,
  },
};
