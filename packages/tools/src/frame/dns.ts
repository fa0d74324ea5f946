import { addressText } from './flows.ts';

/** What a name server has answered: addresses of one name. */
export interface DnsAnswer {
  readonly name: string;
  /** As {@link addressText} writes them. */
  readonly addresses: readonly string[];
}

const RESPONSE = 0x80;
const IN = 1;
const A = 1;
const AAAA = 28;

/** Reads an answer (RFC 1035, section 4), as far as it is there; undefined for everything else. */
export function readDnsAnswer(message: Uint8Array): DnsAnswer | undefined {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (message.length < 12 || (message[2]! & RESPONSE) === 0 || view.getUint16(4) !== 1) return undefined;
  const question = nameAt(message, 12);
  if (question === undefined) return undefined;
  const addresses: string[] = [];
  let at = question.end + 4;
  for (let left = view.getUint16(6); left > 0; left--) {
    const owner = nameAt(message, at);
    if (owner === undefined || owner.end + 10 > message.length) break;
    const [type, kind, size] = [0, 2, 8].map((offset) => view.getUint16(owner.end + offset)) as [
      number,
      number,
      number,
    ];
    const data = message.subarray(owner.end + 10, owner.end + 10 + size);
    // Other names stand between the one that was asked for and its addresses: all lead to these.
    if (kind === IN && type === A && data.length === 4) addresses.push(addressText(data, 4));
    if (kind === IN && type === AAAA && data.length === 16) addresses.push(addressText(data, 6));
    at = owner.end + 10 + size;
  }
  return { name: question.name, addresses };
}

/** Names of addresses, from the last answer that had them. */
export class DnsNames {
  private readonly names = new Map<string, string>();

  take(message: Uint8Array): void {
    const answer = readDnsAnswer(message);
    for (const address of answer?.addresses ?? []) {
      // The oldest goes first.
      this.names.delete(address);
      this.names.set(address, answer!.name);
      if (this.names.size > MOST_NAMES) this.names.delete(this.names.keys().next().value!);
    }
  }

  nameOf(address: string): string | undefined {
    return this.names.get(address);
  }
}

const MOST_NAMES = 65_536;

/** RFC 1035, 4.1.4: labels, or where the rest of them stands. A name that leads to itself is none. */
function nameAt(message: Uint8Array, start: number): { readonly name: string; readonly end: number } | undefined {
  const labels: string[] = [];
  let end: number | undefined;
  for (let at = start, jumps = 0; ; ) {
    const length = message[at];
    if (length === undefined) return undefined;
    if (length === 0) return { name: labels.join('.'), end: end ?? at + 1 };
    if (length >= 0xc0) {
      if (at + 1 >= message.length || ++jumps > 16) return undefined;
      end ??= at + 2;
      at = ((length & 0x3f) << 8) | message[at + 1]!;
      continue;
    }
    if (length > 63 || at + 1 + length > message.length) return undefined;
    labels.push(String.fromCharCode(...message.subarray(at + 1, at + 1 + length)).replace(/[^!-~]/g, '?'));
    at += 1 + length;
  }
}
