/** What stands beside a histogram whose values were summed up: `avg = 12 usecs, total: 24 usecs, count: 2`. */
export function averageText(sum: bigint, count: bigint, unit: string): string {
  return `avg = ${count === 0n ? 0n : sum / count} ${unit}, total: ${sum} ${unit}, count: ${count}`;
}
