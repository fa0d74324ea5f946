/** `enum req_op` and `enum req_flag_bits` of include/linux/blk_types.h. */
const OPERATIONS: { readonly [number: number]: string } = { 0: 'Read', 1: 'Write', 2: 'Flush', 3: 'Discard' };
const FLAGS: readonly (readonly [bit: number, name: string])[] = [
  [11, 'Sync'],
  [12, 'Metadata'],
  [13, 'Priority'],
  [14, 'NoMerge'],
  [15, 'Idle'],
  [17, 'ForcedUnitAccess'],
  [18, 'Preflush'],
  [19, 'ReadAhead'],
  [20, 'Background'],
  [21, 'NoWait'],
];

/** `Sync-Metadata-Read`, of a request's flags. */
export function requestFlags(flags: number): string {
  const set = FLAGS.filter(([bit]) => (flags >>> bit) & 1).map(([, name]) => name);
  return [...set, operationOf(flags)].join('-');
}

export function operationOf(flags: number): string {
  return OPERATIONS[flags & 0xff] ?? `Operation${flags & 0xff}`;
}
