// @ts-check

/**
 * An uncompressed initramfs (`newc` cpio, Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * @param {readonly {path: string, mode: number, bytes?: Uint8Array}[]} entries directories before what is in them
 * @returns {Buffer}
 */
export function initramfs(entries) {
  const parts = [];
  let inode = 1;
  for (const { path, mode, bytes = new Uint8Array() } of [...entries, { path: 'TRAILER!!!', mode: 0 }]) {
    const fields = [inode++, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, path.length + 1, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}${path}\0`;
    parts.push(padded(Buffer.from(header, 'latin1')), padded(bytes));
  }
  return Buffer.concat(parts);
}

/** @param {Uint8Array} bytes */
function padded(bytes) {
  const rest = (4 - (bytes.length % 4)) % 4;
  return rest === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(rest)]);
}

export const DIRECTORY = 0o040755;
export const EXECUTABLE = 0o100755;
export const FILE = 0o100644;
