import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SkepError } from '@skep/base';
import { Random } from '../../../../../test/support/random.mjs';
import { bundledTypes, type Host, kernel, openProbe, type ProbeFile, vm } from '../../../src/index.ts';
import type { ArrayMap, Counter, Events, HashMap, Histogram } from '../../../src/probe/index.ts';
import { fromKernel } from '../../../src/probe/values.ts';
import { type Input, MAPS, randomInput, randomProbe, SENT } from './bodies.ts';

/** What became of a random program. */
export type Result =
  /** All homes agree. `kernel` is false where the kernel did not take the program, for `refusal`. */
  | { readonly kind: 'same'; readonly events: number; readonly kernel: boolean; readonly refusal?: string }
  /** The compiler refuses it, with a code. */
  | { readonly kind: 'refused'; readonly codes: readonly string[]; readonly message: string }
  | { readonly kind: 'differs'; readonly home: string; readonly wanted: string; readonly found: string };

/** One program of this seed on random inputs: plain JavaScript, the virtual machine and, when it is there, the kernel. */
export async function compareRandom(seed: number, folder: string, withKernel: boolean): Promise<Result> {
  const path = join(folder, `random-${seed}.ts`);
  writeFileSync(path, randomProbe(seed));
  const choice = new Random(seed ^ 0x2545f491);
  const inputs = Array.from({ length: 12 }, () => randomInput(choice));
  try {
    const probe = await openProbe(path, { btf: bundledTypes() });
    const wanted = plain(probe, inputs);
    const homes: [string, () => Host][] = [['vm', () => vm({ btf: bundledTypes() })]];
    if (withKernel) homes.push(['kernel', () => kernel()]);
    let refusal: string | undefined;
    for (const [home, make] of homes) {
      const found = compiled(probe, inputs, make(), home === 'kernel');
      if (typeof found === 'string') refusal = found;
      else
        for (const [i, line] of found.entries())
          if (line !== wanted[i]) return { kind: 'differs', home, wanted: wanted[i]!, found: line };
    }
    rmSync(path);
    const events = wanted.filter((one) => one.startsWith('event')).length;
    return {
      kind: 'same',
      events,
      kernel: withKernel && refusal === undefined,
      ...(refusal !== undefined && { refusal }),
    };
  } catch (error) {
    if (!(error instanceof SkepError)) throw error;
    const codes = error.diagnostics.map((one) => one.code);
    return { kind: 'refused', codes, message: error.diagnostics.map((one) => `${one.code} ${one.message}`).join('\n') };
  }
}

const PACKET = new Uint8Array(64);

/** One line for all that is to be the same. */
function plain(probe: ProbeFile, inputs: readonly Input[]): string[] {
  const simulation = probe.simulate();
  const given = probe.exports['given'] as ArrayMap<unknown>;
  const lines = inputs.map((input, i) => {
    given.set(0, input);
    return `run ${i}: ${simulation.run('xdp', PACKET)}`;
  });
  lines.push(...state(probe, (probe.exports['out'] as Events<unknown>).collected));
  simulation.reset();
  return lines;
}

/** The reason when the kernel does not take the program. */
function compiled(probe: ProbeFile, inputs: readonly Input[], host: Host, mayRefuse: boolean): string[] | string {
  let session: ReturnType<ProbeFile['load']>;
  try {
    session = probe.load(host);
  } catch (error) {
    host.close();
    if (mayRefuse && error instanceof SkepError) return error.diagnostics[0]!.message.split('\n')[0]!;
    throw error;
  }
  try {
    const given = probe.exports['given'] as ArrayMap<unknown>;
    const program = session.loaded.programs.get('xdp')!;
    const lines = inputs.map((input, i) => {
      given.set(0, input);
      return `run ${i}: ${program.run({ data: PACKET }).retval}`;
    });
    const records: unknown[] = [];
    session.loaded.records.get('out')!.drain((one) => records.push(fromKernel(SENT, one)), 1_000_000);
    return [...lines, ...state(probe, records)];
  } finally {
    session.close();
  }
}

function state(probe: ProbeFile, events: readonly unknown[]): string[] {
  const { total, byNumber, sizes } = probe.exports as {
    total: Counter<void>;
    byNumber: Counter<number>;
    sizes: Histogram<void>;
  };
  const maps = Object.entries(MAPS).flatMap(([name, { kind }]) => {
    const entries = [...(probe.exports[name] as HashMap<unknown, unknown>).entries()];
    // Of arrays, entries that nobody wrote are there or not.
    const used = kind === 'array' ? entries.filter(([, value]) => !/^{"n":0,"i":0}$/.test(text(value))) : entries;
    return used.map((entry) => `${name}: ${text(entry)}`).sort();
  });
  const counts = [...byNumber.entries()].map((entry) => `byNumber: ${text(entry)}`).sort();
  const slots = (sizes.slots().get(undefined as never) ?? []).map((count, i) => `sizes: ${i} ${count}`);
  return [...events.map((one) => `event ${text(one)}`), ...maps, ...counts, `total: ${total.get()}`, ...slots, 'end'];
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? `${one}n` : one));
}
