import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import * as net from 'node:net';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { SYSCALLS } from '@skep/abi';
import { interfaceIndex } from '../../src/index.ts';
import { native } from '../../src/sys/native.ts';

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

/** A system call on sockets that Node has no function for. */
export function rawCall(name: string, fd: number, ...args: (number | Uint8Array)[]): number {
  const numbers = SYSCALLS[process.arch === 'arm64' ? 'arm64' : 'x86_64'];
  const plain = args.map((one) => (typeof one === 'number' ? one : native().address(one)));
  return native().syscall(numbers[name]!, fd, ...plain);
}

/** Datagrams between two Unix sockets, with their names asked for. */
export function unixDatagrams(): void {
  const AF_UNIX = 1;
  const SOCK_DGRAM = 2;
  const address = (end: string): Uint8Array => {
    const path = `/tmp/skep-${process.pid}-${end}`;
    rmSync(path, { force: true });
    return new Uint8Array([AF_UNIX, 0, ...new TextEncoder().encode(path), 0]);
  };
  const [here, there] = [address('here'), address('there')];
  const [receiver, sender] = [rawCall('socket', AF_UNIX, SOCK_DGRAM, 0), rawCall('socket', AF_UNIX, SOCK_DGRAM, 0)];
  const name = new Uint8Array(128);
  const length = (): Uint8Array => new Uint8Array(Uint32Array.of(name.length).buffer);
  const message = new Uint8Array(8);
  const results = [
    rawCall('bind', receiver, here, here.length),
    rawCall('bind', sender, there, there.length),
    rawCall('sendto', sender, message, message.length, 0, here, here.length),
    rawCall('recvfrom', receiver, new Uint8Array(64), 64, 0, name, length()),
    rawCall('getsockname', receiver, name, length()),
    rawCall('connect', sender, here, here.length),
    rawCall('getpeername', sender, name, length()),
  ];
  for (const fd of [receiver, sender]) rawCall('close', fd);
  for (const end of ['here', 'there']) address(end);
  if (results.some((one) => one < 0)) throw new Error(`datagrams of Unix sockets: ${results}`);
}

/** A frame through a packet socket: the kernel dissects it to find its transport header. */
export function packetSocket(device: string): void {
  const frame = new Uint8Array(64);
  frame.set([0x08, 0x00, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, 17], 12);
  sendFrame(device, frame);
}

export function sendFrame(device: string, frame: Uint8Array): void {
  const AF_PACKET = 17;
  const SOCK_RAW = 3;
  const fd = rawCall('socket', AF_PACKET, SOCK_RAW, 0);
  const address = new Uint8Array(20); // struct sockaddr_ll
  new DataView(address.buffer).setUint16(0, AF_PACKET, true);
  new DataView(address.buffer).setUint16(2, 0x0800);
  new DataView(address.buffer).setInt32(4, interfaceIndex(device), true);
  address[11] = 6;
  const sent = rawCall('sendto', fd, frame, frame.length, 0, address, address.length);
  rawCall('close', fd);
  if (sent !== frame.length) throw new Error(`sendto of a packet socket: ${sent}`);
}
