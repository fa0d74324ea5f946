import type { Recording } from '@skep/capture';
import { hookKey, type Machine } from './machine.ts';
import type { VmProgram } from './program.ts';
import { RecordedWorld } from './world.ts';

/** A program and the hook whose recorded runs it is to see. */
export interface Attachment {
  readonly program: VmProgram;
  /** See {@link hookKey}. */
  readonly hook: string;
}

/**
 * Runs the attached programs on every recorded run of their hooks, in the order of the recording; gives the number of
 * runs after each of at most `batch`, so that the caller can read rings before they fill. Where an interval ended, and all
 * runs of it were given, `interval` is called.
 */
export function* replay(
  machine: Machine,
  recording: Recording,
  attachments: Iterable<Attachment>,
  interval: () => void = () => {},
  batch = 64,
): Generator<number, void, void> {
  const hooks = new Map<number, Attachment[]>();
  const list = [...attachments];
  const before = machine.world;
  let ran = 0;
  try {
    for (const block of recording.blocks) {
      if (block.kind === 'hook') {
        const key = hookKey(block.hook.section);
        hooks.set(
          block.hook.id,
          list.filter((one) => one.hook === key),
        );
      }
      if (block.kind === 'interval') {
        yield ran;
        ran = 0;
        interval();
      }
      if (block.kind !== 'run') continue;
      const { run } = block;
      for (const { program } of hooks.get(run.hook) ?? []) {
        machine.world = new RecordedWorld(run);
        const at = machine.memory.allocate(run.context.length);
        machine.memory.bytes.set(run.context, at);
        try {
          machine.run(program, at);
        } finally {
          machine.memory.release(at, run.context.length);
        }
        ran += 1;
        if (ran === batch) {
          yield ran;
          ran = 0;
        }
      }
    }
  } finally {
    machine.world = before;
  }
  if (ran > 0) yield ran;
}
