import type { Recording } from '@skep/capture';
import { hookKey, type Machine } from './machine.ts';
import type { VmProgram } from './program.ts';
import { RecordedWorld } from './world.ts';

/** A program and the hook whose recorded runs it is to see. */
export interface Attachment {
  readonly program: VmProgram;
  /** See {@link hookKey}. */
  readonly hook: string;
  /** The program's place in its object: several at one hook are told apart by it. */
  readonly order?: number;
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
  const hooks = programsOf(recording, [...attachments]);
  const before = machine.world;
  let ran = 0;
  try {
    for (const block of recording.blocks) {
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

/**
 * Which programs see the runs of each recorded hook. Where as many programs were recorded at one place as are attached to it,
 * each sees its own: every one of them has a hook.
 */
function programsOf(recording: Recording, list: readonly Attachment[]): Map<number, readonly Attachment[]> {
  const recorded = new Map<string, number[]>();
  for (const block of recording.blocks) {
    if (block.kind !== 'hook') continue;
    const key = hookKey(block.hook.section);
    recorded.set(key, [...(recorded.get(key) ?? []), block.hook.id]);
  }
  const found = new Map<number, readonly Attachment[]>();
  for (const [key, ids] of recorded) {
    const mine = list.filter((one) => one.hook === key).sort((a, b) => (a.order ?? 0) - (b.order ?? 0));
    for (const [index, id] of ids.entries()) found.set(id, mine.length === ids.length ? [mine[index]!] : mine);
  }
  return found;
}
