// Snappy data as Kafka clients write it: one raw block, or the framing of the Java library (xerial):
//
//   raw      unpacked length UVARINT, then literals and copies
//   framed   82 'SNAPPY' 00 · version i32 · compatible version i32 · chunks: length i32 · raw block
//
// The unpacked lengths are compared with the limit, and with what so few bytes can hold, before anything is unpacked.

import { ByteReader } from '../base/byte-reader.ts';
import { EngineError } from '../base/errors.ts';

const frameMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const frameHeaderBytes = 16;
/** A copy of 64 bytes takes 3; no element does better. */
const ratioMax = 22;

class SnappyReader extends ByteReader {
  override corrupt(problem: string): EngineError {
    return broken(problem, this.position);
  }
}

/** The raw blocks, in order, and what they unpack to together, by their own word. */
export function snappyBlocks(bytes: Buffer): { readonly blocks: readonly Buffer[]; readonly unpackedBytes: number } {
  if (!bytes.subarray(0, frameMagic.length).equals(frameMagic)) {
    return { blocks: [bytes], unpackedBytes: unpackedLength(bytes) };
  }
  const blocks: Buffer[] = [];
  let unpackedBytes = 0;
  const reader = new SnappyReader(bytes, 'snappy data');
  reader.view(frameHeaderBytes);
  while (reader.remaining > 0) {
    const block = reader.view(reader.i32());
    unpackedBytes += unpackedLength(block);
    blocks.push(block);
  }
  return { blocks, unpackedBytes };
}

function unpackedLength(block: Buffer): number {
  const reader = new SnappyReader(block, 'snappy block');
  const length = reader.uvarint();
  if (length > block.length * ratioMax) throw broken(`${block.length} bytes cannot unpack to ${length}`, 0);
  return length;
}

function broken(problem: string, at: number): EngineError {
  return new EngineError('invalid-record', `snappy data: ${problem} (at byte ${at})`, { context: { position: at } });
}
