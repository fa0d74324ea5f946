import { readFileSync } from 'node:fs';
import { clock, right } from '../frame/columns.ts';
import type { Tool } from '../frame/tool.ts';

export const cachestat: Tool = {
  name: 'cachestat',
  summary: 'The page cache: hits, misses, and how much is in it',
  intervals: true,
  every: 1,
  options: [{ flags: '-T, --timestamp', summary: 'the time of day' }],
  routes: [
    {
      name: 'folios',
      kind: 'exact',
      program: 'cachestat',
      programs: ['folio_accessed', 'folio_added', 'buffer_dirtied', 'folio_dirtied'],
      needs: [
        { kind: 'kprobe', name: 'folio_mark_accessed' },
        { kind: 'kprobe', name: 'filemap_add_folio' },
        { kind: 'kprobe', name: 'mark_buffer_dirty' },
        { kind: 'tracepoint', name: 'writeback:writeback_dirty_folio' },
      ],
    },
    {
      name: 'pages',
      kind: 'exact',
      program: 'cachestat',
      programs: ['page_accessed', 'page_added', 'buffer_dirtied', 'page_dirtied'],
      needs: [
        { kind: 'kprobe', name: 'mark_page_accessed' },
        { kind: 'kprobe', name: 'add_to_page_cache_lru' },
        { kind: 'kprobe', name: 'mark_buffer_dirty' },
        { kind: 'tracepoint', name: 'writeback:writeback_dirty_page' },
      ],
    },
    {
      name: 'filemap',
      kind: 'approximate',
      misses: 'hits of mapped memory and of metadata',
      program: 'cachestat',
      programs: ['get_pages', 'added', 'folio_dirtied'],
      needs: [
        { kind: 'tracepoint', name: 'filemap:mm_filemap_get_pages' },
        { kind: 'tracepoint', name: 'writeback:writeback_dirty_folio' },
      ],
    },
  ],
  examples: [
    { line: 'skep cachestat 1', does: 'every second' },
    { line: 'skep cachestat -T 10 6', does: 'six times, every ten seconds, with the time' },
    { line: "skep cachestat -c 'cat /usr/bin/env > /dev/null'", does: 'of one command' },
  ],
  display(given) {
    return {
      kind: 'table',
      columns: [
        ...(given.flag('timestamp') ? [clock()] : []),
        right('HITS', 'hits', 8),
        right('MISSES', 'misses', 8),
        right('DIRTIES', 'dirties', 8),
        right('HITRATIO', 'ratio', 8, (ratio) => `${(100 * Number(ratio)).toFixed(2)}%`),
        right('BUFFERS_MB', 'buffers_mb', 10),
        right('CACHED_MB', 'cached_mb', 10),
      ],
      rows(loaded) {
        const map = loaded.maps.get('counts')!;
        const [accessed, added, dirtied, buffers, lookedUp] = [0, 1, 2, 3, 4].map((counter) => {
          const each = map.get(counter) as bigint[];
          map.set(counter, 0n);
          return Number(each.reduce((sum, one) => sum + one, 0n));
        }) as [number, number, number, number, number];
        // Writing to a page also adds it and marks it as used: neither is a read that missed or hit.
        const total = Math.max(0, lookedUp || accessed - buffers);
        const misses = Math.min(total, Math.max(0, lookedUp ? added : added - dirtied));
        const hits = total - misses;
        const ratio = total === 0 ? 0 : hits / total;
        const time = BigInt(given.fact('time', () => String(BigInt(Date.now()) * 1_000_000n)) || 0);
        const pages = memory(given.fact('meminfo', readMemory));
        return [{ time, hits, misses, dirties: buffers || dirtied, ratio, ...pages }];
      },
    };
  },
};

function readMemory(): string {
  try {
    return readFileSync('/proc/meminfo', 'utf8');
  } catch {
    // Elsewhere than on Linux.
    return '';
  }
}

/** From /proc/meminfo, in megabytes. */
function memory(text: string) {
  const megabytes = (name: string) =>
    Math.round(Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(text)?.[1] ?? 0) / 1024);
  return { buffers_mb: megabytes('Buffers'), cached_mb: megabytes('Cached') };
}
