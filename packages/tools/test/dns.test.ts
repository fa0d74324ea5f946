import fc from 'fast-check';
import { expect, it } from 'vitest';
import { DnsNames, readDnsAnswer } from '../src/frame/dns.ts';

const text = (one: string) => [one.length, ...new TextEncoder().encode(one)];
const NAME = [...text('www'), ...text('example'), ...text('org'), 0];
const header = (flags: number, questions: number, answers: number) => [
  ...[7, 7, flags, 0x80, 0, questions, 0, answers, 0, 0, 0, 0],
];
const QUESTION = [...NAME, 0, 1, 0, 1];
const record = (owner: number[], type: number, data: number[]) => [
  ...[...owner, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data],
];
const WWW = [0xc0, 12];
const ALIAS = [...text('edge'), 0xc0, 16];

it('answers of name servers have a name and its addresses', () => {
  const message = Uint8Array.from([
    ...header(0x81, 1, 3),
    ...QUESTION,
    ...record(WWW, 5, ALIAS),
    ...record(ALIAS, 1, [192, 0, 2, 1]),
    ...record(ALIAS, 28, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
  ]);
  expect(readDnsAnswer(message)).toEqual({ name: 'www.example.org', addresses: ['192.0.2.1', '2001:db8::1'] });
  // What is cut off is missing.
  expect(readDnsAnswer(message.subarray(0, message.length - 20))!.addresses).toEqual(['192.0.2.1']);
});

it('questions, and names that lead to themselves, are no answers', () => {
  expect(readDnsAnswer(Uint8Array.from([...header(0x01, 1, 0), ...QUESTION]))).toBeUndefined();
  expect(readDnsAnswer(Uint8Array.from([...header(0x81, 1, 0), 0xc0, 12, 0, 1, 0, 1]))).toBeUndefined();
  expect(readDnsAnswer(new Uint8Array(0))).toBeUndefined();
});

it('whatever comes is read to an end', () => {
  const message = fc.uint8Array({ maxLength: 200 }).map((rest) => Uint8Array.from([...header(0x81, 1, 9), ...rest]));
  fc.assert(fc.property(message, (one) => void readDnsAnswer(one)));
});

it('an address has the name that was asked for last', () => {
  const names = new DnsNames();
  names.take(Uint8Array.from([...header(0x81, 1, 1), ...QUESTION, ...record(WWW, 1, [192, 0, 2, 1])]));
  expect(names.nameOf('192.0.2.1')).toBe('www.example.org');
  expect(names.nameOf('192.0.2.2')).toBeUndefined();
});
