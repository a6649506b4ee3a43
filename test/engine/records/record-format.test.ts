// Record batches: what is built is read back by us and by other implementations, and the other way round.

import { createRequire } from 'node:module';
import { createRecordsBatch, Reader, readRecordsBatch } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../../src/engine/base/errors.ts';
import { type BatchRecord, encodeBatch, encodeGapBatch } from '../../../src/engine/records/build-batch-format.ts';
import { codecs, decompressSync } from '../../../src/engine/records/compression.ts';
import {
  batchHeaderBytes,
  codecOf,
  computeBatchCrc,
  readBaseOffset,
  readBaseTimestamp,
  readBatchCrc,
  readBatchFacts,
  readBatchSize,
  readLeaderEpoch,
  readMagic,
} from '../../../src/engine/records/record-batch-format.ts';
import { iterateRecords } from '../../../src/engine/records/record-format.ts';

const kafkajs = createRequire(createRequire(import.meta.url).resolve('kafkajs'));
const kafkajsBatch = kafkajs('./src/protocol/recordBatch/v0/index.js').RecordBatch;
const kafkajsRecord = kafkajs('./src/protocol/recordBatch/record/v0/index.js');
const kafkajsDecode = kafkajs('./src/protocol/recordBatch/v0/decoder.js');
const KafkajsFetched = kafkajs('./src/consumer/batch.js');
const KafkajsDecoder = kafkajs('./src/protocol/decoder.js');

const someBytes = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const someTime = fc.integer({ min: 0, max: 4_000_000_000_000 });
const nullable = <T>(values: fc.Arbitrary<T>) => fc.option(values, { freq: 4 });
const someRecord = fc.record({
  timestamp: someTime,
  key: nullable(someBytes),
  value: nullable(someBytes),
  headers: fc.array(fc.record({ name: fc.string({ unit: 'grapheme', maxLength: 9 }), value: nullable(someBytes) }), {
    maxLength: 3,
  }),
});
const someRecords = fc.array(someRecord, { minLength: 1, maxLength: 20 });

/** Everything in a batch, as plain values with absolute offsets and times. */
function read(batch: Buffer) {
  const facts = readBatchFacts(batch);
  const plain = decompressSync(codecOf(facts.attributes), batch.subarray(batchHeaderBytes), 1 << 24);
  return [...iterateRecords(plain, facts.count)].map((record) => ({
    offset: facts.baseOffset + record.offsetDelta,
    timestamp: readBaseTimestamp(batch) + record.timestampDelta,
    key: record.key,
    value: record.value,
    headers: record.headers,
  }));
}

const placed = (records: readonly BatchRecord[], baseOffset: number) =>
  records.map((record, index) => ({ offset: baseOffset + index, ...record }));

function refusal(run: () => unknown): EngineError {
  try {
    run();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

describe('a batch that was built', () => {
  it.each(Object.entries(codecs))('reads back, packed with %s', (_, codec) => {
    fc.assert(
      fc.property(someRecords, fc.nat(), (records, baseOffset) => {
        expect(read(encodeBatch(records, { codec, baseOffset }))).toEqual(placed(records, baseOffset));
      }),
      { numRuns: 30 },
    );
  });

  it('has the header fields that were asked for, and a checksum', () => {
    const records = [{ timestamp: 50, value: Buffer.from('a') }, { timestamp: 70 }, { timestamp: 60, offsetDelta: 9 }];
    const batch = encodeBatch(records, {
      baseOffset: 2 ** 40,
      leaderEpoch: 3,
      codec: codecs.zstd,
      transactional: true,
      control: true,
      logAppendTime: true,
      producerId: 2 ** 45,
      producerEpoch: 4,
      baseSequence: 5,
    });
    expect([readMagic(batch), readBatchSize(batch), readLeaderEpoch(batch), readBaseOffset(batch)]).toEqual([
      2,
      batch.length,
      3,
      2 ** 40,
    ]);
    expect(readBatchCrc(batch)).toBe(computeBatchCrc(batch));
    expect(readBaseTimestamp(batch)).toBe(50);
    expect(readBatchFacts(batch)).toEqual({
      baseOffset: 2 ** 40,
      lastOffsetDelta: 9,
      attributes: 0x3c,
      maxTimestamp: 70,
      producerId: 2 ** 45,
      producerEpoch: 4,
      baseSequence: 5,
      count: 3,
    });
  });

  it('looks byte for byte like this', () => {
    const batch = encodeBatch(
      [{ timestamp: 1, key: Buffer.from('k'), value: null, headers: [{ name: 'h', value: null }] }],
      {
        baseOffset: 7,
      },
    );
    expect(batch.toString('hex')).toBe(
      [
        '0000000000000007', // base offset
        '0000003c', // bytes that follow
        'ffffffff', // leader epoch
        '02', // magic
        batch.subarray(17, 21).toString('hex'), // CRC32C, checked against other implementations below
        '0000', // attributes
        '00000000', // last offset delta
        '0000000000000001', // base timestamp
        '0000000000000001', // max timestamp
        'ffffffffffffffff', // producer id
        'ffff', // producer epoch
        'ffffffff', // base sequence
        '00000001', // count
        '14', // record: length 10
        '00', // attributes
        '00', // timestamp delta
        '00', // offset delta
        '026b', // key "k"
        '01', // no value
        '02', // one header
        '0268', // "h"
        '01', // null
      ].join(''),
    );
  });

  it('hands out views, not copies', () => {
    const batch = encodeBatch([{ key: Buffer.from('key'), value: Buffer.from('value') }]);
    const [record] = iterateRecords(batch.subarray(batchHeaderBytes), 1);
    const shared = (view: Buffer | null | undefined) => view?.buffer === batch.buffer;
    expect([shared(record?.key), shared(record?.value)]).toEqual([true, true]);
    batch.write('VALUE', batch.indexOf('value'));
    expect(record?.value?.toString()).toBe('VALUE');
  });
});

describe('a batch that leads over offsets without data', () => {
  it.each([
    [7, 7],
    [10, 2 ** 31 + 9],
  ])('covers %i to %i, with one record that no consumer is shown', (baseOffset, lastOffset) => {
    const batch = encodeGapBatch(baseOffset, lastOffset, 3);
    expect(readBatchFacts(batch)).toEqual({
      baseOffset,
      lastOffsetDelta: lastOffset - baseOffset,
      attributes: 0x30,
      maxTimestamp: -1,
      producerId: -1,
      producerEpoch: -1,
      baseSequence: -1,
      count: 1,
    });
    expect([readBatchSize(batch), readLeaderEpoch(batch)]).toEqual([batch.length, 3]);
    expect(readBatchCrc(batch)).toBe(computeBatchCrc(batch));
    // Version 0, type 1: a commit.
    const marker = { key: Buffer.from('00000001', 'hex'), value: Buffer.alloc(6), timestamp: -1, headers: [] };
    expect(read(batch)).toEqual([{ ...marker, offset: lastOffset }]);
  });

  it('moves KafkaJS on, which stays in front of batches without records', async () => {
    const { records: messages } = await kafkajsDecode(new KafkajsDecoder(encodeGapBatch(10, 99, 3)));
    const answer = { partition: 0, highWatermark: '100', abortedTransactions: [], messages };
    const fetched = new KafkajsFetched('t', '40', answer);
    expect([fetched.isEmptyDueToFiltering(), fetched.lastOffset()]).toEqual([true, '99']);
  });
});

describe('records that are damaged', () => {
  const inner = (records: readonly BatchRecord[]): Buffer => encodeBatch(records).subarray(batchHeaderBytes);
  const three = inner([
    { value: Buffer.from('one') },
    { key: Buffer.from('k'), value: Buffer.from('two'), headers: [{ name: 'h', value: Buffer.from('v') }] },
    { value: null },
  ]);

  it('are refused when cut anywhere', () => {
    for (let length = 0; length < three.length; length++) {
      expect(refusal(() => [...iterateRecords(three.subarray(0, length), 3)]).code, `cut to ${length}`).toBe(
        'invalid-record',
      );
    }
  });

  it('never cause worse than an EngineError', () => {
    fc.assert(
      fc.property(fc.nat(three.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(5), (at, mask, count) => {
        const damaged = Buffer.from(three);
        damaged[at] = (damaged[at] as number) ^ mask;
        try {
          for (const record of iterateRecords(damaged, count)) record.headers.length;
        } catch (error) {
          expect(error).toMatchObject({ name: 'EngineError', code: 'invalid-record' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['fewer than the batch says', three, 4, 'record 3 of a batch: needs 1 bytes, 0 remain (at byte 32)'],
    ['more than the batch says', three, 2, 'record 2 of a batch: 7 bytes follow the last record (at byte 25)'],
    ['a count that cannot be', three, 1_000_000, '1000000 records cannot be in 32 bytes'],
    ['a negative count', three, -1, '-1 records cannot be in 32 bytes'],
    ['a length beyond the end', Buffer.from('7e000000010100', 'hex'), 1, 'needs 63 bytes, 6 remain'],
    ['a negative length', Buffer.from('01000000010100', 'hex'), 1, 'needs -1 bytes'],
    ['a length that is not filled', Buffer.from('0e00000001010000', 'hex'), 1, 'a record of 7 bytes is filled up to 6'],
    [
      'a key longer than its record',
      Buffer.from('0c0000000a01010101010100', 'hex'),
      1,
      'a record of 6 bytes is filled up to 11',
    ],
    ['a key length below −1', Buffer.from('0c000000030100', 'hex'), 1, 'needs -2 bytes'],
    [
      'a header beyond the record',
      Buffer.from('0e00000001010202610100', 'hex'),
      1,
      'a record has 1 headers in 1 bytes',
    ],
    ['a header without a name', Buffer.from('1000000001010201' + '01', 'hex'), 1, 'a header has no name'],
    ['more headers than fit', Buffer.from('0c00000001017e', 'hex'), 1, 'a record has 63 headers in 0 bytes'],
  ])('%s', (_, bytes, count, message) => {
    const error = refusal(() => [...iterateRecords(bytes, count)]);
    expect(error.code).toBe('invalid-record');
    expect(error.message).toContain(message);
  });
});

describe('agreement with @platformatic/kafka', () => {
  // Its encoder spoils time deltas of 2^31 milliseconds and more, so the records of a batch are at most eleven days apart.
  const closeRecord = someRecord.map((record) => ({
    ...record,
    timestamp: 1_700_000_000_000 + (record.timestamp % 1e9),
  }));

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)('reads its batches, packed with %s', (compression) => {
    fc.assert(
      fc.property(fc.array(closeRecord, { minLength: 1, maxLength: 8 }), (records) => {
        const messages = records.map(({ timestamp, key, value, headers }) => ({
          topic: 't',
          timestamp: BigInt(timestamp),
          ...(key === null ? {} : { key }),
          value: value as Buffer,
          headers: new Map(headers.map(({ name, value }) => [Buffer.from(name), value as Buffer])),
        }));
        const batch = createRecordsBatch(messages, { compression } as never).buffer;
        expect(readBatchCrc(batch)).toBe(computeBatchCrc(batch));
        expect(read(batch)).toEqual(placed(records, 0));
      }),
      { numRuns: 20 },
    );
  });

  it.each(Object.entries(codecs))('is understood by it, packed with %s', (_, codec) => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const theirs = readRecordsBatch(Reader.from(encodeBatch(records, { codec, baseOffset: 5 })));
        expect(
          theirs.records.map(({ offsetDelta, timestampDelta, key, value, headers }) => ({
            offset: Number(theirs.firstOffset) + offsetDelta,
            timestamp: Number(theirs.firstTimestamp + timestampDelta),
            key,
            value,
            headers: (headers as unknown as [Buffer, Buffer][]).map(([name, value]) => ({
              name: name.toString(),
              value,
            })),
          })),
        ).toEqual(placed(records, 5));
      }),
      { numRuns: 20 },
    );
  });
});

describe('agreement with KafkaJS', () => {
  // Its header values cannot be null when written, and equal names are gathered: one header with a value here.
  const plainRecord = fc.record({
    timestamp: someTime,
    key: nullable(someBytes),
    value: nullable(someBytes),
    header: someBytes,
  });

  it.each([codecs.none, codecs.gzip])('reads its batches, codec %i', async (compression) => {
    await fc.assert(
      fc.asyncProperty(fc.array(plainRecord, { minLength: 1, maxLength: 8 }), async (records) => {
        const firstTimestamp = records[0]?.timestamp ?? 0;
        const batch: Buffer = (
          await kafkajsBatch({
            compression,
            firstTimestamp,
            maxTimestamp: Math.max(...records.map(({ timestamp }) => timestamp)),
            lastOffsetDelta: records.length - 1,
            records: records.map(({ timestamp, key, value, header }, offsetDelta) =>
              kafkajsRecord({
                key,
                value,
                headers: { h: header },
                offsetDelta,
                timestampDelta: timestamp - firstTimestamp,
              }),
            ),
          })
        ).buffer;
        expect(readBatchCrc(batch)).toBe(computeBatchCrc(batch));
        expect(read(batch)).toEqual(
          records.map(({ timestamp, key, value, header }, offset) => ({
            offset,
            timestamp,
            key,
            value,
            headers: [{ name: 'h', value: header }],
          })),
        );
      }),
      { numRuns: 20 },
    );
  });

  it.each([codecs.none, codecs.gzip])('is understood by it, codec %i', async (codec) => {
    await fc.assert(
      fc.asyncProperty(someRecords, async (records) => {
        const batch = encodeBatch(records, { codec, baseOffset: 5 });
        const theirs = await kafkajsDecode(new KafkajsDecoder(batch));
        expect(
          theirs.records.map(({ offset, timestamp, key, value }: never) => ({
            offset: Number(offset),
            timestamp: Number(timestamp),
            key,
            value,
          })),
        ).toEqual(placed(records, 5).map(({ headers: _, ...rest }) => rest));
      }),
      { numRuns: 20 },
    );
  });
});
