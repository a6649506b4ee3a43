// The outline of an LZ4 frame, walked before it is unpacked: the unpacker itself has no output limit.
//
//   magic u32 0x184D2204 · FLG u8 · BD u8 · [content size u64] · [dictionary id u32] · header checksum u8
//   blocks: size u32 (highest bit: stored as is) · bytes · [block checksum u32]
//   end mark u32 0 · [content checksum u32]                                                   (little endian)
//
//   FLG  bits 7–6 version 01 · 5 independent blocks · 4 block checksums · 3 content size · 2 content checksum · 0 dictionary
//   BD   bits 6–4 largest block: 4 → 64 KiB, 5 → 256 KiB, 6 → 1 MiB, 7 → 4 MiB
//
// What it refuses: anything but exactly one whole frame without a dictionary, which is all that Kafka clients write.

import { EngineError } from '../base/errors.ts';

const frameMagic = 0x184d2204;
const storedBit = 0x8000_0000;
/** No LZ4 byte unpacks to more than this many. */
const ratioMax = 255;

/** Upper bound of what the frame unpacks to; throws `invalid-record` where it is no whole frame. */
export function lz4UnpackedBytesMax(frame: Buffer): number {
  if (frame.length < 11 || frame.readUInt32LE(0) !== frameMagic) throw broken('does not begin with a frame header', 0);
  const flags = frame.readUInt8(4);
  if (flags >>> 6 !== 1) throw broken(`has format version ${flags >>> 6}`, 4);
  if ((flags & 0x01) !== 0) throw broken('needs a dictionary', 4);
  const sizeCode = (frame.readUInt8(5) >>> 4) & 0x07;
  if (sizeCode < 4) throw broken(`has block size code ${sizeCode}`, 5);
  const blockBytesMax = 1 << (8 + 2 * sizeCode);
  const blockChecksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  const endBytes = (flags & 0x04) === 0 ? 0 : 4;
  let at = (flags & 0x08) === 0 ? 7 : 15;
  let bound = 0;
  for (;;) {
    if (frame.length - at < 4) throw broken('ends without an end mark', at);
    const field = frame.readUInt32LE(at);
    at += 4;
    if (field === 0) break;
    const size = field % storedBit;
    if (size + blockChecksumBytes > frame.length - at) throw broken(`has a block of ${size} bytes beyond its end`, at);
    bound += field >= storedBit ? size : Math.min(blockBytesMax, size * ratioMax);
    at += size + blockChecksumBytes;
  }
  if (frame.length - at !== endBytes) throw broken('is followed by other bytes', at);
  return bound;
}

function broken(problem: string, at: number): EngineError {
  return new EngineError('invalid-record', `lz4 data ${problem} (at byte ${at})`, { context: { position: at } });
}
