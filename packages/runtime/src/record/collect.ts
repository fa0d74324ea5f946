import type { MemoryPiece, RecordedCall, RecordedRun, RecordedStack } from '@skep/capture';
import type { RecordView } from '../host.ts';
import { CALL, MEMORY, RECORD, STACK, START } from './layout.ts';

/** Puts the records of instrumented programs together to runs. */
export class RunCollector {
  /** Open runs by thread and CPU; the last of a list is the innermost. */
  private readonly open = new Map<string, OpenRun[]>();
  private readonly clearHead: ReadonlySet<number>;

  /** `clearHead`: hooks whose contexts begin with eight bytes that programs cannot read, and that hold kernel addresses. */
  constructor(clearHead: ReadonlySet<number>) {
    this.clearHead = clearHead;
  }

  /** Takes one record; gives a run when this was its end. */
  take(view: RecordView, at: number, _length: number): RecordedRun | undefined {
    const kind = view.getUint32(at, true);
    const subject = view.getUint32(at + 4, true);
    const cpu = view.getUint32(at + 8, true);
    const size = view.getUint32(at + 12, true);
    const pidTgid = view.getBigUint64(at + 16, true);
    const key = `${cpu} ${pidTgid}`;
    const stack = this.open.get(key) ?? [];
    const run = stack.at(-1);
    switch (kind) {
      case RECORD.start: {
        const context = bytesOf(view, at + START.bytes, size);
        if (this.clearHead.has(subject)) context.fill(0, 0, 8);
        this.open.set(key, [
          ...stack,
          {
            hook: subject,
            cpu,
            pidTgid,
            time: view.getBigUint64(at + START.time, true),
            uidGid: view.getBigUint64(at + START.uidGid, true),
            comm: textOf(bytesOf(view, at + START.comm, 16)),
            context,
            memory: [],
            calls: [],
          },
        ]);
        return undefined;
      }
      case RECORD.memory:
        run?.memory.push(pieceOf(view, at, subject, size));
        return undefined;
      case RECORD.call:
        run?.calls.push({ helper: subject, result: view.getBigUint64(at + CALL.result, true) });
        return undefined;
      case RECORD.stack:
        if (run) run.stacks = [...(run.stacks ?? []), stackOf(view, at)];
        return undefined;
      case RECORD.end:
        if (stack.length > 1) this.open.set(key, stack.slice(0, -1));
        else this.open.delete(key);
        return run;
      default:
        return undefined;
    }
  }
}

interface OpenRun extends RecordedRun {
  readonly memory: MemoryPiece[];
  readonly calls: RecordedCall[];
  stacks?: RecordedStack[];
}

/** Helpers that give the length of a string, and those that read the process's memory. */
const STRINGS = new Set([45, 114, 115]);
const USER = new Set([112, 114]);

function pieceOf(view: RecordView, at: number, helper: number, size: number): MemoryPiece {
  const result = Number(view.getBigInt64(at + MEMORY.result, true));
  const length = result < 0 ? 0 : STRINGS.has(helper) ? Math.min(result, size) : size;
  return {
    address: view.getBigUint64(at + MEMORY.address, true),
    // bpf_probe_read tells not which it was: addresses of the kernel are the upper half.
    space:
      USER.has(helper) || (!KERNEL_ONLY.has(helper) && view.getInt32(at + MEMORY.address + 4, true) >= 0)
        ? 'user'
        : 'kernel',
    result,
    bytes: bytesOf(view, at + MEMORY.bytes, length),
  };
}

function stackOf(view: RecordView, at: number): RecordedStack {
  const count = Math.max(0, view.getInt32(at + STACK.result, true)) >> 3;
  const addresses = Array.from({ length: count }, (_, i) => view.getBigUint64(at + STACK.bytes + 8 * i, true));
  const user = (view.getUint32(at + STACK.flags, true) & USER_STACK) !== 0;
  return { user, result: view.getInt32(at + STACK.given, true), addresses };
}

/** BPF_F_USER_STACK */
const USER_STACK = 1 << 8;
const KERNEL_ONLY = new Set([113, 115]);

function bytesOf(view: RecordView, at: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  const words = new DataView(bytes.buffer);
  const whole = size & ~7;
  for (let i = 0; i < whole; i += 8) {
    words.setUint32(i, view.getUint32(at + i));
    words.setUint32(i + 4, view.getUint32(at + i + 4));
  }
  for (let i = whole; i < size; i++) bytes[i] = view.getUint8(at + i);
  return bytes;
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}
