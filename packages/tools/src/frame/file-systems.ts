import { EXIT, SkepError, suggest } from '@skep/base';
import { noFileSystem } from '../diagnostics.ts';
import type { Route, ToolOption } from './tool.ts';

/** Magic numbers of superblocks, include/uapi/linux/magic.h. */
const MAGIC: { readonly [name: string]: number } = {
  ext4: 0xef53,
  xfs: 0x58465342,
  btrfs: 0x9123683e,
  nfs: 0x6969,
  zfs: 0x2fc12fc1,
  f2fs: 0xf2f52010,
  overlay: 0x794c7630,
  tmpfs: 0x01021994,
  fuse: 0x65735546,
};

/** In the order of the program's `enum`, as the column and as histograms name them. */
export const OPERATIONS = [
  { letter: 'R', name: 'read' },
  { letter: 'W', name: 'write' },
  { letter: 'O', name: 'open' },
  { letter: 'F', name: 'fsync' },
] as const;

export const FILE_SYSTEM: ToolOption = {
  flags: '-t, --type',
  value: 'name',
  summary: 'only this file system: ext4, xfs, btrfs, nfs, zfs, f2fs, overlay, tmpfs, fuse',
};

/** The programs watch system calls, so they see every file system, also those in user space. */
export const FILE_ROUTES: readonly Route[] = [
  {
    name: 'syscalls',
    kind: 'approximate',
    misses: 'what goes through mapped memory, sendfile, splice and io_uring',
    program: 'fsslower',
    needs: [{ kind: 'tracepoint', name: 'syscalls:sys_enter_read' }],
  },
];

/** Throws E9009. */
export function magicOf(name: string | undefined): number {
  if (name === undefined) return 0;
  const names = Object.keys(MAGIC);
  const magic = MAGIC[name];
  if (magic === undefined) throw new SkepError(noFileSystem(name, suggest(name, names), names), EXIT.usage);
  return magic;
}
