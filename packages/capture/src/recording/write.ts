import { ByteWriter, utf8Bytes } from '@skep/base';
import type { RecordedRun, RecordingBlock, RecordingHeader } from '../model.ts';
import { BLOCK, MAGIC, SPACE, VERSION } from './format.ts';

/** The first bytes of a recording; blocks follow. */
export function recordingStart(): Uint8Array {
  return Uint8Array.of(...MAGIC, VERSION);
}

/** One block as bytes: type, length, payload. */
export function encodeBlock(block: RecordingBlock): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(BLOCK[block.kind]).u32(0);
  switch (block.kind) {
    case 'header':
      writer.raw(utf8Bytes(headerJson(block.header)));
      break;
    case 'btf':
      writer.raw(block.bytes);
      break;
    case 'hook':
      writer.u32(block.hook.id);
      text(writer, block.hook.programType);
      text(writer, block.hook.section);
      break;
    case 'run':
      run(writer, block.run);
      break;
    case 'tool':
      writer.raw(utf8Bytes(JSON.stringify(block.tool)));
      break;
    case 'names':
      writer.raw(utf8Bytes(JSON.stringify(block.names)));
      break;
    case 'lost':
      writer.u64(block.count);
      break;
    case 'interval':
      writer.u64(block.time);
  }
  writer.offset = 4;
  writer.u32(writer.length - 8);
  return writer.toBytes();
}

/** A whole recording at once. */
export function encodeRecording(blocks: Iterable<RecordingBlock>): Uint8Array {
  const writer = new ByteWriter(true, 1 << 16);
  writer.raw(recordingStart());
  for (const block of blocks) writer.raw(encodeBlock(block));
  return writer.toBytes();
}

/** Clocks as decimal strings: JSON numbers do not hold 64 bits everywhere. */
function headerJson(header: RecordingHeader): string {
  return JSON.stringify({
    ...header,
    startRealtime: String(header.startRealtime),
    startMonotonic: String(header.startMonotonic),
  });
}

function run(writer: ByteWriter, one: RecordedRun): void {
  writer.u32(one.hook).u32(one.cpu).u64(one.time).u64(one.pidTgid).u64(one.uidGid);
  text(writer, one.comm);
  bytes(writer, one.context);
  writer.u32(one.memory.length);
  for (const piece of one.memory) {
    writer.u64(piece.address).u32(SPACE.indexOf(piece.space)).i32(piece.result);
    bytes(writer, piece.bytes);
  }
  writer.u32(one.calls.length);
  for (const call of one.calls) writer.u32(call.helper).u64(call.result);
  if (one.stacks === undefined || one.stacks.length === 0) return;
  writer.u32(one.stacks.length);
  for (const { user, result, addresses } of one.stacks) {
    writer
      .u32(user ? 1 : 0)
      .i32(result)
      .u32(addresses.length);
    for (const address of addresses) writer.u64(address);
  }
}

function text(writer: ByteWriter, value: string): void {
  bytes(writer, utf8Bytes(value));
}

function bytes(writer: ByteWriter, value: Uint8Array): void {
  writer.u32(value.length).raw(value);
}
