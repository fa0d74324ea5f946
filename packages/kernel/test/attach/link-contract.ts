import { spawn } from 'node:child_process';
import { listLinks, listPrograms, openHandles } from '../../src/index.ts';
import { until } from '../support/until.ts';
import { expected, holdLink, LINKS, type LinkCase, Scope, tryLink } from './links.ts';
import type { Outcome } from './main.ts';
import { OwnCgroup, removeCgroup } from './own-cgroup.ts';

type Result = Omit<Outcome, 'name'>;

/** Whether a link does what the table says of this kernel, which is also that it is refused by name where it is absent. */
export async function linkOutcome(one: LinkCase, series: string): Promise<Result> {
  try {
    const tried = await tryLink(one);
    const wanted = expected(one, series);
    if (tried.via !== wanted) {
      throw new Error(
        `by ${tried.via}, where the table says ${wanted}${tried.error ? `: ${tried.error.message}` : ''}`,
      );
    }
    if (tried.error && !/^E50(03|05|15|16)$/.test(tried.error.code)) throw tried.error;
    const leaks = openHandles();
    if (leaks.length > 0)
      throw new Error(`left open: ${leaks.map((leak) => `${leak.what}\n${leak.stack}`).join('\n')}`);
    return { result: 'ok', message: tried.error?.message };
  } catch (error) {
    return { result: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** One device has one XDP program, and one destination one route: these apart, all others at once before them. */
const APART: readonly (readonly string[])[] = [
  ['XDP over netlink', 'lwt_in'],
  ['XDP generic', 'lwt_out'],
];

/** Attaches all of one round that there is, says so, and waits to be killed. */
export async function holdLinks(series: string, round: number): Promise<void> {
  const ids: Awaited<ReturnType<typeof holdLink>>[] = [];
  const scope = new Scope();
  scope.use(new OwnCgroup()); // before programs are there that forbid making directories
  for (const one of LINKS) {
    const via = expected(one, series);
    const apart = APART.findIndex((names) => names.includes(one.name));
    if (via === undefined || via === '-' || apart !== round - 1) continue;
    // What they go through ends with its map, which nobody would hold here.
    if (/^XDP of a .*map|freplace/.test(one.name)) continue;
    ids.push(await holdLink(one, scope));
  }
  process.stdout.write(`${JSON.stringify(ids)}\n`);
  setInterval(() => {}, 1 << 30);
}

export async function heldLinks(series: string): Promise<Result> {
  let message = '';
  for (let round = 0; round <= APART.length; round++) {
    const outcome = await heldRound(series, round);
    if (outcome.result !== 'ok') return outcome;
    message += `${message && ', '}${outcome.message}`;
  }
  return { result: 'ok', message };
}

async function heldRound(series: string, round: number): Promise<Result> {
  const command = [process.argv[1]!, 'hold-links', String(round)];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'inherit'] });
  const held = await new Promise<Awaited<ReturnType<typeof holdLink>>[] | undefined>((resolve) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.endsWith('\n')) resolve(JSON.parse(text));
    });
    child.once('exit', () => resolve(undefined));
  });
  if (held === undefined) return { result: 'failed', message: `the holder of links did not start on ${series}` };
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  const cgroup = OwnCgroup.pathOf(child.pid!);
  const left = () => {
    // Its guardian was in that cgroup too, until all is removed.
    if (!removeCgroup(cgroup)) return [cgroup];
    const programs = new Set(listPrograms().map((one) => one.id));
    const links = new Set(listLinks().map((one) => one.id));
    return held.filter((one) => programs.has(one.program) || (one.link !== undefined && links.has(one.link)));
  };
  // The kernel frees after a grace period, and a guardian may have to start first.
  let rest = left();
  const gone = await until(() => {
    rest = left();
    return rest.length === 0;
  }, 60);
  if (!gone) return { result: 'failed', message: `left of ${held.length}: ${JSON.stringify(rest)}` };
  return { result: 'ok', message: `${held.length} links` };
}
