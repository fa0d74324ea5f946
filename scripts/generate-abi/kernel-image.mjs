import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The BTF sections of the kernel in an unpacked linux-image package (x86-64: a bzImage around a compressed ELF). */
export function readKernelImage(folder) {
  const boot = join(folder, 'boot');
  const file = readdirSync(boot).find((name) => name.startsWith('vmlinuz-'));
  if (!file) throw new Error(`no vmlinuz in ${boot}`);
  const elf = decompressPayload(readFileSync(join(boot, file)));
  return { btf: elfSection(elf, '.BTF'), btfIds: elfSection(elf, '.BTF_ids') };
}

/** Linux `Documentation/arch/x86/boot.rst`: the payload follows the real-mode sectors. */
function decompressPayload(image) {
  if (image.toString('latin1', 0x202, 0x206) !== 'HdrS') throw new Error('not a bzImage');
  const start = (image[0x1f1] + 1) * 512 + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c));
  const tool = COMPRESSIONS.find(({ magic }) => magic.every((byte, index) => payload[index] === byte));
  if (!tool) throw new Error(`unknown compression of the kernel: ${payload.subarray(0, 6).toString('hex')}`);
  // The last 4 bytes are the unpacked size, which the tools would call trailing rubbish.
  const input = payload.subarray(0, payload.length - 4);
  return execFileSync(tool.command, tool.args, { input, maxBuffer: 1 << 30, stdio: ['pipe', 'pipe', 'inherit'] });
}

const COMPRESSIONS = [
  { magic: [0x28, 0xb5, 0x2f, 0xfd], command: 'zstd', args: ['-dc'] },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a], command: 'xz', args: ['-dc'] },
  { magic: [0x02, 0x21, 0x4c, 0x18], command: 'lz4', args: ['-dc'] },
  { magic: [0x1f, 0x8b], command: 'gzip', args: ['-dc'] },
];

/** The bytes of a section of a 64-bit little endian ELF file. */
function elfSection(elf, wanted) {
  const table = Number(elf.readBigUInt64LE(0x28));
  const entrySize = elf.readUInt16LE(0x3a);
  const count = elf.readUInt16LE(0x3c);
  const section = (index) => {
    const at = table + index * entrySize;
    return {
      name: elf.readUInt32LE(at),
      offset: Number(elf.readBigUInt64LE(at + 0x18)),
      size: Number(elf.readBigUInt64LE(at + 0x20)),
    };
  };
  const names = section(elf.readUInt16LE(0x3e));
  for (let index = 0; index < count; index++) {
    const { name, offset, size } = section(index);
    const start = names.offset + name;
    if (elf.toString('latin1', start, elf.indexOf(0, start)) === wanted) return elf.subarray(offset, offset + size);
  }
  throw new Error(`the kernel has no section ${wanted}`);
}
