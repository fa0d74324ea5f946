import { readFileSync } from 'node:fs';
import type { HeldKind, Holder } from '@skep/kernel';

/** `bpftrace(4711)`, one for each process. */
export function heldBy(held: ReadonlyMap<string, readonly Holder[]>, kind: HeldKind, id: number): string[] {
  return (held.get(`${kind} ${id}`) ?? []).map(({ pid, name }) => `${name}(${pid})`);
}

/** The time of day that was so many nanoseconds after the machine was started. */
export function since(nanoseconds: bigint): string {
  const up = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));
  return new Date(Date.now() - up * 1000 + Number(nanoseconds / 1_000_000n)).toISOString();
}
