import { type Column, cellText, type Row } from '@skep/view';
import type { Names } from './names.ts';

/**
 * What is known of every event besides its own columns: shown by `-o wide`, and there for `-o columns=` and filters. The
 * container and pod come from the cgroup, which programs send as `cgroup`.
 */
export const contextColumns: readonly Column[] = [
  text('container', 'CONTAINER', 12),
  text('pod', 'POD', 36),
  text('cgroup', 'CGROUP', 8),
];

export function withContext(row: Row, names: Names): Row {
  const { cgroup } = row;
  if (typeof cgroup !== 'bigint' && typeof cgroup !== 'number') return row;
  const found = names.container(BigInt(cgroup));
  return { ...row, container: found?.id ?? null, pod: found?.pod ?? null, cgroup: found?.path ?? String(cgroup) };
}

function text(name: string, title: string, width: number): Column {
  return { name, title, width, align: 'left', text: (value) => cellText(value) };
}
