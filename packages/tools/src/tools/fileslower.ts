import type { Tool } from '../frame/tool.ts';
import { fsslower } from './fsslower.ts';

/** bcc's older name: reads and writes only. */
export const fileslower: Tool = {
  ...fsslower,
  name: 'fileslower',
  summary: 'Show reads and writes of files that take long',
  description: 'Reads and writes only; `fsslower` also shows opens and syncs.',
  options: [
    { flags: '-a, --all-files', summary: 'pipes, sockets and devices too', global: 'all_files' },
    ...fsslower.options,
  ],
  routes: fsslower.routes.map((route) => ({
    ...route,
    programs: ['read', 'readv', 'pread64', 'preadv', 'write', 'writev', 'pwrite64', 'pwritev'].flatMap((call) => [
      `${call}_enter`,
      `${call}_exit`,
    ]),
  })),
  examples: [
    { line: 'skep fileslower', does: 'what takes longer than 10 ms' },
    { line: 'skep fileslower 1', does: 'longer than 1 ms' },
    { line: 'skep fileslower 0 -- cat /etc/hostname', does: 'everything that one command reads and writes' },
  ],
};
