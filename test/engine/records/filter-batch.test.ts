// Records taken out of batches: what is left reads as before, whatever the codec; what nobody can read is left alone.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatchRecord, encodeBatch } from '../../../src/engine/records/build-batch-format.ts';
import { codecs, decompressSync } from '../../../src/engine/records/compression.ts';
import { type FilteredBatch, filterBatch } from '../../../src/engine/records/filter-batch.ts';
import {
  batchHeaderBytes,
  codecOf,
  computeBatchCrc,
  patchTimestampType,
  readBaseTimestamp,
  readBatchCrc,
  readBatchFacts,
  readBatchSize,
  readLeaderEpoch,
} from '../../../src/engine/records/record-batch-format.ts';
import { iterateRecords } from '../../../src/engine/records/record-format.ts';

interface Decoded {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly string[];
}

function decode(batch: Buffer): Decoded[] {
  const { attributes, baseOffset, count } = readBatchFacts(batch);
  const records = decompressSync(codecOf(attributes), batch.subarray(batchHeaderBytes), 1 << 24);
  return [...iterateRecords(records, count)].map((record) => ({
    offset: baseOffset + record.offsetDelta,
    timestamp: readBaseTimestamp(batch) + record.timestampDelta,
    key: record.key?.toString('latin1') ?? null,
    value: record.value?.toString('latin1') ?? null,
    headers: record.headers.map(({ name, value }) => `${name}=${value?.toString('latin1') ?? 'null'}`),
  }));
}

const bytes = (max: number) => fc.uint8Array({ maxLength: max }).map((some) => Buffer.from(some));
const record: fc.Arbitrary<BatchRecord> = fc.record({
  key: fc.option(bytes(20)),
  value: fc.option(bytes(200)),
  timestamp: fc.integer({ min: 0, max: 2_000_000_000_000 }),
  headers: fc.array(fc.record({ name: fc.string({ maxLength: 5 }), value: fc.option(bytes(5)) }), { maxLength: 2 }),
});
/** Deltas with gaps, as in a batch that lost records before. */
const batchOf = fc
  .record({
    records: fc.array(fc.tuple(record, fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 40 }),
    codec: fc.constantFrom(...Object.values(codecs)),
    logAppendTime: fc.boolean(),
    baseOffset: fc.integer({ min: 0, max: 2 ** 50 }),
  })
  .map(({ records, ...options }) => {
    let delta = -1;
    const spread = records.map(([one, step]) => {
      delta += step;
      return { ...one, offsetDelta: delta };
    });
    return encodeBatch(spread, { ...options, leaderEpoch: 7, producerId: 4000, producerEpoch: 3, baseSequence: 17 });
  });

const sample = (more: Parameters<typeof encodeBatch>[1] = {}) =>
  encodeBatch(
    ['a', 'b', 'c'].map((key, at) => ({ key: Buffer.from(key), value: Buffer.from(key), timestamp: 100 + at })),
    { baseOffset: 50, ...more },
  );

describe('a batch that records are taken out of', () => {
  it('reads as it did without them, at the same offsets, and keeps everything else of its header', async () => {
    await fc.assert(
      fc.asyncProperty(batchOf, fc.infiniteStream(fc.boolean()), async (batch, dice) => {
        const before = decode(batch);
        const chosen = before.map(() => dice.next().value as boolean);
        const kept = before.filter((_, at) => chosen[at]);
        const original = Buffer.from(batch);
        let at = 0;
        const asked: (Pick<Decoded, 'offset' | 'timestamp' | 'key'> & { isTombstone: boolean })[] = [];
        const result = await filterBatch(batch, (cursor) => {
          const { offset, timestamp, isTombstone } = cursor;
          asked.push({ offset, timestamp, isTombstone, key: cursor.key?.toString('latin1') ?? null });
          return chosen[at++] as boolean;
        });
        expect(asked).toEqual(
          before.map(({ offset, timestamp, key, value }) => ({ offset, timestamp, key, isTombstone: value === null })),
        );
        expect(batch.equals(original), 'the batch itself is not touched').toBe(true);
        expect(result).toMatchObject({ records: before.length, removed: before.length - kept.length });
        if (kept.length === 0) {
          expect(result).toMatchObject({ outcome: 'emptied', bytes: undefined });
          return;
        }
        const after = result.bytes as Buffer;
        if (kept.length === before.length) {
          expect(result.outcome).toBe('whole');
          expect(after).toBe(batch);
          return;
        }
        expect(result.outcome).toBe('rewritten');
        expect(decode(after)).toEqual(kept);
        expect(readBatchSize(after)).toBe(after.length);
        expect(readBatchCrc(after)).toBe(computeBatchCrc(after));
        expect(readLeaderEpoch(after)).toBe(7);
        expect(readBaseTimestamp(after)).toBe(readBaseTimestamp(batch));
        const facts = readBatchFacts(batch);
        const isLogAppendTime = (facts.attributes & 8) !== 0;
        expect(readBatchFacts(after)).toEqual({
          ...facts,
          count: kept.length,
          maxTimestamp: isLogAppendTime ? facts.maxTimestamp : Math.max(...kept.map(({ timestamp }) => timestamp)),
        });
      }),
      { numRuns: 200 },
    );
  });

  it.each(Object.entries(codecs))('is packed again with its codec, also when it is large: %s', async (_, codec) => {
    const value = Buffer.alloc(1000, 'every good boy ');
    const records = Array.from({ length: 500 }, (_, at) => ({ key: Buffer.from(`key ${at}`), value }));
    const batch = encodeBatch(records, { codec });
    const { bytes } = await filterBatch(batch, ({ offset }) => offset % 7 === 0);
    expect(codecOf(readBatchFacts(bytes as Buffer).attributes)).toBe(codec);
    expect(decode(bytes as Buffer)).toEqual(decode(batch).filter(({ offset }) => offset % 7 === 0));
  });

  it('keeps the time that the broker gave it', async () => {
    const batch = sample();
    patchTimestampType(batch, 5000);
    const { bytes } = await filterBatch(batch, ({ offset }) => offset === 50);
    expect(readBatchFacts(bytes as Buffer).maxTimestamp).toBe(5000);
    const own = await filterBatch(sample(), ({ offset }) => offset === 50);
    expect(readBatchFacts(own.bytes as Buffer).maxTimestamp).toBe(100);
  });
});

describe('a batch that cannot be looked into', () => {
  const unread = (batch: Buffer): FilteredBatch => ({ outcome: 'unread', bytes: batch, records: 0, removed: 0 });
  const none = () => false;
  const resealed = (batch: Buffer) => {
    batch.writeUInt32BE(computeBatchCrc(batch), 17);
    return batch;
  };
  const patched = (change: (batch: Buffer) => void) => {
    const batch = Buffer.from(sample());
    change(batch);
    return resealed(batch);
  };

  it.each<[string, Buffer]>([
    ['a control batch', sample({ control: true })],
    ['a wrong checksum', Buffer.from(sample()).fill(1, 17, 21)],
    ['a codec that does not exist', patched((batch) => batch.writeInt16BE(6, 21))],
    ['bytes that do not unpack', patched((batch) => batch.writeInt16BE(codecs.zstd, 21))],
    ['more records than there are', patched((batch) => batch.writeInt32BE(4, 57))],
    ['fewer records than there are', patched((batch) => batch.writeInt32BE(2, 57))],
    ['a negative number of records', patched((batch) => batch.writeInt32BE(-1, 57))],
    ['offsets beyond its range', patched((batch) => batch.writeInt32BE(1, 23))],
    ['an older format', patched((batch) => batch.writeInt8(1, 16))],
    ['a record beyond the end', patched((batch) => batch.writeUInt8(0x7e, batchHeaderBytes))],
    ['a record of negative length', patched((batch) => batch.writeUInt8(0x03, batchHeaderBytes))],
    ['a key longer than its record', patched((batch) => batch.writeUInt8(0x40, batchHeaderBytes + 4))],
    ['a time that no number holds', patched((batch) => batch.fill(0x7f, 27, 35))],
    ['offsets that do not go up', resealed(encodeBatch([{ offsetDelta: 1 }, { offsetDelta: 1 }, { offsetDelta: 2 }]))],
  ])('is left as it is: %s', async (_, batch) => {
    expect(await filterBatch(batch, none)).toEqual(unread(batch));
  });

  it('is never half looked into: nobody is asked about the records in front of the damage', async () => {
    const batch = sample();
    // The length of the last record says one byte too many.
    const lastAt = batch.length - (batch.length - batchHeaderBytes) / 3;
    batch[lastAt] = (batch[lastAt] as number) + 2;
    let asked = 0;
    const result = await filterBatch(resealed(batch), () => {
      asked += 1;
      return false;
    });
    expect(result).toEqual(unread(batch));
    expect(asked).toBe(0);
  });

  it('never gets a worse answer than that, whatever its bytes are', async () => {
    await fc.assert(
      fc.asyncProperty(batchOf, fc.nat(), fc.nat({ max: 255 }), async (batch, at, mask) => {
        const place = batchHeaderBytes + (at % (batch.length - batchHeaderBytes));
        batch[place] = (batch[place] as number) ^ mask;
        const { outcome } = await filterBatch(resealed(batch), () => false);
        expect(['unread', 'emptied']).toContain(outcome);
      }),
      { numRuns: 200 },
    );
  });
});
