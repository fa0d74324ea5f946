import { equal } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';

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

/** Through `skep1` to nobody, which `skep0` receives. */
export async function sendPackets(count: number, size: number, to = '10.77.0.2'): Promise<void> {
  const socket = createSocket('udp4');
  for (let i = 0; i < count; i++) {
    await new Promise<void>((resolve, reject) =>
      socket.send(new Uint8Array(size), 9, to, (error) => (error ? reject(error) : resolve())),
    );
  }
  socket.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
}
