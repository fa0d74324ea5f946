export { truncatedRecording } from './diagnostics.ts';
export * from './gzip.ts';
export type * from './model.ts';
export { decodeRecording, type Recording } from './recording/read.ts';
export { encodeBlock, encodeRecording, recordingStart } from './recording/write.ts';
