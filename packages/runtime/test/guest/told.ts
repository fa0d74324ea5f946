import type { Value } from '../../src/index.ts';

/** Values as text that says everything: bigints, bytes. */
export function told(rows: readonly Value[]): string {
  return JSON.stringify(rows, (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
