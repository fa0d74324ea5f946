import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { runTool } from '../../packages/tools/test/guest/command.ts';
import type { Document } from '../../packages/tools/test/guest/document.ts';
import { type Comparison, HOUSES, type House, type Peer } from './comparison.ts';
import { COMPARISONS } from './comparisons.ts';
import { peerEnvironment } from './peers.mjs';

/** What `run.mjs` asks for, as JSON. */
interface Order {
  /** Where the packages are unpacked, and the kernel's headers. */
  readonly root: string;
  readonly headers: string;
  readonly release: string;
  readonly houses: readonly House[];
  readonly tools: readonly string[];
  readonly show: boolean;
}

/** Runs in a guest; a line of JSON for each comparison. */
async function main(order: Order): Promise<void> {
  // Where bcc looks for them.
  mkdirSync('/lib/modules', { recursive: true });
  symlinkSync(order.headers, `/lib/modules/${order.release}`);
  const tools = order.tools.length > 0 ? order.tools : COMPARISONS.map((one) => one.tool);
  for (const one of tools.flatMap((tool) => COMPARISONS.filter((it) => it.tool === tool))) {
    const houses = HOUSES.filter((house) => order.houses.includes(house) && one.peers[house]);
    if (houses.length === 0) continue;
    const start = performance.now();
    const found = await compare(one, houses, order).catch((error: unknown) => ({ failed: String(error) }));
    const seconds = Math.round((performance.now() - start) / 100) / 10;
    console.log(JSON.stringify({ tool: one.tool, seconds, ...found }));
  }
}

async function compare(one: Comparison, houses: readonly House[], order: Order) {
  const own = { out: '', err: '' };
  const running = one.apart
    ? [...(await watch(one, [], order, own)), ...(await watch(one, houses, order))]
    : await watch(one, houses, order, own);
  const document = JSON.parse(own.out) as Document;
  return {
    ...(order.show && { out: own.out.slice(0, 4000), err: own.err }),
    houses: Object.fromEntries(
      running.map(({ house, peer, tool }) => [
        house,
        { ...told(one, peer, document, tool), ...(order.show && { text: tool.text.slice(0, 4000) }) },
      ]),
    ),
  };
}

/** The workload under these, and under skep's tool where it is to write into `own`. */
async function watch(one: Comparison, houses: readonly House[], { root }: Order, own?: { out: string; err: string }) {
  const target = one.target && spawn(one.target[0]!, one.target.slice(1), { stdio: 'ignore' });
  const filled = (args: readonly string[] = []) => args.map((arg) => arg.replace('$PID', String(target?.pid)));
  const running = houses.map((house) => {
    const peer = one.peers[house]!;
    return { house, peer, tool: new Running(commandOf(root, house, peer.name ?? one.tool, filled(peer.args))) };
  });
  try {
    for (const { tool } of running) await tool.attached();
    const stop = new AbortController();
    let attached = () => {};
    const watching = new Promise<void>((resolve) => {
      attached = resolve;
    });
    const ended = own && runTool(one.tool, [...filled(one.args), '-o', 'json'], { attached, signal: stop.signal }, own);
    if (ended) await Promise.race([watching, ended]);
    const work = spawn('/bin/sh', ['-c', one.workload], { stdio: 'ignore' });
    await new Promise((resolve) => work.on('close', resolve));
    await pause(2500);
    stop.abort();
    await ended;
    for (const { peer, tool } of running) await tool.stop(peer.ends === true);
    return running;
  } finally {
    for (const { tool } of running) tool.kill();
    target?.kill('SIGKILL');
  }
}

function told(one: Comparison, peer: Peer, document: Document, tool: Running) {
  return {
    ours: (peer.ours ?? one.ours)(document).sort(),
    theirs: peer.theirs(tool.text).sort(),
    // What clang says of the kernel's headers is longer than what is wrong.
    complaint: tool.complaints.trim().split('\n').slice(-3).join(' / ').slice(-300),
  };
}

function commandOf(root: string, house: House, name: string, args: readonly string[]) {
  const file = `${root}/usr/sbin/${name}`;
  switch (house) {
    case 'libbpf-tools':
      return { root, argv: ['stdbuf', '-oL', file, ...args] };
    case 'bcc':
      return { root, argv: ['/usr/bin/python3', `${file}-bpfcc`, ...args] };
    case 'bpftrace':
      return { root, argv: [`${root}/usr/bin/bpftrace`, '-B', 'line', `${file}.bt`, ...args] };
  }
}

/** A peer at work. */
class Running {
  text = '';
  complaints = '';
  private readonly child: ChildProcess;
  private over = false;
  private readonly ended: Promise<void>;

  constructor({ root, argv }: { readonly root: string; readonly argv: readonly string[] }) {
    this.child = spawn(argv[0]!, argv.slice(1), {
      env: { ...process.env, ...peerEnvironment(root) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.setEncoding('latin1').on('data', (text: string) => {
      this.text += text;
    });
    this.child.stderr!.setEncoding('latin1').on('data', (text: string) => {
      this.complaints = (this.complaints + text).slice(-4000);
    });
    this.ended = new Promise((resolve) => {
      this.child.on('close', () => {
        this.over = true;
        resolve();
      });
    });
  }

  /**
   * It holds programs, and has had nothing to do for a while: not all say that they are attached, bcc compiles for a minute,
   * and some stay although they could not attach anything.
   */
  async attached(): Promise<void> {
    let before = 0;
    let quiet = 0;
    for (let waited = 0; waited < 2400 && !this.over; waited++) {
      await pause(500);
      const ticks = ticksOf(this.child.pid!);
      quiet = ticks - before <= 1 ? quiet + 1 : 0;
      before = ticks;
      if (quiet >= (holdsPrograms(this.child.pid!) ? 3 : 20)) return;
    }
  }

  async stop(ends: boolean): Promise<void> {
    if (!ends) this.child.kill('SIGINT');
    let length = -1;
    // Some hang after they have said everything.
    while (!this.over && (ends || length !== this.text.length)) {
      length = this.text.length;
      await Promise.race([this.ended, pause(6000)]);
    }
    this.kill();
    await this.ended;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}

function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}

function holdsPrograms(pid: number): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => /bpf-prog|bpf_link|perf_event/.test(readlinkSync(`${folder}/${fd}`)));
  } catch {
    // It has ended, or has closed one meanwhile.
    return false;
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

void main(JSON.parse(process.argv[2]!) as Order).then(() => process.exit());
