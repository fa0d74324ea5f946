/**
 * Which registers matter before each instruction, whatever the path: pruning compares no others (Linux 6.16). One bit
 * each.
 */
import type { Btf } from '@skep/object';
import { callSummary } from './fastcall.ts';
import type { Program } from './program.ts';

const CALLER_SAVED = 0b111111;
const ALL = 0xffff;

export function liveRegisters(program: Program, kernelBtf: Btf | undefined): Uint16Array {
  const { length, code, off, imm } = program;
  const uses = new Uint16Array(length);
  const defines = new Uint16Array(length);
  for (let i = 0; i < length; i++) effect(program, i, kernelBtf, uses, defines);
  const live = new Uint16Array(length + 1);
  for (let changed = true; changed; ) {
    changed = false;
    for (let i = length - 1; i >= 0; i--) {
      const op = code[i]!;
      const jump = (op & 7) === 5 || (op & 7) === 6;
      let after = 0;
      if (!jump || (op & 0xf0) === 0x80) after = live[i + (op === 0x18 ? 2 : 1)] ?? 0;
      else if ((op & 0xf0) === 0) after = live[i + 1 + (op === 0x06 ? imm[i]! : off[i]!)] ?? 0;
      else if ((op & 0xf0) !== 0x90) after = live[i + 1]! | (live[i + 1 + off[i]!] ?? 0);
      const before = uses[i]! | (after & ~defines[i]!);
      if (before === live[i]) continue;
      live[i] = before;
      changed = true;
    }
  }
  return live;
}

function effect(
  program: Program,
  i: number,
  kernelBtf: Btf | undefined,
  uses: Uint16Array,
  defines: Uint16Array,
): void {
  const code = program.code[i]!;
  const src = 1 << program.src[i]!;
  const dst = 1 << program.dst[i]!;
  const imm = program.imm[i]!;
  const fromReg = (code & 8) !== 0;
  const mode = code & 0xe0;
  let use = ALL;
  let define = 0;
  switch (code & 7) {
    case 0:
      if (code === 0x18) {
        define = dst;
        use = 0;
      }
      break;
    case 1:
      define = dst;
      use = src;
      break;
    case 2:
      use = dst;
      break;
    case 3:
      use = dst | src;
      if (mode === 0xc0) {
        if (imm === 0xf1) {
          use |= 1;
          define = 1;
        } else if (imm === 0x100) {
          define = dst;
          use = src;
        } else if (imm !== 0x110 && imm & 1) define = src;
      }
      break;
    case 4:
    case 7: {
      const op = code & 0xf0;
      define = dst;
      if (op === 0xd0) use = dst;
      else if (op === 0xb0) use = fromReg ? src : 0;
      else use = fromReg ? dst | src : dst;
      break;
    }
    default: {
      const op = code & 0xf0;
      if (op === 0 || op === 0xe0) use = 0;
      else if (op === 0x90) use = 1;
      else if (op === 0x80) {
        define = CALLER_SAVED;
        const summary = callSummary(program, i, kernelBtf);
        use = summary === undefined ? CALLER_SAVED & ~1 : ((1 << (summary.parameters + 1)) - 1) & ~1;
      } else use = fromReg ? dst | src : dst;
    }
  }
  uses[i] = use;
  defines[i] = define;
}
