/** Memory that is handed to a helper or to a function of the kernel. */
import { PROG } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { markPrecise } from '../explore/precision.ts';
import { unsignedText } from '../number/int64.ts';
import {
  baseOf,
  MEM_RDONLY,
  PTR_TO_BTF_ID,
  PTR_TO_BUF,
  PTR_TO_CTX,
  PTR_TO_MAP_KEY,
  PTR_TO_MAP_VALUE,
  PTR_TO_MEM,
  PTR_TO_PACKET,
  PTR_TO_PACKET_META,
  PTR_TO_STACK,
  typeName,
} from '../state/kinds.ts';
import { isConst, isNull } from '../state/reg.ts';
import { loadFromBtf } from './btf-access.ts';
import { access } from './memory.ts';
import { checkBuffer, checkMapAccess, checkMapDirection, checkPacket, checkRegion } from './regions.ts';
import { checkStackInitialized, type Uninitialised } from './stack.ts';

const MAX_SIZE = 1 << 29;
/** Types of programs whose context the kernel does not rewrite. */
const PLAIN_CONTEXTS = new Set([
  PROG.BPF_PROG_TYPE_KPROBE,
  PROG.BPF_PROG_TYPE_TRACEPOINT,
  PROG.BPF_PROG_TYPE_CGROUP_DEVICE,
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT,
  PROG.BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE,
  PROG.BPF_PROG_TYPE_TRACING,
  PROG.BPF_PROG_TYPE_LSM,
  PROG.BPF_PROG_TYPE_SYSCALL,
]);

/** `size` bytes at the register may be read or written. */
export function checkHelperMemory(
  x: Explorer,
  register: number,
  size: number,
  how: 'read' | 'write',
  zeroAllowed: boolean,
  raw: Uninitialised | undefined,
): void {
  const p = x.frame.regs[register]!;
  const write = how === 'write';
  switch (baseOf(p.type)) {
    case PTR_TO_PACKET:
    case PTR_TO_PACKET_META:
      checkPacket(x, register, p, p.off, size, zeroAllowed);
      return;
    case PTR_TO_MAP_KEY:
      if (write) x.refuse(`R${register} cannot write into ${typeName(p.type)}`);
      checkRegion(x, register, p, p.off, size, p.map!.keySize);
      return;
    case PTR_TO_MAP_VALUE:
      checkMapDirection(x, p.map!, p.off, size, write);
      checkMapAccess(x, register, p, p.off, size, false, zeroAllowed);
      return;
    case PTR_TO_MEM:
      if (p.type & MEM_RDONLY && write) x.refuse(`R${register} cannot write into ${typeName(p.type)}`);
      checkRegion(x, register, p, p.off, size, p.aux, zeroAllowed);
      return;
    case PTR_TO_BUF:
      if (p.type & MEM_RDONLY && write) x.refuse(`R${register} cannot write into ${typeName(p.type)}`);
      checkBuffer(x, p.type & MEM_RDONLY ? 'rdonly' : 'rdwr', p, register, p.off, size);
      return;
    case PTR_TO_STACK:
      checkStackInitialized(x, register, p, p.off, size, zeroAllowed, write ? 'helper-write' : 'helper-read', raw);
      return;
    case PTR_TO_BTF_ID:
      loadFromBtf(x, register, p, p.off, size, false, false);
      return;
    case PTR_TO_CTX:
      if (PLAIN_CONTEXTS.has(x.program.input.type)) {
        if (size > 0) access(x, register, p, size - 1, 1, how, -1, false, false, false);
        else if (!zeroAllowed) x.refuse(`R${register} invalid zero-sized read`);
        return;
      }
  }
  if (zeroAllowed && size === 0 && isNull(p)) return;
  x.refuse(`R${register} type=${typeName(p.type)} expected=fp`);
}

/** A size in `register` for the memory in the register before it. Gives the greatest size. */
export function checkMemorySize(
  x: Explorer,
  register: number,
  how: 'read' | 'write',
  zeroAllowed: boolean,
  raw: Uninitialised | undefined,
): number {
  const size = x.frame.regs[register]!;
  if (size.snh < 0) x.refuse(`R${register} min value is negative, either use unsigned or 'var &= const'`);
  if ((size.unl | size.unh) === 0 && !zeroAllowed)
    x.refuse(
      `R${register} invalid zero-sized read: u64=[${unsignedText(size.unl, size.unh)},${unsignedText(size.uxl, size.uxh)}]`,
    );
  if (size.uxh !== 0 || size.uxl >>> 0 >= MAX_SIZE)
    x.refuse(`R${register} unbounded memory access, use 'var &= const' or 'if (var < const)'`);
  checkHelperMemory(x, register - 1, size.uxl, how, zeroAllowed, isConst(size) ? raw : undefined);
  markPrecise(x, register);
  return size.uxl;
}
