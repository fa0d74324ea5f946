export { truncatedRecording } from './diagnostics.ts';
export * from './gzip.ts';
export type * from './model.ts';
export {
  type CapturedPacket,
  type CaptureInterface,
  LINKTYPE_ETHERNET,
  LINKTYPE_RAW,
  type PacketCapture,
} from './packets/model.ts';
export { type PcapOptions, readPcap, writePcap } from './packets/pcap.ts';
export { readPcapng, writePcapng } from './packets/pcapng.ts';
export { readPackets } from './packets/read.ts';
export { decodeRecording, type Recording } from './recording/read.ts';
export { encodeBlock, encodeRecording, recordingStart } from './recording/write.ts';
export { readScap, type ScapCapture, type ScapEvent, type ScapMachine } from './scap/read.ts';
