import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { COMMANDS } from './bpf/commands.ts';
import { messageBytes, type Removal } from './netlink.ts';
import { SYS } from './sys/syscalls.ts';

/** What the kernel would keep: made by netlink, or registered by the map with that number. */
export type Leftover = { readonly removal: Removal } | { readonly structOps: number };

/**
 * Sees to it that something is removed even when this process is killed: by a child that waits for the end of a pipe and
 * does nothing else. It is started for the first that there is to remove and ends with this process. What is returned
 * is to be called when it was removed in the usual way.
 *
 * Not under Bun and Deno, and not when a whole group of processes is killed at once with SIGKILL.
 */
export function guard(leftover: Leftover): () => void {
  const id = ++guarded;
  tell({ id, ...('structOps' in leftover ? leftover : { steps: leftover.removal.map(stepOf) }) });
  return () => tell({ id });
}

let guarded = 0;
let pipe: Writable | undefined;

function tell(line: object): void {
  pipe ??= start();
  pipe?.write(`${JSON.stringify(line)}\n`);
}

function stepOf({ message, stopAt }: Removal[number]) {
  return { bytes: Buffer.from(messageBytes(message)).toString('base64'), stopAt };
}

function start(): Writable | undefined {
  if (process.versions['bun'] !== undefined || process.versions['deno'] !== undefined) return undefined;
  const koffi = createRequire(import.meta.url).resolve('koffi');
  const numbers = {
    ...SYS,
    GET_FD_BY_ID: COMMANDS.BPF_MAP_GET_FD_BY_ID.number,
    DELETE_ELEM: COMMANDS.BPF_MAP_DELETE_ELEM.number,
  };
  const child: ChildProcessByStdio<Writable, null, null> = spawn(
    process.execPath,
    ['--max-old-space-size=16', '-e', SOURCE, koffi, JSON.stringify(numbers)],
    // A group of its own: what the terminal sends to ours is not for it.
    { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env: {} },
  );
  // It is there for us, not we for it.
  child.unref();
  (child.stdin as Socket).unref();
  child.on('error', () => {});
  child.stdin.on('error', () => {});
  return child.stdin;
}

/** The child: JavaScript as it is, since there may be no file of ours that Node could run. */
const SOURCE = `
const [koffiPath, json] = process.argv.slice(1);
const koffi = require(koffiPath);
const SYS = JSON.parse(json);
const call = koffi.load(null).func('int64 syscall(int64, int64, int64, int64, int64, int64, int64)');
const sys = (number, ...args) => Number(call(number, ...args, ...Array(6 - args.length).fill(0)));
const address = (bytes) => Number(koffi.address(bytes));
const left = new Map();
let text = '';
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.stdin.on('data', (chunk) => {
  const lines = (text + chunk).split('\\n');
  text = lines.pop();
  for (const { id, ...leftover } of lines.map((line) => JSON.parse(line))) {
    if (Object.keys(leftover).length > 0) left.set(id, leftover);
    else left.delete(id);
  }
});
process.stdin.on('end', () => {
  for (const { steps, structOps } of [...left.values()].reverse()) {
    if (steps) for (const step of steps) if (!request(step)) break;
    if (structOps) unregister(structOps);
  }
});

function request({ bytes, stopAt }) {
  const message = new Uint8Array(Buffer.from(bytes, 'base64'));
  const answer = new Uint8Array(32768);
  const view = new DataView(answer.buffer);
  const fd = sys(SYS.socket, 16, 3, 0);
  sys(SYS.sendto, fd, address(message), message.length, 0, 0, 0);
  for (let found = false; ; ) {
    const received = sys(SYS.recvfrom, fd, address(answer), answer.length, 0, 0, 0);
    for (let at = 0; at + 16 <= received; at += (view.getUint32(at, true) + 3) & ~3) {
      const type = view.getUint16(at + 4, true);
      found ||= type === stopAt;
      if (type === 2 || type === 3) {
        sys(SYS.close, fd);
        return !found;
      }
    }
    if (received <= 0) return false;
  }
}

function unregister(id) {
  const attr = new Uint8Array(32);
  const view = new DataView(attr.buffer);
  view.setUint32(0, id, true);
  const fd = sys(SYS.bpf, SYS.GET_FD_BY_ID, address(attr), attr.length);
  if (fd < 0) return;
  const key = new Uint8Array(4);
  view.setUint32(0, fd, true);
  view.setBigUint64(8, BigInt(address(key)), true);
  sys(SYS.bpf, SYS.DELETE_ELEM, address(attr), attr.length);
}
`;
