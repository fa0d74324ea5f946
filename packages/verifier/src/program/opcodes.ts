import type { KernelProfile } from '../profile.ts';

/** Opcodes that Linux has, by the release that brought them; what has another form of operand is not told apart here. */
export function knownOpcode(code: number, kernel: Pick<KernelProfile, 'cpu4' | 'mayGoto' | 'acquireRelease'>): boolean {
  const op = code & 0xf0;
  switch (code & 7) {
    case 0:
      return code === 0x18 || LEGACY.has(code);
    case 1:
      return (code & 0xe0) === 0x60 || (kernel.cpu4 && (code & 0xe0) === 0x80 && code !== 0x99);
    case 2:
      return (code & 0xe0) === 0x60;
    case 3:
      return (
        (code & 0xe0) === 0x60 || code === 0xc3 || code === 0xdb || (kernel.acquireRelease && (code & 0xe7) === 0xc3)
      );
    case 4:
      return op === 0x80 ? code === 0x84 : op <= 0xd0;
    case 7:
      if (op === 0xd0) return kernel.cpu4 && code === 0xd7;
      return op === 0x80 ? code === 0x87 : op <= 0xc0;
    case 5:
      if (op === 0xe0) return kernel.mayGoto && code === 0xe5;
      if (op === 0 || op === 0x80 || op === 0x90) return (code & 8) === 0;
      return op <= 0xd0;
    default:
      if (op === 0) return kernel.cpu4 && code === 0x06;
      return op !== 0x80 && op !== 0x90 && op <= 0xd0;
  }
}

/** ABS and IND loads of packets. */
const LEGACY = new Set([0x20, 0x28, 0x30, 0x40, 0x48, 0x50]);
