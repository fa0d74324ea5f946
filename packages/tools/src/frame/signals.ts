import { constants } from 'node:os';

/** `KILL` of 9; the number when it has no name. */
export function signalName(signal: number): string {
  return names.get(signal) ?? (signal >= 34 && signal <= 64 ? `RTMIN+${signal - 34}` : String(signal));
}

const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name.replace(/^SIG/, '')]));
