import type { Diagnostic } from '@skep/base';

/** E6001 */
export const badRecording = (name: string, why: string): Diagnostic => ({
  code: 'E6001',
  severity: 'error',
  message: `${name} is not a skep recording that can be read: ${why}`,
  help: 'make one with `skep run FILE --record OUT.skep`',
});

/** E6002 */
export const badHeader = (name: string, offset: number, why: string): Diagnostic => ({
  code: 'E6002',
  severity: 'error',
  message: `${name} is damaged at byte ${offset}: ${why}`,
  help: 'record it again; nothing from the damaged place on can be trusted',
});

/** E6003 */
export const truncatedRecording = (name: string, offset: number): Diagnostic => ({
  code: 'E6003',
  severity: 'warning',
  message: `${name} ends in the middle of a block, at byte ${offset}: everything before it was read`,
});

/** E6004 */
export const brokenGzip = (name: string, why: string): Diagnostic => ({
  code: 'E6004',
  severity: 'error',
  message: `${name} cannot be unpacked: ${why}`,
  help: 'the file is damaged; fetch or record it again',
});

/** E6005 */
export const notPackets = (name: string, why: string): Diagnostic => ({
  code: 'E6005',
  severity: 'error',
  message: `${name} is no packet capture that can be read: ${why}`,
  help: 'pcap and pcapng files can be read, compressed with gzip or not: `tcpdump -w FILE`, `dumpcap -w FILE`',
});

/** E6006 */
export const damagedPackets = (name: string, offset: number, why: string, what: string): Diagnostic => ({
  code: 'E6006',
  severity: 'warning',
  message: `${name} is damaged at byte ${offset}: ${why}; ${what}`,
});

/** E6007 */
export const notScap = (name: string, why: string): Diagnostic => ({
  code: 'E6007',
  severity: 'error',
  message: `${name} is no Sysdig capture that can be read: ${why}`,
  help: 'captures of sysdig and Falco (.scap) can be read, compressed with gzip or not',
});
