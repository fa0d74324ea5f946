/** States of an iterator on the stack, in `aux` of its slot. */
export const ITER_ACTIVE = 1;
export const ITER_DRAINED = 2;
