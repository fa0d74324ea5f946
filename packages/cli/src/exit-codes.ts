/** Of every command; EXIT in base has them as numbers. */
export const EXIT_CODES =
  'Exit codes: 0 ok, 1 error, 2 usage, 3 refused by a verifier, 4 not permitted, 5 the kernel lacks a feature.';
