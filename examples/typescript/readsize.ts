/**
 * How much processes ask for and get when they read files, as histograms.
 *
 * Shows: a kprobe and a kretprobe with the types of the kernel's function.
 */
import { comm, histogram, kprobe, kretprobe } from 'skep/probe';

export const asked = histogram({ key: 'char[16]', unit: 'bytes' });
export const got = histogram({ key: 'char[16]', unit: 'bytes' });

kprobe('vfs_read', (_file, _buffer, count) => asked.log2(comm(), count));
kretprobe('vfs_read', (ret) => {
  if (ret > 0n) got.log2(comm(), ret);
});
