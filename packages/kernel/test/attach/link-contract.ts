import { spawn } from 'node:child_process';
import { rmdirSync } from 'node:fs';
import { listLinks, listPrograms, openHandles } from '../../src/index.ts';
import { expected, holdLink, LINKS, type LinkCase, OwnCgroup, Scope, tryLink } from './links.ts';
import type { Outcome } from './main.ts';

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

/** Links that a killed process leaves behind by their nature: an exit handler takes them back, and SIGKILL runs none. */
const OUTLIVE = new Set(['netlink']);

/** Attaches all that there is, says so, and waits to be killed. */
export async function holdLinks(series: string): Promise<void> {
  const ids: Awaited<ReturnType<typeof holdLink>>[] = [];
  const scope = new Scope();
  scope.use(new OwnCgroup()); // before programs are there that forbid making directories
  for (const one of LINKS) {
    const via = expected(one, series);
    // One network namespace has one flow dissector, and one device one XDP program.
    if (
      via === undefined ||
      via === '-' ||
      OUTLIVE.has(via.replace('*', '')) ||
      /^XDP (generic|of)|freplace|struct_ops/.test(one.name)
    )
      continue;
    ids.push(await holdLink(one, scope));
  }
  process.stdout.write(`${JSON.stringify(ids)}\n`);
  setInterval(() => {}, 1 << 30);
}

export async function heldLinks(series: string): Promise<Result> {
  const child = spawn(process.execPath, [process.argv[1]!, 'hold-links'], { stdio: ['ignore', 'pipe', 'inherit'] });
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
  rmdirSync(OwnCgroup.pathOf(child.pid!));
  const left = () => {
    const programs = new Set(listPrograms().map((one) => one.id));
    const links = new Set(listLinks().map((one) => one.id));
    return held.filter((one) => programs.has(one.program) || (one.link !== undefined && links.has(one.link)));
  };
  for (let tries = 0; tries < 150 && left().length > 0; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 20)); // the kernel frees after a grace period
  }
  const rest = left();
  if (rest.length > 0) return { result: 'failed', message: `left of ${held.length}: ${JSON.stringify(rest)}` };
  return { result: 'ok', message: `${held.length} links` };
}
