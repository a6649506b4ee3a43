// The codecs a producer of ours can choose, by their Kafka numbers. LZ4 is the frame format, Snappy is one raw block:
// both are what every Kafka client reads.

import { gzipSync, zstdCompressSync } from 'node:zlib';

export const codecNames = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type CodecName = (typeof codecNames)[number];

export interface BatchCompression {
  /** The codec bits of a record batch. */
  readonly codec: number;
  readonly compress: (records: Buffer) => Buffer;
}

/** Native codecs are loaded only when they are used. */
export async function batchCompression(name: CodecName): Promise<BatchCompression> {
  const codec = codecNames.indexOf(name);
  switch (name) {
    case 'none':
      return { codec, compress: (records) => records };
    case 'gzip':
      return { codec, compress: (records) => gzipSync(records) };
    case 'zstd':
      return { codec, compress: (records) => zstdCompressSync(records) };
    case 'lz4': {
      const { compressFrameSync } = await import('lz4-napi');
      return { codec, compress: (records) => compressFrameSync(records) };
    }
    case 'snappy': {
      const { compressSync } = await import('snappy');
      return { codec, compress: (records) => compressSync(records) };
    }
  }
}
