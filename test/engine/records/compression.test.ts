// Packing and unpacking of records: what every client writes is understood, what would burst the memory is refused.

import zlib from 'node:zlib';
import fc from 'fast-check';
import lz4 from 'lz4-napi';
import snappy from 'snappy';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { codecs, compress, compressSync, decompress, decompressSync } from '../../../src/engine/records/compression.ts';

const limit = 1 << 20;
const all = Object.entries(codecs);
const packers = all.filter(([name]) => name !== 'none');

async function outcomes(codec: number, bytes: Buffer, bytesMax = limit): Promise<(Buffer | EngineError)[]> {
  const sync = attempt(() => decompressSync(codec, bytes, bytesMax));
  const async = await decompress(codec, bytes, bytesMax).catch((error) => error);
  return [sync, async];
}

function attempt<T>(run: () => T): T | EngineError {
  try {
    return run();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
}

const xerialHeader = Buffer.from('82534e4150505900' + '00000001' + '00000001', 'hex');
function xerial(chunks: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [xerialHeader];
  for (const chunk of chunks) {
    const block = snappy.compressSync(chunk);
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

/** As the write path has its bytes: in shared memory, not at its beginning. */
function inSlab(bytes: Buffer): Buffer {
  const slab = Buffer.from(new SharedArrayBuffer(bytes.length + 7));
  bytes.copy(slab, 7);
  return slab.subarray(7);
}

const text = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 0, max: 400 }))
  .map(([piece, times]) => Buffer.concat(Array.from({ length: times }, () => piece)));

describe.each(all)('%s', (_, codec) => {
  it('gives back what was packed, synchronously and not, from shared memory', async () => {
    await fc.assert(
      fc.asyncProperty(text, async (bytes) => {
        for (const packed of [compressSync(codec, bytes), await compress(codec, bytes)]) {
          for (const unpacked of await outcomes(codec, inSlab(packed))) {
            expect(Buffer.isBuffer(unpacked) && unpacked.equals(bytes)).toBe(true);
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it('unpacks up to the limit and refuses what goes beyond', async () => {
    const bytes = Buffer.alloc(200_000, 'abc');
    const packed = compressSync(codec, bytes);
    for (const unpacked of await outcomes(codec, packed, bytes.length + 65_536))
      expect(unpacked).toHaveLength(bytes.length);
    for (const refused of await outcomes(codec, packed, bytes.length - 1)) {
      expect(refused).toMatchObject({
        code: 'invalid-record',
        message: expect.stringContaining('more than 199999 bytes'),
      });
    }
  });
});

describe.each(packers)('%s, damaged', (_, codec) => {
  const whole = compressSync(codec, Buffer.from('every good boy deserves favour '.repeat(40)));

  it('is refused when cut anywhere', async () => {
    for (let length = 0; length < whole.length; length++) {
      const [refused] = await outcomes(codec, whole.subarray(0, length));
      expect(refused, `cut to ${length}`).toMatchObject({ code: 'invalid-record' });
    }
  });

  it('never does worse than an EngineError, nor exceeds the limit', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat({ max: 255 }), async (at, mask) => {
        const damaged = Buffer.from(whole);
        damaged[at % damaged.length] = (damaged[at % damaged.length] as number) ^ mask;
        for (const outcome of await outcomes(codec, damaged)) {
          if (outcome instanceof EngineError) expect(outcome.code).toBe('invalid-record');
          else expect(outcome.length).toBeLessThanOrEqual(limit);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('noise is refused', async () => {
    for (const refused of await outcomes(codec, Buffer.alloc(64, 0xff))) {
      expect(refused).toMatchObject({ code: 'invalid-record' });
    }
  });
});

describe('snappy', () => {
  it('understands the framing of the Java library, any number of chunks', async () => {
    const chunks = ['one', '', 'three'.repeat(1000)].map((chunk) => Buffer.from(chunk));
    for (const count of [0, 1, 3]) {
      const framed = xerial(chunks.slice(0, count));
      for (const unpacked of await outcomes(codecs.snappy, framed)) {
        expect(unpacked).toEqual(Buffer.concat(chunks.slice(0, count)));
      }
    }
  });

  it.each([
    [
      'a chunk beyond the end',
      Buffer.concat([xerialHeader, Buffer.from('000000ff00', 'hex')]),
      'needs 255 bytes, 1 remain',
    ],
    ['a negative chunk', Buffer.concat([xerialHeader, Buffer.from('ffffffff', 'hex')]), 'needs -1 bytes'],
    ['half a header', xerialHeader.subarray(0, 12), 'needs 16 bytes'],
    ['a length that so few bytes cannot have', Buffer.from('ffffff7f00', 'hex'), '5 bytes cannot unpack to 268435455'],
  ])('refuses %s', async (_, bytes, message) => {
    for (const refused of await outcomes(codecs.snappy, bytes, 2 ** 40)) {
      expect(refused).toMatchObject({ code: 'invalid-record', message: expect.stringContaining(message) });
    }
  });

  it('counts the chunks of a frame together', async () => {
    const framed = xerial([Buffer.alloc(600_000), Buffer.alloc(600_000)]);
    for (const refused of await outcomes(codecs.snappy, framed)) {
      expect(refused).toMatchObject({ message: expect.stringContaining('more than 1048576 bytes') });
    }
  });
});

describe('lz4', () => {
  const plain = Buffer.from('every good boy deserves favour '.repeat(40));

  it('writes frames with independent blocks and without a dictionary, as the Java consumer wants them', () => {
    const frame = compressSync(codecs.lz4, plain);
    expect(frame.subarray(0, 4).toString('hex')).toBe('04224d18');
    expect((frame[4] as number) & 0b11100001).toBe(0b01100000);
  });

  it.each([
    ['block checksums', { blockChecksums: true }],
    ['a content checksum', { contentChecksum: true }],
    ['both', { blockChecksums: true, contentChecksum: true }],
  ])('understands frames with %s', async (_, options) => {
    for (const unpacked of await outcomes(codecs.lz4, lz4.compressFrameSync(plain, options))) {
      expect(unpacked).toEqual(plain);
    }
  });

  it('a bomb is refused by its outline', async () => {
    const bomb = compressSync(codecs.lz4, Buffer.alloc(64 << 20));
    expect(bomb.length).toBeLessThan(300_000);
    for (const refused of await outcomes(codecs.lz4, bomb, 32 << 20)) {
      expect(refused).toMatchObject({ message: expect.stringContaining('more than 33554432 bytes (lz4)') });
    }
  });

  it.each([
    [
      'a second frame',
      Buffer.concat([lz4.compressFrameSync(plain), lz4.compressFrameSync(plain)]),
      'followed by other bytes',
    ],
    ['a frame without end mark', lz4.compressFrameSync(plain).subarray(0, -4), 'ends without an end mark'],
    ['a dictionary', Buffer.from('04224d18614000000000000000', 'hex'), 'needs a dictionary'],
    ['another version', Buffer.from('04224d18a04000000000000000', 'hex'), 'has format version 2'],
    [
      'a block beyond the end',
      Buffer.from('04224d186040820100010000', 'hex'),
      'has a block of 65537 bytes beyond its end',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    for (const refused of await outcomes(codecs.lz4, bytes)) {
      expect(refused).toMatchObject({ code: 'invalid-record', message: expect.stringContaining(message) });
    }
  });
});

describe('gzip and zstd bombs', () => {
  it.each([
    ['gzip', zlib.gzipSync(Buffer.alloc(32 << 20))],
    ['zstd', zlib.zstdCompressSync(Buffer.alloc(32 << 20))],
  ] as const)('%s stops at the limit', async (name, bomb) => {
    for (const refused of await outcomes(codecs[name], bomb)) {
      expect(refused).toMatchObject({ message: `records unpack to more than ${limit} bytes (${name})` });
    }
  });
});

it('a codec number that Kafka does not have is refused', async () => {
  for (const codec of [5, 6, 7, -1]) {
    expect(() => compressSync(codec, Buffer.alloc(1))).toThrow(`compression codec ${codec}`);
    await expect(compress(codec, Buffer.alloc(1))).rejects.toMatchObject({ code: 'unsupported-codec' });
    for (const refused of await outcomes(codec, Buffer.alloc(1)))
      expect(refused).toMatchObject({ code: 'unsupported-codec' });
  }
});
