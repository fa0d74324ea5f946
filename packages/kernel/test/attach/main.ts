import { openHandles, releaseAtLeast } from '../../src/index.ts';
import { CHECKS, contained, drop, hold, unprivileged, WITHOUT_TRACEFS } from './checks.ts';
import { heldLinks, holdLinks, linkOutcome } from './link-contract.ts';
import { expected, LINKS } from './links.ts';
import { network } from './network.ts';

/** One line of the output: what became of a check. */
export interface Outcome {
  readonly name: string;
  readonly result: 'ok' | 'failed' | 'left out';
  readonly message?: string | undefined;
}

const [mode, round] = process.argv.slice(2);
const series = process.env['VMTEST'] ?? 'host';
if (mode === 'hold') hold();
else if (mode === 'hold-links') await holdLinks(series, Number(round));
else if (mode === 'links') {
  network();
  for (const one of LINKS) {
    if (expected(one, series) === undefined) tell({ name: one.name, result: 'left out' });
    else tell({ name: one.name, ...(await linkOutcome(one, series)) });
  }
  tell({ name: 'killed', ...(await heldLinks(series)) });
} else if (mode === 'unprivileged') unprivileged();
else if (mode === 'contained') await contained();
else if (mode === 'drop') drop();
else {
  const checks = mode === 'no-tracefs' ? WITHOUT_TRACEFS : CHECKS;
  for (const check of checks) {
    if (mode === 'host' && check.guestOnly) continue;
    tell({ name: check.name, ...(await outcome(check)) });
  }
}

async function outcome(check: (typeof CHECKS)[number]): Promise<Omit<Outcome, 'name'>> {
  if (check.since !== undefined && !releaseAtLeast(check.since)) return { result: 'left out' };
  try {
    await check.run();
    const leaks = openHandles();
    if (leaks.length > 0) throw new Error(`left open: ${leaks.map((one) => `${one.what}\n${one.stack}`).join('\n')}`);
    return { result: 'ok' };
  } catch (error) {
    return { result: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function tell(line: Outcome): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
