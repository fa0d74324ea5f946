// @ts-check
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** Something that vmtest needs is not here: what, and how to get it. */
export class Missing extends Error {
  /** @param {string} what @param {string} remedy */
  constructor(what, remedy) {
    super(`${what} (${remedy})`);
    this.name = 'Missing';
    this.remedy = remedy;
  }
}

/**
 * The path of a program; throws {@link Missing} with the Debian package that holds it.
 *
 * @param {string} name or a list of absolute paths to try
 * @param {string} debianPackage
 * @param {string[]} [elsewhere]
 */
export function findTool(name, debianPackage, elsewhere = []) {
  const path = (process.env['PATH'] ?? '').split(':').filter(Boolean);
  for (const file of [...elsewhere, ...[...path, '/usr/sbin', '/sbin'].map((dir) => join(dir, name))]) {
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  throw new Missing(`${name} is not installed`, `apt-get install ${debianPackage}`);
}

/** Programs that a boot needs. */
export function bootTools() {
  return {
    qemu: findTool('qemu-system-x86_64', 'qemu-system-x86'),
    virtiofsd: findTool('virtiofsd', 'qemu-system-common on Debian 12, virtiofsd on newer ones', [
      '/usr/lib/qemu/virtiofsd',
      '/usr/libexec/virtiofsd',
    ]),
    setpriv: findTool('setpriv', 'util-linux'),
    busybox: findTool('busybox', 'busybox-static', ['/bin/busybox']),
  };
}

/** Why no kernel can be booted here, or undefined when all that it takes is installed. */
export function whyNotBoot() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'vmtest boots guests on Linux x86-64 only';
  if (process.getuid?.() !== 0) return 'vmtest must be root: virtiofsd shares the root file system';
  try {
    bootTools();
    return undefined;
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}
