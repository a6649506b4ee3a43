// The compression codecs of record batches, by the number in a batch's attributes.
//
// Unpacking is bounded: what would become more than the caller allows is refused, before the memory is taken (gzip and zstd:
// while it is). Bytes that do not unpack are `invalid-record`: callers have checked the batch's checksum before.
// Packing writes what every client reads: lz4 frames have independent blocks, which the Java consumer insists on.
// The asynchronous forms work on the thread pool; the bytes must stay in place until they have settled.

import { promisify } from 'node:util';
import zlib from 'node:zlib';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { EngineError } from '../base/errors.ts';
import { lz4UnpackedBytesMax } from './lz4-frame-format.ts';
import { snappyBlocks } from './snappy-format.ts';

export const codecs = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const;

const names: readonly string[] = Object.keys(codecs);

const gzip = promisify<Buffer, Buffer>(zlib.gzip);
const gunzip = promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip);
const zstdCompress = promisify<Buffer, Buffer>(zlib.zstdCompress);
const zstdDecompress = promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress);

/** Throws `unsupported-codec`. */
export function compressSync(codec: number, bytes: Buffer): Buffer {
  switch (codec) {
    case codecs.none:
      return bytes;
    case codecs.gzip:
      return zlib.gzipSync(bytes);
    case codecs.snappy:
      return snappy.compressSync(bytes);
    case codecs.lz4:
      return lz4.compressFrameSync(bytes);
    case codecs.zstd:
      return zlib.zstdCompressSync(bytes);
    default:
      throw unsupported(codec);
  }
}

/** Throws `unsupported-codec`. */
export async function compress(codec: number, bytes: Buffer): Promise<Buffer> {
  switch (codec) {
    case codecs.none:
      return bytes;
    case codecs.gzip:
      return gzip(bytes);
    case codecs.snappy:
      return snappy.compress(bytes);
    case codecs.lz4:
      return lz4.compressFrame(bytes);
    case codecs.zstd:
      return zstdCompress(bytes);
    default:
      throw unsupported(codec);
  }
}

/** Throws `unsupported-codec`, and `invalid-record` where the bytes do not unpack, or to more than `bytesMax`. */
export function decompressSync(codec: number, bytes: Buffer, bytesMax: number): Buffer {
  try {
    switch (codec) {
      case codecs.none:
        return withinLimit(codec, bytes, bytesMax);
      case codecs.gzip:
        return zlib.gunzipSync(bytes, { maxOutputLength: bytesMax });
      case codecs.snappy: {
        const { blocks, unpackedBytes } = snappyBlocks(bytes);
        checkLimit(codec, unpackedBytes, bytesMax);
        return joined(blocks.map((block) => snappy.uncompressSync(block) as Buffer));
      }
      case codecs.lz4:
        checkLimit(codec, lz4UnpackedBytesMax(bytes), bytesMax);
        return lz4.decompressFrameSync(bytes);
      case codecs.zstd:
        return zlib.zstdDecompressSync(bytes, { maxOutputLength: bytesMax });
      default:
        throw unsupported(codec);
    }
  } catch (error) {
    throw unpackError(codec, bytesMax, error);
  }
}

/** As `decompressSync`, off the main thread. */
export async function decompress(codec: number, bytes: Buffer, bytesMax: number): Promise<Buffer> {
  try {
    switch (codec) {
      case codecs.gzip:
        return await gunzip(bytes, { maxOutputLength: bytesMax });
      case codecs.snappy: {
        const { blocks, unpackedBytes } = snappyBlocks(bytes);
        checkLimit(codec, unpackedBytes, bytesMax);
        const parts: Buffer[] = [];
        for (const block of blocks) parts.push((await snappy.uncompress(block)) as Buffer);
        return joined(parts);
      }
      case codecs.lz4:
        checkLimit(codec, lz4UnpackedBytesMax(bytes), bytesMax);
        return await lz4.decompressFrame(bytes);
      case codecs.zstd:
        return await zstdDecompress(bytes, { maxOutputLength: bytesMax });
      default:
        return decompressSync(codec, bytes, bytesMax);
    }
  } catch (error) {
    throw unpackError(codec, bytesMax, error);
  }
}

function joined(parts: readonly Buffer[]): Buffer {
  return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
}

function withinLimit(codec: number, bytes: Buffer, bytesMax: number): Buffer {
  checkLimit(codec, bytes.length, bytesMax);
  return bytes;
}

function checkLimit(codec: number, bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw beyondLimit(codec, bytesMax);
}

function beyondLimit(codec: number, bytesMax: number): EngineError {
  return new EngineError('invalid-record', `records unpack to more than ${bytesMax} bytes (${names[codec]})`, {
    context: { codec: names[codec], bytesMax },
  });
}

function unsupported(codec: number): EngineError {
  return new EngineError('unsupported-codec', `compression codec ${codec}`);
}

function unpackError(codec: number, bytesMax: number, error: unknown): EngineError {
  if (error instanceof EngineError) return error;
  if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
    return beyondLimit(codec, bytesMax);
  }
  const problem = error instanceof Error ? error.message : String(error);
  return new EngineError('invalid-record', `records do not unpack (${names[codec]}): ${problem}`, {
    context: { codec: names[codec] },
    cause: error,
  });
}
