import { LIMITS } from '@skep/abi';
import type { Explorer } from '../explore/explorer.ts';
import { toNumber } from '../number/int64.ts';
import type { Frame } from '../state/frame.ts';
import { isConst, type Reg, tnumText } from '../state/reg.ts';

export type StackUse = 'read' | 'write' | 'helper-read' | 'helper-write';

/** The frame that a stack pointer points into. */
export const frameOf = (x: Explorer, pointer: Reg): Frame => x.state.frames[pointer.aux]!;

/** Checks that the bytes lie in the stack and makes it deep enough. `off` holds the pointer's own offset. */
export function checkStackBounds(
  x: Explorer,
  register: number,
  pointer: Reg,
  off: number,
  size: number,
  use: StackUse,
): void {
  const indirect = (use === 'helper-read' || use === 'helper-write') && !x.kernel.helperReads;
  const reads = use === 'read' || use === 'helper-read';
  const what = indirect ? ' indirect access to' : reads ? ' read from' : ' write to';
  const frame = frameOf(x, pointer);
  const fixed = isConst(pointer);
  let least: number;
  let most: number;
  if (fixed) {
    least = toNumber(pointer.vl, pointer.vh) + off;
    most = least + size;
  } else {
    const sn = toNumber(pointer.snl, pointer.snh);
    const sx = toNumber(pointer.sxl, pointer.sxh);
    if (sx >= 1 << 29 || sn <= -(1 << 29)) x.refuse(`invalid unbounded variable-offset${what} stack R${register}`);
    least = sn + off;
    most = sx + off + size;
  }
  const deepest = use !== 'read' || (x.privileged && x.kernel.uninitStack) ? -LIMITS.stack : -frame.stack.length * 8;
  if (least < deepest || least > -1 || most > 0 || size < 0) {
    if (fixed) x.refuse(`invalid${what} stack R${register} off=${off} size=${size}`);
    x.refuse(`invalid variable-offset${what} stack R${register} var_off=${tnumText(pointer)} off=${off} size=${size}`);
  }
  const slots = (-least + 7) >> 3;
  if (slots > frame.stack.length) {
    frame.grow(slots);
    x.noteStack(frame);
  }
}
