import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs';

/** A program or library that lies in a file, or in a part of one. */
export interface Place {
  /** What is opened, mapped and probed. */
  readonly file: string;
  /** Where it begins there, in bytes. */
  readonly offset: number;
  /** Bytes; undefined up to the end. */
  readonly size: number | undefined;
}

/**
 * Where the program of a path is: of `base.apk!/lib/libx.so`, the member of an archive (zip) from which programs map it. Undefined
 * where there is nothing, or a member that is compressed and can be mapped by nobody.
 */
export function placeOf(path: string): Place | undefined {
  if (existsSync(path)) return { file: path, offset: 0, size: undefined };
  const at = path.indexOf('!/');
  const file = path.slice(0, at);
  if (at < 0 || !existsSync(file) || !statSync(file).isFile()) return undefined;
  const fd = openSync(file, 'r');
  try {
    return memberOf(fd, file, path.slice(at + 2));
  } finally {
    closeSync(fd);
  }
}

/** APPNOTE.TXT of the zip format, 4.3: a directory stands at the end, and says where the header of each member is. */
function memberOf(fd: number, file: string, wanted: string): Place | undefined {
  const { size } = fstatSync(fd);
  const bytes = (offset: number, length: number): Buffer => {
    const data = Buffer.alloc(Math.max(0, Math.min(length, size - offset)));
    return data.subarray(0, readSync(fd, data, 0, data.length, offset));
  };
  const tail = bytes(Math.max(0, size - LONGEST_END), LONGEST_END);
  const end = tail.lastIndexOf(END);
  if (end < 0 || end + 22 > tail.length) return undefined;
  const directory = bytes(tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  for (let at = 0; at + 46 <= directory.length && directory.indexOf(ENTRY, at) === at; ) {
    const name = directory.readUInt16LE(at + 28);
    const [compressed, length, header] = [20, 24, 42].map((one) => directory.readUInt32LE(at + one)) as [
      number,
      number,
      number,
    ];
    const stored = directory.readUInt16LE(at + 10) === 0 && compressed === length;
    if (stored && directory.toString('utf8', at + 46, at + 46 + name) === wanted) {
      const local = bytes(header, 30);
      if (local.length < 30) return undefined;
      return { file, offset: header + 30 + local.readUInt16LE(26) + local.readUInt16LE(28), size: length };
    }
    at += 46 + name + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return undefined;
}

const END = Buffer.from('PK\x05\x06', 'latin1');
const ENTRY = Buffer.from('PK\x01\x02', 'latin1');
/** With the longest comment behind it. */
const LONGEST_END = 22 + 0xffff;
