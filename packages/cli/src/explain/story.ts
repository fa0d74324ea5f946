/** The long story of a diagnostic; `skep explain`, and the pages in docs/errors, are made of it. */
export interface Story {
  readonly code: string;
  readonly title: string;
  /** What it means, in plain words. */
  readonly means: string;
  /** Why the kernel insists, or why it is so. */
  readonly why: string;
  /** C that is refused, and the same as it is accepted. */
  readonly wrong?: string;
  readonly right?: string;
  /** Where kernels differ. */
  readonly since?: string;
  /** What kernels print for it. */
  readonly kernel?: string;
}

/** What is said of codes that have no story of their own: their message, with `…` for what differs, and what to do. */
export interface Remark {
  readonly code: string;
  readonly title: string;
  readonly help?: string | undefined;
}

/** A range of codes, by the first three or four characters. */
export interface Family {
  readonly prefix: string;
  readonly title: string;
  readonly means: string;
}
