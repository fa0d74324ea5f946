import { EXIT } from '@skep/base';
import type { Call } from '../command.ts';
import { explained } from '../refusal.ts';
import { runProgram } from './run-program.ts';
import { holdsProbes, openArgument } from './shared.ts';

/** `skep run FILE [-- COMMAND]` */
export async function execute(call: Call): Promise<number> {
  if (call.options.flag('check')) {
    const { executeQuietly } = await import('./check.ts');
    const code = await executeQuietly(call);
    if (code !== EXIT.ok) return code;
  }
  if (holdsProbes(call.args[0])) {
    const { executeProbes } = await import('./run-probes.ts');
    return explained(call, () => executeProbes(call));
  }
  return explained(call, () => runProgram(call, () => openArgument(call)));
}
