import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import * as net from 'node:net';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Everything that a program on sockets can see, over one address of this machine: UDP there, TCP there and back. */
export async function traffic(host: '127.0.0.1' | '::1'): Promise<void> {
  await udp(host);
  using pair = await TcpPair.open(host);
  pair.client.setNoDelay(true);
  void pair.client.remoteAddress;
  void pair.client.address();
  await pair.say('hello');
}

export async function udp(host: '127.0.0.1' | '::1'): Promise<void> {
  const type = host === '::1' ? 'udp6' : 'udp4';
  const receiver = createSocket(type);
  const sender = createSocket(type);
  try {
    receiver.bind(0, host);
    await once(receiver, 'listening');
    receiver.getRecvBufferSize();
    const came = once(receiver, 'message');
    await send(sender, receiver.address().port, host);
    await Promise.race([came, new Promise((resolve) => setTimeout(resolve, 1000))]);
  } finally {
    receiver.close();
    sender.close();
  }
}

function send(socket: UdpSocket, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.send(new Uint8Array(32), port, host, (error) => (error ? reject(error) : resolve()));
  });
}

/** Two connected sockets in this process. */
export class TcpPair {
  readonly client: Socket;
  private readonly server: Server;
  private readonly accepted: Socket;

  private constructor(server: Server, client: Socket, accepted: Socket) {
    this.server = server;
    this.client = client;
    this.accepted = accepted;
  }

  static async open(host: string): Promise<TcpPair> {
    const server = createServer();
    server.listen(0, host);
    await once(server, 'listening');
    return TcpPair.connect(server, { port: (server.address() as AddressInfo).port, host });
  }

  static async openUnix(path: string): Promise<TcpPair> {
    rmSync(path, { force: true });
    const server = createServer();
    server.listen(path);
    await once(server, 'listening');
    return TcpPair.connect(server, { path });
  }

  private static async connect(server: Server, to: net.NetConnectOpts): Promise<TcpPair> {
    const connection = once(server, 'connection');
    const client = net.connect(to);
    await once(client, 'connect');
    const [accepted] = (await connection) as [Socket];
    return new TcpPair(server, client, accepted);
  }

  get clientFd(): number {
    return descriptor(this.client);
  }
  get acceptedFd(): number {
    return descriptor(this.accepted);
  }

  /** From the client to the other end. */
  async say(text: string): Promise<void> {
    const came = once(this.accepted, 'data');
    this.client.write(text);
    const [data] = (await came) as [Buffer];
    if (data.toString() !== text) throw new Error(`${data.toString()} came for ${text}`);
  }

  [Symbol.dispose](): void {
    this.client.destroy();
    this.accepted.destroy();
    this.server.close();
  }
}

function descriptor(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}
