import { equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { sendFrame } from './traffic.ts';

/** `skep0` and `skep1`, connected, in this network namespace, which is ours alone. */
export function network(): void {
  if (spawnSync('ip', ['link', 'show', 'skep0']).status === 0) return;
  const ip = (...args: string[]): void => {
    const { status, stderr } = spawnSync('ip', args, { encoding: 'utf8' });
    equal(status, 0, `ip ${args.join(' ')}: ${stderr}`);
  };
  ip('link', 'set', 'lo', 'up');
  ip('link', 'add', 'skep0', 'type', 'veth', 'peer', 'name', 'skep1');
  ip('addr', 'add', '10.77.0.1/24', 'dev', 'skep1');
  ip('neigh', 'add', '10.77.0.2', 'lladdr', '02:00:00:00:00:02', 'dev', 'skep1');
  ip('link', 'set', 'skep0', 'up');
  ip('link', 'set', 'skep1', 'up');
}

/** Through `skep1` to nobody, which `skep0` receives: soon after, when the kernel has the time. */
export async function sendPackets(count: number, size: number, to = '10.77.0.2'): Promise<void> {
  const socket = createSocket('udp4');
  try {
    for (let i = 0; i < count; i++) {
      await new Promise<void>((resolve, reject) =>
        socket.send(new Uint8Array(size), 9, to, (error) => (error ? reject(error) : resolve())),
      );
    }
  } finally {
    socket.close();
  }
  await settle();
}

/** From `device` to its peer: a datagram of another machine to 10.88.0.5, which this machine is to pass on. */
export async function forwardedPacket(device: string, peer: string): Promise<void> {
  const { stdout } = spawnSync('ip', ['-o', 'link', 'show', peer], { encoding: 'utf8' });
  const address = /link\/ether (\S+)/.exec(stdout)![1]!;
  const frame = new Uint8Array(64);
  frame.set(address.split(':').map((byte) => Number.parseInt(byte, 16)));
  frame.set([0x02, 0, 0, 0, 0, 9, 0x08, 0x00], 6);
  const header = [0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17, 0, 0, 10, 77, 0, 9, 10, 88, 0, 5];
  let sum = 0;
  for (let i = 0; i < header.length; i += 2) sum += header[i]! * 256 + header[i + 1]!;
  sum = 0xffff & ~((sum & 0xffff) + (sum >> 16));
  header.splice(10, 2, sum >> 8, sum & 255);
  frame.set(header, 14);
  frame.set([0, 9, 0, 9, 0, 30], 34);
  sendFrame(device, frame);
  await settle();
}

/** Mostly enough for packets to arrive. Who waits for them asks again; who expects none has nothing better to wait for. */
function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
