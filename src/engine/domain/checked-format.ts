// The frame that everything of a domain has in the log: a magic, a version, and a CRC32C of what follows. Format page:
// docs/formats/domain-log.md.
//
//   frame = magic:4 version:u16 crc:u32 content
// A newer version is refused by name before anything of the content is read.

import { ByteReader } from '../base/byte-reader.ts';
import { ByteWriter } from '../base/byte-writer.ts';
import { crc32c } from '../base/checksum.ts';
import { EngineError } from '../base/errors.ts';

export const checkedHeaderBytes = 10;

/** A writer that stands behind the header; `finishChecked` fills the checksum in. */
export function beginChecked(magic: string, version: number, sizeHint?: number): ByteWriter {
  return new ByteWriter(sizeHint).text(magic).u16(version).u32(0);
}

export function finishChecked(writer: ByteWriter): Buffer {
  const bytes = writer.bytes();
  bytes.writeUInt32BE(crc32c(bytes.subarray(checkedHeaderBytes)), checkedHeaderBytes - 4);
  return bytes;
}

/** A reader that stands at the content, which matches its checksum. */
export function openChecked(bytes: Uint8Array, magic: string, known: number, what: string): ByteReader {
  const reader = new ByteReader(bytes, what);
  if (reader.remaining < checkedHeaderBytes) throw reader.corrupt('shorter than its header');
  if (reader.text(4) !== magic) throw reader.corrupt(`the magic ${magic} is missing`);
  const version = reader.u16();
  if (version !== known) {
    throw new EngineError('unsupported-format', `${what} has format version ${version}`, {
      context: { version, known },
    });
  }
  const expected = reader.u32();
  const actual = crc32c(reader.bytes.subarray(checkedHeaderBytes));
  if (actual !== expected) {
    throw new EngineError('corrupt-log', `${what} does not match its checksum`, { context: { expected, actual } });
  }
  return reader;
}
