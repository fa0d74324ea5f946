import { table } from '@skep/view';
import type { Cost } from './meter.ts';

/** A table of what programs cost, a line for each ring, and one for skep itself. */
export function costText(cost: Cost): string {
  const rows = cost.programs.map(({ name, runsPerSecond, nsPerRun, percent }) => [
    name,
    runsPerSecond.toFixed(runsPerSecond < 10 ? 1 : 0),
    nsPerRun === undefined ? '-' : nsPerRun.toFixed(0),
    share(percent),
  ]);
  const rings = cost.rings.map(
    ({ name, bytes, fullest, lost }) =>
      `ring ${name}: ${bytes >> 10} KiB, at most ${(100 * fullest).toFixed(1)} % full when looked at, ${lost} lost\n`,
  );
  const total = `programs: ${share(cost.percent)} of one processor, over ${cost.seconds.toFixed(1)} s (counting runs adds some 20 ns to each)\n`;
  return `\n${table(['PROGRAM', 'RUNS/S', 'NS/RUN', 'CPU'], rows)}\n${rings.join('')}${total}skep itself: ${share(cost.ownPercent)}\n`;
}

export function share(percent: number): string {
  return `${percent.toFixed(percent < 10 ? 2 : 1)} %`;
}
