import { SkepError } from '@skep/base';
import {
  type Action,
  compileTrace,
  MAX_STACK_DEPTH,
  stackMapName,
  type TraceConfig,
  type TraceMap,
  type TraceTarget,
} from '@skep/compiler';
import { possibleCpus } from '@skep/kernel';
import { bundledTypes } from 'skep';
import type { Given } from '../frame/tool.ts';
import { machineTarget } from '../trace/target.ts';
import type { Meanings } from '../trace/values.ts';
import type { Script } from './script.ts';

/** A script as an object needs it, and as what comes from it is read: data, so that recordings can bring it along. */
export interface CompiledProbes {
  readonly c: string;
  readonly actions: readonly { readonly kind: Action['kind']; readonly record: Action['record'] }[];
  readonly maps: readonly PlainMap[];
  readonly stacks: string | undefined;
  readonly config: TraceConfig;
}

export type PlainMap = Omit<TraceMap, 'span'>;

const compiled = new WeakMap<Given, CompiledProbes>();

/**
 * Compiles the script of a command line, once. It has the functions and types of the machine that it was recorded on, so a
 * replay takes what the recording has. Throws E15xx, at the user's text.
 */
export function compileProbes(given: Given, make: (target: TraceTarget) => Script): CompiledProbes {
  const before = compiled.get(given);
  if (before) return before;
  const text = given.fact('program', () => {
    // What skep brings along, wherever it is recorded and replayed; CO-RE makes it right.
    const target = machineTarget(possibleCpus(), bundledTypes);
    const script = make(target);
    try {
      const { c, actions, maps, config } = compileTrace(
        { name: 'script', text: script.text },
        { target, guard: { header: '#include <bpf/bpf_core_read.h>\n#include "wanted.h"', condition: 'wanted()' } },
      );
      const known = actions.map(({ kind, record }) => ({ kind, record }));
      const data = { c, stacks: stackMapName(MAX_STACK_DEPTH), config, actions: known, maps: maps.map(plain) };
      return JSON.stringify(data, (_, value) => (typeof value === 'bigint' ? { bigint: String(value) } : value));
    } catch (error) {
      throw error instanceof SkepError ? script.blame(error) : error;
    }
  });
  const found = JSON.parse(text, (_, value) =>
    typeof value?.bigint === 'string' ? BigInt(value.bigint) : value,
  ) as CompiledProbes;
  compiled.set(given, found);
  return found;
}

function plain({ name, symbol, key, value, keySize, bucketAt }: TraceMap): PlainMap {
  return { name, symbol, key, value, keySize, bucketAt };
}

/** What values mean, by the names that the tool is given. */
export function meaningsOf(given: Given, config: TraceConfig): Meanings {
  const { names } = given;
  return {
    config,
    kernelSymbol: (address, offset) => names.kernelFunction(address, offset),
    userSymbol: (address, pid, offset) => names.userFunction(pid, address, offset),
    stack: () => undefined,
    userName: (uid) => names.user(uid),
    cgroupPath: (id) => names.container(id)?.path ?? String(id),
    wallClock: (nanoseconds, clock) => (clock === 3 ? nanoseconds : given.realtime(nanoseconds)),
  };
}
